#include "waybill/tool.h"

#include "config/values.h"
#include "events.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define AT(field) .offset = offsetof(struct tool_settings, field)

/* Named as the workers' own (worker/runtime_settings.c), so that one environment does for all. */
static const struct setting rows[] = {
    {.name = "clock.epoch",
     .kind = SETTING_TIME,
     AT(clock_epoch_ms),
     .text = "Replays and demos only: what the clock shows at clock.start_wall"},
    {.name = "clock.rate",
     .kind = SETTING_DOUBLE,
     AT(clock_rate),
     .default_text = "1",
     .min = 1,
     .max = 1000000,
     .text = "Replays and demos only: how many times faster than real time the clock runs"},
    {.name = "clock.start_wall",
     .kind = SETTING_TIME,
     AT(clock_start_wall_ms),
     .text = "Replays and demos only: the real time at which the clock shows clock.epoch"},
    {.name = "kafka.bootstrap_servers",
     .kind = SETTING_STRING,
     AT(bootstrap_servers),
     .default_text = "127.0.0.1:9092",
     .text = "Where Kafka is: host:port, separated by commas"},
    {.name = "kafka.options",
     .kind = SETTING_STRING,
     AT(kafka_options),
     .text = "More librdkafka settings: security.protocol=SASL_SSL,sasl.username=waybill"},
    {.name = "kafka.sasl_password",
     .kind = SETTING_SECRET,
     AT(sasl_password),
     .text = "Password for SASL"},
    {.name = "prefix",
     .kind = SETTING_STRING,
     AT(prefix),
     .default_text = "waybill.",
     .text = "Of topics, group ids, transactional ids and Redis keys: one per environment"},
};

const struct settings tool_settings = {
    .component = "waybill", SETTINGS_ROWS(rows), .bytes = sizeof(struct tool_settings)};

/* "a=b,c=d" into options. */
static int split_options(struct tool *tool, struct error *err)
{
    struct str rest = tool->cfg.kafka_options;
    size_t count = 0;
    tool->options[count++] = (struct kafka_option){"message.max.bytes", "4194304"};
    while (rest.len > 0) {
        struct str pair, name, value;
        str_split(rest, ',', &pair, &rest);
        str_split(pair, '=', &name, &value);
        if (!value.ptr || count + 1 >= TOOL_OPTIONS_MAX)
            return error_set(err, ERROR_FATAL,
                             "kafka.options: \"%.*s\" is not name=value, or more than %d of them",
                             STR_ARG(pair), TOOL_OPTIONS_MAX - 2);
        tool->options[count++] =
            (struct kafka_option){arena_copy(&tool->arena, str_trim(name)).ptr,
                                  arena_copy(&tool->arena, str_trim(value)).ptr};
    }
    if (tool->cfg.sasl_password.ptr)
        tool->options[count++] =
            (struct kafka_option){"sasl.password", tool->cfg.sasl_password.ptr};
    tool->kafka = (struct kafka_settings){.bootstrap_servers = tool->cfg.bootstrap_servers.ptr,
                                          .client_id = "waybill-cli",
                                          .options = tool->options,
                                          .option_count = count};
    return 0;
}

const char *tool_full_name(const struct tool *tool, const struct topic *topic)
{
    return tool->full_names[topic - tool->topics];
}

static bool name_topics(struct tool *tool)
{
    tool->topics = topics_all(&tool->arena, &tool->topic_count);
    bool ok = tool->topics && tool->topic_count <= TOPICS_MAX;
    for (size_t i = 0; ok && i < tool->topic_count; i++) {
        tool->full_names[i] = arena_printf(&tool->arena, "%.*s%s", STR_ARG(tool->cfg.prefix),
                                           tool->topics[i].name.ptr)
                                  .ptr;
        ok = tool->full_names[i] != NULL;
    }
    return ok;
}

int tool_open(struct tool *tool, const struct tool_command *command, int argc, char *const *argv)
{
    struct error err = {0};
    *tool = (struct tool){.name = command->name};
    arena_init(&tool->arena, TOOL_ARENA_BYTES_MAX);
    const struct config_part part = {&tool_settings, &tool->cfg};
    const struct config_program program = {.name = command->name,
                                           .text = command->text,
                                           .usage = command->usage,
                                           .details = command->details,
                                           .flags = command->flags,
                                           .flag_count = command->flag_count,
                                           .parts = &part,
                                           .part_count = 1};
    int status = config_parse(&program, argc, argv, &tool->arena, &tool->given);
    if (status != CONFIG_RUN)
        return status;
    if (!name_topics(tool))
        error_set(&err, ERROR_FATAL, "out of memory");
    else if (!split_options(tool, &err))
        return CONFIG_RUN;
    fprintf(stderr, "%s: %s\n", tool->name, err.text);
    return TOOL_USAGE;
}

void tool_close(struct tool *tool)
{
    arena_done(&tool->arena);
}

int tool_fail(const struct tool *tool, const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", tool->name, err->text);
    if (err->action == ERROR_RETRY)
        fprintf(stderr,
                "%s: is Kafka running at %s? Another place is named by "
                "--kafka.bootstrap_servers=HOST:PORT or WAYBILL_KAFKA_BOOTSTRAP_SERVERS\n",
                tool->name, tool->cfg.bootstrap_servers.ptr);
    return TOOL_FAILED;
}

int tool_misuse(const struct tool *tool, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "%s: ", tool->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n%s: see %s --help\n", tool->name, tool->name);
    return TOOL_USAGE;
}

const struct topic *tool_find_topic(struct tool *tool, const char *name, struct error *err)
{
    const char *names[TOPICS_MAX + 1];
    struct str wanted = str_from(name), prefix = tool->cfg.prefix;
    const struct topic *found = topics_find(tool->topics, tool->topic_count, wanted);
    if (!found && prefix.len && str_starts_with(wanted, prefix))
        found = topics_find(tool->topics, tool->topic_count,
                            (struct str){wanted.ptr + prefix.len, wanted.len - prefix.len});
    if (found)
        return found;
    size_t count = tool->topic_count < TOPICS_MAX ? tool->topic_count : TOPICS_MAX;
    for (size_t i = 0; i < count; i++)
        names[i] = tool->topics[i].name.ptr;
    names[count] = NULL;
    const char *nearest = value_nearest(wanted, names);
    error_set(err, ERROR_FATAL, "there is no topic %s; %s%s", name,
              nearest ? "nearest: " : "see waybill topics list", nearest ? nearest : "");
    return NULL;
}

int64_t tool_now_ms(const struct tool *tool)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (tool->cfg.clock_epoch_ms == 0)
        return wall_ms;
    int64_t since_ms = wall_ms - tool->cfg.clock_start_wall_ms;
    return tool->cfg.clock_epoch_ms + (int64_t)((double)since_ms * tool->cfg.clock_rate);
}

const struct record_type *tool_find_type(const char *name, struct error *err)
{
    enum { NAMES_MAX = 400 };
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < record_type_count; i++) {
        if (strcmp(record_types[i]->name, name) == 0)
            return record_types[i];
        if (count < NAMES_MAX)
            names[count++] = record_types[i]->name;
    }
    names[count] = NULL;
    const char *nearest = value_nearest(str_from(name), names);
    error_set(err, ERROR_FATAL, "there is no event %s; %s%s", name,
              nearest ? "nearest: " : "see schemas/topics.json", nearest ? nearest : "");
    return NULL;
}
