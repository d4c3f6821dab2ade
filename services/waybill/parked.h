/* A parked call and what the order's life says of it, in words. Pure. */
#ifndef WAYBILL_TOOL_PARKED_H
#define WAYBILL_TOOL_PARKED_H

#include "base/buffer.h"
#include "waybill/decode.h"

struct parked_call {
    struct decoded intent; /* a task_intent */
    struct decoded story;  /* what tells most about it; topic NULL = nothing was found */
    struct decoded
        settled; /* what became of it by another way: a callback; topic NULL = not known */
};

/* Is the event about that call? */
bool parked_is_about(const struct parked_call *call, const struct decoded *event);

/* If it is: a message.planned, message.outcome_unknown or fulfilment.outcome_unknown becomes its
 * story, unless what is there tells more; a delivery or a supplier's word settles it. */
void parked_learn(struct parked_call *call, const struct decoded *event);

struct str parked_service(const struct parked_call *call);

/* Two lines: since when, service, order, what it was, endpoint; what happened, and the intent. A
 * third if it was settled meanwhile. Absent when the arena is full. */
struct str parked_lines(const struct parked_call *call, struct arena *arena);

/* All that is known of it, line by line, and what to ask the other side. personal: as it came, with
 * the body; else what identifies a person is masked. */
void parked_page(const struct parked_call *call, bool personal, struct arena *arena,
                 struct buffer *out);

#endif
