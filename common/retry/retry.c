#include "retry/retry.h"

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
static uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t backoff_wait_ms(const struct backoff *backoff, int32_t attempt, uint64_t *seed)
{
    int64_t bound = backoff->base_ms;
    for (int32_t i = 1; i < attempt && bound < backoff->max_ms; i++)
        bound = bound > INT64_MAX / 2 ? INT64_MAX : bound * 2;
    if (bound > backoff->max_ms)
        bound = backoff->max_ms;
    return (int64_t)(random_next(seed) % ((uint64_t)bound + 1));
}

enum breaker_state breaker_state_at(const struct breaker *breaker, int64_t now_ms)
{
    if (breaker->state == BREAKER_OPEN && now_ms >= breaker->open_until_ms)
        return BREAKER_HALF_OPEN;
    return breaker->state;
}

bool breaker_allows(const struct breaker *breaker, int64_t now_ms)
{
    enum breaker_state state = breaker_state_at(breaker, now_ms);
    return state == BREAKER_CLOSED || (state == BREAKER_HALF_OPEN && !breaker->probing);
}

void breaker_started(struct breaker *breaker, int64_t now_ms)
{
    breaker->state = breaker_state_at(breaker, now_ms);
    breaker->probing = breaker->state == BREAKER_HALF_OPEN;
}

void breaker_succeeded(struct breaker *breaker)
{
    *breaker = (struct breaker){.state = BREAKER_CLOSED};
}

static void open_it(struct breaker *breaker, const struct breaker_limits *limits, int64_t now_ms)
{
    *breaker = (struct breaker){.state = BREAKER_OPEN, .open_until_ms = now_ms + limits->open_ms};
}

void breaker_failed(struct breaker *breaker, const struct breaker_limits *limits, int64_t now_ms)
{
    if (limits->failures <= 0 || breaker->state == BREAKER_OPEN)
        return; /* open: a straggler from before tells nothing new */
    if (breaker->state == BREAKER_HALF_OPEN) {
        open_it(breaker, limits, now_ms);
        return;
    }
    if (breaker->failures == 0 || now_ms - breaker->window_start_ms > limits->window_ms) {
        breaker->failures = 0;
        breaker->window_start_ms = now_ms;
    }
    if (++breaker->failures >= limits->failures)
        open_it(breaker, limits, now_ms);
}

void breaker_released(struct breaker *breaker)
{
    breaker->probing = false;
}
