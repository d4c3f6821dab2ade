#include "worker/stored.h"

#include "events.h"

enum { OFFSET_BYTES = 8, STORED_HEAD_BYTES = 2 * OFFSET_BYTES };
_Static_assert((int)STORED_MARK_BYTES <= (int)STORED_HEAD_BYTES, "a mark must be no position");

static void put_int64(struct buffer *out, int64_t value)
{
    unsigned char bytes[OFFSET_BYTES];
    for (int i = 0; i < OFFSET_BYTES; i++)
        bytes[i] = (unsigned char)((uint64_t)value >> (8 * (OFFSET_BYTES - 1 - i)));
    buffer_add(out, bytes, sizeof(bytes));
}

static int64_t take_int64(const char *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < OFFSET_BYTES; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return (int64_t)value;
}

void stored_position_put(struct buffer *out, int64_t changelog_offset, int64_t stored_at_ms,
                         struct str record)
{
    put_int64(out, changelog_offset);
    put_int64(out, stored_at_ms);
    buffer_add_str(out, record);
}

int stored_position_take(struct str stored, int64_t *out_changelog_offset,
                         int64_t *out_stored_at_ms, struct str *out_record)
{
    if (stored.len <= STORED_HEAD_BYTES)
        return -1;
    *out_changelog_offset = take_int64(stored.ptr);
    *out_stored_at_ms = take_int64(stored.ptr + OFFSET_BYTES);
    *out_record = (struct str){stored.ptr + STORED_HEAD_BYTES, stored.len - STORED_HEAD_BYTES};
    return 0;
}

int64_t stored_score(const struct record_type *type, const void *body)
{
    if (type == &task_intent) {
        const struct task_intent *intent = body;
        return intent->status == INTENT_STATUS_PARKED ? 0 : score_of_intent(intent->sequence);
    }
    if (type != &key_entry)
        return 0;
    const struct key_entry *kept = body;
    int64_t earliest = 0;
    for (size_t i = 0; i < kept->timers.len; i++)
        if (earliest == 0 || kept->timers.ptr[i].due_at_ms < earliest)
            earliest = kept->timers.ptr[i].due_at_ms;
    return earliest;
}
