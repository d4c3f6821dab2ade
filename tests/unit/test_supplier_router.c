/* supplier_router, stock to suppliers: what is reserved is chosen from, confirmed and given back.
 */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

static void test_nothing_is_sent_when_stock_is_short(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    came_short(1);
    CU_ASSERT_EQUAL(count(NULL), 0);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    reserved(1, "north RED 2, north BLUE 1"); /* nobody asked any more: given back */
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 0);
    finish();
}

static void test_stock_is_asked_for_again_when_the_hold_has_expired(void)
{
    start();
    reserved(1, "north RED 2, north BLUE 1");
    kit_advance(&kit, 2 * HOUR_MS);
    struct order order = an_order();
    accepted(&order);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 0);
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_stock_requested), 1);
    const struct fulfilment_stock_requested *ask =
        kit_emitted(&kit, &fulfilment_stock_requested, 0);
    CU_ASSERT_EQUAL(ask->attempt, 2);
    CU_ASSERT_EQUAL(ask->lines.len, 2);
    CU_ASSERT(str_equal(ask->reason, STR("expired")));
    reserved(2, "south RED 2, south BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 1);
    CU_ASSERT_EQUAL(requested(0)->attempt, 2);
    finish();
}

static void test_order_is_exhausted_when_its_holds_expire_ten_times(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    for (int32_t attempt = 1; attempt <= 10; attempt++) {
        struct stock_reserved late = {.order_id = KEY,
                                      .attempt = attempt,
                                      .holds = holds_of("north RED 2, north BLUE 1"),
                                      .expires_at_ms = kit.ctx.now_ms - 1};
        kit_event(&kit, &stock_reserved, KEY, &late);
    }
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 9);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_exhausted), 1);
    const struct fulfilment_exhausted *told = kit_emitted(&kit, &fulfilment_exhausted, 0);
    CU_ASSERT_EQUAL(told->lines.len, 2);
    finish();
}

static void test_order_is_exhausted_with_reasons_when_nobody_may_serve_it(void)
{
    start();
    static struct str countries[] = {STR_INIT("PT")};
    suppliers[0].countries = (struct router_texts){countries, 1};
    at_north();
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 0);
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_exhausted), 1);
    const struct fulfilment_exhausted *told = kit_emitted(&kit, &fulfilment_exhausted, 0);
    CU_ASSERT(str_equal(told->reason, STR("nobody who holds it may serve the order: north: does "
                                          "not serve the country")));
    finish();
}

static void test_choice_is_the_same_whichever_comes_first(void)
{
    for (int stock_first = 0; stock_first < 2; stock_first++) {
        start();
        struct order order = an_order();
        if (!stock_first)
            accepted(&order);
        reserved(1, "north RED 2, north BLUE 1, south RED 2, south BLUE 1");
        if (stock_first)
            accepted(&order);
        CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 1);
        CU_ASSERT(str_equal(requested(0)->supplier_id, STR("north"))); /* equal cost: lower id */
        CU_ASSERT_EQUAL(requested(0)->cost_minor, 800);
        CU_ASSERT_EQUAL(answer_to("north", "RED", 1), 2);
        CU_ASSERT_EQUAL(answer_to("north", "BLUE", 1), 1);
        CU_ASSERT_EQUAL(answer_to("south", "RED", 1), -1);
        CU_ASSERT_EQUAL(answer_to("south", "BLUE", 1), -1);
        finish();
    }
}

static void test_choice_is_explained(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1, south RED 1, west RED 2, west BLUE 1, east RED 2");
    const struct fulfilment_requested *told = requested(0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT(str_equal(told->settings_hash, STR("0123456789abcdef")));
    CU_ASSERT(str_equal(told->currency, STR("EUR")));
    CU_ASSERT_EQUAL_FATAL(told->candidates.len, 4);
    static const char *const whys[][2] = {
        {"north", "sends 3 pieces for €8.00 with shipping of €5.00"},
        {"south", "holds 1 of 3 pieces"},
        {"west", "€14.00 for everything, chosen for €8.00"},
        {"east", "not among the suppliers of the settings"},
    };
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT(str_equal(told->candidates.ptr[i].supplier_id, str_from(whys[i][0])));
        CU_ASSERT(str_equal(told->candidates.ptr[i].why, str_from(whys[i][1])));
        CU_ASSERT_EQUAL(told->candidates.ptr[i].chosen, i == 0);
    }
    finish();
}

static void test_order_is_split_when_one_supplier_cannot_serve_all(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 1, south RED 1, south BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 2);
    CU_ASSERT(str_equal(requested(0)->fulfilment_order_id, STR("shop:1/1")));
    CU_ASSERT(str_equal(requested(0)->supplier_id, STR("north")));
    CU_ASSERT_EQUAL(requested(0)->lines.len, 1);
    CU_ASSERT_EQUAL(requested(0)->lines.ptr[0].quantity, 1);
    CU_ASSERT(str_equal(requested(1)->fulfilment_order_id, STR("shop:1/2")));
    CU_ASSERT_EQUAL(requested(1)->lines.len, 2);
    CU_ASSERT_EQUAL(answer_to("south", "RED", 1), 1);
    CU_ASSERT_PTR_NOT_NULL(kit_intent_find(&kit, STR("shop:1/1:submit:1")));
    CU_ASSERT_PTR_NOT_NULL(kit_intent_find(&kit, STR("shop:1/2:submit:1")));
    finish();
}

static void test_hold_is_given_back_in_part_when_less_is_used(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    /* South has the cheaper RED, but a second parcel costs 500. */
    reserved(1, "north RED 2, north BLUE 1, south RED 1");
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 1);
    CU_ASSERT_EQUAL(answer_to("south", "RED", 1), -1);
    finish();
}

static void test_cash_is_shared_without_a_cent_lost_when_a_cod_order_is_split(void)
{
    start();
    struct order order = an_order();
    order.payment = (struct payment){.status = PAYMENT_STATUS_COD, .cod_amount_minor = 5501};
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    CU_ASSERT_EQUAL_FATAL(book()->fulfilments.len, 2);
    /* Worth 2000 and 3000 of 5000. */
    CU_ASSERT_EQUAL(fulfilment(0)->cod_minor, 2200);
    CU_ASSERT_EQUAL(fulfilment(1)->cod_minor, 3301);
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    reserved(2, "west RED 2");
    CU_ASSERT_EQUAL_FATAL(book()->fulfilments.len, 3);
    CU_ASSERT_EQUAL(fulfilment(2)->cod_minor, 2200);
    finish();
}

static void test_order_is_served_by_those_who_take_cash_when_it_is_cod(void)
{
    start();
    suppliers[0].cod = false;
    struct order order = an_order();
    order.payment = (struct payment){.status = PAYMENT_STATUS_COD, .cod_amount_minor = 5000};
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1, west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 1);
    CU_ASSERT(str_equal(requested(0)->supplier_id, STR("west")));
    finish();
}

static void test_address_is_the_new_one_when_it_changed_before_the_choice(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    order.ship_to.city = STR("Santos");
    order.lines.len = 1;
    kit_event(&kit, &order_updated, KEY, &(struct order_updated){.order = order});
    reserved(1, "north RED 2, north BLUE 1");
    const struct kit_intent *call = kit_intent_pending(&kit, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    CU_ASSERT_PTR_NOT_NULL(
        memmem(call->intent.body.ptr, call->intent.body.len, "\"city\":\"Santos\"", 15));
    CU_ASSERT_EQUAL(requested(0)->lines.len, 2); /* what was accepted stands */
    finish();
}

static void test_order_is_forgotten_when_it_has_ended_long_ago(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    came_short(1);
    kit_advance(&kit, 61 * DAY_MS);
    CU_ASSERT_PTR_NULL(book());
    at_north();
    kit_advance(&kit, 300 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(book());
    finish();
}
