/* Backoff and circuit breaker, on times that the tests make up. */
/* links: waybill_retry */
#include "retry/retry.h"

#include <CUnit/CUnit.h>

static const struct backoff backoff = {.base_ms = 100, .max_ms = 1000};
static const struct breaker_limits limits = {.failures = 3, .window_ms = 1000, .open_ms = 500};

static void test_waits_stay_within_doubling_bounds_and_reach_both_ends(void)
{
    static const int64_t bounds[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (int32_t attempt = 1; attempt <= 7; attempt++) {
        int64_t bound = bounds[attempt - 1], lowest = INT64_MAX, highest = -1, sum = 0;
        uint64_t seed = 42;
        for (int i = 0; i < 20000; i++) {
            int64_t wait = backoff_wait_ms(&backoff, attempt, &seed);
            lowest = wait < lowest ? wait : lowest;
            highest = wait > highest ? wait : highest;
            sum += wait;
        }
        CU_ASSERT_EQUAL(lowest, 0);
        CU_ASSERT_EQUAL(highest, bound);
        CU_ASSERT(sum / 20000 > bound * 45 / 100 && sum / 20000 < bound * 55 / 100);
    }
}

static void test_waits_stay_bounded_when_attempts_and_limits_are_huge(void)
{
    struct backoff huge = {.base_ms = 1, .max_ms = INT64_MAX - 1};
    uint64_t seed = 0;
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT(backoff_wait_ms(&huge, INT32_MAX, &seed) >= 0);
        CU_ASSERT(backoff_wait_ms(&backoff, INT32_MAX, &seed) <= 1000);
    }
}

static void test_waits_are_the_same_when_the_seed_is(void)
{
    uint64_t one = 7, other = 7, third = 8;
    bool differs = false;
    for (int i = 0; i < 10; i++) {
        int64_t wait = backoff_wait_ms(&backoff, 5, &one);
        CU_ASSERT_EQUAL(wait, backoff_wait_ms(&backoff, 5, &other));
        differs |= wait != backoff_wait_ms(&backoff, 5, &third);
    }
    CU_ASSERT(differs);
}

static void fail_times(struct breaker *breaker, int times, int64_t now_ms)
{
    for (int i = 0; i < times; i++) {
        breaker_started(breaker, now_ms);
        breaker_failed(breaker, &limits, now_ms);
    }
}

static void test_breaker_opens_when_failures_fill_the_window(void)
{
    struct breaker breaker = {0};
    fail_times(&breaker, 2, 10);
    CU_ASSERT(breaker_allows(&breaker, 10));
    fail_times(&breaker, 1, 1010);
    CU_ASSERT_FALSE(breaker_allows(&breaker, 1010));
    CU_ASSERT_FALSE(breaker_allows(&breaker, 1509));
    CU_ASSERT(breaker_allows(&breaker, 1510));
}

static void test_breaker_stays_closed_when_failures_are_spread_or_a_success_comes_between(void)
{
    struct breaker breaker = {0};
    for (int64_t now = 0; now < 10000; now += 600)
        fail_times(&breaker, 1, now);
    CU_ASSERT(breaker_allows(&breaker, 10000));

    breaker = (struct breaker){0};
    for (int i = 0; i < 10; i++) {
        fail_times(&breaker, 2, 10);
        breaker_succeeded(&breaker);
    }
    CU_ASSERT(breaker_allows(&breaker, 10));
}

static void test_breaker_lets_one_probe_through_when_half_open(void)
{
    struct breaker breaker = {0};
    fail_times(&breaker, 3, 0);
    CU_ASSERT_EQUAL(breaker_state_at(&breaker, 499), BREAKER_OPEN);
    CU_ASSERT_EQUAL(breaker_state_at(&breaker, 500), BREAKER_HALF_OPEN);
    CU_ASSERT(breaker_allows(&breaker, 500));
    breaker_started(&breaker, 500);
    CU_ASSERT_FALSE(breaker_allows(&breaker, 500));
    CU_ASSERT_FALSE(breaker_allows(&breaker, 5000));
    breaker_succeeded(&breaker);
    CU_ASSERT(breaker_allows(&breaker, 500));
    CU_ASSERT_EQUAL(breaker.state, BREAKER_CLOSED);
}

static void test_breaker_opens_anew_when_the_probe_fails(void)
{
    struct breaker breaker = {0};
    fail_times(&breaker, 3, 0);
    breaker_started(&breaker, 600);
    breaker_failed(&breaker, &limits, 700);
    CU_ASSERT_FALSE(breaker_allows(&breaker, 1199));
    CU_ASSERT(breaker_allows(&breaker, 1200));
}

static void test_breaker_lets_another_probe_through_when_the_first_told_nothing(void)
{
    struct breaker breaker = {0};
    fail_times(&breaker, 3, 0);
    breaker_started(&breaker, 600);
    breaker_released(&breaker);
    CU_ASSERT(breaker_allows(&breaker, 600));
    CU_ASSERT_EQUAL(breaker_state_at(&breaker, 600), BREAKER_HALF_OPEN);
}

static void test_breaker_stays_open_no_longer_when_stragglers_fail(void)
{
    struct breaker breaker = {0};
    fail_times(&breaker, 3, 0);
    breaker_failed(&breaker, &limits, 400);
    CU_ASSERT(breaker_allows(&breaker, 500));
}

static void test_breaker_never_opens_when_it_has_no_limit(void)
{
    struct breaker breaker = {0};
    struct breaker_limits none = {.failures = 0, .window_ms = 1000, .open_ms = 500};
    for (int i = 0; i < 100; i++)
        breaker_failed(&breaker, &none, 5);
    CU_ASSERT(breaker_allows(&breaker, 5));
}
