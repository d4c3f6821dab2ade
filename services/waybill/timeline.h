/* The life of an order as lines in the order of time, each with what caused it. Pure. */
#ifndef WAYBILL_TOOL_TIMELINE_H
#define WAYBILL_TOOL_TIMELINE_H

#include "base/buffer.h"
#include "waybill/decode.h"

enum { TIMELINE_EVENTS_MAX = 20000 };

/* Puts a cause before its effects and a message's sending before its delivery, whatever their
 * clocks say; else by time, topic and offset. */
void timeline_sort(struct decoded *events, size_t count);

struct timeline_style {
    size_t width;        /* of a line in columns; 0 = as long as it gets */
    bool every;          /* every event on a line of its own */
    struct str order_id; /* "demo:1001/2" is then told as "/2"; may be absent */
};

/* A legend, then of sorted events: "  3  2017-09-02 08:15:31  orders  order.accepted  2×A, €19.00
 * ← 1". A dead letter shows why.
 *
 * Unless every: bookkeeping between services is left out (and counted at the end), so are repeats
 * of an event and scans that changed nothing; what one cause had at once shares a line; a cause
 * that is left out is replaced by its own. What came by a timer or the answer to a call points with
 * ⇠ to the last event before it about the same message, fulfilment or parcel. */
void timeline_write(const struct decoded *events, size_t count, const struct timeline_style *style,
                    struct arena *arena, struct buffer *out);

#endif
