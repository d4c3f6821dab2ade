#include "waybill/tool.h"

#include "base/rfc3339.h"
#include "config/values.h"
#include "events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int set_up_kafka(struct tool *tool, struct error *err)
{
    size_t count = 0;
    tool->options[count++] = (struct kafka_option){"message.max.bytes", "4194304"};
    if (environment_kafka(&tool->cfg, &tool->arena, tool->options, &count, err))
        return -1;
    environment_principal(&tool->cfg, tool->principal);
    tool->kafka = (struct kafka_settings){.bootstrap_servers = tool->cfg.bootstrap_servers.ptr,
                                          .client_id = "waybill-cli",
                                          .principal = tool->principal,
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
    const struct config_part part = {&environment_settings, &tool->cfg};
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
    else if (!set_up_kafka(tool, &err))
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
    if (err->action == ERROR_RETRY && strstr(err->text, "Redis "))
        fprintf(stderr,
                "%s: another Redis is named by --redis.urls=URL or WAYBILL_REDIS_URLS: it must be "
                "what the workers have\n",
                tool->name);
    else if (err->action == ERROR_RETRY)
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

const struct topic *tool_service_topic(struct tool *tool, const char *service, const char *suffix,
                                       struct error *err)
{
    struct str name = arena_printf(&tool->arena, "%s%s", service, suffix);
    const struct topic *topic = topics_find(tool->topics, tool->topic_count, name);
    if (!topic) {
        const char *nearest = value_nearest(str_from(service), service_names);
        error_set(err, ERROR_FATAL, "there is no service %s%s%s", service,
                  nearest ? "; nearest: " : "", nearest ? nearest : "");
    }
    return topic;
}

int tool_open_store(struct tool *tool, const char *service, struct store **out, struct error *err)
{
    struct store_settings settings = {.service = service};
    return environment_redis(&tool->cfg, &tool->arena, &settings, err) ||
                   store_open(out, &settings, err)
               ? -1
               : 0;
}

static int64_t wall_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int tool_parse_time(const char *text, int64_t *out_ms, struct error *err)
{
    static const int64_t ago_ms_max = INT64_C(3650) * 24 * 3600 * 1000;
    int64_t ago_ms;
    struct error ignored;
    if (value_to_duration(str_from(text), 0, ago_ms_max, &ago_ms, &ignored) == 0) {
        *out_ms = wall_ms_now() - ago_ms;
        return 0;
    }
    if (rfc3339_parse(str_from(text), out_ms))
        return 0;
    return error_set(err, ERROR_FATAL,
                     "\"%s\" is no time: 2026-11-30T02:00:00Z, or 2h for two hours ago", text);
}

const char *tool_user(const char *by)
{
    static const char *const names[] = {"SUDO_USER", "USER", "LOGNAME"};
    for (size_t i = 0; (!by || !*by) && i < sizeof(names) / sizeof(names[0]); i++)
        by = getenv(names[i]);
    return by && *by ? by : "?";
}

int64_t tool_now_ms(const struct tool *tool)
{
    return environment_now_ms(&tool->cfg, wall_ms_now());
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
