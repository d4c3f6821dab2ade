/* supplier_router, asking suppliers: a definite no, an unknown outcome, the clocks. */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

#define OUT_OF_STOCK "{\"reasons\":[{\"code\":\"out_of_stock\",\"sku\":\"RED\"}]}"

static const struct fulfilment_stock_requested *asked(size_t nth)
{
    return kit_emitted(&kit, &fulfilment_stock_requested, nth);
}

static void test_same_key_goes_to_the_same_supplier_when_the_outcome_is_unknown(void)
{
    start();
    at_north();
    struct intent first = kit_intent_pending(&kit, 0)->intent;
    for (int i = 1; i <= 3; i++) {
        char id[32];
        snprintf(id, sizeof(id), "shop:1/1:submit:%d", i);
        replied(id, OUTCOME_UNKNOWN, 0, "");
        CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
        kit_advance(&kit, HOUR_MS);
        const struct kit_intent *again = kit_intent_pending(&kit, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(again);
        CU_ASSERT(str_equal(again->intent.idempotency_key, first.idempotency_key));
        CU_ASSERT(str_equal(again->intent.body, first.body));
        CU_ASSERT(str_equal(again->intent.endpoint, STR("north-api")));
        CU_ASSERT_EQUAL(again->intent.expires_ms, 0);
    }
    CU_ASSERT_EQUAL(count(&fulfilment_outcome_unknown), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 0);
    taken("shop:1/1:submit:4");
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 1);
    finish();
}

static void test_supplier_is_never_changed_when_an_earlier_ask_may_have_happened(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_UNKNOWN, 0, "");
    kit_advance(&kit, 10 * DAY_MS);
    replied("shop:1/1:submit:2", OUTCOME_NOT_SENT, 0, "");
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 0);
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_intent_pending(&kit, 0));
    finish();
}

static void test_nothing_is_asked_again_when_a_person_decides(void)
{
    start();
    at_north();
    struct call_reply reply = {
        .intent_id = STR("shop:1/1:submit:1"), .outcome = OUTCOME_UNKNOWN, .parked = true};
    kit_reply(&kit, &router_order, KEY, &reply);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(count(&fulfilment_outcome_unknown), 1);
    CU_ASSERT_EQUAL(fulfilment(0)->submits, 1);
    finish();
}

static void test_supplier_is_asked_again_then_changed_when_nothing_was_sent(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_NOT_SENT, 0, "");
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 0);
    kit_advance(&kit, MINUTE_MS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(kit_intent_pending(&kit, 0));
    kit.ctx.now_ms += 2 * DAY_MS;
    replied("shop:1/1:submit:2", OUTCOME_NOT_SENT, 0, "");
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 1);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_stock_requested), 1);
    CU_ASSERT(str_equal(asked(0)->reason, STR("not_sent")));
    CU_ASSERT_EQUAL(count(&stock_mismatch_detected), 0);
    CU_ASSERT_EQUAL(answer_to("north", "RED", 1), 2); /* was confirmed … */
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);  /* … and is given back */
    finish();
}

static void test_lines_go_elsewhere_when_the_supplier_is_out_of_stock(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, OUT_OF_STOCK);
    CU_ASSERT_EQUAL(count(&fulfilment_rejected), 1);
    CU_ASSERT_EQUAL(count(&stock_hold_released), 2);
    CU_ASSERT_EQUAL_FATAL(count(&stock_mismatch_detected), 1);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &stock_mismatch_detected, 0), STR("north/RED")));
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_stock_requested), 1);
    CU_ASSERT_EQUAL(asked(0)->attempt, 2);
    CU_ASSERT_EQUAL(asked(0)->lines.len, 2);
    CU_ASSERT_EQUAL_FATAL(asked(0)->excluded.len, 1);
    CU_ASSERT(str_equal(asked(0)->excluded.ptr[0].sku, STR("RED")));
    /* North still has BLUE: a new fulfilment order there is fine. */
    reserved(2, "north BLUE 1, south RED 2");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 3);
    CU_ASSERT(str_equal(requested(1)->fulfilment_order_id, STR("shop:1/2")));
    CU_ASSERT(str_equal(requested(2)->fulfilment_order_id, STR("shop:1/3")));
    CU_ASSERT_EQUAL(count(&fulfilment_failed_over), 2);
    const struct fulfilment_failed_over *over = kit_emitted(&kit, &fulfilment_failed_over, 1);
    CU_ASSERT(str_equal(over->fulfilment_order_id, STR("shop:1/1")));
    CU_ASSERT(str_equal(over->to_supplier_id, STR("south")));
    finish();
}

static void test_supplier_is_not_asked_again_when_it_refused_the_whole_order(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422,
            "{\"reasons\":[{\"code\":\"not_serviceable\",\"text\":\"too far\"}]}");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_stock_requested), 1);
    CU_ASSERT(str_equal(asked(0)->excluded.ptr[0].supplier_id, STR("north")));
    CU_ASSERT_PTR_NULL(asked(0)->excluded.ptr[0].sku.ptr);
    reserved(2, "north RED 2, north BLUE 1, west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 2);
    CU_ASSERT(str_equal(requested(1)->supplier_id, STR("west")));
    finish();
}

static void test_order_is_exhausted_when_nobody_else_has_it(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 410, "gone");
    came_short(2);
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_exhausted), 1);
    const struct fulfilment_exhausted *told = kit_emitted(&kit, &fulfilment_exhausted, 0);
    CU_ASSERT_EQUAL(told->lines.len, 2);
    finish();
}

static void test_next_reservation_waits_when_one_is_open(void)
{
    start();
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, south BLUE 1");
    replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, "{}");
    replied("shop:1/2:submit:1", OUTCOME_REFUSED, 422, "{}");
    CU_ASSERT_EQUAL(count(&fulfilment_stock_requested), 1);
    reserved(2, "west RED 2");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_stock_requested), 2);
    CU_ASSERT_EQUAL(asked(1)->attempt, 3);
    CU_ASSERT_EQUAL_FATAL(asked(1)->lines.len, 1);
    CU_ASSERT(str_equal(asked(1)->lines.ptr[0].sku, STR("BLUE")));
    CU_ASSERT_EQUAL(asked(1)->excluded.len, 2);
    finish();
}

static void test_refusals_are_read_in_any_shape(void)
{
    static const struct {
        const char *body, *code, *text;
    } cases[] = {
        {"", "other", "refused with status 422"},
        {"not JSON", "other", "refused with status 422"},
        {"[1]", "other", "refused with status 422"},
        {"{\"reasons\":[]}", "other", "refused with status 422"},
        {"{\"reasons\":[\"too heavy\"]}", "other", "too heavy"},
        {"{\"reasons\":[{}]}", "other", ""},
        {"{\"code\":\"out_of_stock\",\"line_id\":1}", "out_of_stock", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        at_north();
        replied("shop:1/1:submit:1", OUTCOME_REFUSED, 422, cases[i].body);
        const struct fulfilment_rejected *told = kit_emitted(&kit, &fulfilment_rejected, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(told);
        CU_ASSERT_EQUAL_FATAL(told->reasons.len, 1);
        CU_ASSERT(str_equal(told->reasons.ptr[0].code, str_from(cases[i].code)));
        CU_ASSERT(str_equal(told->reasons.ptr[0].text, str_from(cases[i].text)));
        finish();
    }
}

static void test_order_is_pending_when_the_answer_cannot_be_read(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_OK, 200, "<html>thanks</html>");
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 0);
    CU_ASSERT_EQUAL(fulfilment(0)->state, ROUTER_STATE_SUBMITTED);
    finish();
}

/* A server, or what stands before it, that answers twice puts a connection out of step: the next
 * ask on it gets the answer of the one before. */
static void test_answer_about_another_order_is_not_believed(void)
{
    static const struct {
        enum outcome outcome;
        int32_t status;
        const char *body;
    } strays[] = {
        {OUTCOME_OK, 201,
         "{\"reference_id\":\"shop:2/1\",\"supplier_order_id\":\"N-2\",\"state\":\"ACCEPTED\"}"},
        {OUTCOME_REFUSED, 422,
         "{\"reference_id\":\"shop:2/1\",\"reasons\":[{\"code\":\"out_of_stock\"}]}"}};
    for (size_t i = 0; i < 2; i++) {
        start();
        at_north();
        struct str key = kit_intent_pending(&kit, 0)->intent.idempotency_key;
        replied("shop:1/1:submit:1", strays[i].outcome, strays[i].status, strays[i].body);
        CU_ASSERT_EQUAL(count(&fulfilment_submitted), 0);
        CU_ASSERT_EQUAL(count(&fulfilment_rejected), 0);
        CU_ASSERT_EQUAL(count(&fulfilment_outcome_unknown), 1);
        kit_advance(&kit, HOUR_MS);
        const struct kit_intent *again = kit_intent_pending(&kit, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(again);
        CU_ASSERT(str_equal(again->intent.idempotency_key, key));
        replied("shop:1/1:submit:2", OUTCOME_OK, 201,
                "{\"reference_id\":\"shop:1/1\",\"supplier_order_id\":\"N-1\"}");
        CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
        CU_ASSERT(str_equal(fulfilment(0)->supplier_order_id, STR("N-1")));
        finish();
    }
}

static void test_a_suppliers_own_reference_is_its_business(void)
{
    static const char *const own[] = {"{\"reference_id\":\"PO/2026/17\"}",
                                      "{\"reference_id\":\"17\"}",
                                      "{\"reference_id\":\"shop:2\"}",
                                      "{\"reference_id\":\"/1\"}",
                                      "{\"reference_id\":null}",
                                      "{\"reference_id\":\"SHOP:1/1\"}",
                                      "{\"reference_id\":\"REF: shop:1/1\"}",
                                      "{\"reference_id\":\"urn:orders/991\"}",
                                      "{\"reference_id\":\"https://shop.example/orders/991\"}"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        start();
        at_north();
        replied("shop:1/1:submit:1", OUTCOME_OK, 201, own[i]);
        CU_ASSERT_EQUAL(count(&fulfilment_submitted), 1);
        finish();
    }
}

static void test_supplier_is_overdue_once_for_each_deadline(void)
{
    start();
    at_north();
    replied("shop:1/1:submit:1", OUTCOME_OK, 201, "{\"state\":\"PENDING\"}");
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL_FATAL(count(&supplier_overdue), 2);
    const struct supplier_overdue *told = kit_emitted(&kit, &supplier_overdue, 0);
    CU_ASSERT(str_equal(told->what, STR("acknowledge")));
    CU_ASSERT_EQUAL(told->due_at_ms, KIT_START_MS + DAY_MS);
    told = kit_emitted(&kit, &supplier_overdue, 1);
    CU_ASSERT(str_equal(told->what, STR("ship")));
    finish();
}

static void test_only_shipping_is_overdue_when_the_supplier_accepted(void)
{
    start();
    at_north();
    taken("shop:1/1:submit:1");
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(count(&supplier_overdue), 1);
    finish();
}

/* The supplier contract of services/FEATURES.md. */
static void test_request_says_all_that_a_supplier_needs(void)
{
    static const char body[] =
        "{\"reference_id\":\"shop:1/1\",\"order_number\":\"W-1\",\"ship_by\":\"2026-01-18T10:00:"
        "00.000Z\",\"promised_by\":\"2026-02-04\",\"recipient\":{\"name\":\"Ana\",\"email\":\"ana@"
        "example.org\",\"address\":{\"line1\":\"Rua \\\"A\\\" 1\",\"city\":\"São Paulo\",\"postal_"
        "code\":\"01310-100\",\"country\":\"BR\"}},\"payment\":{\"mode\":\"PREPAID\"},\"lines\":[{"
        "\"line_id\":\"1\",\"supplier_sku\":\"RED\",\"quantity\":2,\"unit_price\":{\"amount_"
        "minor\":1000,\"currency\":\"BRL\"}},{\"line_id\":\"2\",\"supplier_sku\":\"BLUE\","
        "\"quantity\":1,\"unit_price\":{\"amount_minor\":3000,\"currency\":\"BRL\"}}]}";
    start();
    at_north();
    const struct intent *intent = &kit_intent_pending(&kit, 0)->intent;
    CU_ASSERT(str_equal(intent->body, str_from(body)));
    CU_ASSERT(str_equal(intent->endpoint, STR("north-api")));
    CU_ASSERT_STRING_EQUAL(intent->method, "POST");
    CU_ASSERT(str_equal(intent->path, STR("/orders")));
    CU_ASSERT(str_equal(intent->idempotency_key, STR("shop:1/1:1")));
    CU_ASSERT(str_equal(intent->lookup_path, STR("/orders?reference_id=shop%3A1%2F1")));
    CU_ASSERT_EQUAL(intent->expires_ms, KIT_START_MS + DAY_MS);
    finish();
}

static void test_cash_is_named_when_the_order_is_cod(void)
{
    start();
    struct order order = an_order();
    order.payment = (struct payment){.status = PAYMENT_STATUS_COD, .cod_amount_minor = 5000};
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1");
    static const char payment[] = "\"payment\":{\"mode\":\"COD\",\"cod_amount\":{\"amount_minor\":"
                                  "5000,\"currency\":\"BRL\"}}";
    struct str body = kit_intent_pending(&kit, 0)->intent.body;
    CU_ASSERT_PTR_NOT_NULL(memmem(body.ptr, body.len, payment, sizeof(payment) - 1));
    finish();
}
