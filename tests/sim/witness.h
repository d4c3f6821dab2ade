/* Real rules that say what they were asked: each decision also emits one event to the topic
 * `lanes`, under its own key. So a consumer of that topic sees every decision of a task in the
 * order in which it was taken, and with which time. */
#ifndef WAYBILL_SIM_WITNESS_H
#define WAYBILL_SIM_WITNESS_H

#include "events.h"
#include "worker/service.h"

enum { WITNESS_ROUTES_MAX = 40 };
#define WITNESS_TOPIC "lanes"

/* A service, and the same with rules that are witnessed. */
struct witnessed {
    const struct service *rules;
    const void *cfg;
    struct service service; /* filled in by witness_all */
};

/* Once, before any of them runs. */
void witness_all(struct witnessed *services, size_t count);

/* What one decision was asked, as its witness says. */
struct testimony {
    const struct service *rules;
    const struct route *route;
    int64_t now_ms, time_ms;
    struct str event_id;
    struct call_reply reply; /* of routes with on_reply */
};

/* In words of the arena; false: it is no testimony. */
bool witness_read(struct str text, struct arena *arena, struct testimony *out);

#endif
