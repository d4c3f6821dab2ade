/* What a person sends to one service: dead letters put back, events decided again. */
/* links: fake_world */
#include "sim/person.h"

#include "topics/operator.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

enum { OPERATOR_INPUT = 2 };

/* The ce_id of the i-th event said. */
static const char *said_id(size_t i)
{
    static char id[100];
    struct fake_record records[RECORDS_MAX];
    size_t count = fake_world_read(world, "orders", records, RECORDS_MAX);
    CU_ASSERT_FATAL(i < count);
    struct str text = event_header_find(records[i].headers, records[i].header_count, "ce_id");
    snprintf(id, sizeof(id), "%.*s", STR_ARG(text));
    return id;
}

static void test_a_requeued_event_is_decided_once_however_often_it_is_sent(void)
{
    begin();
    cfg.event_bytes_max = 5;
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "oversize"));
    cfg.event_bytes_max = 100000;
    pay("a", PLAIN, "2");
    settle();
    person_sends("requeue", "a", PLAIN, "1", NULL, false);
    person_sends("requeue", "a", PLAIN, "1", NULL, false);
    settle();
    person_sends("requeue", "a", PLAIN, "1", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_a_requeued_event_is_the_event_it_was(void)
{
    char first[100];
    begin();
    pay("a", PLAIN, "1");
    settle();
    snprintf(first, sizeof(first), "%s", said_id(0));
    finish();
    begin();
    person_sends("requeue", "a", PLAIN, "1", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said_id(0), first);
    /* the shop sends it once more: known */
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_an_event_that_came_again_by_itself_is_not_decided_once_more_when_requeued(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    person_sends("requeue", "a", PLAIN, "1", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_an_event_sent_as_another_one_is_decided_again_and_each_such_time_once(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    for (int i = 0; i < 2; i++) {
        person_sends("replay", "a", PLAIN, "1", "monday", false);
        settle();
    }
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    person_sends("replay", "a", PLAIN, "1", "tuesday", false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3");
    char first[100];
    snprintf(first, sizeof(first), "%s", said_id(0));
    CU_ASSERT_STRING_NOT_EQUAL(said_id(1), first);
    finish();
}

static void test_what_fails_again_is_a_dead_letter_that_names_its_forebear(void)
{
    begin();
    person_sends("requeue", "a", SET_ASIDE_AFTER_EMITTING, "1", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "this one is refused");
    struct fake_record letter;
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "probe.dlq", &letter, 1), 1);
    CU_ASSERT_TRUE(
        str_equal(event_header_find(letter.headers, letter.header_count, OPERATOR_ID_HEADER),
                  STR("probe.dlq/0/7")));
    CU_ASSERT_TRUE(
        str_equal(event_header_find(letter.headers, letter.header_count, "waybill_error_topic"),
                  STR("probe.operator")));
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    finish();
}

static void test_what_no_rule_wants_is_told_when_a_person_put_it_back(void)
{
    struct buffer buffer;
    struct cancel_submitted body = {.order_id = STR("a")};
    struct event_header what = {STR(OPERATOR_WHAT_HEADER), STR("requeue")};
    begin();
    struct str value = framed(&cancel_submitted, &body, &buffer);
    fake_world_write(world, "probe.operator", home_of("a"), "a", value, &what, 1);
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "this service has no rule for such an event");
    what.value = STR("replay");
    fake_world_write(world, "probe.operator", home_of("a"), "a", value, &what, 1);
    settle();
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    buffer_done(&buffer);
    finish();
}

static void test_what_just_fitted_with_its_headers_still_fits_with_the_tools(void)
{
    enum { OWN = 200 };
    static struct event_header headers[OWN + 6];
    begin();
    for (int i = 0; i < OWN; i++)
        headers[i] = (struct event_header){STR("shop"), STR("x")};
    headers[0] = (struct event_header){STR("ce_id"), STR("1")};
    pay_with("a", home_of("a"), PLAIN, headers, OWN + 1); /* one too many */
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "oversize: more than 200 headers");
    for (int i = OWN; i < OWN + 6; i++)
        headers[i] = (struct event_header){STR(OPERATOR_BY_HEADER), STR("ann")};
    struct buffer buffer;
    const struct payment_captured paid = {.order_id = STR("a"), .currency = STR("INR")};
    fake_world_write(world, "probe.operator", home_of("a"), "a",
                     framed(&payment_captured, &paid, &buffer), headers, OWN + 6);
    buffer_done(&buffer);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_a_requeued_event_survives_a_crash_and_an_emptied_store_once(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_next_commit(world, FAKE_ANSWER_LOST);
    person_sends("requeue", "a", PLAIN, "2", NULL, false);
    turn(3);
    fake_world_store_wipe(world);
    crash();
    settle();
    person_sends("requeue", "a", PLAIN, "2", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

/* Before there was such an input. */
static const char *const earlier_inputs[] = {"inbound.orders", "orders", NULL};
static struct service earlier;

static void go_back_to_the_earlier_version(void)
{
    earlier = probe;
    earlier.inputs = earlier_inputs;
    fake_world_hide_input(world, OPERATOR_INPUT, true);
    crash_into(&earlier);
}

static void go_on_with_this_version(void)
{
    fake_world_hide_input(world, OPERATOR_INPUT, false);
    crash_into(&probe);
}

static void test_a_service_that_ran_before_it_had_the_input_reads_it_from_its_beginning(void)
{
    begin();
    go_back_to_the_earlier_version();
    pay("a", PLAIN, "1");
    settle();
    person_sends("requeue", "a", PLAIN, "2", NULL, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    go_on_with_this_version();
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

/* DROPS_STATE leaves a key that remembers nothing, so that only the position can know. */
static void test_nothing_is_decided_again_after_a_version_that_does_not_know_the_input(void)
{
    begin();
    person_sends("requeue", "a", DROPS_STATE, "1", NULL, false);
    settle();
    go_back_to_the_earlier_version();
    pay(neighbour_of("a", 0), PLAIN, "1");
    settle();
    go_on_with_this_version();
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}
