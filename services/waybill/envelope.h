/* From a line of JSON to an event that can be written: what it is, its id, time, key and bytes.
 * Pure. */
#ifndef WAYBILL_TOOL_ENVELOPE_H
#define WAYBILL_TOOL_ENVELOPE_H

#include "base/arena.h"
#include "base/error.h"
#include "rules/record.h"

/* What holds for every line. */
struct envelope_rules {
    const struct record_type *type; /* every line is this event's body; NULL: each names its own */
    struct str key;                 /* instead of the one that follows from the body */
    int64_t now_ms;
    struct str unique; /* made part of the ids; absent: the same content has the same id */
};

struct envelope {
    const struct record_type *type;
    const void *body;
    struct str id, key;
    int64_t time_ms;  /* when it happened: the line's time, else the body's own, else now */
    struct str cause; /* ce_id of what caused it; mostly absent */
    struct str topic; /* without prefix; absent = the event's own */
};

/* With rules->type the line is the event's body. Without, it is
 *   {"event": "order.submitted", "data": {…}, "id": …, "time": …, "key": …, "cause": …, "topic": …}
 * where all but event and data may be missing. Everything lives in the arena. Errors are
 * ERROR_SET_ASIDE. */
MUST_CHECK int envelope_read(const struct envelope_rules *rules, struct str line,
                             struct arena *arena, struct envelope *out, struct error *err);

/* When the event says that it happened: its first timestamp that tells of the past (placed_at_ms,
 * occurred_at_ms; not expires_at_ms and the like); 0 = it does not say. */
int64_t envelope_happened_ms(const struct record_type *type, const void *body);

/* payload.received with a file's bytes. The topic is that of the source's kind; the key comes from
 * the payload for sources we know (shopify, woocommerce: <store>:<id>; shiprocket:
 * <carrier>/<awb>), unless it is given. owner: the store or the carrier; notice: the source's own
 * name of it ("orders/create"); both may be absent. */
struct payload_rules {
    struct str source, owner, notice, key;
    int64_t now_ms;
    struct str unique;
};
MUST_CHECK int envelope_wrap_payload(const struct payload_rules *rules, struct str bytes,
                                     struct arena *arena, struct envelope *out, struct error *err);

#endif
