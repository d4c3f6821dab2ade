/* A person stops an endpoint while workers run, and starts it again. */
/* links: fake_world */
#include "sim/person.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static void test_calls_of_a_stopped_endpoint_wait_and_go_when_it_starts(void)
{
    begin();
    settle();
    person_switches("probe", "there", true);
    pay("a", CALLS, "1");
    pay("a", CALLS_ELSEWHERE, "2"); /* behind it: calls of a key keep their order */
    pay("b", CALLS_ELSEWHERE, "3");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1, called 1001");
    person_switches("probe", "there", false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 3);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002, called 2002");
    finish();
}

static void test_a_stop_outlives_the_worker_and_an_emptied_store(void)
{
    begin();
    settle();
    person_switches("probe", "there", true);
    settle();
    pay("a", CALLS, "1");
    settle();
    fake_world_store_wipe(world);
    crash();
    pay("b", CALLS, "2");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    person_switches("probe", "there", false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    finish();
}

static void test_either_switch_stops_and_only_both_start(void)
{
    begin();
    settle();
    person_switches("*", "there", true);
    pay("a", CALLS, "1");
    settle();
    person_switches("probe", "there", false);
    person_switches("other", "there", false);
    person_switches("*", "elsewhere", true);
    person_switches("*", "nowhere", true);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    person_switches("*", "there", false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_what_runs_comes_to_its_end_and_nothing_follows_it(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    person_switches("probe", "there", true);
    pay("a", CALLS, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002");
    finish();
}

static void test_nothing_gives_up_because_it_was_stopped(void)
{
    begin();
    settle();
    endpoints[THERE].give_up_after_ms = 20000;
    fake_world_next_call(world, HTTP_NOT_SENT, 0);
    pay("a", CALLS, "1");
    turn(6); /* tried once */
    CU_ASSERT_EQUAL(calls_made(), 1);
    person_switches("probe", "there", true);
    for (int i = 0; i < 10; i++)
        settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    person_switches("probe", "there", false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

/* Wherever the stop finds it: what has not gone then does not go, and later it goes once. */
static void test_a_stop_catches_a_call_that_is_marked_but_has_not_gone(void)
{
    for (int turns = 0; turns < 8; turns++) {
        begin_in(POLICY_PARK);
        settle();
        pay("a", CALLS, "1");
        turn(turns);
        person_switches("probe", "there", true);
        size_t gone = calls_made();
        settle();
        CU_ASSERT_EQUAL(calls_made(), gone);
        person_switches("probe", "there", false);
        settle();
        CU_ASSERT_EQUAL(calls_made(), 1);
        CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
        finish();
    }
}
