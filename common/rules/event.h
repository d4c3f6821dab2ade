/* What a rule is told: an event from a topic, a timer that came due, or the outcome of a call. */
#ifndef WAYBILL_RULES_EVENT_H
#define WAYBILL_RULES_EVENT_H

#include "rules/record.h"

enum outcome {
    OUTCOME_OK,      /* the other side did it (HTTP 2xx, SMTP 250) */
    OUTCOME_REFUSED, /* a definite no */
    OUTCOME_UNKNOWN, /* bytes were sent, no answer that tells: it may have happened */
    OUTCOME_NOT_SENT /* it certainly did not happen: no connection, switched off, expired, withdrawn
                        too late to matter */
};

/* How a call ended. Comes to the key whose rule asked for it, by the route with on_reply =
 * intent.name. */
struct call_reply {
    struct str intent_id;
    struct str name;     /* intent.name */
    struct str endpoint; /* intent.endpoint */
    enum outcome outcome;
    int32_t status;  /* HTTP status or SMTP code of the last answer; 0 = none */
    struct str body; /* the answer's body, at most endpoint.body_bytes_max; may be empty */
    struct str
        detail; /* what happened, for a person: "timeout after 5000 ms", "550 no such user" */
    int32_t attempts;
    bool by_person; /* it was parked, and a person told how it ended */
    bool parked;    /* outcome unknown, and a person decides: one more reply will come. Also of what
                    was not called because effects were off */
};

struct event {
    const struct record_type *type; /* NULL for timers and replies */
    const void *body;               /* a struct of that type: use the generated as_<event>(ev) */
    const char *timer;              /* the timer's name, else NULL */
    const struct call_reply *reply; /* else NULL */
    struct str key;
    struct str id;   /* ce_id; of timers and replies, one that the runtime makes, deterministic */
    int64_t time_ms; /* when it happened (ce_time); of timers, when it was due; Unix ms */
};

#endif
