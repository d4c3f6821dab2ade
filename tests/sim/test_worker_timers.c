/* Timers, and what time it is for a task. */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>

static void test_a_timer_fires_once_and_not_before_it_is_due(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    crash();
    fake_world_pass(world, 600000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

/* Whoever reads what it wrote by its id would miss the second. */
static void test_a_timer_set_late_for_a_time_at_which_it_has_fired_is_another_event(void)
{
    struct fake_record records[RECORDS_MAX];
    begin();
    pay("a", SETS_TIMER_AT_70_S, "1");
    settle();
    fake_world_pass(world, 120000);
    settle();
    pay("a", SETS_TIMER_AT_70_S, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101, paid 102, rang 202");
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", records, RECORDS_MAX), 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_FALSE(
                str_equal(event_header_find(records[i].headers, records[i].header_count, "ce_id"),
                          event_header_find(records[k].headers, records[k].header_count, "ce_id")));
    finish();
}

/* They are late, since Kafka was away; the rule says again, before they fire, what stands already.
 */
static void test_late_timers_that_are_set_again_keep_their_order(void)
{
    begin();
    pay("a", SETS_BOTH_AT_70_S, "1");
    settle();
    crash();
    fake_world_pass(world, 120000);
    pay("a", SETS_BOTH_AT_70_S, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, chimed 12, rang 112");
    finish();
}

static void test_a_timer_survives_a_crash_and_an_emptied_store(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    fake_world_store_wipe(world);
    crash();
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

static void test_a_dropped_state_is_forgotten_with_its_timers(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_pass(world, 120000);
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 1");
    finish();
}

static void test_two_timers_of_a_key_fire_each_when_it_is_due(void)
{
    begin();
    pay("a", SETS_TWO_TIMERS, "1");
    settle();
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101, chimed 111");
    finish();
}

static void pay_dated(const char *key, enum amount amount, const char *id, const char *time)
{
    struct event_header headers[] = {{STR("ce_id"), str_from(id)},
                                     {STR("ce_time"), str_from(time)}};
    pay_with(key, home_of(key), amount, headers, 2);
}

/* The world begins at 2023-11-14T22:13:20Z. */
static void test_time_does_not_run_back_for_the_next_owner(void)
{
    begin();
    pay_dated("a", PLAIN, "1", "2023-11-14T22:17:20Z");
    settle();
    crash();
    pay("a", TELLS_TIME, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, at 240000");
    finish();
}

static void test_an_event_dated_in_the_future_moves_time_on_by_future_max_at_most(void)
{
    begin();
    settle();
    pay_dated("a", PLAIN, "1", "2023-11-14T23:13:20Z"); /* read 12 s after the beginning */
    settle();
    crash();
    pay("a", TELLS_TIME, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, at 312000");
    finish();
}

static void test_a_timer_of_a_batch_whose_answer_was_lost_fires(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_ANSWER_LOST);
    pay("a", SETS_TIMER, "1");
    settle();
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

static void test_timers_wait_a_little_after_a_take_over_for_what_is_on_its_way(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    crash();
    fake_world_pass(world, 60000);
    turn(3);
    pay("a", DROPS_STATE, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

/* After a take-over the first answer to a fetch may be long in coming: who has paid meanwhile shall
 * not be told that he has not. */
static void test_timers_wait_after_a_take_over_until_the_inputs_were_heard(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    crash();
    fake_world_pass(world, 60000);
    fake_world_lag(world, -1); /* no answer yet */
    turn(3);
    fake_world_pass(world, TIMERS_UNHEARD_MOST_MS - 1000);
    turn(3);
    fake_world_lag(world, 1); /* an answer, and a record that is not handed out yet */
    turn(1);
    pay("a", DROPS_STATE, "2");
    fake_world_lag(world, 0);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_timers_do_not_wait_for_ever_for_inputs_that_are_not_heard(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    crash();
    fake_world_pass(world, 60000);
    fake_world_lag(world, -1);
    turn(3);
    fake_world_pass(world, TIMERS_UNHEARD_MOST_MS);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

/* A timer is due, and ten records wait that are read one by one; the last one drops the state. */
static void begin_behind_schedule(void)
{
    begin();
    pay("a", SETS_TIMER, "first");
    settle(); /* 12 s */
    fake_world_pass(world, 47000);
    turn(1); /* the last look at timers */
    fake_world_pass(world, 1500);
    worker.records_limit = cfg.records_max = 1;
    for (int i = 0; i < 9; i++)
        pay(neighbour_of("a", i), PLAIN, "1");
    pay("a", DROPS_STATE, "last");
}

static void test_timers_wait_for_what_can_be_read(void)
{
    begin_behind_schedule();
    turn(12);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_timers_do_not_wait_for_ever_for_what_can_be_read(void)
{
    begin_behind_schedule();
    turn(3);
    fake_world_pass(world, TIMERS_WAIT_MOST_MS - 1500);
    turn(10);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101, paid 102");
    finish();
}
