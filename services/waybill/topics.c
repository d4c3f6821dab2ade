/* waybill topics create|check|list. */
#include "topics/topics.h"
#include "config/values.h"
#include "waybill/commands.h"
#include "waybill/tool.h"

#include <stdio.h>

enum { PARTITIONS_MAX = 10000, REPORT_BYTES_MAX = 1 << 20, CLOSE_MS = 3000 };

static int number_flag(const struct tool *tool, const char *flag, const char *text, int64_t min,
                       int64_t max, int32_t *out)
{
    struct error err;
    int64_t value = *out;
    if (text && value_to_int(str_from(text), min, max, &value, &err))
        return tool_misuse(tool, "--%s: %s", flag, err.text);
    *out = (int32_t)value;
    return CONFIG_RUN;
}

static int create(struct tool *tool, int32_t partitions, int32_t replication)
{
    struct error err = {0};
    struct kafka_admin *admin = NULL;
    size_t created = 0;
    const struct topics_plan plan = {tool->cfg.prefix, partitions, replication};
    int failed = kafka_admin_open(&admin, &tool->kafka, &err) ||
                 topics_create(admin, &plan, &tool->arena, &created, &err);
    kafka_admin_close(admin, CLOSE_MS);
    if (failed)
        return tool_fail(tool, &err);
    printf("%zu topics created, %zu were there already\n", created, tool->topic_count - created);
    return TOOL_OK;
}

int topics_create_main(int argc, char **argv)
{
    const char *partitions_text, *replication_text;
    const struct config_flag flags[] = {
        {.name = "partitions",
         .hint = "N",
         .value = &partitions_text,
         .text = "of each topic, the same for all, fixed at birth (default: as those that are "
                 "there; 24)"},
        {.name = "replication",
         .hint = "N",
         .value = &replication_text,
         .text =
             "copies of each partition (default: the broker's; from 3 on, writes wait for two)"},
    };
    const struct tool_command command = {
        .name = "waybill topics create",
        .text = "makes every topic that is missing, with the right configuration",
        .usage = "[--partitions N] [--replication N]",
        .details = "Doing it again changes nothing. See waybill topics list for what and why.\n\n"
                   "example: waybill topics create --partitions 8 --replication 1\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    int32_t partitions = 0, replication = -1;
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN)
        status = number_flag(&tool, "partitions", partitions_text, 1, PARTITIONS_MAX, &partitions);
    if (status == CONFIG_RUN)
        status = number_flag(&tool, "replication", replication_text, 1, 100, &replication);
    if (status == CONFIG_RUN && tool.given.argument_count > 0)
        status = tool_misuse(&tool, "unexpected: %s", tool.given.arguments[0]);
    if (status == CONFIG_RUN)
        status = create(&tool, partitions, replication);
    tool_close(&tool);
    return status;
}

static int check(struct tool *tool, int32_t partitions)
{
    struct error err = {0};
    struct kafka_admin *admin = NULL;
    struct buffer report;
    size_t differences = 0;
    buffer_init(&report, REPORT_BYTES_MAX);
    int failed = kafka_admin_open(&admin, &tool->kafka, &err) ||
                 topics_check(admin, tool->cfg.prefix, NULL, partitions, &tool->arena, &report,
                              &differences, &err);
    kafka_admin_close(admin, CLOSE_MS);
    struct str text = buffer_str(&report);
    printf("%.*s", STR_ARG(text));
    buffer_done(&report);
    if (failed)
        return tool_fail(tool, &err);
    if (differences == 0)
        printf("%zu topics are as they should be\n", tool->topic_count);
    else
        printf("%zu differences; waybill topics create makes what is missing, "
               "kafka-configs.sh --alter changes a setting\n",
               differences);
    return differences ? TOOL_FAILED : TOOL_OK;
}

int topics_check_main(int argc, char **argv)
{
    const char *partitions_text;
    const struct config_flag flags[] = {
        {.name = "partitions",
         .hint = "N",
         .value = &partitions_text,
         .text = "what they should have (default: just the same everywhere)"},
    };
    const struct tool_command command = {
        .name = "waybill topics check",
        .text = "names each difference from the right topics; exit status 1 if there is one",
        .usage = "[--partitions N]",
        .details = "example: waybill topics check --kafka.bootstrap_servers=kafka:9092\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    int32_t partitions = 0;
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN)
        status = number_flag(&tool, "partitions", partitions_text, 1, PARTITIONS_MAX, &partitions);
    if (status == CONFIG_RUN)
        status = check(&tool, partitions);
    tool_close(&tool);
    return status;
}

int topics_list_main(int argc, char **argv)
{
    static const char *const uses[] = {[TOPIC_EVENTS] = "events",
                                       [TOPIC_TABLE] = "table",
                                       [TOPIC_CHANGELOG] = "changelog",
                                       [TOPIC_DEAD_LETTERS] = "dead letters",
                                       [TOPIC_OPERATOR] = "operator"};
    const struct tool_command command = {
        .name = "waybill topics list",
        .text = "every topic, what it is keyed by, and the configuration with its reasons",
        .usage = "",
        .details = "Needs no Kafka.\n"};
    static struct tool tool;
    int status = tool_open(&tool, &command, argc, argv);
    if (status != CONFIG_RUN) {
        tool_close(&tool);
        return status;
    }
    for (size_t i = 0; i < tool.topic_count; i++)
        printf("%.*s%-26s %-13s key: %s\n", STR_ARG(tool.cfg.prefix), tool.topics[i].name.ptr,
               uses[tool.topics[i].use], tool.topics[i].key);
    for (unsigned use = TOPIC_EVENTS; use <= TOPIC_OPERATOR; use *= 2) {
        printf("\n%s\n", uses[use]);
        for (size_t i = 0; i < topic_config_count; i++)
            if (topic_configs[i].uses & use)
                printf("  %-27s %-14s %s\n", topic_configs[i].name, topic_configs[i].value,
                       topic_configs[i].why);
    }
    tool_close(&tool);
    return TOOL_OK;
}
