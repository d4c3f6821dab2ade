/* Calls: order per key, limits, withdrawing, replies, tasks that come and go. */
/* links: waybill_worker */
#include "calls_kit.h"

static void test_next_call_of_a_key_waits_until_the_first_is_forgotten(void)
{
    begin_default();
    offer("a", an_intent(.sequence = 1));
    offer("b", an_intent(.sequence = 2));
    tick();
    EXPECT_SENT(1);
    answer_status(0, 201);
    EXPECT_SENT(1);
    expect_reply("a", OUTCOME_OK);
    tick();
    EXPECT_SENT(1);
    forget("a");
    EXPECT_SENT(2);
    answer_status(1, 201);
    expect_reply("b", OUTCOME_OK);
    CU_ASSERT(calls_holds(world.calls, STR("b")));
    forget("b");
    CU_ASSERT_FALSE(calls_holds(world.calls, STR("b")));
}

static void test_calls_of_a_key_go_by_sequence_when_offered_in_another_order(void)
{
    begin_default();
    offer("c", an_intent(.sequence = 30, .path = STR("/c")));
    offer("a", an_intent(.sequence = 10, .path = STR("/a")));
    offer("b", an_intent(.sequence = 20, .path = STR("/b")));
    static const char *const urls[] = {"/v1/a", "/v1/b", "/v1/c"}, *const ids[] = {"a", "b", "c"};
    tick();
    for (size_t i = 0; i < 3; i++) {
        EXPECT_SENT(i + 1);
        EXPECT_HAS(world.sent[i].url, urls[i]);
        answer_status(i, 200);
        expect_reply(ids[i], OUTCOME_OK);
        forget(ids[i]);
    }
}

static void test_an_earlier_call_waits_behind_one_that_has_gone(void)
{
    begin_default();
    offer("b", an_intent(.sequence = 20));
    tick();
    offer("a", an_intent(.sequence = 10));
    tick();
    EXPECT_SENT(1);
    answer_status(0, 200);
    expect_reply("b", OUTCOME_OK);
    forget("b");
    EXPECT_SENT(2);
}

static void test_same_key_of_another_state_type_is_another_key(void)
{
    begin_default();
    offer("a", an_intent(.state_type = STR("order")));
    offer("b", an_intent(.state_type = STR("contact")));
    tick();
    EXPECT_SENT(2);
}

static void test_slow_endpoint_takes_its_places_and_blocks_no_other(void)
{
    begin_default();
    for (int i = 0; i < 10; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i);
        offer(key, an_intent(.key = str_from(key)));
    }
    tick();
    EXPECT_SENT(2);
    offer("m", an_intent(.key = STR("m"), .endpoint = STR("query")));
    tick();
    commit_marks();
    EXPECT_SENT(3);
    CU_ASSERT_EQUAL(stats(0)->in_flight, 2);
    CU_ASSERT_EQUAL(stats(0)->waiting, 8);
    answer_status(0, 200);
    EXPECT_SENT(4);
}

static void test_same_id_again_is_the_same_call(void)
{
    begin_default();
    offer("a", an_intent());
    CU_ASSERT_EQUAL(offer("a", an_intent()), CALLS_TAKEN);
    tick();
    answer_status(0, 200);
    CU_ASSERT_EQUAL(offer("a", an_intent()), CALLS_TAKEN);
    expect_reply("a", OUTCOME_OK);
    EXPECT_NO_REPLY();
    forget("a");
    EXPECT_SENT(1);
}

static void test_nothing_starts_when_sending_is_not_allowed(void)
{
    begin_default();
    offer("a", an_intent());
    CU_ASSERT_EQUAL(calls_tick(world.calls, world.now_ms, world.mono_ms, false), INT64_MAX);
    EXPECT_SENT(0);
    tick();
    EXPECT_SENT(1);
    answer_end(0, HTTP_NOT_SENT);
    for (int i = 0; i < 100; i++)
        calls_tick(world.calls, world.now_ms, world.mono_ms += 1000, false);
    EXPECT_SENT(1);
    EXPECT_NO_REPLY();
}

static void test_rate_limit_holds_calls_back_until_a_token_comes(void)
{
    set_up();
    world.endpoints[0].rate_per_s = 1;
    begin();
    world.token_wait_ms = 300;
    offer("a", an_intent());
    tick();
    EXPECT_SENT(0);
    CU_ASSERT(world.next_ms <= world.mono_ms + 300);
    world.token_wait_ms = 0;
    pass(290);
    EXPECT_SENT(0);
    pass(20);
    EXPECT_SENT(1);
    CU_ASSERT_EQUAL(world.tokens_taken, 1);
}

static void test_kill_switch_keeps_calls_pending_until_they_expire(void)
{
    set_up();
    world.endpoints[0].off = true;
    begin();
    offer("a", an_intent());
    offer("b", an_intent(.key = STR("k2"), .expires_at_ms = world.now_ms + 500000));
    pass(400000);
    EXPECT_SENT(0);
    EXPECT_NO_REPLY();
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    pass(101000);
    expect_reply("b", OUTCOME_NOT_SENT);
    EXPECT_NO_REPLY();
    CU_ASSERT(stats(0)->off);
}

static void test_calls_wait_when_the_settings_lack_their_endpoint(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("nowhere")));
    pass(100000);
    EXPECT_SENT(0);
    EXPECT_NO_REPLY();
    CU_ASSERT(str_equal(stats(4)->name, STR("?")));
    CU_ASSERT_EQUAL(stats(4)->waiting, 1);
    struct endpoint_stats none;
    CU_ASSERT_FALSE(calls_stats(world.calls, 5, 0, &none));
}

static void test_withdrawn_call_is_never_sent_when_it_has_not_started(void)
{
    begin_default();
    offer("a", an_intent(.sequence = 1));
    offer("b", an_intent(.sequence = 2));
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    calls_withdraw(world.calls, STR("a"));
    CU_ASSERT_FALSE(calls_holds(world.calls, STR("a")));
    tick();
    EXPECT_SENT(1);
    answer_status(0, 200);
    expect_reply("b", OUTCOME_OK);
    EXPECT_NO_REPLY();
}

static void test_started_call_cannot_be_withdrawn(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    CU_ASSERT(calls_has_started(world.calls, STR("a")));
    calls_withdraw(world.calls, STR("a"));
    answer_status(0, 200);
    CU_ASSERT(calls_has_started(world.calls, STR("a")));
    calls_withdraw(world.calls, STR("a"));
    expect_reply("a", OUTCOME_OK);
}

static void test_call_can_be_withdrawn_between_tries_only_if_nothing_was_sent(void)
{
    begin_default();
    offer("a", an_intent());
    offer("b", an_intent(.key = STR("k2")));
    tick();
    answer_end(0, HTTP_NOT_SENT);
    answer_end(1, HTTP_UNKNOWN);
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    CU_ASSERT(calls_has_started(world.calls, STR("b")));
}

static void test_marked_place_is_free_again_when_its_call_is_withdrawn(void)
{
    set_up();
    world.endpoints[1].in_flight_max = 1;
    begin();
    offer("a", an_intent(.endpoint = STR("park"), .key = STR("k1")));
    offer("b", an_intent(.endpoint = STR("park"), .key = STR("k2")));
    tick();
    calls_withdraw(world.calls, STR("a"));
    pass(500);
    commit_marks();
    EXPECT_SENT(1);
    answer_status(0, 200);
    expect_reply("b", OUTCOME_OK);
}

static void test_replies_come_again_when_their_batch_was_thrown_away(void)
{
    begin_default();
    offer("a", an_intent());
    offer("b", an_intent(.key = STR("k2")));
    tick();
    answer_status(0, 200);
    answer_status(1, 422);
    expect_reply("a", OUTCOME_OK);
    calls_rewind(world.calls);
    expect_reply("a", OUTCOME_OK);
    expect_reply("b", OUTCOME_REFUSED);
    EXPECT_NO_REPLY();
    forget("a");
    calls_rewind(world.calls);
    expect_reply("b", OUTCOME_REFUSED);
    EXPECT_NO_REPLY();
}

static void test_running_call_is_recognised_when_its_task_comes_back(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    calls_drop_task(world.calls, TASK);
    CU_ASSERT_FALSE(calls_holds(world.calls, STR("a")));
    CU_ASSERT_EQUAL(calls_running(world.calls), 1);
    offer_from("a", an_intent(), EPOCH + 2, CALLS_RESTORED);
    pass(1000);
    EXPECT_SENT(1);
    answer_status(0, 201);
    expect_reply("a", OUTCOME_OK);
}

static void test_outcome_is_remembered_when_it_came_while_the_task_was_away(void)
{
    begin_default();
    offer("a", an_intent());
    offer("b", an_intent(.key = STR("k2")));
    tick();
    calls_drop_task(world.calls, TASK);
    answer_status(0, 201);
    answer_end(1, HTTP_UNKNOWN);
    pass(1000);
    EXPECT_NO_REPLY();
    EXPECT_SENT(2);
    offer_from("a", an_intent(), EPOCH + 2, CALLS_RESTORED);
    offer_from("b", an_intent(.key = STR("k2")), EPOCH + 2, CALLS_RESTORED);
    expect_reply("a", OUTCOME_OK);
    CU_ASSERT(calls_has_started(world.calls, STR("b")));
    pass(1000);
    EXPECT_SENT(3);
}

static void test_not_sent_is_not_believed_when_the_task_was_away(void)
{
    set_up();
    world.endpoints[0].attempts_max = 1;
    begin();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_NOT_SENT);
    expect_reply("a", OUTCOME_NOT_SENT);
    calls_drop_task(world.calls, TASK);
    offer_from("a", an_intent(), EPOCH, CALLS_RESTORED); /* it was not away */
    expect_reply("a", OUTCOME_NOT_SENT);
    calls_drop_task(world.calls, TASK);
    offer_from("a", an_intent(), EPOCH + 1, CALLS_RESTORED);
    EXPECT_NO_REPLY();
    CU_ASSERT(calls_has_started(world.calls, STR("a")));
}

static void test_dropped_calls_neither_start_nor_hold_up_the_key_nor_stay_for_ever(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_NOT_SENT);
    calls_drop_task(world.calls, TASK);
    offer("b", an_intent(.sequence = 2));
    pass(1000);
    EXPECT_SENT(2);
    answer_status(1, 200);
    expect_reply("b", OUTCOME_OK);
    forget("b");
    pass(60000);
    offer_from("a", an_intent(), EPOCH + 1, CALLS_FRESH); /* as never seen */
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
}

static void test_marked_place_is_free_again_when_the_task_is_dropped(void)
{
    set_up();
    world.endpoints[1].in_flight_max = 1;
    begin();
    offer("a", an_intent(.endpoint = STR("park")));
    tick();
    calls_drop_task(world.calls, TASK);
    CU_ASSERT_EQUAL(stats(1)->in_flight, 0);
    struct task_intent other = an_intent(.endpoint = STR("park"), .key = STR("k2"));
    other.intent_id = STR("b");
    calls_offer(world.calls, STR("b"), &other, TASK + 1, EPOCH, CALLS_FRESH);
    tick();
    commit_marks();
    EXPECT_SENT(1);
}

static void test_full_queue_refuses_until_there_is_room(void)
{
    set_up();
    world.endpoints[0].queue_max = 2;
    begin();
    CU_ASSERT_EQUAL(calls_room(world.calls, STR("acme")), 2);
    CU_ASSERT_EQUAL(offer("a", an_intent(.key = STR("k1"))), CALLS_TAKEN);
    CU_ASSERT_EQUAL(offer("b", an_intent(.key = STR("k2"))), CALLS_TAKEN);
    CU_ASSERT_EQUAL(offer("c", an_intent(.key = STR("k3"))), CALLS_FULL);
    CU_ASSERT_EQUAL(calls_room(world.calls, STR("acme")), 0);
    CU_ASSERT_FALSE(calls_holds(world.calls, STR("c")));
    CU_ASSERT_EQUAL(offer("d", an_intent(.key = STR("k4"), .endpoint = STR("query"))), CALLS_TAKEN);
    tick();
    answer_status(0, 200);
    expect_reply("a", OUTCOME_OK);
    forget("a");
    CU_ASSERT_EQUAL(offer("c", an_intent(.key = STR("k3"))), CALLS_TAKEN);
}

static void test_memory_limit_refuses_after_dropped_calls_were_given_up(void)
{
    static const char body[60000];
    set_up();
    world.options.bytes_max = 100000;
    world.endpoints[0].in_flight_max = 0;
    begin();
    struct task_intent large = an_intent(.body = {body, sizeof(body)});
    CU_ASSERT_EQUAL(offer("a", large), CALLS_TAKEN);
    CU_ASSERT_EQUAL(offer("b", large), CALLS_FULL);
    calls_drop_task(world.calls, TASK);
    CU_ASSERT_EQUAL(offer("b", large), CALLS_TAKEN);
}

static void test_parked_intent_is_not_taken_up(void)
{
    begin_default();
    CU_ASSERT_EQUAL(
        offer_from("a", an_intent(.status = INTENT_STATUS_PARKED), EPOCH, CALLS_RESTORED),
        CALLS_TAKEN);
    CU_ASSERT_FALSE(calls_holds(world.calls, STR("a")));
}

static void test_what_was_offered_may_be_overwritten(void)
{
    begin_default();
    char key[] = "k1", id[] = "a", path[] = "/orders", name[] = "x-a", value[] = "1";
    struct header header = {STR(""), STR("")};
    header.name = str_from(name);
    header.value = str_from(value);
    offer(id, an_intent(.key = str_from(key), .path = str_from(path), .headers = {&header, 1}));
    memset(key, '#', 2), memset(id, '#', 1), memset(path, '#', 7), memset(name, '#', 3);
    memset(value, '#', 1);
    tick();
    EXPECT_HAS(world.sent[0].url, "/v1/orders");
    EXPECT_HAS(world.sent[0].headers, "x-a: 1");
    answer(0,
           (struct http_result){
               .end = HTTP_ANSWERED, .status = 201, .body = strdup("{\"id\":7}"), .body_len = 8});
    struct calls_reply *reply = calls_next_reply(world.calls);
    CU_ASSERT(str_equal(reply->intent->key, STR("k1")));
    CU_ASSERT(str_equal(reply->reply.intent_id, STR("a")));
    CU_ASSERT(str_equal(reply->reply.name, STR("submit")));
    CU_ASSERT(str_equal(reply->reply.endpoint, STR("acme")));
    CU_ASSERT(str_equal(reply->reply.body, STR("{\"id\":7}")));
    CU_ASSERT_EQUAL(reply->reply.status, 201);
    CU_ASSERT_EQUAL(reply->reply.attempts, 1);
    calls_free(world.calls);
    world.calls = NULL;
}
