/* intake: what Shopify and WooCommerce send becomes the same order (F01). The payloads follow the
 * stores' documentation. */
/* links: intake_settings rules_kit */
#include "avro/codec.h"
#include "intake/adapters/reading.h"
#include "intake_kit.h"

#include <stdio.h>
#include <stdlib.h>

#define STORE_KEY STR("shop:9007199254740993")

static char payload_text[64 * 1024];

/* The shipped payload, with the first `from` in it replaced by `to`. */
static struct str payload(const char *source, const char *from, const char *to)
{
    static char text[32 * 1024];
    char path[512];
    snprintf(path, sizeof(path), SOURCE_DIR "/tests/unit/payloads/%s_order.json", source);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    const char *at = from ? strstr(text, from) : NULL;
    CU_ASSERT_FATAL(!from || at);
    if (from)
        snprintf(payload_text, sizeof(payload_text), "%.*s%s%s", (int)(at - text), text, to,
                 at + strlen(from));
    return str_from(from ? payload_text : text);
}

static enum verdict receive(const char *source, const char *topic, struct str body)
{
    return kit_event(&kit, &payload_received, STORE_KEY,
                     &(struct payload_received){.source = str_from(source),
                                                .topic = str_from(topic),
                                                .received_at_ms = KIT_START_MS,
                                                .body = body});
}

/* The order that a payload is accepted as; its strings live until kit_done. */
static const struct order *accepted_from(const char *source, const char *from, const char *to)
{
    start();
    CU_ASSERT_EQUAL(receive(source, NULL, payload(source, from, to)), DONE);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    return accepted ? &accepted->order : NULL;
}

static bool rejected_as(enum reject_code code)
{
    const struct order_rejected *rejected = kit_emitted(&kit, &order_rejected, 0);
    return rejected && rejected->reasons.len == 1 && rejected->reasons.ptr[0].code == code;
}

static void test_a_payload_is_set_aside_when_nobody_can_read_it(void)
{
    start();
    CU_ASSERT_EQUAL(receive("magento", NULL, STR("{}")), SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.effects.reason, "magento"));
    CU_ASSERT_EQUAL(receive("shopify", NULL, STR("")), SET_ASIDE);
    CU_ASSERT_EQUAL(receive("shopify", NULL, STR("{\"id\":")), SET_ASIDE);
    CU_ASSERT_EQUAL(receive("shopify", NULL, STR("[]")), SET_ASIDE);
    CU_ASSERT_EQUAL(receive("shopify", NULL, STR("{}")), SET_ASIDE);
    CU_ASSERT_EQUAL(receive("shopify", "customers/create", payload("shopify", NULL, NULL)),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(receive("woocommerce", "product.updated", STR("{\"id\":1}")), SET_ASIDE);
    CU_ASSERT_EQUAL(receive("woocommerce", NULL, STR("17")), SET_ASIDE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    kit_done(&kit);
}

static void test_a_payload_is_set_aside_when_an_amount_or_time_is_nonsense(void)
{
    start();
    CU_ASSERT_EQUAL(receive("shopify", NULL, payload("shopify", "\"67.30\"", "\"67,30\"")),
                    SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.effects.reason, "total_price"));
    CU_ASSERT_EQUAL(
        receive("shopify", NULL, payload("shopify", "2026-01-15T04:00:00-05:00", "yesterday")),
        SET_ASIDE);
    CU_ASSERT_EQUAL(receive("woocommerce", NULL, payload("woocommerce", "\"30.00\"", "\"x\"")),
                    SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.effects.reason, "line_items[0]"));
    kit_done(&kit);
}

static void test_a_payload_is_set_aside_when_it_is_another_order(void)
{
    start();
    /* one more than a double can tell apart */
    CU_ASSERT_EQUAL(
        receive("shopify", NULL, payload("shopify", "9007199254740993", "9007199254740992")),
        SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.effects.reason, "9007199254740992"));
    kit_done(&kit);
}

static void test_missing_fields_are_named_when_a_payload_has_nulls(void)
{
    CU_ASSERT_PTR_NULL(accepted_from("shopify", "\"sku\": \"SKU-2\"", "\"sku\": null"));
    CU_ASSERT(rejected_as(REJECT_CODE_MISSING_SKU));
    kit_done(&kit);
    CU_ASSERT_PTR_NULL(accepted_from("shopify", "\"currency\": \"USD\"", "\"currency\": null"));
    CU_ASSERT(rejected_as(REJECT_CODE_MISSING_CURRENCY));
    kit_done(&kit);
    CU_ASSERT_PTR_NULL(
        accepted_from("woocommerce", "\"status\": \"processing\"", "\"status\": \"wc-weird\""));
    CU_ASSERT(rejected_as(REJECT_CODE_PAYMENT_UNKNOWN));
    kit_done(&kit);
    start();
    receive("shopify", NULL, STR("{\"id\": \"9007199254740993\"}"));
    const struct order_rejected *rejected = kit_emitted(&kit, &order_rejected, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rejected);
    CU_ASSERT(rejected->reasons.len >= 5);
    kit_done(&kit);
}

static void test_a_shopify_order_is_read_when_it_is_paid(void)
{
    const struct order *order = accepted_from("shopify", NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(order);
    CU_ASSERT(str_equal(order->order_id, STORE_KEY));
    CU_ASSERT(str_equal(order->external_id, STR("9007199254740993")));
    CU_ASSERT(str_equal(order->order_number, STR("#1001")));
    CU_ASSERT_EQUAL(order->placed_at_ms, INT64_C(1768467600000)); /* date -d …T09:00:00Z +%s */
    CU_ASSERT_EQUAL(order->version, INT64_C(1768467605000));
    CU_ASSERT(str_equal(order->customer.name, STR("Jon Snow")));
    CU_ASSERT(str_equal(order->customer.customer_id, STR("207119551")));
    CU_ASSERT(str_equal(order->customer.phone, STR("+17852421234")));
    CU_ASSERT(str_equal(order->ship_to.region, STR("KS")));
    CU_ASSERT(str_equal(order->time_zone, STR("America/Chicago")));
    CU_ASSERT_EQUAL_FATAL(order->lines.len, 2);
    CU_ASSERT_EQUAL(order->lines.ptr[0].quantity, 3);
    CU_ASSERT_EQUAL(order->lines.ptr[0].unit_price_minor, 1000);
    CU_ASSERT(str_equal(order->lines.ptr[1].line_id, STR("518995019")));
    /* without tip, gift card and its tax: 30.00 + 5.50 + 4.00 - 1.50 + 1.80 */
    CU_ASSERT_EQUAL(order->total_minor, 3980);
    CU_ASSERT_EQUAL(order->tax_minor, 180);
    CU_ASSERT_EQUAL(order->discount_minor, 150);
    CU_ASSERT_EQUAL(order->payment.status, PAYMENT_STATUS_PAID);
    kit_done(&kit);
}

static void test_both_stores_orders_become_the_same_record(void)
{
    struct buffer records[2];
    static const char *const sources[] = {"shopify", "woocommerce"};
    for (int i = 0; i < 2; i++) {
        const struct order *order = accepted_from(sources[i], NULL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(order);
        buffer_init(&records[i], 1 << 20);
        struct error err;
        CU_ASSERT_EQUAL(avro_encode(&order_record, order, &records[i], &err), 0);
        kit_done(&kit);
    }
    CU_ASSERT(records[0].len > 100);
    CU_ASSERT(str_equal(buffer_str(&records[0]), buffer_str(&records[1])));
    buffer_done(&records[0]);
    buffer_done(&records[1]);
}

static void test_a_payment_releases_once_when_shopify_tells_it(void)
{
    start();
    receive(
        "shopify", "orders/create",
        payload("shopify", "\"financial_status\": \"paid\"", "\"financial_status\": \"pending\""));
    CU_ASSERT_EQUAL(kit_count(&kit, &order_payment_pending), 1);
    struct str paid = payload("shopify", "04:00:05-05:00", "05:10:00-05:00");
    receive("shopify", "orders/paid", paid);
    receive("shopify", "orders/updated", paid);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 2);
    kit_done(&kit);
}

static void test_a_cancel_is_read_when_a_store_tells_it(void)
{
    start();
    receive("shopify", "orders/create", payload("shopify", NULL, NULL));
    struct str cancelled =
        payload("shopify", "\"cancelled_at\": null,\n  \"cancel_reason\": null",
                "\"cancelled_at\": \"2026-01-15T06:00:00-05:00\", \"cancel_reason\": \"customer\"");
    receive("shopify", "orders/cancelled", cancelled);
    const struct order_cancel_requested *asked = kit_emitted(&kit, &order_cancel_requested, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked);
    CU_ASSERT(str_equal(asked->requested_by, STR("customer")));
    CU_ASSERT_EQUAL(asked->requested_at_ms, INT64_C(1768474800000));
    kit_done(&kit);

    start();
    receive("woocommerce", "order.created", payload("woocommerce", NULL, NULL));
    receive("woocommerce", "order.updated",
            payload("woocommerce", "\"status\": \"processing\"", "\"status\": \"cancelled\""));
    receive("woocommerce", "order.deleted", STR("{\"id\":9007199254740993}"));
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 1);
    kit_done(&kit);
}

static void test_a_draft_is_nothing(void)
{
    CU_ASSERT_PTR_NULL(accepted_from("woocommerce", "\"status\": \"processing\"",
                                     "\"status\": \"checkout-draft\""));
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    kit_done(&kit);
}

static void test_cash_on_delivery_is_known_in_both_stores(void)
{
    start();
    receive("shopify", NULL,
            payload("shopify",
                    "\"financial_status\": \"paid\",\n  \"fulfillment_status\": null,\n  "
                    "\"confirmed\": true,\n  \"payment_gateway_names\": [\"stripe\"]",
                    "\"financial_status\": \"pending\", \"payment_gateway_names\": [\"Cash on "
                    "Delivery (COD)\"]"));
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT_EQUAL(accepted->order.payment.status, PAYMENT_STATUS_COD);
    CU_ASSERT_EQUAL(accepted->order.payment.cod_amount_minor, 3980);
    kit_done(&kit);
    start();
    receive("woocommerce", NULL,
            payload("woocommerce",
                    "\"payment_method\": \"stripe\",\n  \"payment_method_title\": \"Credit "
                    "card\",\n  \"transaction_id\": \"pi_1\",\n  \"date_paid_gmt\": "
                    "\"2026-01-15T09:00:04\"",
                    "\"payment_method\": \"cod\", \"date_paid_gmt\": null"));
    accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT_EQUAL(accepted->order.payment.status, PAYMENT_STATUS_COD);
    CU_ASSERT_EQUAL(accepted->order.payment.cod_amount_minor, 3980);
    kit_done(&kit);
}

static void test_the_sum_stays_the_stores_when_a_unit_price_does_not_divide(void)
{
    /* 3 for 10.00: 3.34 each, 0.02 of it a discount; the rest of the total is 20.00 less */
    start();
    receive("woocommerce", NULL,
            payload("woocommerce", "\"subtotal\": \"30.00\"", "\"subtotal\": \"10.00\""));
    CU_ASSERT(rejected_as(REJECT_CODE_TOTAL_MISMATCH));
    kit_done(&kit);
    char text[64 * 1024];
    snprintf(text, sizeof(text), "%s",
             payload("woocommerce", "\"subtotal\": \"30.00\"", "\"subtotal\": \"10.00\"").ptr);
    char *total = strstr(text, "\"total\": \"39.80\"");
    memcpy(total, "\"total\": \"19.80\"", strlen("\"total\": \"19.80\""));
    start();
    receive("woocommerce", NULL, str_from(text));
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT_EQUAL(accepted->order.lines.ptr[0].unit_price_minor, 334);
    CU_ASSERT_EQUAL(accepted->order.discount_minor, 152);
    kit_done(&kit);
}

static void test_the_bill_says_where_to_when_no_delivery_address_is_given(void)
{
    const struct order *order = accepted_from(
        "woocommerce", "\"address_1\": \"123 Amoebobacterieae St\"", "\"address_1\": \"\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(order);
    CU_ASSERT(str_equal(order->ship_to.line1, STR("1 Bill Street")));
    kit_done(&kit);
}

/* ---- money and times ---- */

static int64_t money(const char *json, int digits)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct error err;
    int64_t minor = -777;
    const struct json_node *root = json_parse(&arena, str_from(json), &err);
    if (!root || reading_money(root, "a", digits, &minor, &err))
        minor = -999;
    arena_done(&arena);
    return minor;
}

static void test_money_is_read_to_the_minor_unit(void)
{
    CU_ASSERT_EQUAL(money("{\"a\":\"19.99\"}", 2), 1999);
    CU_ASSERT_EQUAL(money("{\"a\":19.99}", 2), 1999);
    CU_ASSERT_EQUAL(money("{\"a\":\"19.9\"}", 2), 1990);
    CU_ASSERT_EQUAL(money("{\"a\":\"19\"}", 2), 1900);
    CU_ASSERT_EQUAL(money("{\"a\":\"19.\"}", 2), 1900);
    CU_ASSERT_EQUAL(money("{\"a\":\".5\"}", 2), 50);
    CU_ASSERT_EQUAL(money("{\"a\":\"-5.00\"}", 2), -500);
    CU_ASSERT_EQUAL(money("{\"a\":\"0.29\"}", 2), 29); /* 28 in doubles */
    CU_ASSERT_EQUAL(money("{\"a\":\"19.995\"}", 2), 2000);
    CU_ASSERT_EQUAL(money("{\"a\":\"19.9949\"}", 2), 1999);
    CU_ASSERT_EQUAL(money("{\"a\":\"-0.005\"}", 2), -1);
    CU_ASSERT_EQUAL(money("{\"a\":\"1000\"}", 0), 1000);
    CU_ASSERT_EQUAL(money("{\"a\":\"1000.00\"}", 0), 1000);
    CU_ASSERT_EQUAL(money("{\"a\":\"1.234\"}", 3), 1234);
    CU_ASSERT_EQUAL(money("{\"a\":null}", 2), 0);
    CU_ASSERT_EQUAL(money("{}", 2), 0);
    CU_ASSERT_EQUAL(money("{\"a\":\"\"}", 2), 0);
    CU_ASSERT_EQUAL(money("{\"a\":\"abc\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\"1,50\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\"1.5.0\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\"-\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\".\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\"1e3\"}", 2), -999);
    CU_ASSERT_EQUAL(money("{\"a\":\"99999999999999999999\"}", 2), -999);
}

static int64_t time_of(const char *text)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct error err;
    int64_t ms = -777;
    struct str json = arena_printf(&arena, "{\"a\":\"%s\"}", text);
    const struct json_node *root = json_parse(&arena, json, &err);
    if (!root || reading_time(&arena, root, "a", &ms, &err))
        ms = -999;
    arena_done(&arena);
    return ms;
}

/* Expected: date -u -d … +%s */
static void test_times_are_read_with_and_without_a_zone(void)
{
    CU_ASSERT_EQUAL(time_of("2024-04-25T13:26:00-07:00"), INT64_C(1714076760000));
    CU_ASSERT_EQUAL(time_of("2024-04-25T20:26:00Z"), INT64_C(1714076760000));
    CU_ASSERT_EQUAL(time_of("2024-04-25T20:26:00"), INT64_C(1714076760000));
    CU_ASSERT_EQUAL(time_of("2024-04-25 20:26:00"), INT64_C(1714076760000));
    CU_ASSERT_EQUAL(time_of("2024-04-26T01:56:00+05:30"), INT64_C(1714076760000));
    CU_ASSERT_EQUAL(time_of("2024-09-21T18:20:25.57"), INT64_C(1726942825570));
    CU_ASSERT_EQUAL(time_of("2026-04-17T23:43:17.6571145Z"), INT64_C(1776469397657));
    CU_ASSERT_EQUAL(time_of("2000-02-29T00:00:00Z"), INT64_C(951782400000));
    CU_ASSERT_EQUAL(time_of(""), 0);
    CU_ASSERT_EQUAL(time_of("23 05 2023 11:43:52"), -999);
    CU_ASSERT_EQUAL(time_of("2024-13-01"), -999);
    CU_ASSERT_EQUAL(time_of("2024-04-25T24:00:00Z"), -999);
    CU_ASSERT_EQUAL(time_of("2024-04-25T20:26:00Q"), -999);
    CU_ASSERT_EQUAL(time_of("2024-04-25T20:26:00+5"), -999);
    CU_ASSERT_EQUAL(time_of("2024-04-25T20:26:00."), -999);
    CU_ASSERT_EQUAL(time_of("2024-04-25T"), -999);
}

/* Whatever happens to a payload's bytes, there is a verdict and nothing else. */
static void test_mutated_payloads_get_a_verdict(void)
{
    srand(1);
    for (int round = 0; round < 4000; round++) {
        const char *source = round % 2 ? "shopify" : "woocommerce";
        struct str body = payload(source, NULL, NULL);
        static char bytes[32 * 1024];
        memcpy(bytes, body.ptr, body.len);
        for (int flips = 1 + rand() % 4; flips > 0; flips--) {
            static const char any[] = "{}[]\",:-.0123456789naeE \\\xff";
            bytes[(size_t)rand() % body.len] = any[(size_t)rand() % (sizeof(any) - 1)];
        }
        start();
        enum verdict verdict = receive(source, NULL, (struct str){bytes, body.len});
        CU_ASSERT(verdict == DONE || kit.effects.reason[0]);
        kit_done(&kit);
    }
}
