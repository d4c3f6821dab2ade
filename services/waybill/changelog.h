/* Reads one task's changelog into a fold, as far as is asked for. */
#ifndef WAYBILL_TOOL_CHANGELOG_H
#define WAYBILL_TOOL_CHANGELOG_H

#include "kafka/reader.h"
#include "waybill/decode.h"
#include "waybill/fold.h"

struct changelog {
    struct tool *tool;
    const struct topic *topic;
    struct decoder *decoder;
    struct kafka_admin *admin;
    struct kafka_reader *reader;
    struct kafka_reader *single; /* for records that are looked at again; NULL = none was yet */
    struct fold fold;
    struct arena arena; /* of one record */
    int32_t task;       /* SCAN_EVERY_PARTITION = none is begun */
    int64_t until;      /* the log's end when it was last asked */
    int64_t batch,
        next_batch; /* numbers of the fold's position and of the one after it; 0 = none */
    int64_t read, records, next_records; /* how many were read: in all, up to these two */
    /* Gets each record that says something of a key, decoded, after the fold did. NULL = none. */
    void (*each)(void *self, const struct decoded *record);
    void *self;
};

/* decoder and admin are the caller's, and open. */
MUST_CHECK int changelog_open(struct changelog *log, struct tool *tool, const struct topic *topic,
                              struct decoder *decoder, struct kafka_admin *admin,
                              struct error *err);
void changelog_close(struct changelog *log);

/* Begins a task, with an empty fold. */
MUST_CHECK int changelog_begin(struct changelog *log, int32_t task, struct error *err);

/* The fold goes on to the position at that offset. 1 = it stands there; 0 = the changelog has no
 * position there: the fold stands behind it, or at the last one that there is. */
MUST_CHECK int changelog_advance(struct changelog *log, int64_t offset, struct error *err);

/* Reads the batch after the fold's position, as far as it is there by now. */
MUST_CHECK int changelog_read_batch(struct changelog *log, struct error *err);

/* To the last position that there is by now. */
MUST_CHECK int changelog_to_end(struct changelog *log, struct error *err);

/* The task's last position as it is by now, in the arena; absent if there is none. */
MUST_CHECK int changelog_last_position(struct changelog *log, int32_t task, struct arena *arena,
                                       struct str *out_record, int64_t *out_offset,
                                       struct error *err);

/* The log's first offset and the one after its last. */
MUST_CHECK int changelog_ends(struct changelog *log, int64_t *out_low, int64_t *out_high,
                              struct error *err);

/* The value of the record at that offset, in the arena; absent if it is gone by now. */
MUST_CHECK int changelog_fetch(struct changelog *log, int64_t offset, struct arena *arena,
                               struct str *out, struct error *err);

#endif
