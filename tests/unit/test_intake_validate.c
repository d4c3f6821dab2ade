/* intake: each missing or wrong field gives one named reason; the rest becomes normal (F02, F08).
 */
/* links: intake_settings rules_kit */
#include "intake/contact.h"
#include "intake/postal.h"
#include "intake_kit.h"

/* What the order was rejected for: "CODE field, CODE field"; "" if it was not. */
static const char *reasons_of(const struct order_submitted *order, struct str key)
{
    static char text[4096];
    text[0] = '\0';
    start();
    CU_ASSERT_EQUAL(kit_event(&kit, &order_submitted, key, order), DONE);
    const struct order_rejected *rejected = kit_emitted(&kit, &order_rejected, 0);
    for (size_t i = 0; rejected && i < rejected->reasons.len; i++) {
        const struct reject_reason *reason = &rejected->reasons.ptr[i];
        CU_ASSERT(reason->text.len > 0);
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s%s %.*s", i ? ", " : "",
                 reject_code_name(reason->code), STR_ARG(reason->field));
    }
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
    return text;
}

#define CHECK_REASONS(expected, change)                                                            \
    {                                                                                              \
        struct order_submitted order = an_order(PAYMENT_STATUS_PAID);                              \
        struct customer customer = *order.customer;                                                \
        struct address ship_to = *order.ship_to;                                                   \
        struct payment payment = *order.payment;                                                   \
        order.customer = &customer;                                                                \
        order.ship_to = &ship_to;                                                                  \
        order.payment = &payment;                                                                  \
        change;                                                                                    \
        CU_ASSERT_STRING_EQUAL(reasons_of(&order, ORDER_KEY), expected);                           \
    }

static void test_each_failure_is_named_when_something_is_missing(void)
{
    CHECK_REASONS("MISSING_STORE store", order.store = STR(""));
    CHECK_REASONS("MISSING_EXTERNAL_ID external_id", order.external_id = STR(""));
    CHECK_REASONS("MISSING_PLACED_AT placed_at_ms", order.placed_at_ms = 0);
    CHECK_REASONS("MISSING_CURRENCY currency", order.currency = STR(" "));
    CHECK_REASONS("MISSING_ADDRESS ship_to", order.ship_to = NULL);
    CHECK_REASONS("MISSING_ADDRESS ship_to.line1", ship_to.line1 = STR("  "));
    CHECK_REASONS("MISSING_CITY ship_to.city", ship_to.city = STR(""));
    CHECK_REASONS("MISSING_COUNTRY ship_to.country", ship_to.country = STR(""));
    CHECK_REASONS("MISSING_POSTAL_CODE ship_to.postal_code", ship_to.postal_code = STR(""));
    CHECK_REASONS("MISSING_CUSTOMER_CONTACT customer",
                  customer.email = customer.phone = (struct str){0});
    CHECK_REASONS("MISSING_CUSTOMER_CONTACT customer", order.customer = NULL);
    CHECK_REASONS("NO_LINES lines", order.lines.len = 0);
    CHECK_REASONS("MISSING_LINE_ID lines[1].line_id", order.lines.ptr[1].line_id = STR(""));
    CHECK_REASONS("MISSING_SKU lines[0].sku", order.lines.ptr[0].sku = STR(""));
    CHECK_REASONS("PAYMENT_UNKNOWN payment.status", order.payment = NULL);
    CHECK_REASONS("COD_AMOUNT_MISSING payment.cod_amount_minor",
                  payment.status = PAYMENT_STATUS_COD);
}

static void test_each_failure_is_named_when_something_is_wrong(void)
{
    CHECK_REASONS("ID_MISMATCH external_id", order.external_id = STR("1002"));
    CHECK_REASONS("ID_MISMATCH external_id", order.store = STR("sh:op"));
    CHECK_REASONS("TEST_ORDER test", order.test = true);
    CHECK_REASONS("INVALID_CURRENCY currency", order.currency = STR("DOLLAR"));
    CHECK_REASONS("INVALID_COUNTRY ship_to.country", ship_to.country = STR("XX"));
    CHECK_REASONS("INVALID_POSTAL_CODE ship_to.postal_code", ship_to.postal_code = STR("n/a!"));
    CHECK_REASONS("INVALID_EMAIL customer.email", customer.email = STR("ana@example"));
    CHECK_REASONS("INVALID_PHONE customer.phone", customer.email = (struct str){0};
                  customer.phone = STR("ask my sister"));
    CHECK_REASONS("INVALID_TIME_ZONE time_zone", order.time_zone = STR("Mars/Olympus"));
    CHECK_REASONS("INVALID_PROMISE promised_on", order.has_promised_on = true;
                  order.promised_on = 20467 /* 2026-01-14, the day before it was placed */);
    CHECK_REASONS("INVALID_PROMISE promised_on", order.has_promised_on = true;
                  order.promised_on = 99999);
    CHECK_REASONS("DUPLICATE_LINE_ID lines[1].line_id", order.lines.ptr[1].line_id = STR("l1"));
    CHECK_REASONS("INVALID_QUANTITY lines[1].quantity", order.lines.ptr[1].quantity = 0);
    CHECK_REASONS("INVALID_QUANTITY lines[1].quantity", order.lines.ptr[1].quantity = -3);
    CHECK_REASONS("INVALID_QUANTITY lines[1].quantity", order.lines.ptr[1].quantity = INT32_MAX;
                  order.total_minor += 550 * (int64_t)(INT32_MAX - 1));
    CHECK_REASONS("INVALID_PRICE lines[0].unit_price_minor",
                  order.lines.ptr[0].unit_price_minor = -1);
    CHECK_REASONS("INVALID_PRICE lines[0].unit_price_minor",
                  order.lines.ptr[0].unit_price_minor = INT64_MAX);
    CHECK_REASONS("INVALID_PRICE shipping_minor", order.shipping_minor = -1);
    CHECK_REASONS("INVALID_PRICE discount_minor", order.discount_minor = INT64_MIN);
    CHECK_REASONS("INVALID_PRICE total_minor", order.total_minor = INT64_MAX);
    CHECK_REASONS("TOTAL_MISMATCH total_minor", order.total_minor = 3801);
    CHECK_REASONS("PAYMENT_FAILED payment.status", payment.status = PAYMENT_STATUS_FAILED);
}

static void test_all_failures_are_named_when_there_are_many(void)
{
    struct order_submitted empty = {0};
    CU_ASSERT_STRING_EQUAL(
        reasons_of(&empty, STR("shop:9")),
        "MISSING_STORE store, MISSING_EXTERNAL_ID external_id, MISSING_PLACED_AT placed_at_ms, "
        "MISSING_CURRENCY currency, MISSING_ADDRESS ship_to, MISSING_CUSTOMER_CONTACT customer, "
        "NO_LINES lines, PAYMENT_UNKNOWN payment.status");
}

static void test_reasons_stay_within_their_limit_when_every_line_is_wrong(void)
{
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    static struct order_line lines[11];
    order.lines = (struct order_line_list){lines, 11};
    CU_ASSERT_STRING_EQUAL(reasons_of(&order, ORDER_KEY), "TOO_MANY_LINES lines");
    struct intake_settings wide = settings;
    wide.lines_max = 500;
    static struct order_line many[500];
    order.lines = (struct order_line_list){many, 500};
    start();
    kit.ctx.cfg = &wide;
    submit(&order);
    const struct order_rejected *rejected = kit_emitted(&kit, &order_rejected, 0);
    CU_ASSERT_EQUAL(rejected->reasons.len, 64);
    kit_done(&kit);
}

static void test_an_order_becomes_normal_when_it_is_accepted(void)
{
    struct order_submitted typed = an_order(PAYMENT_STATUS_PAID);
    struct customer customer = *typed.customer;
    struct address ship_to = *typed.ship_to;
    typed.customer = &customer;
    typed.ship_to = &ship_to;
    typed.currency = STR(" brl");
    customer.email = STR("  Ana@Example.COM ");
    ship_to.country = STR("br ");
    ship_to.city = STR(" São Paulo ");
    ship_to.postal_code = STR(" 01305-000");
    ship_to.phone = STR("11 3061-1234");
    start();
    submit(&typed);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    const struct order *order = &accepted->order;
    CU_ASSERT(str_equal(order->order_id, ORDER_KEY));
    CU_ASSERT(str_equal(order->currency, STR("BRL")));
    CU_ASSERT(str_equal(order->customer.email, STR("Ana@example.com")));
    CU_ASSERT(str_equal(order->customer.phone, STR("+5511961234567")));
    CU_ASSERT(str_equal(order->ship_to.phone, STR("+551130611234")));
    CU_ASSERT(str_equal(order->ship_to.country, STR("BR")));
    CU_ASSERT(str_equal(order->ship_to.city, STR("São Paulo")));
    CU_ASSERT(str_equal(order->ship_to.postal_code, STR("01305-000")));
    CU_ASSERT(str_equal(order->time_zone, STR("America/Sao_Paulo")));
    CU_ASSERT_EQUAL(order->flags.len, 0);
    CU_ASSERT_EQUAL(order->placed_at_ms, KIT_START_MS - HOUR_MS);
    kit_done(&kit);
}

static void test_oddities_are_flagged_when_the_order_can_go_on(void)
{
    struct order_submitted typed = an_order(PAYMENT_STATUS_PAID);
    struct customer customer = *typed.customer;
    struct address ship_to = *typed.ship_to;
    typed.customer = &customer;
    typed.ship_to = &ship_to;
    customer.phone = STR("none");
    ship_to.postal_code = STR("1305");
    start();
    submit(&typed);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT_PTR_NULL(accepted->order.customer.phone.ptr);
    CU_ASSERT_EQUAL_FATAL(accepted->order.flags.len, 2);
    CU_ASSERT(str_equal(accepted->order.flags.ptr[0], STR("postal_code_unusual")));
    CU_ASSERT(str_equal(accepted->order.flags.ptr[1], STR("phone_unusual")));
    kit_done(&kit);
}

static void test_the_address_lends_its_phone_when_the_customer_has_none(void)
{
    struct order_submitted typed = an_order(PAYMENT_STATUS_PAID);
    struct address ship_to = *typed.ship_to;
    typed.customer = NULL;
    typed.ship_to = &ship_to;
    ship_to.phone = STR("(11) 96123-4567");
    start();
    submit(&typed);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT(str_equal(accepted->order.customer.phone, STR("+5511961234567")));
    kit_done(&kit);
}

static void test_the_total_holds_when_tax_is_on_top_or_inside(void)
{
    CHECK_REASONS("", order.tax_minor = 500);
    CHECK_REASONS("", order.tax_minor = 500; order.total_minor = 4300);
    CHECK_REASONS("TOTAL_MISMATCH total_minor", order.tax_minor = 500; order.total_minor = 4200);
}

static void test_the_zone_is_the_places_unless_it_is_told(void)
{
    struct order_submitted typed = an_order(PAYMENT_STATUS_PAID);
    typed.time_zone = STR("Europe/Lisbon");
    start();
    submit(&typed);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT(str_equal(accepted->order.time_zone, STR("Europe/Lisbon")));
    kit_done(&kit);
}

static void test_a_promise_of_the_day_itself_makes_sense(void)
{
    /* placed 2026-01-15 09:00 UTC, still the 15th in São Paulo */
    CHECK_REASONS("", order.has_promised_on = true; order.promised_on = 20468);
}

static void test_postal_codes_fit_when_they_are_their_countrys(void)
{
    CU_ASSERT_EQUAL(postal_check(STR("US"), STR("94103")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("US"), STR("94103-1234")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("US"), STR("9410")), POSTAL_UNUSUAL);
    CU_ASSERT_EQUAL(postal_check(STR("GB"), STR("SW1A 1AA")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("GB"), STR("M1 1AE")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("IN"), STR("560001")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("IN"), STR("56000")), POSTAL_UNUSUAL);
    CU_ASSERT_EQUAL(postal_check(STR("CA"), STR("K1A 0B1")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("NL"), STR("1234 AB")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("AE"), STR("")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("ZW"), STR("")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR("DE"), STR("")), POSTAL_MISSING);
    CU_ASSERT_EQUAL(postal_check(STR("DE"), STR("10115 BERLIN MITTE")), POSTAL_INVALID);
    CU_ASSERT_EQUAL(postal_check(STR("LI"), STR("9490")), POSTAL_FITS);
    CU_ASSERT_EQUAL(postal_check(STR(""), STR("")), POSTAL_MISSING);
}

static bool is_email(const char *text)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct str email = str_from(text);
    bool good = contact_email(&arena, &email) && email.ptr;
    arena_done(&arena);
    return good;
}

/* Examples of RFC 3696 and RFC 5321 where a shop's customer could have them. */
static void test_addresses_are_told_from_what_is_none(void)
{
    CU_ASSERT_TRUE(is_email("user@example.com"));
    CU_ASSERT_TRUE(is_email("customer/department=shipping@example.com"));
    CU_ASSERT_TRUE(is_email("first.last+tag@sub.example.co.uk"));
    CU_ASSERT_TRUE(is_email("用户@例子.广告"));
    CU_ASSERT_FALSE(is_email("plainaddress"));
    CU_ASSERT_FALSE(is_email("@example.com"));
    CU_ASSERT_FALSE(is_email("a@b@example.com"));
    CU_ASSERT_FALSE(is_email("a..b@example.com"));
    CU_ASSERT_FALSE(is_email(".a@example.com"));
    CU_ASSERT_FALSE(is_email("a.@example.com"));
    CU_ASSERT_FALSE(is_email("a b@example.com"));
    CU_ASSERT_FALSE(is_email("a@example"));
    CU_ASSERT_FALSE(is_email("a@-example.com"));
    CU_ASSERT_FALSE(is_email("a@example..com"));
    CU_ASSERT_FALSE(is_email("a@example.com."));
    CU_ASSERT_FALSE(is_email("a@example.com\r\nBcc: x@example.com"));
    CU_ASSERT_FALSE(
        is_email("1234567890123456789012345678901234567890123456789012345678901234+x@example.com"));
}
