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

static void test_notices_an_emptied_store_while_nothing_happens(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    uint64_t before = counter_value(worker.meters.takeovers);
    fake_world_store_wipe(world);
    settle();
    CU_ASSERT_EQUAL(counter_value(worker.meters.takeovers) - before, PARTITIONS);
    settle();
    CU_ASSERT_EQUAL(counter_value(worker.meters.takeovers) - before, PARTITIONS);
    finish();
}

/* One value that nobody can read must not stop all of the worker's tasks: the changelog has it. */
static void test_rebuilds_a_store_whose_values_cannot_be_read(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("b", PLAIN, "1");
    settle();
    fake_world_store_spoil(world, "");
    pay("a", PLAIN, "2");
    settle();
    pay("b", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1, paid 2");
    finish();
}

/* Somebody else has put a key of another kind in its place: noticed at the next timer, and by the
 * next owner. */
static void test_rebuilds_a_store_whose_sorted_set_is_none(void)
{
    for (int anew = 0; anew < 2; anew++) {
        begin();
        pay("a", SETS_TIMER, "1");
        settle();
        fake_world_store_occupy(world);
        if (anew)
            crash();
        fake_world_pass(world, 60000);
        settle();
        CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
        finish();
    }
}

/* Redis fails over to a replica that lags in the middle of a rebuild; another task's question has
 * connected anew, so that the rebuild meets no error. */
static void test_a_chunk_that_the_store_lost_in_the_middle_of_a_rebuild_is_found_out(void)
{
    enum { KEYS = 100, MARK_AND_FIRST_CHUNK = 2 };
    begin();
    for (int i = 0; i < KEYS; i++) {
        pay(neighbour_of("a", i), FAT_STATE, "1");
        settle();
    }
    fake_world_compact(world, "probe.changelog");
    fake_world_store_wipe(world);
    crash();
    fake_world_lose_apply(world, home_of("a"), MARK_AND_FIRST_CHUNK);
    settle();
    for (int i = 0; i < KEYS; i++) {
        pay(neighbour_of("a", i), PLAIN, "2");
        settle();
        CU_ASSERT_STRING_EQUAL(said(neighbour_of("a", i)), "paid 1, paid 2");
    }
    finish();
}

static void test_a_timer_fires_when_the_store_was_emptied_while_nothing_happened(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    fake_world_store_wipe(world);
    fake_world_pass(world, 120000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
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

static void test_a_store_whose_position_was_compacted_away_is_rebuilt(void)
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
    crash();
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 1");
    finish();
}

static void test_a_store_that_slept_past_deletions_is_rebuilt(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_remember(world);
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_forget_deletions(world, "probe.changelog"); /* the position is still there */
    fake_world_store_go_back(world);
    fake_world_pass(world, cfg.changelog_retention_ms / 2);
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

static void test_waits_until_the_transaction_of_the_earlier_owner_has_ended(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_COMES_LATE);
    pay("a", PLAIN, "1");
    turn(1);
    crash();
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    fake_world_late_comes(world);
    settle();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_a_batch_that_was_read_before_a_rebalance_is_dropped(void)
{
    begin();
    settle();
    pay("a", PLAIN, "1");
    pay("a", PLAIN, "2");
    pay("a", PLAIN, "3");
    fake_world_rebalance_after(world, 2);
    settle();
    CU_ASSERT_EQUAL(counter_value(worker.meters.batches_failed), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3");
    finish();
}

static void test_a_store_that_took_a_batch_without_saying_so_is_trusted_again(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_next_apply(world, FAKE_ANSWER_LOST);
    pay("a", PLAIN, "2");
    settle();
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3");
    finish();
}

/* As if the topics had been deleted and created again, and the store put away meanwhile. */
static void begin_another_life(void)
{
    fake_world_store_remember(world);
    fake_world_store_wipe(world);
    fake_world_make_anew(world, "inbound.orders");
    fake_world_make_anew(world, "orders");
    fake_world_make_anew(world, "probe.changelog");
}

static void test_a_store_of_another_changelog_is_rebuilt(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    begin_another_life();
    crash();
    pay(neighbour_of("a", 0), PLAIN, "1"); /* its position stands where the other one did */
    settle();
    fake_world_store_go_back(world);
    crash();
    pay("a", PLAIN, "2");
    pay(neighbour_of("a", 0), PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(said(neighbour_of("a", 0)), "paid 1, paid 2");
    finish();
}

static void test_a_store_that_stands_behind_the_end_of_its_changelog_is_rebuilt(void)
{
    begin();
    for (int i = 1; i <= 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", PLAIN, id);
        settle();
    }
    begin_another_life();
    crash();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_go_back(world);
    crash();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

/* err is left alone if 10 turns are none. */
static void turn_to_the_end(struct error *err)
{
    int turns = 0;
    while (turns < 10 && loop_turn(&worker, err) == 0)
        turns++;
}

static void test_a_changed_partition_count_is_refused(void)
{
    struct error err = {0};
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_set_partitions(world, PARTITIONS + 1);
    crash();
    turn_to_the_end(&err);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "fixed at birth"));
    finish();
}

static void test_an_input_that_was_made_anew_is_refused(void)
{
    struct error err = {0};
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_make_anew(world, "inbound.orders");
    crash();
    turn_to_the_end(&err);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "made anew"));
    finish();
}

static void test_goes_on_behind_records_that_were_deleted_before_they_were_decided(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    worker_close(&worker);
    fake_world_crash(world);
    pay("a", PLAIN, "2");
    fake_world_expire(world, "inbound.orders");
    pay("a", PLAIN, "3");
    struct error err = {0};
    CU_ASSERT_EQUAL_FATAL(open_worker(&probe, &err), 0);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_positions_that_only_passed_over_records_are_written_after_a_second(void)
{
    const char *key = neighbour_of("a", 0);
    begin();
    settle();
    say_nothing_new(key);
    turn(3);
    CU_ASSERT_EQUAL(fake_world_committed(world, 1, home_of(key)), KAFKA_NO_OFFSET);
    fake_world_pass(world, 1000);
    turn(1);
    CU_ASSERT_EQUAL(fake_world_committed(world, 1, home_of(key)), 1);
    finish();
}

static void test_positions_that_only_passed_over_records_are_written_when_it_leaves(void)
{
    const char *key = neighbour_of("a", 0);
    begin();
    settle();
    say_nothing_new(key);
    turn(3);
    CU_ASSERT_EQUAL(fake_world_committed(world, 1, home_of(key)), KAFKA_NO_OFFSET);
    worker.draining = true;
    turn(1);
    CU_ASSERT_EQUAL(fake_world_committed(world, 1, home_of(key)), 1);
    finish();
}
