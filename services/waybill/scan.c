#include "waybill/scan.h"

#include "base/partition.h"

#include <stdio.h>

enum { POLL_MS = 100, CLOSE_MS = 3000 };

/* One run. */
struct scanning {
    struct tool *tool;
    const struct scan *scan;
    struct kafka_admin *admin;
    struct kafka_reader *reader;
    const char *names[SCAN_TOPICS_MAX]; /* full; of the topics that exist */
    const struct scan_topic *topics[SCAN_TOPICS_MAX];
    int32_t partitions[SCAN_TOPICS_MAX];
    size_t count;
};

int scan_parse_from(const char *text, struct scan *out, struct error *err)
{
    int64_t number;
    if (!text || strcmp(text, "beginning") == 0)
        out->from = SCAN_BEGINNING;
    else if (strcmp(text, "end") == 0)
        out->from = SCAN_END;
    else if (!str_to_int64(str_from(text), &number))
        return error_set(err, ERROR_FATAL,
                         "--from: \"%s\" is none of beginning, end, an offset, -N (the last N)",
                         text);
    else {
        out->from = number < 0 ? SCAN_LAST : SCAN_OFFSET;
        out->from_number = number < 0 ? -number : number;
    }
    return 0;
}

static int find_topics(struct scanning *s, struct error *err)
{
    for (size_t i = 0; i < s->scan->topic_count; i++) {
        const struct scan_topic *wanted = &s->scan->topics[i];
        const char *name = tool_full_name(s->tool, wanted->topic);
        int32_t partitions;
        if (s->count == SCAN_TOPICS_MAX)
            return error_set(err, ERROR_FATAL, "too many topics");
        if (kafka_admin_partitions(s->admin, name, TOOL_PATIENCE_MS, &partitions, err))
            return -1;
        if (partitions == 0 && !s->scan->skip_missing)
            return error_set(err, ERROR_FATAL,
                             "topic %s does not exist: waybill topics create makes it", name);
        if (partitions == 0) {
            fprintf(stderr, "%s: topic %s does not exist\n", s->tool->name, name);
            continue;
        }
        s->names[s->count] = name;
        s->topics[s->count] = wanted;
        s->partitions[s->count++] = partitions;
    }
    return 0;
}

static int64_t first_offset(const struct scan *scan, int64_t low, int64_t high)
{
    int64_t from = low;
    if (scan->from == SCAN_END)
        from = high;
    else if (scan->from == SCAN_OFFSET)
        from = scan->from_number;
    else if (scan->from == SCAN_LAST)
        from = high - scan->from_number;
    return from < low ? low : from > high ? high : from;
}

static int start_topic(struct scanning *s, size_t i, struct error *err)
{
    const struct scan_topic *wanted = s->topics[i];
    int32_t only = wanted->partition;
    if (wanted->only_key.ptr)
        only = partition_of(wanted->only_key, s->partitions[i]);
    if (only >= s->partitions[i])
        return error_set(err, ERROR_FATAL, "%s has only the partitions 0 to %d", s->names[i],
                         s->partitions[i] - 1);
    for (int32_t p = 0; p < s->partitions[i]; p++) {
        int64_t low, high;
        if (only != SCAN_EVERY_PARTITION && p != only)
            continue;
        if (kafka_admin_watermarks(s->admin, s->names[i], p, TOOL_PATIENCE_MS, &low, &high, err))
            return -1;
        int64_t from = first_offset(s->scan, low, high);
        if (s->scan->from == SCAN_TIME &&
            kafka_admin_offset_at(s->admin, s->names[i], p, s->scan->from_number, TOOL_PATIENCE_MS,
                                  &from, err))
            return -1;
        if (from == high && !s->scan->follow)
            continue;
        if (kafka_reader_start(s->reader, (int32_t)i, p, from, high, err))
            return -1;
    }
    return 0;
}

/* Hands records over until the end, or until the taker has enough. */
static int read_all(struct scanning *s, struct error *err)
{
    const struct scan *scan = s->scan;
    while (scan->follow || !kafka_reader_all_at_end(s->reader)) {
        struct kafka_record record;
        int got = kafka_reader_next(s->reader, POLL_MS, &record, err);
        if (got < 0 && err->action != ERROR_RETRY)
            return -1;
        if (got < 0)
            fprintf(stderr, "%s: %s; trying on\n", s->tool->name, err->text);
        if (got <= 0) {
            if (scan->idle)
                scan->idle(scan->self);
            continue;
        }
        bool more = scan->take(scan->self, s->topics[record.topic]->topic, &record);
        kafka_record_free(&record);
        if (!more)
            break;
    }
    return 0;
}

int scan_run(struct tool *tool, const struct scan *scan, struct error *err)
{
    struct scanning s = {.tool = tool, .scan = scan};
    int failed = kafka_admin_open(&s.admin, &tool->kafka, err) || find_topics(&s, err) ||
                 kafka_reader_open(&s.reader, &tool->kafka, s.names, s.count, err);
    for (size_t i = 0; i < s.count && !failed; i++)
        failed = start_topic(&s, i, err);
    if (!failed)
        failed = read_all(&s, err);
    kafka_reader_close(s.reader, CLOSE_MS);
    kafka_admin_close(s.admin, CLOSE_MS);
    return failed ? -1 : 0;
}
