/* Calls: policy query asks whether it happened, and when it does. */
/* links: waybill_worker */
#include "calls_kit.h"

#define a_query(...)                                                                               \
    an_intent(.endpoint = STR("query"), .lookup_path = STR("/orders?ref=a"), __VA_ARGS__)

static void test_query_asks_after_the_other_side_must_have_finished(void)
{
    begin_default();
    offer("a", a_query(.content_type = STR("application/json")));
    tick();
    commit_marks();
    answer_end(0, HTTP_UNKNOWN);
    pass(5000 + SESSION_MS - 20);
    EXPECT_SENT(1);
    pass(40);
    EXPECT_SENT(2);
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "GET");
    CU_ASSERT_STRING_EQUAL(world.sent[1].url, "https://acme.example/v1/orders?ref=a");
    CU_ASSERT_STRING_EQUAL(world.sent[1].headers, "User-Agent: waybill/test\n");
    CU_ASSERT_STRING_EQUAL(world.sent[1].body, "");
    answer(1, (struct http_result){
                  .end = HTTP_ANSWERED, .status = 200, .body = strdup("{}"), .body_len = 2});
    const struct call_reply *reply = expect_reply("a", OUTCOME_OK);
    CU_ASSERT(str_equal(reply->body, STR("{}")));
    CU_ASSERT_EQUAL(reply->attempts, 1);
    CU_ASSERT_EQUAL(stats(2)->lookups, 1);
}

static void test_query_sends_again_when_it_did_not_happen(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    answer_status(0, 502);
    pass(5000 + SESSION_MS + 20);
    answer_status(1, 404);
    pass(210);
    EXPECT_SENT(3);
    CU_ASSERT_STRING_EQUAL(world.sent[2].method, "POST");
    CU_ASSERT_STRING_EQUAL(world.sent[2].headers, world.sent[0].headers);
    answer_status(2, 201);
    expect_reply("a", OUTCOME_OK);
}

static void test_query_keeps_asking_and_never_sends_while_nobody_knows(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = world.now_ms + 1000));
    tick();
    commit_marks();
    answer_end(0, HTTP_UNKNOWN);
    int64_t took_ms = until_reply(HTTP_ANSWERED, 500, 100000);
    CU_ASSERT(took_ms >= 60000 && took_ms < 62000);
    for (size_t i = 1; i < world.sent_count; i++)
        CU_ASSERT_STRING_EQUAL(world.sent[i].method, "GET");
    CU_ASSERT(world.sent_count > 20);
    CU_ASSERT_FALSE(expect_reply("a", OUTCOME_UNKNOWN)->parked);
}

static void test_query_tells_not_sent_when_it_did_not_happen_and_has_expired(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = world.now_ms + 1000));
    tick();
    commit_marks();
    answer_end(0, HTTP_UNKNOWN);
    pass(5000 + SESSION_MS + 20);
    answer_status(1, 404);
    pass(500);
    EXPECT_SENT(2);
    expect_reply("a", OUTCOME_NOT_SENT);
}

static void test_query_asks_first_when_an_earlier_owner_started(void)
{
    begin_default();
    offer_from("a", a_query(.status = INTENT_STATUS_STARTED), EPOCH, CALLS_RESTORED);
    pass(5000 + SESSION_MS);
    EXPECT_SENT(0);
    pass(20);
    EXPECT_SENT(1);
    CU_ASSERT_STRING_EQUAL(world.sent[0].method, "GET");
    answer_status(0, 200);
    expect_reply("a", OUTCOME_OK);
}

static void test_query_parks_when_the_intent_has_nothing_to_ask_with(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("query")));
    tick();
    commit_marks();
    answer_end(0, HTTP_UNKNOWN);
    CU_ASSERT(expect_reply("a", OUTCOME_UNKNOWN)->parked);
}

static void test_query_has_its_whole_time_for_asking_when_sending_took_long(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    pass(59000);
    answer_end(0, HTTP_UNKNOWN);
    pass(5000 + SESSION_MS + 20);
    EXPECT_SENT(2);
    EXPECT_NO_REPLY();
}

static void test_query_asks_when_another_owner_may_have_sent_what_we_did_not(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    answer_end(0, HTTP_NOT_SENT);
    calls_drop_task(world.calls, TASK);
    offer_from("a", a_query(.status = INTENT_STATUS_STARTED), EPOCH + 1, CALLS_RESTORED);
    pass(5000 + SESSION_MS + 20);
    EXPECT_SENT(2);
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "GET");
}

/* While it runs, the task was away: that this attempt came to nothing does not say that no other
 * one did. */
static void test_query_asks_when_another_owner_may_have_sent_while_ours_was_under_way(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    calls_drop_task(world.calls, TASK);
    offer_from("a", a_query(.status = INTENT_STATUS_STARTED), EPOCH + 1, CALLS_RESTORED);
    answer_end(0, HTTP_NOT_SENT);
    pass(5000 + SESSION_MS + 120);
    EXPECT_SENT(2);
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "GET");
}

/* The task was with another owner meanwhile, who may have sent it again and been told yes. */
static void test_query_asks_when_we_were_refused_and_another_owner_may_not_have_been(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    calls_drop_task(world.calls, TASK);
    answer_status(0, 422);
    offer_from("a", a_query(.status = INTENT_STATUS_STARTED), EPOCH + 1, CALLS_RESTORED);
    EXPECT_NO_REPLY();
    pass(5000 + SESSION_MS + 20);
    EXPECT_SENT(2);
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "GET");
    answer_status(1, 200);
    expect_reply("a", OUTCOME_OK);
}

static void expect_asked_after(int32_t status)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    tick();
    commit_marks();
    calls_drop_task(world.calls, TASK);
    offer_from("a", a_query(.status = INTENT_STATUS_STARTED), EPOCH + 1, CALLS_RESTORED);
    answer_status(0, status);
    EXPECT_NO_REPLY();
    pass(5000 + SESSION_MS + 120);
    EXPECT_SENT(2);
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "GET");
    answer_status(1, 404);
    pass(210);
    EXPECT_SENT(3);
    CU_ASSERT_STRING_EQUAL(world.sent[2].method, "POST");
    answer_status(2, 422); /* now it is our own answer to our own call */
    expect_reply("a", OUTCOME_REFUSED);
}

static void test_query_asks_when_it_is_refused_after_its_task_was_away(void)
{
    expect_asked_after(422);
}

static void test_query_asks_when_it_is_turned_away_after_its_task_was_away(void)
{
    expect_asked_after(429);
}

static void test_call_that_is_due_soon_goes_when_another_one_is_due_late(void)
{
    begin_default();
    offer("a", a_query(.expires_at_ms = 0));
    offer("b", a_query(.key = STR("k2")));
    tick();
    commit_marks();
    answer_end(0, HTTP_NOT_SENT);
    answer_end(1, HTTP_UNKNOWN);
    pass(110);
    EXPECT_SENT(3);
}
