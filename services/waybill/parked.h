/* A parked call and what the order's life says of it, in words. Pure. */
#ifndef WAYBILL_TOOL_PARKED_H
#define WAYBILL_TOOL_PARKED_H

#include "waybill/decode.h"

struct parked_call {
    struct decoded intent; /* a task_intent */
    struct decoded story;  /* what tells most about it; topic NULL = nothing was found */
};

/* Is it a message.planned, message.outcome_unknown or fulfilment.outcome_unknown about that call?
 * Then it becomes its story, unless what is there tells more. */
void parked_learn(struct parked_call *call, const struct decoded *event);

/* Two lines: since when, service, order, what it was, endpoint; what happened, and the intent.
 * Absent when the arena is full. */
struct str parked_lines(const struct parked_call *call, struct arena *arena);

#endif
