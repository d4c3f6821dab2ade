/* The calls to the outside: what lies between committed intents and the transports.
 *
 * Not thread-safe: the worker's loop owns it. It reads no clock and logs nothing. Two times are
 * passed in: now_ms is the worker's Unix time (for expiry; it may run fast), mono_ms a steady real
 * one (for timeouts, backoff, breaker).
 *
 * The worker's part, in its loop:
 *   1. calls_next_reply until false: each is an event of the next batch;
 *   2. calls_to_mark: the batch writes these intents with status STARTED and started_at_ms;
 *   3. a rule withdraws: if calls_may_withdraw, the batch drops the intent from the store;
 *   4. after the commit: calls_forget for each reply it took (parked ones, too),
 *      calls_started_committed for each it marked, calls_withdraw for each withdrawn,
 *      calls_offer(fresh) for each new intent, in the order of their sequence;
 *   5. calls_tick; sleep at most until the time it returns, or until http_fd or smtp_fd is
 * readable. A batch that is thrown away without losing its tasks: calls_rewind. A task that is lost
 * or taken over anew: calls_drop_task; after the take-over calls_offer(restored) for each of its
 * intents whose status is not PARKED.
 *
 * Order: calls of one (state type, key) go one at a time, by sequence; the next one waits until
 * the reply of the one before was forgotten. A parked one is forgotten, so it holds up nothing. */
#ifndef WAYBILL_WORKER_CALLS_H
#define WAYBILL_WORKER_CALLS_H

#include "events.h"
#include "http/http.h"
#include "retry/retry.h"
#include "rules/event.h"
#include "smtp/smtp.h"
#include "worker/endpoints.h"

struct calls;

/* What carries calls out: real ones by transports_real, or a fake with a virtual clock. Meaning of
 * each as in http.h and smtp.h. */
struct transports {
    void *self;
    int (*http_submit)(void *self, const struct http_request *request, struct error *err);
    bool (*http_collect)(void *self, struct http_result *out);
    int (*smtp_submit)(void *self, const struct smtp_request *request, struct error *err);
    bool (*smtp_collect)(void *self, struct smtp_result *out);
};

/* The real ones, borrowed; smtp may be NULL when there is no SMTP endpoint. `out` must live as long
 * as the calls. */
struct transports_real {
    struct http *http;
    struct smtp *smtp;
};
struct transports transports_of(struct transports_real *real);

struct calls_options {
    /* Takes one token of the endpoint's rate limit: 0 = taken, else how long to wait before asking
     * again, also when the store is away. Asked only for endpoints with a rate. NULL = no limits.
     */
    int64_t (*take_token)(void *self, const struct endpoint *endpoint, int64_t mono_ms);
    void *take_token_self;
    struct str user_agent;      /* "waybill/0.1.0"; borrowed */
    int64_t session_timeout_ms; /* of the consumer group: policy query waits for it */
    int64_t orphan_keep_ms;     /* how long to remember calls of tasks that we lost */
    size_t bytes_max;           /* of all intents held */
    uint64_t seed;              /* for the jitter */
};

/* Endpoints, transports and what options point to are borrowed and outlive the calls. NULL = no
 * memory. */
struct calls *calls_new(const struct endpoints *endpoints, const struct transports *transports,
                        const struct calls_options *options);

/* Close the transports first: what is under way belongs to these calls. */
void calls_free(struct calls *calls);

/* Which intent is meant; its id is only unique within its key. */
struct call_ref {
    struct str state_type, key, intent_id;
};

static inline struct call_ref call_ref_of(const struct task_intent *intent)
{
    return (struct call_ref){intent->state_type, intent->key, intent->intent_id};
}

enum calls_origin {
    CALLS_FRESH,   /* this owner has just committed it for the first time */
    CALLS_RESTORED /* read from the store: an earlier owner may have called */
};

enum offer_result {
    CALLS_TAKEN, /* copied; also when it was held already (the same id is the same intent) */
    CALLS_FULL /* the endpoint's queue or the memory is full: leave it in the store, offer it again
                  when calls_room says so (with the same origin), and before that no later intent
                  of its key */
};

/* epoch: a number that changes whenever the task was away from this process. A call that was
 * dropped is found again by its reference: one that still runs, or whose outcome is known, goes on
 * as it was.
 * An intent whose endpoint is not in the settings is held back as if its endpoint were off. */
enum offer_result calls_offer(struct calls *calls, const struct task_intent *intent, int32_t task,
                              uint64_t epoch, enum calls_origin origin);

/* How many more intents of this endpoint would be taken. */
size_t calls_room(const struct calls *calls, struct str endpoint);

bool calls_holds(const struct calls *calls, struct call_ref ref);

/* Whether it is held and certainly nothing of it was ever sent. Stays so until the next
 * calls_tick. */
bool calls_may_withdraw(const struct calls *calls, struct call_ref ref);

/* Drops it, without a reply; false and nothing changed if calls_may_withdraw is false. */
bool calls_withdraw(struct calls *calls, struct call_ref ref);

/* An intent that waits for its `started` to be committed; false behind the last one. Begin with
 * *cursor = 0. The same ones come again until calls_started_committed, so one may ask in every
 * batch. Borrowed until the call is forgotten, withdrawn or dropped. */
struct held_intent {
    int32_t task;
    const struct task_intent *intent;
};
bool calls_to_mark(const struct calls *calls, size_t *cursor, struct held_intent *out) MUST_CHECK;

/* It may be sent from the next tick on. Not held (any more): nothing happens. */
void calls_started_committed(struct calls *calls, struct call_ref ref);

/* Collects what the transports finished, then starts what may start; may_send = false starts
 * nothing (the last contact with the group is too old, or the worker is draining).
 * Returns the mono_ms at which the next tick is due, INT64_MAX = none. */
int64_t calls_tick(struct calls *calls, int64_t now_ms, int64_t mono_ms, bool may_send);

/* A call that has come to its end. `reply` says how; it is borrowed like `intent`, until
 * calls_forget. */
struct finished_call {
    int32_t task;
    const struct task_intent *intent;
    struct call_reply reply;
};

/* Each finished call once, oldest first; false = none left. */
bool calls_next_reply(struct calls *calls, struct finished_call *out) MUST_CHECK;

/* The batch that took the reply has committed. */
void calls_forget(struct calls *calls, struct call_ref ref);

/* The batch that took replies was thrown away: all that were not forgotten are offered again. */
void calls_rewind(struct calls *calls);

/* The task is gone, or about to be read anew. Nothing of it starts any more, no reply of it comes,
 * until its intents are offered again. What runs, and what is known, is remembered for
 * orphan_keep_ms. */
void calls_drop_task(struct calls *calls, int32_t task);

/* Calls that are on their way now, dropped ones included: a drain waits for 0. */
size_t calls_running(const struct calls *calls);

enum { LATENCY_BUCKETS = 12 };
extern const int64_t latency_bucket_ms[LATENCY_BUCKETS]; /* upper bounds; above the last: +Inf */

/* One endpoint's numbers since the start. */
struct endpoint_stats {
    struct str name; /* "?" = endpoints that the settings do not have */
    uint64_t attempts;
    uint64_t ok, refused, unknown, not_sent, parked; /* replies; parked ones are unknown, too */
    uint64_t retries;
    uint64_t lookups;
    uint64_t credentials_refused; /* answers 401, 403, 407, SMTP 530, 535, or a redirect: our
                                     settings are wrong. Worth a loud log when it grows */
    uint64_t latency_count[LATENCY_BUCKETS + 1];
    uint64_t latency_sum_ms;
    size_t waiting, in_flight;
    enum breaker_state breaker;
    bool off;
    char last_trouble[HTTP_DETAIL_BYTES_MAX]; /* of the last attempt that was not answered with yes
                                                 or no */
};

/* The i-th endpoint's, in the order of the settings, "?" last; false behind it. */
bool calls_stats(const struct calls *calls, size_t i, int64_t mono_ms,
                 struct endpoint_stats *out) MUST_CHECK;

#endif
