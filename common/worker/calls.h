/* The calls to the outside: what lies between committed intents and the transports.
 *
 * Not thread-safe: the worker's loop owns it. It reads no clock and logs nothing. Two times are
 * passed in: now_ms is the worker's Unix time (for expiry; it may run fast), mono_ms a steady real
 * one (for timeouts, backoff, breaker).
 *
 * The worker's part, in its loop:
 *
 *   1. calls_next_reply until NULL: each is an event of the next batch.
 *   2. calls_next_mark: the batch writes these intents with status STARTED and started_at_ms, but
 *      for those that it withdraws. They are reason enough for a batch.
 *   3. When a rule withdraws: unless calls_has_started, the batch drops the intent from the store.
 *      What the calls do not hold: backlog_is_unsent.
 *   4. After the commit: calls_forget for each reply it took (parked ones, too),
 *      calls_started_committed for each it marked, calls_withdraw for each withdrawn,
 *      calls_offer(CALLS_FRESH) for each new intent, by sequence.
 *   5. calls_tick. Sleep at most until the time it returns, or until http_fd or smtp_fd is
 *      readable.
 *
 * When a batch is thrown away and its tasks stay: calls_rewind. When a task is lost or will be
 * taken over anew: calls_drop_task; after the take-over calls_offer(CALLS_RESTORED), by sequence,
 * for each of its intents.
 *
 * Order: calls of one (state type, key) go one at a time, by sequence; the next one waits until the
 * reply of the one before was forgotten. A parked one is forgotten, too, so it holds up nothing. */
#ifndef WAYBILL_WORKER_CALLS_H
#define WAYBILL_WORKER_CALLS_H

#include "events.h"
#include "http/http.h"
#include "retry/retry.h"
#include "rules/event.h"
#include "smtp/smtp.h"
#include "worker/endpoints.h"

struct calls;

/* What carries calls out: transports_of, or a fake with a virtual clock. Each as in http.h and
 * smtp.h. */
struct transports {
    void *self;
    int (*http_submit)(void *self, const struct http_request *request, struct error *err);
    bool (*http_collect)(void *self, struct http_result *out);
    int (*smtp_submit)(void *self, const struct smtp_request *request, struct error *err);
    bool (*smtp_collect)(void *self, struct smtp_result *out);
};

/* The real ones. `real` is borrowed and outlives the result; its smtp may be NULL when no endpoint
 * is SMTP. */
struct transports_real {
    struct http *http;
    struct smtp *smtp;
};
struct transports transports_of(struct transports_real *real);

struct calls_options {
    /* Takes one token of the endpoint's rate limit: 0 = taken, else how long to wait before asking
     * again, also when the store is away. Asked only for endpoints with a rate. NULL = no limit. */
    int64_t (*take_token)(void *self, const struct endpoint *endpoint, int64_t mono_ms);
    void *take_token_self;
    struct str user_agent;      /* "waybill/0.1.0" */
    int64_t session_timeout_ms; /* the consumer group's: policy query waits for it */
    int64_t orphan_keep_ms;     /* how long calls of lost tasks are remembered */
    size_t bytes_max;           /* of all intents held */
    uint64_t seed;              /* for the jitter */
};

/* Endpoints, transports and what options point to are borrowed and outlive the calls. NULL = no
 * memory. */
struct calls *calls_new(const struct endpoints *endpoints, const struct transports *transports,
                        const struct calls_options *options);

/* Close the transports first: what is under way belongs to these calls. */
void calls_free(struct calls *calls);

enum calls_origin {
    CALLS_FRESH,   /* this owner has just committed it for the first time */
    CALLS_RESTORED /* read from the store: an earlier owner may have called */
};

enum offer_result {
    CALLS_TAKEN, /* copied; also when it was held already */
    CALLS_FULL   /* the endpoint's queue or the memory is full: leave it in the store, offer it
                    again with the same origin when calls_room says so, and before that no later
                    intent of its key */
};

/* id: of the worker's choice; no other intent of the service has it (its field in the store).
 * epoch: a number that changes whenever the task was away from this process.
 * A call that was dropped is found again by its id: one that still runs, or whose outcome is known,
 * goes on as it was. An intent whose endpoint is not in the settings is held back as if its
 * endpoint were off. One that is PARKED is a person's: it is taken as held by nobody. */
enum offer_result calls_offer(struct calls *calls, struct str id, const struct task_intent *intent,
                              int32_t task, uint64_t epoch, enum calls_origin origin);

/* Stops an endpoint, or starts it again; true if that changed anything. While it is stopped no call
 * of it starts and its clock stands still: nothing gives up. What runs comes to its end, and what
 * expires meanwhile is told as not sent. Started again, each has its full time to give up. One that
 * the settings switch off stays off. */
bool calls_stop(struct calls *calls, struct str endpoint, bool stopped);

/* How many more intents of this endpoint would be taken. */
size_t calls_room(const struct calls *calls, struct str endpoint);

bool calls_holds(const struct calls *calls, struct str id);

/* Whether something of it may have been sent, so that it cannot be withdrawn any more. Stays so
 * until the next calls_tick. False for what is not held. */
bool calls_has_started(const struct calls *calls, struct str id);

/* Drops it, without a reply. Only what has not started; not held: nothing happens. */
void calls_withdraw(struct calls *calls, struct str id);

/* The intents that wait for their `started` to be committed. Begin with *cursor = 0; false behind
 * the last one. They come again until calls_started_committed, so one may ask in every batch.
 * Borrowed until the call is forgotten, withdrawn or dropped. */
struct calls_mark {
    struct str id;
    int32_t task;
    const struct task_intent *intent;
};
bool calls_next_mark(const struct calls *calls, size_t *cursor, struct calls_mark *out) MUST_CHECK;

/* It may be sent from the next tick on. Not held (any more): nothing happens. */
void calls_started_committed(struct calls *calls, struct str id);

enum calls_sending {
    CALLS_SEND_NOTHING, /* the last contact with the group is too old */
    CALLS_SEND_ALL,
    CALLS_SEND_MARKED /* only what is committed as started: the worker is draining */
};

/* Collects what the transports finished, then starts what may start.
 * Returns the mono_ms at which the next tick is due, INT64_MAX = none. */
int64_t calls_tick(struct calls *calls, int64_t now_ms, int64_t mono_ms,
                   enum calls_sending sending);

/* A call that has come to its end, and how. All of it is borrowed until calls_forget. */
struct calls_reply {
    struct str id;
    int32_t task;
    const struct task_intent *intent;
    struct call_reply reply;
};

/* Each finished call once, oldest first; NULL = none left. */
struct calls_reply *calls_next_reply(struct calls *calls);

/* The batch that took the reply has committed. Not held: nothing happens. */
void calls_forget(struct calls *calls, struct str id);

/* The batch that took replies was thrown away: all that were not forgotten are told again. */
void calls_rewind(struct calls *calls);

/* The task is gone, or about to be read anew. Nothing of it starts any more and no reply of it
 * comes, until its intents are offered again. What runs, and what is known, is remembered for
 * orphan_keep_ms. */
void calls_drop_task(struct calls *calls, int32_t task);

/* Calls that are on their way now, those of dropped tasks included: a drain waits for 0. */
size_t calls_running(const struct calls *calls);

enum { LATENCY_BUCKETS = 12 };
extern const int64_t latency_bucket_ms[LATENCY_BUCKETS]; /* upper bounds; above the last: +Inf */

/* One endpoint's numbers since the start. */
struct endpoint_stats {
    struct str name; /* "?" = the endpoints that the settings do not have */
    uint64_t attempts, retries, lookups;
    uint64_t ok, refused, unknown, not_sent, parked; /* ends; parked ones are not in unknown */
    uint64_t credentials_refused; /* 401, 403, 407, a redirect, SMTP 530 or 535: our settings are
                                     wrong. Worth a loud log when it grows */
    uint64_t latency_count[LATENCY_BUCKETS + 1]; /* of attempts; each bucket by itself */
    uint64_t latency_sum_ms;
    size_t waiting, in_flight;
    enum breaker_state breaker;
    bool off;                            /* by the settings, or stopped */
    bool stopped;                        /* calls_stop */
    char refusal[HTTP_DETAIL_BYTES_MAX]; /* the last one of our credentials */
    char trouble[HTTP_DETAIL_BYTES_MAX]; /* the last attempt that brought neither yes nor no; of "?"
                                            the last endpoint that was not there */
};

/* The i-th endpoint's, in the order of the settings, "?" last; false behind it. */
bool calls_stats(const struct calls *calls, size_t i, int64_t mono_ms,
                 struct endpoint_stats *out) MUST_CHECK;

#endif
