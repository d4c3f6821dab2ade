/* One line per thing worth knowing, as logfmt or JSON, to stderr.
 *
 * Only worker/ and programs call it; libraries return errors. The message is a fixed text, what
 * varies stands in fields: log_info("took over", LOG_INT("task", 3), LOG_TEXT("from",
 * "changelog")); No customer data: what identifies a person goes through mask.h first. Any thread
 * may log. */
#ifndef WAYBILL_LOG_H
#define WAYBILL_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* For SETTING_CHOICE rows: "debug" "info" "warning" "error"; "logfmt" "json". NULL at the end. */
extern const char *const log_level_names[];
extern const char *const log_format_names[];

/* Per line and per message; what is longer is cut and marked with "…". */
enum { LOG_FIELDS_MAX = 24, LOG_LINE_BYTES = 4096 };

/* The same message (level and text) more often than `burst` times within `window_ms` is counted,
 * not printed; the first line of the next window says suppressed=N. */
struct log_options {
    const char *service; /* stands in every line; borrowed */
    enum log_level level;
    enum log_format format;
    int32_t burst;     /* 0 = no limit */
    int64_t window_ms; /* e.g. 10000 */
    int fd;            /* 2 = stderr */
};

/* Before the first line; without it: logfmt, info, no limit, stderr. Not while other threads log.
 */
void log_setup(const struct log_options *options);

enum log_kind { LOG_KIND_END, LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_DOUBLE, LOG_KIND_BOOL };

struct log_field {
    const char *name; /* [a-z0-9_] */
    enum log_kind kind;
    struct str text;
    int64_t number;
    double real;
};

#define LOG_STR(label, value)                                                                      \
    ((struct log_field){.name = (label), .kind = LOG_KIND_STR, .text = (value)})
#define LOG_TEXT(label, value) LOG_STR(label, str_from(value))
#define LOG_INT(label, value)                                                                      \
    ((struct log_field){.name = (label), .kind = LOG_KIND_INT, .number = (int64_t)(value)})
#define LOG_DOUBLE(label, value)                                                                   \
    ((struct log_field){.name = (label), .kind = LOG_KIND_DOUBLE, .real = (value)})
#define LOG_BOOL(label, value)                                                                     \
    ((struct log_field){.name = (label), .kind = LOG_KIND_BOOL, .number = (value)})
#define LOG_FIELDS_END ((struct log_field){.kind = LOG_KIND_END})

#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__, LOG_FIELDS_END)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__, LOG_FIELDS_END)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__, LOG_FIELDS_END)
#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__, LOG_FIELDS_END)

/* The fields are struct log_field by value, LOG_FIELDS_END last: use the four above. */
void log_line(enum log_level level, const char *message, ...);

/* Would a line of that level be written? For fields that cost something to make. */
bool log_wants(enum log_level level);

#endif
