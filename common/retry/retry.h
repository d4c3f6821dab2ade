/* When to try again: backoff with jitter, and a circuit breaker. Pure: time and randomness are
 * passed in. */
#ifndef WAYBILL_RETRY_RETRY_H
#define WAYBILL_RETRY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int64_t base_ms; /* upper bound of the first wait; > 0 */
    int64_t max_ms;  /* upper bound of every wait; >= base_ms */
};

/* How long to wait after the attempt-th failure (1 = the first): uniform between 0 and
 * min(max_ms, base_ms * 2^(attempt-1)), both included ("full jitter"). *seed is any number; it is
 * moved on. */
int64_t backoff_wait_ms(const struct backoff *backoff, int32_t attempt, uint64_t *seed);

enum breaker_state {
    BREAKER_CLOSED,   /* all is well: calls go */
    BREAKER_OPEN,     /* too many failures: nothing goes before open_until_ms */
    BREAKER_HALF_OPEN /* one call goes and tells whether all is well again */
};

struct breaker_limits {
    int32_t failures;  /* this many failures within window_ms open it; 0 = it never opens */
    int64_t window_ms; /* counted from the first failure; a success starts anew */
    int64_t open_ms;
};

/* Zeroed = closed. */
struct breaker {
    enum breaker_state state;
    int32_t failures;
    int64_t window_start_ms;
    int64_t open_until_ms;
    bool probing; /* half open: the one call is on its way */
};

/* Whether a call may go now. Changes nothing. */
bool breaker_allows(const struct breaker *breaker, int64_t now_ms);

/* A call that breaker_allows let through goes. Each is followed by exactly one of succeeded,
 * failed, released. */
void breaker_started(struct breaker *breaker, int64_t now_ms);
void breaker_succeeded(struct breaker *breaker);
void breaker_failed(struct breaker *breaker, const struct breaker_limits *limits, int64_t now_ms);
/* It did not go after all, or its end says nothing about the other side. */
void breaker_released(struct breaker *breaker);

/* For metrics and logs; an open breaker whose time is over shows as half open. */
enum breaker_state breaker_state_at(const struct breaker *breaker, int64_t now_ms);

#endif
