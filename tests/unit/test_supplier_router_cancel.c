/* supplier_router, cancelling: before anybody knows, while asking, after, and too late (F09). */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

static void wish(void)
{
    CU_ASSERT_EQUAL(kit_event(&kit, &order_cancel_requested, KEY,
                              &(struct order_cancel_requested){.order_id = KEY,
                                                               .reason = STR("changed my mind"),
                                                               .requested_by = STR("customer")}),
                    DONE);
}

static bool whole_order_cancelled(void)
{
    size_t last = count(&fulfilment_cancelled);
    const struct fulfilment_cancelled *told =
        last > 0 ? kit_emitted(&kit, &fulfilment_cancelled, last - 1) : NULL;
    return told && !told->fulfilment_order_id.ptr;
}

static void ship(void)
{
    static struct parcel parcel = {.carrier = STR_INIT("acme"), .tracking_number = STR_INIT("T1")};
    CU_ASSERT_EQUAL(
        kit_event(&kit, &supplier_order_shipped, KEY,
                  &(struct supplier_order_shipped){.order_id = KEY,
                                                   .fulfilment_order_id = STR("shop:1/1"),
                                                   .supplier_id = STR("north"),
                                                   .parcels = {&parcel, 1}}),
        DONE);
}

static void test_cancel_is_refused_when_the_order_is_long_forgotten(void)
{
    start();
    wish();
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_PTR_NULL(book());
    finish();
}

static void test_cancel_is_refused_when_the_parcel_has_left(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    ship();
    wish();
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 0);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

static void test_order_is_not_cancelled_when_a_part_has_left_and_the_rest_is_cancelled(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    taken("shop:1/1:submit:1");
    taken("shop:1/2:submit:1");
    struct line_quantity one = {STR("1"), STR("RED"), 1};
    struct parcel parcel = {
        .carrier = STR("acme"), .tracking_number = STR("T1"), .lines = {&one, 1}};
    kit_event(&kit, &supplier_order_shipped, KEY,
              &(struct supplier_order_shipped){.order_id = KEY,
                                               .fulfilment_order_id = STR("shop:1/1"),
                                               .supplier_id = STR("north"),
                                               .parcels = {&parcel, 1}});
    wish();
    const char *both[] = {"shop:1/1", "shop:1/2"}, *who[] = {"north", "south"};
    for (size_t i = 0; i < 2; i++)
        kit_event(&kit, &supplier_order_cancelled, KEY,
                  &(struct supplier_order_cancelled){.order_id = KEY,
                                                     .fulfilment_order_id = str_from(both[i]),
                                                     .supplier_id = str_from(who[i])});
    CU_ASSERT_FALSE(whole_order_cancelled());
    CU_ASSERT(count(&fulfilment_cancel_refused) >= 1);
    finish();
}

static void test_cancel_is_refused_when_the_supplier_says_no(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 422,
            "{\"reasons\":[{\"code\":\"other\",\"text\":\"packed\"}]}");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_cancel_refused), 1);
    const struct fulfilment_cancel_refused *told = kit_emitted(&kit, &fulfilment_cancel_refused, 0);
    CU_ASSERT(str_equal(told->reason, STR("packed")));
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 0);
    ship();
    CU_ASSERT_EQUAL(count(&shipment_created), 1);
    finish();
}

static void test_nobody_is_asked_when_the_stock_has_not_come_yet(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    wish();
    CU_ASSERT_TRUE(whole_order_cancelled());
    reserved(1, "north RED 2, north BLUE 1");
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 0);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    kit_event(&kit, &order_cancelled, KEY,
              &(struct order_cancelled){.order_id = KEY, .reason = STR("changed my mind")});
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 1);
    finish();
}

static void test_supplier_is_asked_back_when_it_may_have_the_order(void)
{
    start();
    at_north();
    wish();
    CU_ASSERT_TRUE(kit_intent_find(&kit, STR("shop:1/1:submit:1"))->withdrawn);
    const struct kit_intent *call = kit_intent_find(&kit, STR("shop:1/1:cancel:1"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    CU_ASSERT(str_equal(call->intent.path, STR("/orders/shop%3A1%2F1/cancel")));
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 0);
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 404, "{}"); /* it was withdrawn in time */
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 0);
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 2);
    CU_ASSERT_TRUE(whole_order_cancelled());
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    finish();
}

/* A supplier that says "no" instead of "not found" to what it has never seen. */
static void test_order_is_cancelled_when_the_supplier_refuses_to_cancel_what_never_left_us(void)
{
    start();
    at_north();
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 422, "{\"reasons\":[{\"code\":\"invalid\"}]}");
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 0);
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 0);
    CU_ASSERT_TRUE(whole_order_cancelled());
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    CU_ASSERT_EQUAL(count(&supplier_overdue), 0);
    finish();
}

/* It cannot be reached, neither for the order nor for its cancel: nobody has anything to cancel. */
static void test_order_is_cancelled_at_once_when_what_never_left_us_cannot_be_cancelled_either(void)
{
    static const enum outcome outcomes[] = {OUTCOME_NOT_SENT, OUTCOME_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        start();
        at_north();
        wish();
        replied("shop:1/1:cancel:1", outcomes[i], 0, "");
        CU_ASSERT_TRUE(whole_order_cancelled());
        kit_advance(&kit, 10 * DAY_MS);
        CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
        finish();
    }
}

/* Whether it has the order is still open: the same key again tells, and makes no second one. */
static void test_ask_goes_on_when_a_cancel_of_what_may_have_arrived_is_refused(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 400, "");
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 0);
    kit_advance(&kit, HOUR_MS);
    const struct kit_intent *again = kit_intent_find(&kit, STR("shop:1/1:submit:2"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT(str_equal(again->intent.idempotency_key, STR("shop:1/1:1")));
    CU_ASSERT(again->intent.body.len > 0);
    taken("shop:1/1:submit:2");
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 1);
    finish();
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 400, "");
    kit_advance(&kit, HOUR_MS);
    replied("shop:1/1:submit:2", OUTCOME_REFUSED, 422, "{}"); /* it has not, and will not */
    CU_ASSERT_TRUE(whole_order_cancelled());
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 0);
    finish();
}

static void test_parked_ask_is_not_repeated_when_its_cancel_is_refused(void)
{
    start();
    at_north();
    parked("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 400, "");
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_PTR_NULL(kit_intent_find(&kit, STR("shop:1/1:submit:2")));
    finish();
}

static bool is_withdrawn(const char *intent_id)
{
    const struct kit_intent *call = kit_intent_find(&kit, str_from(intent_id));
    return call && call->withdrawn;
}

/* Nobody has to look at a call any more of which the supplier has said by itself what became. */
static void test_parked_calls_are_withdrawn_when_a_callback_settles_them(void)
{
    start();
    at_north();
    parked("shop:1/1:submit:1");
    kit_event(&kit, &supplier_order_accepted, KEY,
              &(struct supplier_order_accepted){.order_id = KEY,
                                                .fulfilment_order_id = STR("shop:1/1"),
                                                .supplier_id = STR("north")});
    CU_ASSERT_TRUE(is_withdrawn("shop:1/1:submit:1"));
    wish();
    parked("shop:1/1:cancel:1");
    kit_event(&kit, &supplier_order_cancelled, KEY,
              &(struct supplier_order_cancelled){.order_id = KEY,
                                                 .fulfilment_order_id = STR("shop:1/1"),
                                                 .supplier_id = STR("north")});
    CU_ASSERT_TRUE(is_withdrawn("shop:1/1:cancel:1"));
    CU_ASSERT_TRUE(whole_order_cancelled());
    finish();
}

static void test_parked_ask_is_withdrawn_when_its_cancel_was_done(void)
{
    start();
    at_north();
    parked("shop:1/1:submit:1");
    wish();
    CU_ASSERT_FALSE(is_withdrawn("shop:1/1:submit:1")); /* it may still be needed */
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_TRUE(is_withdrawn("shop:1/1:submit:1"));
    finish();
}

static void test_answer_about_another_order_does_not_cancel_ours(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_OK, 201, "{\"reference_id\":\"shop:2/1\"}");
    CU_ASSERT_FALSE(whole_order_cancelled());
    kit_advance(&kit, HOUR_MS);
    replied("shop:1/1:cancel:2", OUTCOME_OK, 200, "{\"reference_id\":\"shop:1/1\"}");
    CU_ASSERT_TRUE(whole_order_cancelled());
    finish();
}

static void test_parked_cancel_is_withdrawn_when_there_is_nothing_to_cancel(void)
{
    start();
    at_north();
    wish();
    parked("shop:1/1:cancel:1");
    CU_ASSERT_TRUE(whole_order_cancelled());
    CU_ASSERT_TRUE(is_withdrawn("shop:1/1:cancel:1"));
    finish();
}

/* A person has answered: from then on it is no more a person's than before. */
static void test_ask_goes_on_when_it_was_parked_and_answered_before_its_cancel_was_refused(void)
{
    start();
    at_north();
    parked("shop:1/1:submit:1");
    replied("shop:1/1:submit:1", OUTCOME_NOT_SENT, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 400, "");
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_intent_find(&kit, STR("shop:1/1:submit:2")));
    finish();
}

/* The customer hears at once, not when somebody has looked at the cancel. */
static void test_cancel_is_refused_when_all_has_left_while_its_call_is_open(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    parked("shop:1/1:cancel:1");
    ship();
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_TRUE(is_withdrawn("shop:1/1:cancel:1"));
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    finish();
}

/* The cancel crossed the first of two parcels: the rest is not to come. */
static void test_rest_is_cancelled_when_a_part_left_before_the_cancel_came(void)
{
    static struct line_quantity one_red = {STR_INIT("1"), STR_INIT("RED"), 1};
    struct parcel parcel = {
        .carrier = STR("acme"), .tracking_number = STR("T1"), .lines = {&one_red, 1}};
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    kit_event(&kit, &supplier_order_shipped, KEY,
              &(struct supplier_order_shipped){.order_id = KEY,
                                               .fulfilment_order_id = STR("shop:1/1"),
                                               .supplier_id = STR("north"),
                                               .parcels = {&parcel, 1}});
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_CANCELLED);
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused),
                    1); /* the order as a whole: a part has left */
    CU_ASSERT_EQUAL_FATAL(count(&stock_hold_released), 2);
    const struct stock_hold_released *red = kit_emitted(&kit, &stock_hold_released, 0);
    CU_ASSERT(str_equal(red->sku, STR("RED")));
    CU_ASSERT_EQUAL(red->shipped, 1);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(count(&supplier_overdue), 0);
    finish();
}

static void test_cancel_is_repeated_until_it_is_answered(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_UNKNOWN, 0, "");
    kit_advance(&kit, MINUTE_MS);
    replied("shop:1/1:cancel:2", OUTCOME_NOT_SENT, 0, "");
    kit_advance(&kit, HOUR_MS);
    replied("shop:1/1:cancel:3", OUTCOME_OK, 200, "{}");
    CU_ASSERT_TRUE(whole_order_cancelled());
    finish();
}

static void test_submitted_is_told_when_the_cancel_shows_that_it_was_taken(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
    CU_ASSERT_TRUE(whole_order_cancelled());
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

static void test_nobody_is_asked_when_it_certainly_was_not_sent(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_NOT_SENT, 0, "");
    wish();
    CU_ASSERT_TRUE(whole_order_cancelled());
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

/* It had gone when the rule withdrew it: its reply is told all the same. */
static void had_started(const char *intent_id)
{
    for (size_t i = 0; i < kit.intent_count; i++)
        if (str_equal(kit.intents[i].intent.id, str_from(intent_id)))
            kit.intents[i].withdrawn = false;
}

static void test_cancelled_is_told_once_when_callback_and_answer_both_come(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    kit_event(&kit, &supplier_order_cancelled, KEY,
              &(struct supplier_order_cancelled){.order_id = KEY,
                                                 .fulfilment_order_id = STR("shop:1/1"),
                                                 .supplier_id = STR("north")});
    CU_ASSERT_TRUE(whole_order_cancelled());
    had_started("shop:1/1:cancel:1");
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 0);
    finish();
}

static void test_nothing_is_replaced_when_a_supplier_refuses_after_the_wish(void)
{
    start();
    at_north();
    wish();
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 0);
    kit_event(&kit, &supplier_order_rejected, KEY,
              &(struct supplier_order_rejected){.order_id = KEY,
                                                .fulfilment_order_id = STR("shop:1/1"),
                                                .supplier_id = STR("north")});
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 0);
    CU_ASSERT_TRUE(whole_order_cancelled());
    finish();
}

static void test_lines_that_look_for_a_supplier_are_dropped(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    taken("shop:1/1:submit:1");
    replied("shop:1/2:submit:1", OUTCOME_REFUSED, 422, "{}");
    ship();
    wish();
    /* The first has left; the second is not looked for any more. */
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_cancelled), 1);
    CU_ASSERT_FALSE(whole_order_cancelled());
    reserved(2, "west BLUE 1");
    CU_ASSERT_EQUAL(answer_to("west", "BLUE", 2), -1);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 2);
    finish();
}

static void test_one_of_two_is_cancelled_when_the_other_has_left(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    taken("shop:1/1:submit:1");
    taken("shop:1/2:submit:1");
    ship();
    wish();
    replied("shop:1/2:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 1);
    CU_ASSERT_FALSE(whole_order_cancelled());
    finish();
}
