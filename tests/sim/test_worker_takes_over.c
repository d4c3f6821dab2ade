/* Whatever fails, nothing is decided twice and nothing is left out: commits, stores, assignments,
 * crashes. */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static void test_goes_on_after_a_crash(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    crash();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_goes_on_after_a_rebalance(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_rebalance(world);
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_unowned_half_of_a_task_is_not_decided(void)
{
    begin();
    fake_world_hide_input(world, 1, true);
    fake_world_rebalance(world);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    fake_world_hide_input(world, 1, false);
    fake_world_rebalance(world);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_decides_again_when_the_commit_was_refused(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REFUSES);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_does_not_decide_again_when_only_the_answer_was_lost(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_ANSWER_LOST);
    pay("a", PLAIN, "1");
    settle();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_decides_again_when_the_commit_request_was_lost(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REQUEST_LOST);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_waits_while_the_store_is_away_and_goes_on(void)
{
    begin();
    settle();
    fake_world_store_away(world, 7);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_brings_up_a_store_that_lost_the_last_batch(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_remember(world);
    pay("a", PLAIN, "2");
    settle();
    fake_world_store_go_back(world);
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3");
    finish();
}

static void test_rebuilds_a_store_that_was_emptied(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_wipe(world);
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_rebuilds_from_a_compacted_changelog(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", PLAIN, id);
        pay("b", PLAIN, id);
        turn(3);
    }
    settle();
    fake_world_compact(world, "probe.changelog");
    fake_world_store_wipe(world);
    crash();
    pay("a", PLAIN, "last");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3, paid 4, paid 5, paid 6, paid 7, "
                                      "paid 8, paid 9, paid 10, paid 11");
    finish();
}

static void test_a_store_that_slept_past_the_deletions_is_emptied_and_rebuilt(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_remember(world);
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_compact(world, "probe.changelog");
    fake_world_forget_deletions(world, "probe.changelog");
    fake_world_store_go_back(world);
    fake_world_pass(world, 86400000);
    crash();
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 1");
    finish();
}

/* An event of that key that the service ignores. */
static void say_nothing_new(const char *key)
{
    struct buffer buffer;
    struct order_cancelled cancelled = {.order_id = str_from(key), .reason = STR("noise")};
    fake_world_write(world, "orders", home_of(key), key,
                     framed(&order_cancelled, &cancelled, &buffer), NULL, 0);
    buffer_done(&buffer);
}

static void test_takes_over_past_many_batches_that_only_moved_positions(void)
{
    begin();
    settle();
    for (int i = 0; i < 2300; i++) { /* more than a chunk of RESTORE_CHUNK_RECORDS */
        say_nothing_new(neighbour_of("a", 0));
        turn(1);
        fake_world_pass(world, 1100);
        turn(1);
    }
    fake_world_store_wipe(world);
    crash();
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}
