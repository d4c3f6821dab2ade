/* supplier_router, what suppliers send although it was cancelled or refused: the parcel is
 * followed, its stock is sold, a person is told, and no second one is asked for if there is still
 * time. */
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

/* north ships of shop:1/1 what the lines say (none: all that is left). */
static void ship(const char *number, struct line_quantity_list lines)
{
    struct parcel parcel = {
        .carrier = STR("acme"), .tracking_number = str_from(number), .lines = lines};
    CU_ASSERT_EQUAL(
        kit_event(&kit, &supplier_order_shipped, KEY,
                  &(struct supplier_order_shipped){.order_id = KEY,
                                                   .fulfilment_order_id = STR("shop:1/1"),
                                                   .supplier_id = STR("north"),
                                                   .parcels = {&parcel, 1}}),
        DONE);
}

static void ship_all(const char *number)
{
    ship(number, (struct line_quantity_list){0});
}

static enum verdict say_accepted(void)
{
    return kit_event(&kit, &supplier_order_accepted, KEY,
                     &(struct supplier_order_accepted){.order_id = KEY,
                                                       .fulfilment_order_id = STR("shop:1/1"),
                                                       .supplier_id = STR("north")});
}

static void say_cancelled(void)
{
    CU_ASSERT_EQUAL(
        kit_event(&kit, &supplier_order_cancelled, KEY,
                  &(struct supplier_order_cancelled){.order_id = KEY,
                                                     .fulfilment_order_id = STR("shop:1/1"),
                                                     .supplier_id = STR("north")}),
        DONE);
}

static const struct fulfilment_unwanted *unwanted(size_t nth)
{
    return kit_emitted(&kit, &fulfilment_unwanted, nth);
}

/* ---- shipped after all ---- */

/* The first ask timed out while the supplier worked on it, and the cancel overtook it. */
static void test_parcel_is_followed_and_a_person_told_when_a_cancelled_order_ships(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 404, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 2);
    kit_forget(&kit);
    ship_all("T1");
    ship_all("T1");
    CU_ASSERT_EQUAL(count(&shipment_created), 1);
    CU_ASSERT_EQUAL(count(&shipment_registered), 1);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_unwanted), 1);
    CU_ASSERT(str_equal(unwanted(0)->fulfilment_order_id, STR("shop:1/1")));
    CU_ASSERT(str_equal(unwanted(0)->supplier_id, STR("north")));
    CU_ASSERT(str_equal(unwanted(0)->was, STR("cancelled")));
    CU_ASSERT(str_equal(unwanted(0)->what, STR("shipped")));
    CU_ASSERT(str_equal(unwanted(0)->tracking_number, STR("T1")));
    /* What has left is sold, under a hold of its own: the old one was given back. */
    CU_ASSERT_EQUAL(answer_to("north", "RED", 11), 2);
    CU_ASSERT_EQUAL(answer_to("north", "BLUE", 11), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 0);
    CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 0);
    /* It is remembered until the parcel has come to an end. */
    kit_advance(&kit, 100 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(book());
    kit_event(&kit, &shipment_rto_delivered, KEY,
              &(struct shipment_rto_delivered){
                  .order_id = KEY, .carrier = STR("acme"), .tracking_number = STR("T1")});
    kit_advance(&kit, 61 * DAY_MS);
    CU_ASSERT_PTR_NULL(book());
    finish();
}

static void test_stock_is_sold_per_parcel_when_two_leave_after_the_cancel(void)
{
    struct line_quantity one_red = {STR("1"), STR("RED"), 1};
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    ship("T1", (struct line_quantity_list){&one_red, 1});
    ship_all("T2");
    CU_ASSERT_EQUAL(count(&fulfilment_unwanted), 2);
    CU_ASSERT_EQUAL(answer_to("north", "RED", 11), 1);
    CU_ASSERT_EQUAL(answer_to("north", "BLUE", 11), 0);
    CU_ASSERT_EQUAL(answer_to("north", "RED", 12), 1);
    CU_ASSERT_EQUAL(answer_to("north", "BLUE", 12), 1);
    finish();
}

/* "cancelled" overtook "shipped": the first parcel is no cause to order its content again. */
static void test_only_the_rest_is_asked_for_when_shipped_comes_after_cancelled_by_itself(void)
{
    struct line_quantity one_red = {STR("1"), STR("RED"), 1};
    start();
    struct order order = an_order();
    order.payment = (struct payment){.status = PAYMENT_STATUS_COD, .cod_amount_minor = 5000};
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1");
    taken("shop:1/1:submit:1");
    say_cancelled();
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    ship("T1", (struct line_quantity_list){&one_red, 1});
    CU_ASSERT_EQUAL(count(&fulfilment_unwanted), 1);
    reserved(2, "west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 2);
    const struct fulfilment_requested *rest = requested(1);
    CU_ASSERT_FATAL(rest->lines.len == 2);
    CU_ASSERT_EQUAL(rest->lines.ptr[0].quantity, 1);
    CU_ASSERT_EQUAL(rest->lines.ptr[1].quantity, 1);
    /* Of three pieces one has left with a third of the cash. */
    CU_ASSERT_EQUAL(fulfilment(1)->cod_minor, 5000 - 1666);
    finish();
}

static void test_nobody_else_is_asked_when_all_has_left_before_other_stock_came(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    ship_all("T1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_unwanted), 1);
    CU_ASSERT(str_equal(unwanted(0)->was, STR("rejected")));
    reserved(2, "west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 1);
    CU_ASSERT_EQUAL(answer_to("west", "RED", 2), -1);
    CU_ASSERT_EQUAL(answer_to("west", "BLUE", 2), -1);
    CU_ASSERT_EQUAL(count(&fulfilment_exhausted), 0);
    CU_ASSERT_FALSE(book()->open);
    finish();
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    ship_all("T1");
    came_short(2);
    CU_ASSERT_EQUAL(count(&fulfilment_exhausted), 0); /* nothing is missing */
    finish();
}

static void test_nobody_else_is_asked_when_all_has_left_while_another_answer_was_awaited(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    replied("shop:1/2:submit:1", OUTCOME_REFUSED, 422, "{}"); /* asks for BLUE */
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}"); /* RED waits for that answer */
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    ship_all("T1");
    reserved(2, "west BLUE 1");
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 3);
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    struct parcel last = {.carrier = STR("acme"), .tracking_number = STR("T2")};
    kit_event(&kit, &supplier_order_shipped, KEY,
              &(struct supplier_order_shipped){.order_id = KEY,
                                               .fulfilment_order_id = STR("shop:1/3"),
                                               .supplier_id = STR("west"),
                                               .parcels = {&last, 1}});
    CU_ASSERT_EQUAL_FATAL(count(&shipment_created), 2);
    const struct shipment_created *told = kit_emitted(&kit, &shipment_created, 1);
    CU_ASSERT_TRUE(told->order_complete);
    finish();
}

static void test_both_parcels_are_followed_when_another_supplier_has_it_already(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    reserved(2, "west RED 2, west BLUE 1");
    taken("shop:1/2:submit:1");
    ship_all("T1");
    CU_ASSERT_EQUAL(count(&fulfilment_unwanted), 1);
    CU_ASSERT_EQUAL(count(&shipment_registered), 1);
    CU_ASSERT_EQUAL(fulfilment(1)->state, ROUTER_STATE_ACCEPTED);
    finish();
}

/* ---- has it after all ---- */

static void test_cancel_is_asked_again_when_the_order_arrives_after_its_cancel(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 404, "{}");
    kit_forget(&kit);
    CU_ASSERT_EQUAL(say_accepted(), DONE);
    CU_ASSERT_PTR_NOT_NULL(kit_intent_find(&kit, STR("shop:1/1:cancel:2")));
    CU_ASSERT_EQUAL(say_accepted(), DONE); /* that one is under way */
    CU_ASSERT_PTR_NULL(kit_intent_find(&kit, STR("shop:1/1:cancel:3")));
    replied("shop:1/1:cancel:2", OUTCOME_UNKNOWN, 0, "");
    kit_advance(&kit, HOUR_MS);
    replied("shop:1/1:cancel:3", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(count(NULL), 0);       /* all was told before */
    CU_ASSERT_EQUAL(say_accepted(), DONE); /* late news */
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

static void test_person_is_told_when_what_arrived_after_its_cancel_is_not_given_up(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 404, "{}");
    kit_forget(&kit);
    say_accepted();
    replied("shop:1/1:cancel:2", OUTCOME_REFUSED, 422, "packed");
    CU_ASSERT_EQUAL_FATAL(count(NULL), 1);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_unwanted), 1);
    CU_ASSERT(str_equal(unwanted(0)->what, STR("goes_on")));
    CU_ASSERT_PTR_NULL(unwanted(0)->carrier.ptr);
    finish();
}

static void test_cancel_is_asked_again_when_a_person_says_that_the_ask_had_arrived(void)
{
    start();
    at_north();
    parked("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 404, "{}");
    taken("shop:1/1:submit:1");
    CU_ASSERT_PTR_NOT_NULL(kit_intent_find(&kit, STR("shop:1/1:cancel:2")));
    finish();
}

static void test_nothing_is_asked_when_accepted_comes_after_a_cancel_that_was_done(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    wish();
    replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
    CU_ASSERT_EQUAL(say_accepted(), DONE);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

/* It said no, the lines went elsewhere, and now it does it all the same: two parcels. */
static void test_supplier_is_asked_to_cancel_when_it_accepts_what_it_refused(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    reserved(2, "west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL(say_accepted(), DONE);
    const struct kit_intent *call = kit_intent_find(&kit, STR("shop:1/1:cancel:1"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    CU_ASSERT(str_equal(call->intent.body,
                        STR("{\"reference_id\":\"shop:1/1\",\"reason\":\"refused before\"}")));
    finish();
    for (int packed = 0; packed < 2; packed++) {
        start();
        at_north();
        replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
        say_accepted();
        if (packed)
            replied("shop:1/1:cancel:1", OUTCOME_REFUSED, 422, "packed");
        else
            replied("shop:1/1:cancel:1", OUTCOME_OK, 200, "{}");
        CU_ASSERT_EQUAL(count(&fulfilment_unwanted), (size_t)packed);
        CU_ASSERT_EQUAL(count(&fulfilment_cancelled), 0);
        CU_ASSERT_EQUAL(count(&fulfilment_cancel_refused), 0);
        CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_REJECTED);
        finish();
    }
}
