/* What a rule wants done. A rule only writes here; nothing happens before the batch has committed.
 *
 * Everything passed in is encoded at once, so it may live on the rule's stack. A rule that returns
 * SET_ASIDE leaves no effect. If something is over its limit (body, state, fan-out), the event is
 * set aside after the rule returns; a rule need not check. */
#ifndef WAYBILL_RULES_EFFECTS_H
#define WAYBILL_RULES_EFFECTS_H

#include "rules/event.h"

enum verdict { DONE, SET_ASIDE };

/* Per call of a rule. */
enum {
    EMITS_MAX = 1000,
    TIMERS_PER_KEY_MAX = 64,
    INTENTS_PER_KEY_MAX = 64,
    STATE_BYTES_MAX = 256 * 1024,
    REASON_BYTES_MAX = 200
};

/* An HTTP header, or any named value. Generated parts use their own types; this one is for intents.
 */
struct intent_header {
    struct str name, value;
};

/* A call to the outside. It is committed first and carried out after. Which URL, auth, timeout,
 * limits and policy apply is the endpoint's business (settings, `endpoints:`). */
struct intent {
    struct str id; /* unique within the key, for ever; the default Idempotency-Key. Same id again =
                      the same intent */
    const char *name;    /* the route's on_reply */
    struct str endpoint; /* its name in the settings */
    int64_t expires_ms;  /* not to be sent after this time; 0 = never expires */
    /* HTTP endpoints */
    const char *method; /* "POST" */
    struct str path;    /* added to the endpoint's URL: "/orders"; may carry a query */
    struct str content_type;
    struct str body;
    struct str idempotency_key; /* absent = id */
    struct str
        lookup_path; /* policy query: GET this to learn whether it happened (2xx yes, 404 no) */
    const struct intent_header *headers;
    size_t header_count;
    /* SMTP endpoints: envelope; body is the whole message, CRLF lines */
    struct str mail_from, mail_to;
};

/* How effects are kept: the runtime encodes into its batch, the test kit keeps them to look at. */
struct effects_sink {
    void (*emit)(struct effects_sink *sink, const struct record_type *type, struct str key,
                 const void *body);
    void (*put_state)(struct effects_sink *sink, const void *state); /* NULL = drop */
    void (*set_timer)(struct effects_sink *sink, const char *name, int64_t due_ms);
    void (*cancel_timer)(struct effects_sink *sink, const char *name);
    void (*intend)(struct effects_sink *sink, const struct intent *intent);
    void (*withdraw)(struct effects_sink *sink, struct str intent_id);
};

struct effects {
    struct effects_sink *sink;
    char reason[REASON_BYTES_MAX]; /* of SET_ASIDE */
};

/* The generated emit_<event>(out, key, &body) calls this: one more event, on the type's topic,
 * under that key. */
void effects_emit(struct effects *out, const struct record_type *type, struct str key,
                  const void *body);

/* The key's state from now on; later events of the key in the same batch see it. The struct is the
 * route's state type. */
void put_state(struct effects *out, const void *state);

/* Forget the key, its timers included. Held off by the runtime while an intent is pending. */
void drop_state(struct effects *out);

/* One timer per name and key: a second set_timer moves it. Comes as an event to the route with
 * on_timer = name, once, not before due_ms. `name` must be a route's on_timer. A timer needs a
 * state to live with: a key without one has no timers. */
void set_timer(struct effects *out, const char *name, int64_t due_ms);
void cancel_timer(struct effects *out, const char *name);

void intend(struct effects *out, const struct intent *intent);

/* Only what has not started yet is withdrawn, and what is parked (a person need not look any more);
 * then no reply comes. What has started comes to its end, and its reply is told. */
void withdraw(struct effects *out, struct str intent_id);

/* For a rule's `return set_aside(out, "why, for a person")`: this event is bad and goes to the dead
 * letters. */
enum verdict set_aside(struct effects *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
