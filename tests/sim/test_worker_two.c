/* Two workers of one service, of which one has not heard yet that it was replaced. */
/* links: fake_world */
#include "sim/probe.h"

#include "sim/fake_state.h"

#include "metrics/metrics.h"

#include <CUnit/CUnit.h>

static struct worker other;
static struct metrics *its_metrics;

/* The other one joins, and takes the upper half of the partitions. */
static void another_joins(void)
{
    struct error err = {0};
    struct fake_process *process = fake_process_start(world, &probe, "two", 2);
    its_metrics = metrics_new();
    struct worker_parts parts = {.service = &probe,
                                 .cfg = &cfg,
                                 .ports = &process->ports,
                                 .transports = &process->transports,
                                 .metrics = its_metrics,
                                 .seed = 2};
    CU_ASSERT_EQUAL_FATAL(worker_open(&other, &parts, &err), 0);
    group_join(process);
}

static void turn_the_other(int times)
{
    struct error err = {0};
    for (int i = 0; i < times; i++)
        CU_ASSERT_EQUAL_FATAL(loop_turn(&other, &err), 0);
}

static void finish_both(void)
{
    worker_close(&other);
    metrics_free(its_metrics);
    finish();
}

static const char *key_of_the_upper_half(void)
{
    static char key[16];
    int n = 0;
    do
        snprintf(key, sizeof(key), "k%d", n++);
    while (home_of(key) < PARTITIONS / 2);
    return key;
}

static void test_what_another_owner_has_started_is_not_sent_before_we_have_heard_of_it(void)
{
    begin_in(POLICY_PARK);
    settle();
    fake_world_hold_calls(world, true);
    endpoints[THERE].in_flight_max = 0;
    const char *key = key_of_the_upper_half();
    pay(key, CALLS, "1");
    settle(); /* the intent is committed, and waits for a place */
    another_joins();
    world->processes[0].learns_ms = INT64_MAX; /* the first has not heard */
    endpoints[THERE].in_flight_max = 10;
    turn(3); /* its `started` is refused: an old generation */
    CU_ASSERT_EQUAL(calls_made(), 0);
    turn_the_other(10);
    CU_ASSERT_EQUAL(calls_made(), 1);
    fake_world_pass(world, 1000);
    turn(10); /* it takes over again, and finds `started` */
    CU_ASSERT_EQUAL(calls_made(), 1);
    finish_both();
}

/* The process is stopped, or Redis hangs, while it asks for intents that wait there. */
static void lose_touch(void *self, struct fake_process *process, enum port_call call, bool served)
{
    (void)self;
    (void)process;
    if (call == CALL_PENDING_CALLS && !served)
        fake_world_contact_age(world, cfg.session_timeout_ms);
}

static void test_nothing_is_sent_when_touch_was_lost_while_the_store_was_asked(void)
{
    begin();
    settle();
    endpoints[THERE].in_flight_max = 0;
    endpoints[THERE].queue_max = 1;
    pay("a", CALLS, "1");
    pay(neighbour_of("a", 0), CALLS, "1"); /* waits in the store */
    settle();
    world->turns.around = lose_touch;
    endpoints[THERE].in_flight_max = 10;
    fake_world_pass(world, 60000);
    fake_world_contact_age(world, 0);
    turn(1);
    CU_ASSERT_EQUAL(calls_made(), 0);
    world->turns.around = NULL;
    finish();
}

static void test_what_one_that_was_replaced_decides_does_not_count(void)
{
    begin();
    settle();
    another_joins();
    world->processes[0].learns_ms = INT64_MAX;
    const char *key = key_of_the_upper_half();
    pay(key, PLAIN, "1");
    turn(5);
    CU_ASSERT_STRING_EQUAL(said(key), "");
    turn_the_other(10);
    CU_ASSERT_STRING_EQUAL(said(key), "paid 1");
    turn(10);
    CU_ASSERT_STRING_EQUAL(said(key), "paid 1");
    finish_both();
}
