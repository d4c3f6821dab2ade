/* Reads parts of topics, read_committed, up to where they end now or on and on. */
#ifndef WAYBILL_TOOL_SCAN_H
#define WAYBILL_TOOL_SCAN_H

#include "kafka/reader.h"
#include "waybill/tool.h"

enum { SCAN_TOPICS_MAX = 128, SCAN_EVERY_PARTITION = -1 };

struct scan_topic {
    const struct topic *topic;
    int32_t partition;   /* or SCAN_EVERY_PARTITION */
    struct str only_key; /* only the partition on which this key sits; absent = as partition says */
};

enum scan_from { SCAN_BEGINNING, SCAN_END, SCAN_OFFSET, SCAN_LAST, SCAN_TIME };

struct scan {
    const struct scan_topic *topics;
    size_t topic_count;
    enum scan_from from;
    int64_t from_number; /* SCAN_OFFSET: the first; SCAN_LAST: so many per partition; SCAN_TIME:
                            what came then (Unix ms) or later */
    bool follow;
    bool skip_missing; /* a topic that does not exist is named on stderr, and passed over */
    /* Gets each record, borrowed until it returns; false ends the scan. */
    bool (*take)(void *self, const struct topic *topic, const struct kafka_record *record);
    void (*idle)(void *self); /* nothing came for a moment; NULL = never mind */
    void *self;
};

MUST_CHECK int scan_run(struct tool *tool, const struct scan *scan, struct error *err);

/* "beginning", "end", "-N" (the last N of each partition), "N" (an offset). */
MUST_CHECK int scan_parse_from(const char *text, struct scan *out, struct error *err);

#endif
