/* Calls: what a person does to them: stopping an endpoint, having a parked call made again. */
/* links: waybill_worker */
#include "calls_kit.h"

static void test_what_expires_while_its_endpoint_is_stopped_is_told_and_nothing_gives_up(void)
{
    begin_default();
    CU_ASSERT_TRUE(calls_stop(world.calls, STR("acme"), true));
    CU_ASSERT_FALSE(calls_stop(world.calls, STR("acme"), true));
    CU_ASSERT_FALSE(calls_stop(world.calls, STR("nowhere"), true));
    offer("late", an_intent(.expires_at_ms = world.now_ms + 1000));
    offer("patient", an_intent(.key = STR("k2")));
    for (int i = 0; i < 10; i++) {
        world.now_ms += 60000;
        world.mono_ms += 60000;
        tick();
    }
    struct calls_reply *reply = calls_next_reply(world.calls);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_TRUE(str_equal(reply->id, STR("late")));
    CU_ASSERT_EQUAL(reply->reply.outcome, OUTCOME_NOT_SENT);
    CU_ASSERT_PTR_NULL(calls_next_reply(world.calls));
    CU_ASSERT_EQUAL(world.sent_count, 0);
    struct endpoint_stats stats;
    CU_ASSERT_TRUE(calls_stats(world.calls, 0, world.mono_ms, &stats) && stats.off &&
                   stats.stopped);
    CU_ASSERT_TRUE(calls_stop(world.calls, STR("acme"), false));
    tick();
    CU_ASSERT_EQUAL(world.sent_count, 1);
}

/* Who knows no keys refuses the second call as one that is there already, perhaps. */
static void test_a_no_to_a_call_made_again_is_a_no_only_where_keys_are_honoured(void)
{
    for (int honoured = 0; honoured < 2; honoured++) {
        set_up();
        world.endpoints[1].honours_keys = honoured;
        begin();
        offer("a", an_intent(.endpoint = STR("park"), .retried = true));
        tick();
        calls_started_committed(world.calls, STR("a"));
        tick();
        answer(0, (struct http_result){.end = HTTP_ANSWERED, .status = 422});
        struct calls_reply *reply = calls_next_reply(world.calls);
        CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
        CU_ASSERT_EQUAL(reply->reply.outcome, honoured ? OUTCOME_REFUSED : OUTCOME_UNKNOWN);
        CU_ASSERT_EQUAL(reply->reply.parked, !honoured);
        CU_ASSERT_EQUAL(reply->reply.status, 422);
    }
}

static void test_what_the_settings_switch_off_stays_off_when_a_person_starts_it(void)
{
    set_up();
    world.endpoints[0].off = true;
    begin();
    offer("a", an_intent());
    calls_stop(world.calls, STR("acme"), true);
    calls_stop(world.calls, STR("acme"), false);
    tick();
    CU_ASSERT_EQUAL(world.sent_count, 0);
}

/* This worker had it under way when the task was away, where it was parked; a person has it made
 * again, and the task is back. */
static void test_a_call_made_again_goes_though_its_first_time_is_remembered_here(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("park"), .sequence = 1));
    tick();
    calls_started_committed(world.calls, STR("a"));
    tick();
    CU_ASSERT_EQUAL_FATAL(world.sent_count, 1);
    answer(0, (struct http_result){.end = HTTP_UNKNOWN});
    calls_drop_task(world.calls, TASK);
    offer_from("a", an_intent(.endpoint = STR("park"), .sequence = 2, .retried = true), EPOCH + 2,
               CALLS_RESTORED);
    tick();
    CU_ASSERT_PTR_NULL(calls_next_reply(world.calls));
    calls_started_committed(world.calls, STR("a"));
    tick();
    CU_ASSERT_EQUAL(world.sent_count, 2);
}
