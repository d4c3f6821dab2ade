/* The life of an order as lines in the order of time, each with what caused it. Pure. */
#ifndef WAYBILL_TOOL_TIMELINE_H
#define WAYBILL_TOOL_TIMELINE_H

#include "base/buffer.h"
#include "waybill/decode.h"

enum { TIMELINE_EVENTS_MAX = 20000 };

/* Puts a cause before its effects, whatever their clocks say; else by time, topic and offset. */
void timeline_sort(struct decoded *events, size_t count);

struct timeline_style {
    size_t width; /* of a line in columns; 0 = as long as it gets */
    bool every;   /* no folding of events that one cause had at once (holds at several suppliers) */
};

/* Of sorted events: "  3  2017-09-02 08:15:31  orders  order.accepted  2×A, €19.00  ← 1". A dead
 * letter shows why. What was caused by a timer or the answer to a call says so. */
void timeline_write(const struct decoded *events, size_t count, const struct timeline_style *style,
                    struct arena *arena, struct buffer *out);

#endif
