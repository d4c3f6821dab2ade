/* Private to calls*.c: one call, the endpoint it goes to, and what holds them together. */
#ifndef WAYBILL_WORKER_CALLS_STATE_H
#define WAYBILL_WORKER_CALLS_STATE_H

#include "worker/calls.h"

#include <sys/queue.h>

enum {
    CALL_BUCKETS = 16384,
    CALL_HEADERS_MAX = 64,
    URL_BYTES_MAX = 4096,
    SWEEP_MS = 200,        /* how often all that wait are looked at for expiry */
    SUBMIT_AGAIN_MS = 100, /* when a transport's queue is full */
    RETRY_AFTER_MS_MAX = 3600 * 1000
};

enum call_phase {
    PHASE_QUEUED,  /* behind an earlier call of its key */
    PHASE_WAITING, /* first of its key: goes, or asks, when due and when its endpoint has a place */
    PHASE_MARKING, /* has a place; waits for its `started` to be committed */
    PHASE_MARKED,  /* has a place; goes at the next tick */
    PHASE_RUNNING, /* has a place; with a transport */
    PHASE_FINISHED, /* its reply waits */
    PHASE_TOLD      /* its reply was given out */
};

/* Not due before the other side has surely finished with what an earlier owner sent: made a time by
 * the first tick that sees it. */
enum { DUE_AFTER_QUIET = -1 };

struct call {
    TAILQ_ENTRY(call) entry;   /* of its phase's list, or of the orphans */
    struct call *next_by_id;   /* same bucket */
    struct call *next_in_lane; /* next later one of its key */
    struct lane *lane;         /* NULL: an orphan */
    struct target *target;
    enum call_phase phase;
    int32_t task;
    uint64_t epoch;
    bool maybe_sent; /* it may have happened */
    bool marked;     /* the store says STARTED */
    bool asks;       /* policy query: the next attempt is a lookup */
    bool doubted;    /* policy query: the task was away while this attempt ran */
    int32_t sends, lookups;
    int64_t begun_mono_ms; /* since when it is given a chance; -1 = not yet */
    int64_t due_mono_ms;
    int64_t sent_mono_ms;
    int64_t orphaned_mono_ms;
    size_t bytes; /* of this and the texts behind it */
    struct task_intent intent;
    struct calls_reply reply;
    char *answer; /* what reply.body shows; malloced */
    char detail[HTTP_DETAIL_BYTES_MAX];
};

TAILQ_HEAD(call_list, call);

/* The calls of one key, by sequence; only the first may go. */
struct lane {
    struct lane *next; /* same bucket */
    struct call *first;
};

/* An endpoint at work. */
struct target {
    const struct endpoint *endpoint;
    struct call_list waiting;
    bool stopped;   /* calls_stop */
    size_t held;    /* but for orphans */
    size_t waiters; /* in waiting */
    int32_t in_flight;
    struct breaker breaker;
    int64_t next_due_mono_ms; /* none of waiting is due before */
    int64_t paused_until_mono_ms;
    int64_t sweep_due_mono_ms;
    struct endpoint_stats stats; /* the counters */
};

struct calls {
    struct transports transports;
    struct calls_options options;
    struct endpoint missing; /* stands in for endpoints that the settings do not have */
    struct target *targets;  /* one per endpoint, and one for missing */
    size_t target_count;
    struct call *by_id[CALL_BUCKETS];
    struct lane *lanes[CALL_BUCKETS];
    struct call_list marking, marked, finished, told, orphans;
    size_t bytes, running;
    int64_t now_ms, mono_ms; /* of the last tick */
    uint64_t seed;
};

/* How an attempt ended, whatever carried it. */
enum attempt_kind {
    ATTEMPT_OK,
    ATTEMPT_REFUSED,
    ATTEMPT_NOT_SENT,    /* nothing happened: try again */
    ATTEMPT_CREDENTIALS, /* nothing happened, and our settings are wrong: try again */
    ATTEMPT_IN_PROGRESS, /* the other side is still at it: try again with the same key */
    ATTEMPT_ABSENT,      /* a lookup says that it did not happen */
    ATTEMPT_UNKNOWN
};

struct attempt {
    enum attempt_kind kind;
    bool healthy; /* the other side works; for the breaker */
    int32_t status;
    int64_t retry_after_ms; /* -1 = not said */
    char *body;             /* malloced */
    size_t body_len;
    const char *detail;
};

/* calls_attempt.c: what an answer means, and what is sent. */
struct attempt attempt_of_http(const struct call *call, const struct http_result *result);
struct attempt attempt_of_smtp(const struct smtp_result *result);
int attempt_submit(struct calls *calls, struct call *call, struct error *err) MUST_CHECK;

/* calls_run.c: what becomes of a call that is first of its key. */
static inline bool call_has_place(const struct call *call)
{
    return call->phase == PHASE_MARKING || call->phase == PHASE_MARKED ||
           call->phase == PHASE_RUNNING;
}
/* Switched off, by the settings or by a person. */
static inline bool target_is_off(const struct target *target)
{
    return target->endpoint->off || target->stopped;
}
bool call_can_ask(const struct call *call);
/* Onto the list of the phase, or of the orphans, and off it. */
void call_enter(struct calls *calls, struct call *call, enum call_phase phase);
void call_leave(struct calls *calls, struct call *call);
void call_release_place(struct call *call); /* it did not go after all */
void call_finish(struct calls *calls, struct call *call, enum outcome outcome, bool parked);

/* calls.c: an orphan that does not run. */
void call_free(struct calls *calls, struct call *call);

#endif
