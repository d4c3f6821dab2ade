/* Calls to the outside: after the commit, once or again as the endpoint allows, and told. */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static void test_a_call_is_made_only_after_its_intent_has_committed(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REQUEST_LOST);
    pay("a", CALLS, "1");
    turn(1);
    CU_ASSERT_EQUAL(calls_made(), 0);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_cut_by_a_crash_is_made_again_with_the_same_key(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    const struct fake_call *calls;
    CU_ASSERT_EQUAL_FATAL(fake_world_calls(world, &calls), 2);
    CU_ASSERT_STRING_EQUAL(calls[0].key, calls[1].key);
    CU_ASSERT_STRING_EQUAL(calls[0].key, "\"call-1\"");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_reply_is_told_again_when_the_batch_that_took_it_fails(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    fake_world_next_commit(world, FAKE_REFUSES);
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_an_endpoint_that_parks_is_never_called_twice(void)
{
    begin_in(POLICY_PARK);
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    finish();
}

static void test_a_parked_call_is_told_once_also_after_the_store_was_emptied(void)
{
    begin_in(POLICY_PARK);
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    crash();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    crash();
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    fake_world_store_wipe(world);
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    finish();
}

static void test_a_pending_call_is_found_in_the_changelog_when_the_store_was_emptied(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    fake_world_store_wipe(world);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_pending_call_is_found_in_the_changelog_when_the_store_cannot_be_read(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    fake_world_store_spoil(world, "");
    crash();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_is_withdrawn_in_the_batch_that_asked_for_it(void)
{
    begin();
    settle();
    pay("a", CALLS, "1");
    pay("a", WITHDRAWS, "2");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_a_call_on_its_way_is_not_withdrawn_and_its_reply_is_told(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", WITHDRAWS, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002");
    finish();
}

static void test_a_call_of_an_event_that_is_set_aside_is_not_made(void)
{
    begin();
    pay("a", CALLS_BUT_IS_REFUSED, "1");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "this one is refused");
    finish();
}

static void test_old_events_are_decided_but_not_carried_out(void)
{
    begin();
    cfg.effects_not_before_ms = 1000; /* records are of ms 1 */
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, not sent 1001");
    finish();
}

static void test_a_state_with_a_pending_call_is_dropped_only_after_its_reply(void)
{
    begin();
    settle();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1001");
    finish();
}

static void test_a_call_that_found_no_room_and_was_never_sent_says_so(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    endpoints[THERE].give_up_after_ms = 3000;
    settle();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    pay("b", CALLS, "2");
    settle();
    endpoints[THERE].in_flight_max = 0; /* b comes into the queue, but is never sent */
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1, not sent 1001");
    finish();
}

static void test_calls_of_a_key_keep_their_order_when_there_is_no_room(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    settle();
    fake_world_hold_calls(world, true);
    for (int i = 1; i <= 12; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", CALLS, id);
    }
    settle();
    fake_world_hold_calls(world, false);
    settle();
    settle();
    const struct fake_call *calls;
    CU_ASSERT_EQUAL_FATAL(fake_world_calls(world, &calls), 12);
    for (int i = 1; i <= 12; i++) {
        char key[32];
        snprintf(key, sizeof(key), "\"call-%d\"", i);
        CU_ASSERT_STRING_EQUAL(calls[i - 1].key, key);
    }
    finish();
}

static void test_a_drain_starts_no_call(void)
{
    begin();
    settle();
    pay("a", CALLS, "1");
    turn(1);
    worker.draining = true;
    turn(10);
    CU_ASSERT_EQUAL(calls_made(), 0);
    finish();
}

static void test_a_call_marked_as_sigterm_comes_is_not_parked_unsent(void)
{
    begin_in(POLICY_PARK);
    settle();
    pay("a", CALLS, "1");
    turn(1); /* the intent is committed */
    turn(1); /* that it has started is, too */
    worker.draining = true;
    turn(5);
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_state_that_is_kept_again_while_a_call_is_pending_stays(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", DROPS_STATE, "2");
    pay("a", PLAIN, "3");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    pay("a", PLAIN, "4");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 2, called 1002, paid 1003");
    finish();
}

static void test_a_call_that_waits_for_a_place_can_be_withdrawn(void)
{
    begin();
    endpoints[THERE].in_flight_max = 1;
    fake_world_hold_calls(world, true);
    pay("b", CALLS, "1");
    settle();
    pay("a", CALLS, "2");
    settle();
    pay("a", WITHDRAWS, "3");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1, called 1001");
    finish();
}

static void test_calls_that_wait_in_the_store_can_be_withdrawn(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    settle();
    fake_world_hold_calls(world, true);
    pay("b", CALLS, "1");
    settle();
    pay("a", CALLS, "2");
    pay("c", CALLS, "3");
    settle();
    pay("a", WITHDRAWS, "4");
    pay("c", WITHDRAWS, "5");
    pay("c", WITHDRAWS, "6");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("c"), "paid 1, paid 2, paid 3");
    pay("a", CALLS_AGAIN, "7"); /* under the same id */
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3, called 1003");
    finish();
}

static void test_a_call_that_an_earlier_owner_asked_for_is_not_withdrawn_while_it_waits(void)
{
    const char *first = neighbour_of("a", 0);
    begin();
    settle();
    fake_world_hold_calls(world, true);
    pay(first, CALLS, "1");
    settle();
    pay("a", CALLS, "2");
    settle(); /* both are on their way */
    endpoints[THERE].queue_max = 1;
    crash();
    settle();
    pay("a", WITHDRAWS, "3");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002");
    finish();
}

/* Its endpoint is called after `started` was committed: what has no such mark was not called. */
static void test_what_no_earlier_owner_can_have_called_is_withdrawn_while_it_waits(void)
{
    const char *first = neighbour_of("a", 0);
    begin_in(POLICY_PARK);
    endpoints[THERE].in_flight_max = 0;
    pay(first, CALLS, "1");
    settle();
    pay("a", CALLS, "2");
    settle(); /* neither has a place */
    endpoints[THERE].queue_max = 1;
    crash();
    settle();
    pay("a", WITHDRAWS, "3");
    settle();
    endpoints[THERE].in_flight_max = 1;
    settle();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said(first), "paid 1, called 1001");
    finish();
}

static void test_a_worker_that_is_out_of_touch_with_its_group_sends_nothing(void)
{
    begin();
    settle();
    fake_world_contact_age(world, 5000); /* half of session.timeout.ms */
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    fake_world_contact_age(world, 4999);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_nothing_of_a_task_that_is_lost_is_sent_until_it_comes_back(void)
{
    begin();
    endpoints[THERE].in_flight_max = 0;
    pay("a", CALLS, "1");
    settle();
    fake_world_hide_partition(world, home_of("a"), true);
    fake_world_rebalance(world);
    endpoints[THERE].in_flight_max = 10;
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    fake_world_hide_partition(world, home_of("a"), false);
    fake_world_rebalance(world);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_is_not_made_before_the_store_has_its_intent(void)
{
    begin();
    settle();
    fake_world_next_apply(world, FAKE_REQUEST_LOST);
    pay("a", CALLS, "1");
    turn(1);
    fake_world_store_away(world, 1);
    turn(1);
    CU_ASSERT_EQUAL(calls_made(), 0);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

/* That the calls on that path are call-1 to call-<last> in this order; one may be made again. */
static void check_order(const char *path, int last)
{
    const struct fake_call *calls;
    size_t count = fake_world_calls(world, &calls);
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        char again[32], next[32];
        if (!strstr(calls[i].path, path))
            continue;
        snprintf(again, sizeof(again), "\"call-%d\"", at);
        snprintf(next, sizeof(next), "\"call-%d\"", at + 1);
        at += strcmp(calls[i].key, next) == 0;
        CU_ASSERT(strcmp(calls[i].key, next) == 0 || strcmp(calls[i].key, again) == 0);
    }
    CU_ASSERT_EQUAL(at, last);
}

static void test_calls_that_found_no_room_keep_their_order_for_the_next_owner(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    fake_world_hold_calls(world, true);
    for (int i = 1; i <= 12; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", CALLS, id);
        pay(neighbour_of("a", 0), CALLS, id);
        turn(2);
    }
    settle();
    fake_world_store_wipe(world);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    settle();
    settle();
    check_order("/do/a", 12);
    check_order(neighbour_of("a", 0), 12);
    finish();
}

static void test_a_key_keeps_its_order_over_endpoints_when_one_has_no_room(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    fake_world_hold_calls(world, true);
    pay(neighbour_of("a", 0), CALLS, "1"); /* takes the room */
    settle();
    pay("a", CALLS, "1");
    turn(2);
    pay("a", CALLS_ELSEWHERE, "2");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    crash();
    settle();
    fake_world_hold_calls(world, false);
    settle();
    check_order("/do/a", 2);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002, called 2002");
    finish();
}

/* Nothing else happens when the endpoint has a place at last. */
static void begin_with_a_call_that_waits_for_its_mark(void)
{
    begin_in(POLICY_PARK);
    endpoints[THERE].in_flight_max = 0;
    pay("a", CALLS, "1");
    settle();
    endpoints[THERE].in_flight_max = 10;
}

static void test_that_a_call_starts_is_committed_though_nothing_else_happens(void)
{
    begin_with_a_call_that_waits_for_its_mark();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_is_not_made_when_it_is_not_committed_that_it_starts(void)
{
    begin_with_a_call_that_waits_for_its_mark();
    fake_world_next_commit(world, FAKE_REFUSES);
    turn(1);
    crash();
    CU_ASSERT_EQUAL(calls_made(), 0);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_of_which_the_store_lost_that_it_starts_is_made_by_who_knows_better(void)
{
    begin_with_a_call_that_waits_for_its_mark();
    fake_world_next_apply(world, FAKE_REQUEST_LOST);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

/* Nothing of the call holds the state back any more. */
static void check_that_the_state_can_be_dropped(const char *said_before)
{
    char expected[200];
    pay("a", DROPS_STATE, "drop");
    settle();
    pay("a", PLAIN, "anew");
    settle();
    snprintf(expected, sizeof(expected), "%s, paid 1", said_before);
    CU_ASSERT_STRING_EQUAL(said("a"), expected);
}

static void test_an_answered_call_is_not_made_again_when_the_store_shows_it_as_waiting(void)
{
    begin();
    endpoints[THERE].queue_max = 1;
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay(neighbour_of("a", 0), CALLS, "1"); /* finds no room and waits in the store */
    settle();
    fake_world_store_remember(world);
    endpoints[THERE].queue_max = 0;
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    fake_world_store_go_back(world);
    endpoints[THERE].queue_max = 10;
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    CU_ASSERT_STRING_EQUAL(said(neighbour_of("a", 0)), "paid 1, called 1001");
    finish();
}

static void test_a_call_that_is_pending_is_not_asked_for_again(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", CALLS_AGAIN, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    check_that_the_state_can_be_dropped("paid 1, paid 2, called 1002, paid 1003");
    finish();
}

static void test_a_state_goes_after_its_call_was_withdrawn(void)
{
    begin();
    pay("a", CALLS, "1");
    pay("a", WITHDRAWS, "2");
    settle();
    check_that_the_state_can_be_dropped("paid 1, paid 2, paid 3");
    CU_ASSERT_EQUAL(calls_made(), 0);
    finish();
}

static void test_a_state_goes_after_a_reply_that_was_set_aside(void)
{
    begin();
    fake_world_next_call(world, HTTP_ANSWERED, 418);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "this reply is refused");
    check_that_the_state_can_be_dropped("paid 1, paid 2");
    CU_ASSERT_EQUAL(calls_made(), 1);
    finish();
}

static void test_a_state_that_was_dropped_goes_with_the_reply_to_its_last_call(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_next_call(world, HTTP_ANSWERED, 422);
    fake_world_hold_calls(world, false);
    settle();
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, refused 1001, paid 1");
    finish();
}
