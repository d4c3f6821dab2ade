/* Avro's primitives on the wire, each read checked against what is left. Internal to avro/. */
#ifndef WAYBILL_AVRO_WIRE_H
#define WAYBILL_AVRO_WIRE_H

#include "avro/slot.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "rules/record.h"

struct wire {
    const unsigned char *at, *end;
    struct arena *arena;
    struct error *err;
};

static inline size_t wire_left(const struct wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

/* All return 0, or -1 with err set (ERROR_SET_ASIDE, without the field's name) and out untouched.
 */
MUST_CHECK int wire_read_long(struct wire *wire, int64_t *out);
MUST_CHECK int wire_read_int(struct wire *wire, int32_t *out);
MUST_CHECK int wire_read_bool(struct wire *wire, bool *out);
MUST_CHECK int wire_read_float(struct wire *wire, float *out);
MUST_CHECK int wire_read_double(struct wire *wire, double *out);
MUST_CHECK int wire_read_bytes(struct wire *wire, struct str *out);
MUST_CHECK int wire_read_string(struct wire *wire, struct str *out); /* bytes that are UTF-8 */
MUST_CHECK int wire_skip(struct wire *wire, size_t bytes);

/* The head of a list's or map's next block: how many items (0 = the end), and where the block must
 * end if it says so, else NULL. Refuses more items than bytes left: every item takes at least one.
 */
MUST_CHECK int wire_read_block(struct wire *wire, size_t *out_count, const unsigned char **out_end);
MUST_CHECK int wire_end_block(struct wire *wire, const unsigned char *end);

/* Says that the arena is full; -1. */
int wire_no_memory(struct wire *wire);

void wire_put_long(struct buffer *out, int64_t value);
void wire_put_double(struct buffer *out, double value);
void wire_put_bytes(struct buffer *out, struct str bytes);

/* Room for `more` items behind list->len; the list moves when *capacity is passed. */
MUST_CHECK int wire_list_grow(struct wire *wire, struct slot_list *list, size_t *capacity,
                              size_t more, size_t item_bytes);

#endif
