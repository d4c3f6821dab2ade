/* Calls: what answers mean, trying again, giving up, and the three policies for unknown outcomes.
 */
/* links: waybill_worker */
#include "calls_kit.h"

/* One call to an endpoint that tries once, answered like this. */
static enum outcome outcome_of(struct http_result result)
{
    set_up();
    world.endpoints[0].attempts_max = 1;
    begin();
    offer("a", an_intent());
    tick();
    answer(0, result);
    struct calls_reply *reply = calls_next_reply(world.calls);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    return reply->reply.outcome;
}

static void test_answers_mean_what_the_contract_says(void)
{
    static const struct {
        int32_t status;
        enum outcome outcome;
    } cases[] = {{200, OUTCOME_OK},       {201, OUTCOME_OK},       {202, OUTCOME_OK},
                 {204, OUTCOME_OK},       {400, OUTCOME_REFUSED},  {404, OUTCOME_REFUSED},
                 {410, OUTCOME_REFUSED},  {413, OUTCOME_REFUSED},  {422, OUTCOME_REFUSED},
                 {401, OUTCOME_NOT_SENT}, {403, OUTCOME_NOT_SENT}, {407, OUTCOME_NOT_SENT},
                 {408, OUTCOME_NOT_SENT}, {425, OUTCOME_NOT_SENT}, {429, OUTCOME_NOT_SENT},
                 {301, OUTCOME_NOT_SENT}, {307, OUTCOME_NOT_SENT}, {308, OUTCOME_NOT_SENT},
                 {302, OUTCOME_UNKNOWN},  {303, OUTCOME_UNKNOWN},  {409, OUTCOME_UNKNOWN},
                 {500, OUTCOME_UNKNOWN},  {502, OUTCOME_UNKNOWN},  {503, OUTCOME_UNKNOWN},
                 {504, OUTCOME_UNKNOWN}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(
            outcome_of((struct http_result){.end = HTTP_ANSWERED, .status = cases[i].status}),
            cases[i].outcome);
    CU_ASSERT_EQUAL(outcome_of((struct http_result){
                        .end = HTTP_ANSWERED, .status = 503, .retry_after_ms = 1000}),
                    OUTCOME_NOT_SENT);
    CU_ASSERT_EQUAL(outcome_of((struct http_result){.end = HTTP_NOT_SENT}), OUTCOME_NOT_SENT);
    CU_ASSERT_EQUAL(outcome_of((struct http_result){.end = HTTP_UNKNOWN}), OUTCOME_UNKNOWN);
    CU_ASSERT_EQUAL(outcome_of((struct http_result){.end = HTTP_UNKNOWN, .status = 201}),
                    OUTCOME_UNKNOWN);
}

static void test_mail_servers_answers_mean_what_the_contract_says(void)
{
    static const struct {
        enum smtp_end end;
        int32_t status;
        enum outcome outcome;
    } cases[] = {{SMTP_ACCEPTED, 250, OUTCOME_OK},          {SMTP_REFUSED, 550, OUTCOME_REFUSED},
                 {SMTP_CREDENTIALS, 535, OUTCOME_NOT_SENT}, {SMTP_NOT_SENT, 451, OUTCOME_NOT_SENT},
                 {SMTP_NOT_SENT, 0, OUTCOME_NOT_SENT},      {SMTP_UNKNOWN, 354, OUTCOME_UNKNOWN}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up();
        world.endpoints[3].attempts_max = 1;
        begin();
        offer("a", an_intent(.endpoint = STR("mail"), .mail_to = STR("c@example.net"),
                             .body = STR("Subject: x\r\n")));
        tick();
        EXPECT_SENT(0);
        commit_marks();
        EXPECT_SENT(1);
        CU_ASSERT_STRING_EQUAL(world.sent[0].to, "c@example.net");
        CU_ASSERT_STRING_EQUAL(world.sent[0].body, "Subject: x\r\n");
        answer_mail(0, cases[i].end, cases[i].status);
        const struct call_reply *reply = expect_reply("a", cases[i].outcome);
        CU_ASSERT_EQUAL(reply->parked, cases[i].outcome == OUTCOME_UNKNOWN);
    }
}

static void test_request_carries_our_headers_and_a_quoted_key(void)
{
    begin_default();
    struct header own[] = {{STR("x-store"), STR("7")}};
    offer("a", an_intent(.idempotency_key = STR("foo \"bar\" \\baz\n\xc3\xa9"), .headers = {own, 1},
                         .content_type = STR("application/json"), .method = STR("PUT"),
                         .traceparent = STR("00-aa-bb-01")));
    offer("fo/7:1", an_intent(.key = STR("k2"), .path = STR("?x=1")));
    tick();
    CU_ASSERT_STRING_EQUAL(world.sent[0].method, "PUT");
    CU_ASSERT_STRING_EQUAL(world.sent[0].url, "https://acme.example/v1/orders");
    CU_ASSERT_STRING_EQUAL(world.sent[0].headers,
                           "User-Agent: waybill/test\n"
                           "traceparent: 00-aa-bb-01\n"
                           "Idempotency-Key: \"foo \\\"bar\\\" \\\\baz%0A%C3%A9\"\n"
                           "Content-Type: application/json\n"
                           "x-store: 7\n");
    CU_ASSERT_STRING_EQUAL(world.sent[1].method, "POST");
    CU_ASSERT_STRING_EQUAL(world.sent[1].url, "https://acme.example/v1?x=1");
    EXPECT_HAS(world.sent[1].headers, "Idempotency-Key: \"fo/7:1\"\n");
    CU_ASSERT_EQUAL(world.sent[1].http.timeout_ms, 5000);
}

static void test_call_ends_when_it_can_never_be_sent(void)
{
    static char long_path[5000];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[0] = '/';
    static const struct header header = {STR_INIT("x"), STR_INIT("y")};
    static struct header headers[100];
    for (size_t i = 0; i < 100; i++)
        headers[i] = header;
    struct task_intent bad[] = {
        an_intent(.path = STR(".evil.example/")), an_intent(.path = STR("/a b")),
        an_intent(.path = str_from(long_path)), an_intent(.headers = {headers, 100}),
        an_intent(.idempotency_key = str_from(long_path))};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin_default();
        offer("a", bad[i]);
        tick();
        EXPECT_SENT(0);
        const struct call_reply *reply = expect_reply("a", OUTCOME_NOT_SENT);
        EXPECT_HAS(reply->detail.ptr, "cannot be sent: ");
        CU_ASSERT_EQUAL(stats(0)->in_flight, 0);
    }
}

static void test_call_goes_later_when_the_transport_is_full(void)
{
    begin_default();
    world.full = true;
    offer("a", an_intent());
    tick();
    CU_ASSERT(world.next_ms <= world.mono_ms + 100);
    world.full = false;
    pass(100);
    EXPECT_SENT(1);
    answer_status(0, 200);
    CU_ASSERT_EQUAL(expect_reply("a", OUTCOME_OK)->attempts, 1);
}

static void test_repeat_calls_again_with_the_same_key_when_the_outcome_is_unknown(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_UNKNOWN);
    EXPECT_NO_REPLY();
    pass(110);
    EXPECT_SENT(2);
    answer_status(1, 500);
    pass(210);
    EXPECT_SENT(3);
    CU_ASSERT_STRING_EQUAL(world.sent[0].headers, world.sent[2].headers);
    CU_ASSERT_STRING_EQUAL(world.sent[2].url, world.sent[0].url);
    answer_status(2, 201);
    CU_ASSERT_EQUAL(expect_reply("a", OUTCOME_OK)->attempts, 3);
    CU_ASSERT_EQUAL(stats(0)->retries, 2);
}

static void test_repeat_gives_up_after_its_time_and_tells_unknown(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    int64_t took_ms = until_reply(HTTP_UNKNOWN, 0, 70000);
    CU_ASSERT(took_ms >= 60000 && took_ms <= 61500);
    const struct call_reply *reply = expect_reply("a", OUTCOME_UNKNOWN);
    CU_ASSERT_FALSE(reply->parked);
    CU_ASSERT_EQUAL(reply->attempts, (int32_t)world.sent_count);
    EXPECT_HAS(reply->detail.ptr, "gave up: ");
    CU_ASSERT(world.sent_count > 60 && world.sent_count < 300);
}

static void test_not_sent_is_told_when_no_connection_ever_came_up(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    int64_t took_ms = until_reply(HTTP_NOT_SENT, 0, 70000);
    CU_ASSERT(took_ms >= 60000 && took_ms <= 61500);
    expect_reply("a", OUTCOME_NOT_SENT);
}

static void test_unknown_is_told_when_one_try_may_have_arrived_and_later_ones_did_not(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_UNKNOWN);
    CU_ASSERT(until_reply(HTTP_NOT_SENT, 0, 70000) > 0);
    expect_reply("a", OUTCOME_UNKNOWN);
}

static void test_unknown_is_told_when_the_other_side_stays_in_progress(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    CU_ASSERT(until_reply(HTTP_ANSWERED, 409, 70000) > 0);
    expect_reply("a", OUTCOME_UNKNOWN);
}

static void test_refused_tells_after_an_unknown_try_when_keys_are_honoured(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_UNKNOWN);
    pass(110);
    answer_status(1, 422);
    expect_reply("a", OUTCOME_REFUSED);
}

static void test_credentials_refused_are_counted_and_tried_again(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer_status(0, 401);
    EXPECT_NO_REPLY();
    CU_ASSERT_EQUAL(stats(0)->credentials_refused, 1);
    CU_ASSERT_STRING_EQUAL(stats(0)->trouble, "status 401");
    pass(110);
    answer_status(1, 409);
    CU_ASSERT_STRING_EQUAL(stats(0)->trouble, "status 409");
    CU_ASSERT_STRING_EQUAL(stats(0)->refusal, "status 401");
    pass(1000);
    answer_status(2, 200);
    expect_reply("a", OUTCOME_OK);
}

static void test_retry_after_holds_back_all_calls_of_the_endpoint(void)
{
    begin_default();
    offer("a", an_intent());
    tick();
    answer(0, (struct http_result){.end = HTTP_ANSWERED, .status = 429, .retry_after_ms = 3000});
    offer("b", an_intent(.key = STR("k2")));
    offer("c", an_intent(.key = STR("k3"), .endpoint = STR("query")));
    pass(2900);
    commit_marks();
    EXPECT_SENT(2); /* a, and c elsewhere */
    pass(200);
    EXPECT_SENT(4);
}

static void test_breaker_opens_and_lets_one_call_try(void)
{
    set_up();
    world.endpoints[0].breaker_failures = 3;
    world.endpoints[0].breaker_window_ms = 10000;
    world.endpoints[0].breaker_open_ms = 5000;
    world.endpoints[0].in_flight_max = 10;
    begin();
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        offer(id, an_intent(.key = str_from(id)));
    }
    tick();
    for (size_t i = 0; i < 3; i++)
        answer_end(i, HTTP_NOT_SENT);
    CU_ASSERT_EQUAL(stats(0)->breaker, BREAKER_OPEN);
    pass(4990);
    EXPECT_SENT(3);
    pass(20);
    EXPECT_SENT(4);
    CU_ASSERT_EQUAL(stats(0)->breaker, BREAKER_HALF_OPEN);
    pass(1000);
    EXPECT_SENT(4);
    answer_status(3, 422); /* a refusal is an answer */
    CU_ASSERT_EQUAL(stats(0)->breaker, BREAKER_CLOSED);
    pass(1000);
    EXPECT_SENT(6);
}

static void test_call_behind_an_open_breaker_gives_up_too(void)
{
    set_up();
    world.endpoints[0].breaker_failures = 1;
    world.endpoints[0].breaker_window_ms = 1000;
    world.endpoints[0].breaker_open_ms = 1000000;
    begin();
    offer("a", an_intent());
    tick();
    answer_end(0, HTTP_NOT_SENT);
    offer("b", an_intent(.key = STR("k2")));
    pass(61000);
    expect_reply("a", OUTCOME_NOT_SENT);
    CU_ASSERT_EQUAL(expect_reply("b", OUTCOME_NOT_SENT)->attempts, 0);
    EXPECT_SENT(1);
}

static void test_expired_call_is_not_sent(void)
{
    begin_default();
    offer("a", an_intent(.expires_at_ms = world.now_ms - 1));
    offer("b", an_intent(.expires_at_ms = world.now_ms, .key = STR("k2")));
    offer("c", an_intent(.expires_at_ms = world.now_ms + 50, .key = STR("k3")));
    tick();
    EXPECT_SENT(2);
    expect_reply("a", OUTCOME_NOT_SENT);
    answer_end(0, HTTP_NOT_SENT);
    answer_end(1, HTTP_UNKNOWN);
    world.now_ms += 3600000; /* a fast clock */
    pass(300);
    EXPECT_SENT(2);
    expect_reply("b", OUTCOME_NOT_SENT);
    expect_reply("c", OUTCOME_UNKNOWN);
}

static void test_marked_call_is_not_sent_when_it_expired_before_the_commit(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("park"), .expires_at_ms = world.now_ms + 100));
    tick();
    world.now_ms += 200;
    commit_marks();
    EXPECT_SENT(0);
    CU_ASSERT_FALSE(expect_reply("a", OUTCOME_NOT_SENT)->parked);
    CU_ASSERT_EQUAL(stats(1)->in_flight, 0);
}

static void test_nothing_is_sent_before_started_is_committed_when_it_must_be_known(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("park")));
    pass(1000);
    EXPECT_SENT(0);
    struct calls_mark mark;
    size_t cursor = 0;
    CU_ASSERT(calls_next_mark(world.calls, &cursor, &mark));
    CU_ASSERT(str_equal(mark.id, STR("a")));
    CU_ASSERT_EQUAL(mark.task, TASK);
    CU_ASSERT(str_equal(mark.intent->key, STR("k1")));
    CU_ASSERT_FALSE(calls_next_mark(world.calls, &cursor, &mark));
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    calls_started_committed(world.calls, STR("a"));
    EXPECT_SENT(0);
    tick();
    EXPECT_SENT(1);
    cursor = 0;
    CU_ASSERT_FALSE(calls_next_mark(world.calls, &cursor, &mark));
    answer_end(0, HTTP_NOT_SENT);
    pass(110); /* it need not be committed twice */
    EXPECT_SENT(2);
}

static void test_park_tells_parked_at_once_and_holds_up_no_later_call(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("park"), .sequence = 1));
    offer("b", an_intent(.endpoint = STR("park"), .sequence = 2));
    tick();
    commit_marks();
    answer_end(0, HTTP_UNKNOWN);
    CU_ASSERT(expect_reply("a", OUTCOME_UNKNOWN)->parked);
    CU_ASSERT_EQUAL(stats(1)->parked, 1);
    forget("a");
    commit_marks();
    EXPECT_SENT(2);
}

static void test_conflict_is_parked_when_keys_are_not_honoured(void)
{
    begin_default();
    offer("a", an_intent(.endpoint = STR("park")));
    tick();
    commit_marks();
    answer_status(0, 409);
    CU_ASSERT(expect_reply("a", OUTCOME_UNKNOWN)->parked);
}

static void test_started_intent_is_parked_without_a_call_at_take_over(void)
{
    begin_default();
    offer_from("a", an_intent(.endpoint = STR("park"), .status = INTENT_STATUS_STARTED), EPOCH,
               CALLS_RESTORED);
    offer_from(
        "m", an_intent(.endpoint = STR("mail"), .status = INTENT_STATUS_STARTED, .key = STR("k2")),
        EPOCH, CALLS_RESTORED);
    offer_from("b", an_intent(.endpoint = STR("park"), .key = STR("k3")), EPOCH, CALLS_RESTORED);
    tick();
    CU_ASSERT(expect_reply("a", OUTCOME_UNKNOWN)->parked);
    CU_ASSERT(expect_reply("m", OUTCOME_UNKNOWN)->parked);
    commit_marks();
    EXPECT_SENT(1); /* b was never sent: the store would say so */
    answer_end(0, HTTP_NOT_SENT);
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("b")));
}

/* Without `started` in the store nobody knows whether the earlier owner called. */
static void test_restored_call_never_tells_not_sent_unless_the_store_would_know(void)
{
    begin_default();
    offer_from("a", an_intent(), EPOCH, CALLS_RESTORED);
    CU_ASSERT(calls_has_started(world.calls, STR("a")));
    tick();
    EXPECT_SENT(1);
    CU_ASSERT(until_reply(HTTP_NOT_SENT, 0, 70000) > 0);
    expect_reply("a", OUTCOME_UNKNOWN);

    set_up();
    world.endpoints[0].commit_started = true;
    begin();
    offer_from("a", an_intent(), EPOCH, CALLS_RESTORED);
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    tick();
    commit_marks();
    CU_ASSERT(until_reply(HTTP_NOT_SENT, 0, 70000) > 0);
    expect_reply("a", OUTCOME_NOT_SENT);
}

/* What was asked for under settings that were changed since. */
static void test_what_was_asked_without_a_mark_may_have_happened_whatever_the_settings_say_now(void)
{
    static const char *const now[] = {"park", "query"};
    for (size_t i = 0; i < 2; i++) {
        begin_default();
        struct task_intent repeated =
            an_intent(.endpoint = str_from(now[i]), .lookup_path = STR("/orders?reference_id=a"));
        repeated.marks_first = false;
        offer_from("a", repeated, EPOCH, CALLS_RESTORED);
        CU_ASSERT(calls_has_started(world.calls, STR("a")));
        tick();
        world.mono_ms += 2 * SESSION_MS; /* a look-up waits until what was sent has ended */
        tick();
        if (i == 0) {
            EXPECT_SENT(0);
            expect_reply("a", OUTCOME_UNKNOWN);
        } else {
            EXPECT_SENT(1);
            CU_ASSERT_STRING_EQUAL(world.sent[0].method, "GET");
        }
    }
}

static void test_what_was_to_be_marked_is_marked_whatever_the_settings_say_now(void)
{
    begin_default();
    struct task_intent parks = an_intent();
    parks.marks_first = true;
    offer_from("a", parks, EPOCH, CALLS_RESTORED);
    CU_ASSERT_FALSE(calls_has_started(world.calls, STR("a")));
    tick();
    EXPECT_SENT(0);
    commit_marks();
    EXPECT_SENT(1);
}

static void test_latency_and_outcomes_are_counted(void)
{
    begin_default();
    offer("a", an_intent());
    offer("b", an_intent(.key = STR("k2")));
    tick();
    world.mono_ms += 70;
    answer_status(0, 200);
    world.mono_ms += 40000;
    answer_status(1, 422);
    CU_ASSERT_EQUAL(stats(0)->latency_count[4], 1); /* 50 < 70 <= 100 */
    CU_ASSERT_EQUAL(stats(0)->latency_count[LATENCY_BUCKETS], 1);
    CU_ASSERT_EQUAL(stats(0)->latency_sum_ms, 70 + 40070);
    CU_ASSERT_EQUAL(stats(0)->ok, 1);
    CU_ASSERT_EQUAL(stats(0)->refused, 1);
    CU_ASSERT_EQUAL(stats(0)->attempts, 2);
    calls_free(world.calls);
    world.calls = NULL;
}
