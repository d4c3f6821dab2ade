/* A service is a table of routes: what comes in, whose state it meets, and the rule that decides.
 */
#ifndef WAYBILL_RULES_ROUTE_H
#define WAYBILL_RULES_ROUTE_H

#include "rules/context.h"
#include "rules/effects.h"

/* state: of the event's key and the route's state type; NULL when the key has none. Pure: same
 * arguments, same effects. */
typedef enum verdict rule(const struct event *ev, const void *state, const struct context *ctx,
                          struct effects *out);

/* Exactly one of on, on_timer, on_reply is set. Timers and replies belong to (state type, key). */
struct route {
    const struct record_type *on;
    const char *on_timer;
    const char *on_reply;
    const struct record_type *state;
    rule *decide;
};

#endif
