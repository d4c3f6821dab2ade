/* What a task's changelog says of its keys, up to one of its positions, and what the batch after
 * that position says: so little per key (where, a hash, the score) that millions fit. Pure.
 *
 * Records go in by their order: fold_take for each, fold_position for the task's position, which
 * ends a batch. What a batch says counts beside the fold until fold_step makes it part of it. */
#ifndef WAYBILL_TOOL_FOLD_H
#define WAYBILL_TOOL_FOLD_H

#include "base/arena.h"
#include "base/error.h"

enum { FOLD_KEYS_MAX = 5000000, FOLD_BATCH_MAX = 5000000, FOLD_NOWHERE = -1 };

/* What one record says of its key. */
struct fold_said {
    int64_t offset; /* FOLD_NOWHERE: no record says anything */
    uint64_t hash;
    int64_t score; /* in the sorted set; 0 = none */
    bool is_there; /* else a tombstone, or never mentioned */
};

struct fold_entry {
    struct str key;
    struct fold_said said;
    uint32_t news; /* the first thing that the batch says of it, 1 = batch[0]; 0 = nothing */
    bool looked_at;
};

struct fold_news {
    struct fold_said said;
    uint32_t entry, next; /* the next of the same key, as in fold_entry */
};

struct fold {
    struct arena keys;
    struct fold_entry *entries; /* in order of first mention */
    size_t count, room;
    uint32_t *slots; /* index + 1 by hash; a power of two, at most half full */
    size_t slot_count;
    struct fold_news *batch; /* what comes after the fold's position */
    size_t batch_count, batch_room;
    int64_t at, next_at;              /* offsets of the fold's position and of the batch's;
                                         FOLD_NOWHERE = none yet */
    uint64_t position, next_position; /* hashes of these records */
};

void fold_init(struct fold *fold);
void fold_done(struct fold *fold);
void fold_reset(struct fold *fold);

/* ERROR_FATAL when a limit is reached. score: what the record means for the sorted set. */
MUST_CHECK int fold_take(struct fold *fold, struct str key, struct str value, int64_t offset,
                         int64_t score, struct error *err);
void fold_position(struct fold *fold, int64_t offset, struct str record);

/* Whether the batch has its position; then comes fold_step, before the next record. */
bool fold_is_whole(const struct fold *fold);
void fold_step(struct fold *fold);

/* The entry of a key, NULL if nothing was said of it. */
struct fold_entry *fold_find(const struct fold *fold, struct str key);

/* Remembers that the store was asked for the key, also if the changelog does not know it. */
MUST_CHECK int fold_look_at(struct fold *fold, struct str key, struct error *err);

/* Whether that record is the position at which the fold stands. */
bool fold_stands_at(const struct fold *fold, int64_t offset, struct str record);

enum { FOLD_EQUAL = 0, FOLD_VALUE = 1, FOLD_SCORE = 2, FOLD_LATER = 4 };

/* What is wrong with what a store at the fold's position holds of a key: FOLD_VALUE, FOLD_SCORE,
 * or both. Right is what the fold says, and what the batch after it says, since a store takes a
 * batch in pieces, its position last. FOLD_LATER alone is no fault: a timer that only another
 * version knows, looked at again by then at the latest. value absent, score 0: it has none. */
unsigned fold_judge(const struct fold *fold, struct str key, struct str value, int64_t score,
                    int64_t later_ms);

#endif
