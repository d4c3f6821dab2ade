#include "log/log.h"

#include "cloudevents/cloudevents.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES_MAX = 256 }; /* that the rate limit tells apart; more share a slot */

const char *const log_level_names[] = {"debug", "info", "warning", "error", NULL};
const char *const log_format_names[] = {"logfmt", "json", NULL};

/* How often one message came in the window that began at since_ms. */
struct repeats {
    int64_t since_ms;
    int64_t count, suppressed;
};

static struct log_options options = {.service = "waybill", .level = LOG_INFO, .fd = 2};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards repeats */
static struct repeats repeats[MESSAGES_MAX];

/* A line being made: what does not fit is cut. */
struct line {
    char text[LOG_LINE_BYTES];
    size_t len;
    bool cut;
};

void log_setup(const struct log_options *wanted)
{
    options = *wanted;
    pthread_mutex_lock(&lock);
    memset(repeats, 0, sizeof(repeats));
    pthread_mutex_unlock(&lock);
}

bool log_wants(enum log_level level)
{
    return level >= options.level;
}

static void add(struct line *line, const char *bytes, size_t len)
{
    const size_t room = LOG_LINE_BYTES - 8 - line->len; /* for the mark, a quote, a brace, \n */
    if (line->cut || len > room) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

/* Both formats quote alike: JSON's escapes are also what logfmt readers take. */
static void add_quoted(struct line *line, struct str s)
{
    add(line, "\"", 1);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char escape[8];
        if (c == '"' || c == '\\')
            add(line, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            add(line, "\\n", 2);
        else if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            add(line, escape, 6);
        } else
            add(line, s.ptr + i, 1);
    }
    if (line->cut) {
        while (line->len > 0 && ((unsigned char)line->text[line->len - 1] & 0xc0) == 0x80)
            line->len--; /* no half character */
        if (line->len > 0 && ((unsigned char)line->text[line->len - 1] & 0xc0) == 0xc0)
            line->len--;
        memcpy(line->text + line->len, "…\"", sizeof("…\"") - 1);
        line->len += sizeof("…\"") - 1;
        return;
    }
    add(line, "\"", 1);
}

static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return s.len > 0;
}

/* False if there is no room: then nothing of the field stands there. */
static bool add_name(struct line *line, const char *name)
{
    bool json = options.format == LOG_JSON;
    size_t before = line->len;
    add_text(line, line->len == 0 ? (json ? "{" : "") : (json ? "," : " "));
    add_text(line, json ? "\"" : "");
    add_text(line, name);
    add_text(line, json ? "\":\"" : "=\"");
    if (line->cut)
        line->len = before;
    else
        line->len--; /* room for the value's first quote is there */
    return !line->cut;
}

static void add_str(struct line *line, const char *name, struct str value)
{
    if (!add_name(line, name))
        return;
    if (options.format == LOG_LOGFMT && is_bare(value))
        add(line, value.ptr, value.len);
    else
        add_quoted(line, value);
}

static void add_field(struct line *line, const struct log_field *field)
{
    char number[40] = "null";
    if (field->kind == LOG_KIND_STR) {
        add_str(line, field->name, field->text);
        return;
    }
    if (field->kind == LOG_KIND_BOOL)
        snprintf(number, sizeof(number), "%s", field->number ? "true" : "false");
    else if (field->kind == LOG_KIND_INT)
        snprintf(number, sizeof(number), "%lld", (long long)field->number);
    else if (isfinite(field->real))
        snprintf(number, sizeof(number), "%.6g", field->real);
    size_t before = line->len;
    if (add_name(line, field->name))
        add_text(line, number);
    if (line->cut)
        line->len = before;
}

/* FNV-1a of level and text: a line's place in the table of repeats. */
static size_t slot(enum log_level level, const char *message)
{
    uint32_t hash = 0x811c9dc5u ^ (uint32_t)level;
    for (; *message; message++)
        hash = (hash ^ (unsigned char)*message) * 0x01000193u;
    return hash % MESSAGES_MAX;
}

/* Whether this line is printed; *out_suppressed = how many like it were not, since the last one. */
static bool within_limit(enum log_level level, const char *message, int64_t now_ms,
                         int64_t *out_suppressed)
{
    *out_suppressed = 0;
    if (options.burst <= 0)
        return true;
    pthread_mutex_lock(&lock);
    struct repeats *entry = &repeats[slot(level, message)];
    if (now_ms - entry->since_ms >= options.window_ms || now_ms < entry->since_ms) {
        *out_suppressed = entry->suppressed;
        *entry = (struct repeats){.since_ms = now_ms};
    }
    bool print = ++entry->count <= options.burst;
    entry->suppressed += !print;
    pthread_mutex_unlock(&lock);
    return print;
}

void log_line(enum log_level level, const char *message, ...)
{
    struct line line;
    struct timespec now;
    char time_text[RFC3339_BYTES];
    int64_t suppressed;
    if (!log_wants(level))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (!within_limit(level, message, now_ms, &suppressed))
        return;
    line.len = 0;
    line.cut = false;
    rfc3339_format(now_ms, time_text);
    add_str(&line, "time", str_from(time_text));
    add_str(&line, "level", str_from(log_level_names[level]));
    add_str(&line, "service", str_from(options.service));
    add_str(&line, "msg", str_from(message));
    if (suppressed > 0)
        add_field(&line, &LOG_INT("suppressed", suppressed));
    va_list args;
    va_start(args, message);
    for (int i = 0; i < LOG_FIELDS_MAX; i++) {
        struct log_field field = va_arg(args, struct log_field);
        if (field.kind == LOG_KIND_END)
            break;
        add_field(&line, &field);
    }
    va_end(args);
    if (options.format == LOG_JSON)
        line.text[line.len++] = '}';
    line.text[line.len++] = '\n';
    /* One write per line: lines of several threads do not mix. A log that cannot be written is
     * lost. */
    ssize_t written = write(options.fd, line.text, line.len);
    (void)written;
}
