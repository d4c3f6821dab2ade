/* How a task's store looks: what the runtime writes into Redis beside the changelog's own records,
 * and what each of these means for the sorted set. For whoever reads it; pure. */
#ifndef WAYBILL_WORKER_STORED_H
#define WAYBILL_WORKER_STORED_H

#include "base/buffer.h"
#include "base/error.h"
#include "rules/record.h"

#define POSITION_KEY "position" /* the changelog's; field `p` of the store */

/* While a store is being rebuilt, so many random bytes stand in the position's place: too few to be
 * taken for one. */
enum { STORED_MARK_BYTES = 16 };

/* The position as the store keeps it. -1: it is none. */
void stored_position_put(struct buffer *out, int64_t changelog_offset, int64_t stored_at_ms,
                         struct str record);
MUST_CHECK int stored_position_take(struct str stored, int64_t *out_changelog_offset,
                                    int64_t *out_stored_at_ms, struct str *out_record);

/* A pending intent's score in the sorted set: negative, and in the order of the sequence. */
static inline int64_t score_of_intent(int64_t sequence)
{
    return sequence - (INT64_C(1) << 52);
}

/* What a changelog record's body says about its key's place in the sorted set: its earliest timer,
 * or that an intent waits; 0 = no place. */
int64_t stored_score(const struct record_type *type, const void *body);

/* A timer that only another version of the service knows is looked at again by then: it may stand
 * in the set so much later than the clock. */
enum { STRANGER_RETRY_MS = 60000 };

/* Fields of the hash that count crashes (poison.h) and that no changelog holds. */
#define STARTS_FIELD "starts"
#define TRYING_FIELD "trying"

#endif
