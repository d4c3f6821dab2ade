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
