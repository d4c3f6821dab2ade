/* What is said of a call whose outcome nobody knows. */
/* links: waybill_tool */
#include "events.h"
#include "waybill/parked.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;

static bool tells(const struct parked_call *call, const char *expected)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    struct str text = parked_lines(call, &arena);
    if (str_equal(text, str_from(expected)))
        return true;
    printf("\n  expected: %s\n  told:     %.*s\n", expected, STR_ARG(text));
    return false;
}

static const struct topic changelog = {.name = STR_INIT("notifier.changelog")};
static const struct topic router_changelog = {.name = STR_INIT("supplier_router.changelog")};
static const struct topic notifications = {.name = STR_INIT("notifications")};

static const struct task_intent mail = {.intent_id = STR_INIT("m1/email/1"),
                                        .key = STR_INIT("contact"),
                                        .name = STR_INIT("message_reply"),
                                        .endpoint = STR_INIT("email"),
                                        .created_at_ms = 1000};
static const struct task_intent submit = {.intent_id = STR_INIT("demo:1/2:submit:1"),
                                          .key = STR_INIT("demo:1"),
                                          .name = STR_INIT("submitted"),
                                          .endpoint = STR_INIT("north"),
                                          .created_at_ms = 1000};

static void test_tells_what_the_intent_says_when_nothing_else_is_known(void)
{
    const struct parked_call message = {.intent = {.topic = &changelog, .body = &mail}};
    CU_ASSERT_TRUE(tells(&message, "1970-01-01 00:00:01  notifier  order ?  message_reply, key "
                                   "contact  at endpoint email\n"
                                   "    no word of what happened; intent m1/email/1\n"));
    const struct parked_call order = {.intent = {.topic = &router_changelog, .body = &submit}};
    CU_ASSERT_TRUE(tells(&order, "1970-01-01 00:00:01  supplier_router  order demo:1  submit of "
                                 "demo:1/2  at endpoint north\n"
                                 "    no word of what happened; intent demo:1/2:submit:1\n"));
}

static void test_tells_order_kind_and_what_happened_from_the_orders_life(void)
{
    static const struct message_planned planned = {.message_id = STR_INIT("m1"),
                                                   .order_id = STR_INIT("demo:1"),
                                                   .kind = MESSAGE_KIND_ORDER_CONFIRMED};
    static const struct message_outcome_unknown unknown = {.message_id = STR_INIT("m1"),
                                                           .order_id = STR_INIT("demo:1"),
                                                           .kind = MESSAGE_KIND_ORDER_CONFIRMED,
                                                           .detail = STR_INIT("no answer")};
    struct decoded plan = {
        .topic = &notifications, .type = &message_planned, .body = &planned, .time_ms = 500};
    struct decoded outcome = {.topic = &notifications,
                              .type = &message_outcome_unknown,
                              .body = &unknown,
                              .time_ms = 61000};
    struct parked_call call = {.intent = {.topic = &changelog, .body = &mail}};
    parked_learn(&call, &plan);
    CU_ASSERT_TRUE(tells(&call, "1970-01-01 00:00:01  notifier  order demo:1  message: order "
                                "confirmed  at endpoint email\n"
                                "    no word of what happened; intent m1/email/1\n"));
    parked_learn(&call, &outcome);
    parked_learn(&call, &plan);
    CU_ASSERT_TRUE(tells(&call, "1970-01-01 00:01:01  notifier  order demo:1  message: order "
                                "confirmed  at endpoint email\n"
                                "    no answer; intent m1/email/1\n"));
}

static void test_learns_nothing_from_events_about_others(void)
{
    static const struct message_outcome_unknown longer = {.message_id = STR_INIT("m")};
    static const struct fulfilment_outcome_unknown other = {
        .order_id = STR_INIT("demo:1"), .fulfilment_order_id = STR_INIT("demo:1/22")};
    static const struct message_sent sent = {.message_id = STR_INIT("m1")};
    const struct decoded events[] = {
        {.topic = &notifications, .type = &message_outcome_unknown, .body = &longer},
        {.topic = &notifications, .type = &fulfilment_outcome_unknown, .body = &other},
        {.topic = &notifications, .type = &message_sent, .body = &sent},
        {.topic = &notifications, .type = NULL, .body = NULL}};
    struct parked_call calls[] = {{.intent = {.topic = &changelog, .body = &mail}},
                                  {.intent = {.topic = &router_changelog, .body = &submit}}};
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < 2; c++)
            parked_learn(&calls[c], &events[i]);
    CU_ASSERT_PTR_NULL(calls[0].story.topic);
    CU_ASSERT_PTR_NULL(calls[1].story.topic);
}

static void test_what_another_side_said_settles_a_call_and_an_earlier_word_does_not(void)
{
    static const struct task_intent cancel = {.intent_id = STR_INIT("demo:1/2:cancel:1"),
                                              .key = STR_INIT("demo:1")};
    static const struct fulfilment_accepted accepted = {
        .order_id = STR_INIT("demo:1"), .fulfilment_order_id = STR_INIT("demo:1/2")};
    static const struct fulfilment_cancel_refused refused = {
        .order_id = STR_INIT("demo:1"), .fulfilment_order_id = STR_INIT("demo:1/2")};
    const struct decoded yes = {
        .topic = &notifications, .type = &fulfilment_accepted, .body = &accepted, .time_ms = 61000};
    const struct decoded no = {
        .topic = &notifications, .type = &fulfilment_cancel_refused, .body = &refused};
    struct parked_call call = {.intent = {.topic = &router_changelog, .body = &submit}};
    struct parked_call back = {.intent = {.topic = &router_changelog, .body = &cancel}};
    parked_learn(&call, &no);
    CU_ASSERT_PTR_NULL(call.settled.topic);
    parked_learn(&call, &yes);
    parked_learn(&back, &yes);
    CU_ASSERT_PTR_NULL(back.settled.topic);
    parked_learn(&back, &no);
    CU_ASSERT_PTR_NOT_NULL(back.settled.topic);
    CU_ASSERT_TRUE(
        tells(&call, "1970-01-01 00:00:01  supplier_router  order demo:1  submit of demo:1/2  at "
                     "endpoint north\n"
                     "    no word of what happened; intent demo:1/2:submit:1\n"
                     "    settled meanwhile: fulfilment.accepted at 1970-01-01T00:01:01; resolving "
                     "it changes nothing\n"));
}

static void test_a_part_that_ships_or_the_word_on_an_earlier_call_does_not_settle_a_cancel(void)
{
    static const struct task_intent cancel = {.intent_id = STR_INIT("demo:1/2:cancel:2"),
                                              .key = STR_INIT("demo:1"),
                                              .created_at_ms = 5000};
    static const struct shipment_created shipped = {.order_id = STR_INIT("demo:1"),
                                                    .fulfilment_order_id = STR_INIT("demo:1/2")};
    static const struct fulfilment_cancel_refused refused = {
        .order_id = STR_INIT("demo:1"), .fulfilment_order_id = STR_INIT("demo:1/2")};
    const struct decoded parcel = {
        .topic = &notifications, .type = &shipment_created, .body = &shipped, .time_ms = 61000};
    struct decoded no = {.topic = &notifications,
                         .type = &fulfilment_cancel_refused,
                         .body = &refused,
                         .time_ms = 4999};
    struct parked_call ask = {.intent = {.topic = &router_changelog, .body = &submit}};
    struct parked_call back = {.intent = {.topic = &router_changelog, .body = &cancel}};
    parked_learn(&ask, &parcel);
    CU_ASSERT_PTR_NOT_NULL(ask.settled.topic);
    parked_learn(&back, &parcel);
    parked_learn(&back, &no);
    CU_ASSERT_PTR_NULL(back.settled.topic);
    no.time_ms = 5000;
    parked_learn(&back, &no);
    CU_ASSERT_PTR_NOT_NULL(back.settled.topic);
}

static bool page_has(const struct parked_call *call, bool personal, const char *text)
{
    struct buffer page;
    buffer_init(&page, 1 << 20);
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    parked_page(call, personal, &arena, &page);
    buffer_add(&page, "", 1);
    bool has = strstr(buffer_str(&page).ptr, text) != NULL;
    buffer_done(&page);
    return has;
}

static void test_the_page_shows_the_request_and_masks_who_it_is_about(void)
{
    struct task_intent intent = submit;
    intent.method = STR("POST");
    intent.path = STR("/orders");
    intent.body = STR("{\"name\":\"Asha Rao\"}");
    intent.idempotency_key = STR("demo:1/2:0");
    const struct parked_call call = {.intent = {.topic = &router_changelog, .body = &intent}};
    CU_ASSERT_TRUE(page_has(&call, false, "POST /orders"));
    CU_ASSERT_TRUE(page_has(&call, false, "demo:1/2:0"));
    CU_ASSERT_TRUE(page_has(&call, false, "Ask north: did a request with the Idempotency-Key"));
    CU_ASSERT_FALSE(page_has(&call, false, "Asha"));
    CU_ASSERT_TRUE(page_has(&call, true, "Asha Rao"));
    struct task_intent letter = mail;
    letter.mail_to = STR("asha@mail.example");
    letter.mail_from = STR("shop@mail.example");
    const struct parked_call message = {.intent = {.topic = &changelog, .body = &letter}};
    CU_ASSERT_FALSE(page_has(&message, false, "asha@mail.example"));
    CU_ASSERT_TRUE(page_has(&message, true, "asha@mail.example"));
    CU_ASSERT_TRUE(page_has(&message, false, "Message-ID that begins with\nm1/email/1"));
}
