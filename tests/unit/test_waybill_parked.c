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
