/* supplier_router, what suppliers tell by themselves: early, twice, against what they said;
 * parcels. */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

static struct parcel parcels[4];

static struct supplier_order_shipped shipped(size_t parcel_count)
{
    static const char *const numbers[] = {"T1", "T2", "T3", "T4"};
    for (size_t i = 0; i < 4; i++)
        parcels[i] = (struct parcel){.carrier = STR("acme"),
                                     .tracking_number = str_from(numbers[i]),
                                     .shipped_at_ms = KIT_START_MS + HOUR_MS};
    return (struct supplier_order_shipped){.order_id = KEY,
                                           .fulfilment_order_id = STR("shop:1/1"),
                                           .supplier_id = STR("north"),
                                           .parcels = {parcels, parcel_count}};
}

static enum verdict told_shipped(const struct supplier_order_shipped *body)
{
    return kit_event(&kit, &supplier_order_shipped, KEY, body);
}

static enum verdict told_accepted(void)
{
    return kit_event(&kit, &supplier_order_accepted, KEY,
                     &(struct supplier_order_accepted){.order_id = KEY,
                                                       .fulfilment_order_id = STR("shop:1/1"),
                                                       .supplier_id = STR("north"),
                                                       .supplier_order_id = STR("N-7")});
}

static enum verdict told_rejected(void)
{
    static struct rejection reason = {.code = STR_INIT("out_of_stock"), .sku = STR_INIT("RED")};
    return kit_event(&kit, &supplier_order_rejected, KEY,
                     &(struct supplier_order_rejected){.order_id = KEY,
                                                       .fulfilment_order_id = STR("shop:1/1"),
                                                       .supplier_id = STR("north"),
                                                       .occurred_at_ms = KIT_START_MS - HOUR_MS,
                                                       .reasons = {&reason, 1}});
}

static enum verdict told_cancelled(void)
{
    return kit_event(&kit, &supplier_order_cancelled, KEY,
                     &(struct supplier_order_cancelled){.order_id = KEY,
                                                        .fulfilment_order_id = STR("shop:1/1"),
                                                        .supplier_id = STR("north")});
}

static void test_callback_is_set_aside_when_it_is_about_nothing_of_ours(void)
{
    start();
    CU_ASSERT_EQUAL(told_accepted(), SET_ASIDE);
    CU_ASSERT_EQUAL(told_rejected(), SET_ASIDE);
    CU_ASSERT_EQUAL(told_cancelled(), SET_ASIDE);
    struct supplier_order_shipped body = shipped(1);
    CU_ASSERT_EQUAL(told_shipped(&body), SET_ASIDE);
    at_north();
    body.supplier_id = STR("south");
    CU_ASSERT_EQUAL(told_shipped(&body), SET_ASIDE);
    body = shipped(0);
    CU_ASSERT_EQUAL(told_shipped(&body), SET_ASIDE);
    body = shipped(1);
    parcels[0].tracking_number = STR("");
    CU_ASSERT_EQUAL(told_shipped(&body), SET_ASIDE);
    CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_SUBMITTING);
    finish();
}

static void test_callbacks_are_set_aside_when_they_contradict_what_has_happened(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    struct supplier_order_shipped body = shipped(1);
    told_shipped(&body);
    kit_forget(&kit);
    CU_ASSERT_EQUAL(told_rejected(), SET_ASIDE);
    CU_ASSERT_EQUAL(told_cancelled(), SET_ASIDE);
    CU_ASSERT_EQUAL(count(NULL), 0);
    finish();
}

static void test_answer_changes_nothing_when_callbacks_came_before_it(void)
{
    start();
    at_north();
    CU_ASSERT_EQUAL(told_accepted(), DONE);
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 1);
    kit_forget(&kit);
    finish();
}

static void test_late_answer_is_ignored_when_the_order_was_rejected_by_callback(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_OK, 201, "{\"state\":\"PENDING\"}");
    CU_ASSERT_EQUAL(told_rejected(), DONE);
    CU_ASSERT_EQUAL(told_rejected(), DONE);
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 1);
    CU_ASSERT_EQUAL_FATAL(count(&stock_mismatch_detected), 1);
    const struct stock_mismatch_detected *told = kit_emitted(&kit, &stock_mismatch_detected, 0);
    CU_ASSERT_EQUAL(told->said_at_ms, KIT_START_MS - HOUR_MS);
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    finish();
}

static void test_lines_go_elsewhere_when_the_supplier_cancels_by_itself(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    CU_ASSERT_EQUAL(told_cancelled(), DONE);
    CU_ASSERT_EQUAL(told_cancelled(), DONE);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_cancelled), 1);
    const struct fulfilment_cancelled *told = kit_emitted(&kit, &fulfilment_cancelled, 0);
    CU_ASSERT(str_equal(told->fulfilment_order_id, STR("shop:1/1")));
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    reserved(2, "west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_failed_over), 1);
    finish();
}

static void test_parcel_is_told_and_registered_once_when_it_ships(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    struct supplier_order_shipped body = shipped(1);
    CU_ASSERT_EQUAL(told_shipped(&body), DONE);
    CU_ASSERT_EQUAL(told_shipped(&body), DONE);
    CU_ASSERT_EQUAL_FATAL(count(&shipment_created), 1);
    CU_ASSERT_EQUAL_FATAL(count(&shipment_registered), 1);
    const struct shipment_created *created = kit_emitted(&kit, &shipment_created, 0);
    CU_ASSERT_EQUAL(created->lines.len, 2);
    CU_ASSERT_TRUE(created->order_complete);
    CU_ASSERT_EQUAL(created->promised_on, 20488);
    const struct shipment_registered *registered = kit_emitted(&kit, &shipment_registered, 0);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &shipment_registered, 0), STR("acme/T1")));
    CU_ASSERT(str_equal(registered->order_id, KEY));
    CU_ASSERT(str_equal(registered->time_zone, STR("America/Sao_Paulo")));
    CU_ASSERT(str_equal(registered->country, STR("BR")));
    CU_ASSERT_EQUAL(registered->shipped_at_ms, KIT_START_MS + HOUR_MS);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(count(&supplier_overdue), 0);
    finish();
}

static void test_supplier_has_taken_it_when_it_ships_before_the_answer(void)
{
    start();
    at_north();
    struct supplier_order_shipped body = shipped(1);
    told_shipped(&body);
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 1);
    CU_ASSERT_EQUAL(count(&shipment_created), 1);
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    finish();
}

static void test_every_parcel_is_kept_when_several_ship_one_after_the_other(void)
{
    static struct line_quantity one_red = {STR_INIT("1"), STR_INIT("RED"), 1};
    static struct line_quantity rest[] = {{STR_INIT("1"), STR_INIT("RED"), 5},
                                          {STR_INIT("2"), STR_INIT("BLUE"), 1}};
    start();
    at_north();
    taken("shop:1/1:submit:1");
    struct supplier_order_shipped body = shipped(1);
    parcels[0].lines = (struct line_quantity_list){&one_red, 1};
    told_shipped(&body);
    CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_ACCEPTED);
    body = shipped(2); /* the first one again, and the second */
    parcels[0].lines = (struct line_quantity_list){&one_red, 1};
    parcels[1].lines = (struct line_quantity_list){rest, 2};
    told_shipped(&body);
    CU_ASSERT_EQUAL_FATAL(count(&shipment_created), 2);
    const struct shipment_created *first = kit_emitted(&kit, &shipment_created, 0);
    const struct shipment_created *second = kit_emitted(&kit, &shipment_created, 1);
    CU_ASSERT_FALSE(first->order_complete);
    CU_ASSERT_TRUE(second->order_complete);
    CU_ASSERT_EQUAL_FATAL(second->lines.len, 2);
    CU_ASSERT_EQUAL(second->lines.ptr[0].quantity, 1); /* never more than ordered */
    CU_ASSERT_EQUAL(fulfilment(0)->parcels.len, 2);
    CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_SHIPPED);
    finish();
}

static const struct stock_hold_released *released_of(struct str sku)
{
    for (size_t i = 0; i < count(&stock_hold_released); i++) {
        const struct stock_hold_released *told = kit_emitted(&kit, &stock_hold_released, i);
        if (str_equal(told->sku, sku))
            return told;
    }
    return NULL;
}

/* One RED of two has left: its stock stays sold, the other one and BLUE are free again. */
static void test_stock_of_what_has_left_is_not_freed_when_the_supplier_cancels_the_rest(void)
{
    static struct line_quantity one_red = {STR_INIT("1"), STR_INIT("RED"), 1};
    start();
    at_north();
    taken("shop:1/1:submit:1");
    struct supplier_order_shipped body = shipped(1);
    parcels[0].lines = (struct line_quantity_list){&one_red, 1};
    told_shipped(&body);
    CU_ASSERT_EQUAL(told_cancelled(), DONE);
    const struct stock_hold_released *red = released_of(STR("RED"));
    const struct stock_hold_released *blue = released_of(STR("BLUE"));
    CU_ASSERT_FATAL(red && blue);
    CU_ASSERT_EQUAL(red->shipped, 1);
    CU_ASSERT_EQUAL(blue->shipped, 0);
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    const struct fulfilment_stock_requested *asked =
        kit_emitted(&kit, &fulfilment_stock_requested, 0);
    CU_ASSERT_FATAL(asked && asked->lines.len == 2);
    CU_ASSERT_EQUAL(asked->lines.ptr[0].quantity, 1);
    CU_ASSERT_EQUAL(asked->lines.ptr[1].quantity, 1);
    finish();
}

static void test_order_is_complete_only_with_its_last_fulfilment_order(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    taken("shop:1/1:submit:1");
    taken("shop:1/2:submit:1");
    struct supplier_order_shipped body = shipped(1);
    told_shipped(&body);
    body = shipped(2);
    body.fulfilment_order_id = STR("shop:1/2");
    body.supplier_id = STR("south");
    body.parcels = (struct parcel_list){&parcels[1], 1};
    told_shipped(&body);
    CU_ASSERT_EQUAL_FATAL(count(&shipment_created), 2);
    const struct shipment_created *first = kit_emitted(&kit, &shipment_created, 0);
    const struct shipment_created *second = kit_emitted(&kit, &shipment_created, 1);
    CU_ASSERT_FALSE(first->order_complete);
    CU_ASSERT_TRUE(second->order_complete);
    finish();
}

static void test_parcel_counts_for_both_when_two_fulfilment_orders_travel_in_one(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    taken("shop:1/1:submit:1");
    taken("shop:1/2:submit:1");
    for (int repeats = 0; repeats < 2; repeats++) {
        struct supplier_order_shipped body = shipped(1);
        told_shipped(&body);
        body.fulfilment_order_id = STR("shop:1/2");
        body.supplier_id = STR("south");
        told_shipped(&body);
    }
    CU_ASSERT_EQUAL_FATAL(count(&shipment_created), 2);
    const struct shipment_created *second = kit_emitted(&kit, &shipment_created, 1);
    CU_ASSERT(str_equal(second->fulfilment_order_id, STR("shop:1/2")));
    CU_ASSERT_FATAL(second->lines.len == 1);
    CU_ASSERT(str_equal(second->lines.ptr[0].sku, STR("BLUE")));
    CU_ASSERT_TRUE(second->order_complete);
    CU_ASSERT_EQUAL(count(&shipment_registered), 1); /* one parcel, followed once */
    CU_ASSERT_EQUAL(fulfilment(1)->state, ROUTER_STATE_SHIPPED);
    kit_event(&kit, &shipment_delivered, KEY,
              &(struct shipment_delivered){
                  .order_id = KEY, .carrier = STR("acme"), .tracking_number = STR("T1")});
    kit_advance(&kit, 61 * DAY_MS);
    CU_ASSERT_PTR_NULL(book());
    finish();
}

static void test_order_is_forgotten_when_all_parcels_came_to_an_end(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    struct supplier_order_shipped body = shipped(3);
    told_shipped(&body);
    kit_event(&kit, &shipment_delivered, KEY,
              &(struct shipment_delivered){
                  .order_id = KEY, .carrier = STR("acme"), .tracking_number = STR("T1")});
    kit_event(&kit, &shipment_rto_delivered, KEY,
              &(struct shipment_rto_delivered){
                  .order_id = KEY, .carrier = STR("acme"), .tracking_number = STR("T2")});
    kit_advance(&kit, 100 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(book());
    kit_event(&kit, &shipment_status_changed, KEY,
              &(struct shipment_status_changed){.order_id = KEY,
                                                .carrier = STR("acme"),
                                                .tracking_number = STR("T3"),
                                                .status = SHIPMENT_STATUS_LOST});
    kit_advance(&kit, 59 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(book());
    kit_advance(&kit, 2 * DAY_MS);
    CU_ASSERT_PTR_NULL(book());
    finish();
}
