/* A person decides about calls whose outcome nobody knows. */
/* links: fake_world */
#include "sim/person.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static bool is_parked(const char *key, const char *id)
{
    enum intent_status status;
    return person_finds(key, id, &status) >= 0 && status == INTENT_STATUS_PARKED;
}

/* To call-1 of "a", as it is parked now. */
static void answer(enum call_answer what, const char *event_id)
{
    enum intent_status status = INTENT_STATUS_PENDING;
    person_answers("a", "call-1", person_finds("a", "call-1", &status), what, event_id);
}

/* call-1 of "a" is parked. */
static void begin_with_a_parked_call(void)
{
    begin_in(POLICY_PARK);
    settle();
    fake_world_next_call(world, HTTP_UNKNOWN, 0);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    CU_ASSERT_TRUE(is_parked("a", "call-1"));
}

static void test_an_answer_is_the_calls_reply_and_ends_it(void)
{
    static const struct {
        enum call_answer answer;
        const char *said;
    } cases[] = {{CALL_ANSWER_OK, "paid 1, unknown 1001, called 2001"},
                 {CALL_ANSWER_REFUSED, "paid 1, unknown 1001, refused 2001"},
                 {CALL_ANSWER_NOT_SENT, "paid 1, unknown 1001, not sent 2001"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum intent_status status;
        begin_with_a_parked_call();
        answer(cases[i].answer, "answer");
        settle();
        CU_ASSERT_STRING_EQUAL(said("a"), cases[i].said);
        CU_ASSERT_EQUAL(person_finds("a", "call-1", &status), -1);
        CU_ASSERT_EQUAL(calls_made(), 1);
        CU_ASSERT_STRING_EQUAL(dead(0), "");
        finish();
    }
}

static void test_answered_twice_is_answered_once(void)
{
    begin_with_a_parked_call();
    enum intent_status status = INTENT_STATUS_PENDING;
    int64_t sequence = person_finds("a", "call-1", &status);
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "one");
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "one");
    person_answers("a", "call-1", sequence, CALL_ANSWER_REFUSED, "two");
    settle();
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "one");
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "three");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, called 2001");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "answered already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(1), "answered already"));
    CU_ASSERT_STRING_EQUAL(dead(2), "");
    finish();
}

static void test_an_answer_counts_once_whatever_happens_to_its_batch(void)
{
    static const enum fake_commit ends[] = {FAKE_REFUSES, FAKE_ANSWER_LOST, FAKE_REQUEST_LOST};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        begin_with_a_parked_call();
        fake_world_next_commit(world, ends[i]);
        answer(CALL_ANSWER_OK, "answer");
        turn(2);
        fake_world_store_wipe(world);
        crash();
        settle();
        CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, called 2001");
        CU_ASSERT_EQUAL(calls_made(), 1);
        finish();
    }
}

/* Nothing but its answer reads a parked call. */
static void test_a_parked_call_that_redis_has_damaged_is_rebuilt_for_its_answer(void)
{
    begin_with_a_parked_call();
    fake_world_store_spoil(world, "i:");
    answer(CALL_ANSWER_OK, "answer");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, called 2001");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    finish();
}

static void test_what_is_not_parked_takes_no_answer(void)
{
    begin_in(POLICY_PARK);
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    answer(CALL_ANSWER_REFUSED, "early");
    person_answers("nobody", "call-1", 1, CALL_ANSWER_OK, "who");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    char all[600];
    snprintf(all, sizeof(all), "%s", dead(0));
    snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s", dead(1));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "it is being made"));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "was never asked for"));
    CU_ASSERT_STRING_EQUAL(said("nobody"), "");
    finish();
}

static void test_a_call_made_again_has_the_same_key_and_its_outcome_is_told(void)
{
    begin_with_a_parked_call();
    answer(CALL_ANSWER_RETRY, "answer");
    settle();
    const struct fake_call *calls;
    CU_ASSERT_EQUAL_FATAL(fake_world_calls(world, &calls), 2);
    CU_ASSERT_STRING_EQUAL(calls[0].key, calls[1].key);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, called 2001");
    CU_ASSERT_FALSE(is_parked("a", "call-1"));
    finish();
}

static void test_a_call_made_again_that_never_goes_is_parked_again_and_not_told_as_not_sent(void)
{
    begin_with_a_parked_call();
    enum intent_status status = INTENT_STATUS_PENDING;
    int64_t first = person_finds("a", "call-1", &status);
    endpoints[THERE].attempts_max = 1;
    fake_world_next_call(world, HTTP_NOT_SENT, 0);
    answer(CALL_ANSWER_RETRY, "answer");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, unknown 2001");
    CU_ASSERT_TRUE(is_parked("a", "call-1"));
    /* the first parking's answer comes late */
    person_answers("a", "call-1", first, CALL_ANSWER_OK, "late");
    settle();
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "parked anew"));
    answer(CALL_ANSWER_RETRY, "again");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, unknown 2001, called 3001");
    CU_ASSERT_EQUAL(calls_made(), 3);
    finish();
}

/* Wherever the worker dies: the call goes once more at most, and what nobody knows is a person's.
 */
static void test_a_call_made_again_survives_the_worker(void)
{
    int parked = 0, told = 0;
    for (int turns = 0; turns < 8; turns++) {
        begin_with_a_parked_call();
        fake_world_hold_calls(world, true);
        answer(CALL_ANSWER_RETRY, "answer");
        turn(turns);
        size_t gone = calls_made();
        crash();
        fake_world_hold_calls(world, false);
        settle();
        if (is_parked("a", "call-1")) {
            parked++;
            CU_ASSERT_EQUAL(calls_made(), gone);
            CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, unknown 2001");
        } else {
            told++;
            CU_ASSERT_EQUAL(calls_made(), 2);
            CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, called 2001");
        }
        finish();
    }
    CU_ASSERT_TRUE(parked > 0 && told > 0);
}

/* What a person was to say has become known otherwise. */
static void test_a_parked_call_is_a_persons_no_more_when_a_rule_withdraws_it(void)
{
    begin_with_a_parked_call();
    enum intent_status status = INTENT_STATUS_PENDING;
    int64_t sequence = person_finds("a", "call-1", &status);
    pay("a", WITHDRAWS, "2");
    settle();
    CU_ASSERT_EQUAL(person_finds("a", "call-1", &status), -1);
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "one");
    settle();
    CU_ASSERT_STRING_EQUAL(
        dead(0),
        "the call was answered already, settled otherwise (a callback), or was never asked for");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, paid 1002");
    CU_ASSERT_EQUAL(calls_made(), 1);
    finish();
}

static void test_a_call_made_again_cannot_be_withdrawn_and_of_two_answers_the_first_counts(void)
{
    begin_with_a_parked_call();
    enum intent_status status = INTENT_STATUS_PENDING;
    int64_t sequence = person_finds("a", "call-1", &status);
    endpoints[THERE].in_flight_max = 0;
    person_answers("a", "call-1", sequence, CALL_ANSWER_RETRY, "one");
    person_answers("a", "call-1", sequence, CALL_ANSWER_OK, "two");
    settle();
    pay("a", WITHDRAWS, "2");
    settle();
    endpoints[THERE].in_flight_max = 10;
    settle();
    CU_ASSERT_EQUAL(calls_made(), 2);
    CU_ASSERT_STRING_EQUAL(dead(0), "the call is not parked: it is being made");
    CU_ASSERT_PTR_NOT_NULL(strstr(said("a"), "called"));
    finish();
}

static void test_a_call_made_again_that_waits_in_the_store_cannot_be_withdrawn(void)
{
    begin_with_a_parked_call();
    enum intent_status status = INTENT_STATUS_PENDING;
    int64_t sequence = person_finds("a", "call-1", &status);
    endpoints[THERE].queue_max = 1;
    fake_world_hold_calls(world, true);
    pay("b", CALLS, "b");
    settle();
    person_answers("a", "call-1", sequence, CALL_ANSWER_RETRY, "one");
    settle();
    pay("a", WITHDRAWS, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(said("a"), "called"));
    finish();
}

static void test_a_call_asked_for_without_effects_is_parked_and_not_made(void)
{
    begin(); /* whatever the endpoint's policy */
    settle();
    person_sends("replay", "a", CALLS, "1", "run", true);
    settle();
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001");
    CU_ASSERT_TRUE(is_parked("a", "call-1"));
    /* a person lets it go; it never went before, so that it may be told so */
    endpoints[THERE].attempts_max = 1;
    fake_world_next_call(world, HTTP_NOT_SENT, 0);
    answer(CALL_ANSWER_RETRY, "answer");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, not sent 2001");
    finish();
}
