/* What every command of the tool shares: its settings, where Kafka is, the topics, how it fails. */
#ifndef WAYBILL_TOOL_TOOL_H
#define WAYBILL_TOOL_TOOL_H

#include "environment/environment.h"
#include "kafka/admin.h"
#include "redis/store.h"
#include "topics/topics.h"

enum {
    TOOL_OK = 0,
    TOOL_FAILED = 1, /* something did not work, or a difference was found */
    TOOL_USAGE = 2,
    TOOL_ARENA_BYTES_MAX = 1 << 30,
    TOOL_PATIENCE_MS = 10000 /* how long Kafka may keep us waiting before we say so */
};

struct tool {
    const char *name; /* "waybill produce", for messages */
    struct arena arena;
    struct environment cfg;
    struct config_outcome given; /* arguments that are no flags */
    struct kafka_settings kafka;
    struct kafka_option options[ENVIRONMENT_OPTIONS_MAX];
    char principal[ENVIRONMENT_PRINCIPAL_BYTES];
    const struct topic *topics;
    size_t topic_count;
    const char *full_names[TOPICS_MAX]; /* of topics, with prefix */
};

/* What a command says of itself; settings and common flags are added to it. */
struct tool_command {
    const char *name, *text, *usage, *details;
    const struct config_flag *flags;
    size_t flag_count;
};

#define TOOL_FLAGS(table) .flags = (table), .flag_count = sizeof(table) / sizeof((table)[0])

/* CONFIG_RUN or the exit status. tool_close in either case. argc, argv without the command's words.
 */
MUST_CHECK int tool_open(struct tool *tool, const struct tool_command *command, int argc,
                         char *const *argv);
void tool_close(struct tool *tool);

/* Prints "waybill produce: what" to stderr and returns the status. */
int tool_fail(const struct tool *tool, const struct error *err);  /* TOOL_FAILED */
int tool_misuse(const struct tool *tool, const char *format, ...) /* TOOL_USAGE */
    __attribute__((format(printf, 2, 3)));

/* Of one of tool->topics: its name with prefix. */
const char *tool_full_name(const struct tool *tool, const struct topic *topic);

/* The topic that a person names, with or without prefix; NULL, with the nearest one named in err,
 * if there is none. */
const struct topic *tool_find_topic(struct tool *tool, const char *name, struct error *err);

/* Name's "<service><suffix>": its dead letters, its changelog, what a person sends to it. NULL,
 * with the nearest service in err. */
const struct topic *tool_service_topic(struct tool *tool, const char *service, const char *suffix,
                                       struct error *err);

/* The states of a service in Redis, where the workers keep them; to be closed by store_close. */
MUST_CHECK int tool_open_store(struct tool *tool, const char *service, struct store **out,
                               struct error *err);

/* When a record came: RFC 3339, or "2h" = so long ago. */
MUST_CHECK int tool_parse_time(const char *text, int64_t *out_ms, struct error *err);

/* Who uses the tool, for the record: --by, else the login's name. */
const char *tool_user(const char *by);

/* The wall clock, or that of a replay (clock.epoch, clock.rate), Unix ms. */
int64_t tool_now_ms(const struct tool *tool);

/* An event's or runtime record's or state's descriptor; NULL, with the nearest one named in err, if
 * there is none. */
const struct record_type *tool_find_type(const char *name, struct error *err);

#endif
