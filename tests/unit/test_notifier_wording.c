/* What messages say: values, locales, links, and nothing of the supplier. */
/* links: notifier_settings notifier_core rules_kit */
#include "test_notifier_plan.h"

/* ---- confirmation ---- */

static void test_confirmation_holds_all_lines_and_the_total_when_accepted(void)
{
    begin();
    CU_ASSERT_EQUAL(accept_order(an_order()), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    const struct message_planned *message = planned(0);
    CU_ASSERT_EQUAL(message->kind, MESSAGE_KIND_ORDER_CONFIRMED);
    CU_ASSERT_EQUAL(message->message_class, MESSAGE_CLASS_TRANSACTIONAL);
    CU_ASSERT_TRUE(is_text(message->subject, "Order #1017 confirmed"));
    CU_ASSERT_TRUE(is_text(message->text, "Hello Ana,\n\n"
                                          "thank you, we have your order #1017:\n\n"
                                          "2 x Blue mug: $25.00\n"
                                          "1 x TEA: $4.99\n\n"
                                          "Total: $29.99\n"
                                          "Paid: $29.99\n"
                                          "It should be with you by January 27, 2026.\n"
                                          "We write again as soon as it is on its way.\n"
                                          "\nBlue Shop\n"));
    CU_ASSERT_TRUE(is_text(message->sms_text, "Blue Shop: order #1017 confirmed, total $29.99. "
                                              "It should be with you by January 27, 2026."));
    CU_ASSERT_TRUE(is_text(message->time_zone, "America/New_York"));
    kit_done(&kit);
}

static void test_text_has_no_hole_when_a_value_is_missing(void)
{
    begin();
    struct order order = an_order();
    order.customer.name = (struct str){NULL, 0};
    order.order_number = (struct str){NULL, 0};
    order.has_promised_on = false;
    order.payment.status = PAYMENT_STATUS_AUTHORISED;
    accept_order(order);
    CU_ASSERT_TRUE(is_text(planned(0)->text, "Hello,\n\n"
                                             "thank you, we have your order 17:\n\n"
                                             "2 x Blue mug: $25.00\n"
                                             "1 x TEA: $4.99\n\n"
                                             "Total: $29.99\n"
                                             "We write again as soon as it is on its way.\n"
                                             "\nBlue Shop\n"));
    kit_done(&kit);
}

static void test_cash_is_named_when_paid_on_delivery(void)
{
    begin();
    struct order order = an_order();
    order.payment = (struct payment){.status = PAYMENT_STATUS_COD, .cod_amount_minor = 2999};
    accept_order(order);
    CU_ASSERT_TRUE(says(planned(0)->text, "To pay on delivery: $29.99\n"));
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    CU_ASSERT_TRUE(says(planned(1)->sms_text, "Please have $29.99 ready."));
    kit_done(&kit);
}

static void test_text_of_a_customer_cannot_break_out_when_it_has_control_characters(void)
{
    begin();
    struct order order = an_order();
    order.customer.name = STR("Ana\r\nTotal: $0.00\n{refund}[x]");
    accept_order(order);
    CU_ASSERT_TRUE(says(planned(0)->text, "Hello Ana  Total: $0.00 {refund}[x],\n"));
    kit_done(&kit);
}

static void test_very_long_order_ends_in_an_ellipsis_when_it_would_not_fit(void)
{
    begin();
    static struct order_line many[500];
    static char title[121];
    memset(title, 'x', 120);
    for (size_t i = 0; i < 500; i++)
        many[i] = (struct order_line){
            .line_id = STR("1"), .sku = STR("S"), .title = str_from(title), .quantity = 1};
    struct order order = an_order();
    order.lines = (struct order_line_list){many, 500};
    CU_ASSERT_EQUAL(accept_order(order), DONE);
    CU_ASSERT_TRUE(planned(0)->text.len < 50 * 1024);
    CU_ASSERT_TRUE(says(planned(0)->text, "\n…\n\nTotal: $29.99"));
    kit_done(&kit);
}

/* ---- parcels ---- */

static void test_parcel_names_what_is_in_it_when_the_supplier_said(void)
{
    begin();
    struct line_quantity in[] = {{.line_id = STR("1"), .sku = STR("MUG"), .quantity = 1},
                                 {.line_id = STR("9"), .sku = STR("?"), .quantity = 1}};
    accept_order(an_order());
    create(STR("JD1"), false, (struct line_quantity_list){in, 2});
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    CU_ASSERT_TRUE(says(planned(1)->text, "\nIn it:\n1 x Blue mug\n"));
    kit_done(&kit);
}

static void test_delay_says_no_date_when_none_is_known(void)
{
    begin();
    accept_order(an_order());
    delay(false, 0);
    CU_ASSERT_PTR_NULL(memmem(planned(1)->text.ptr, planned(1)->text.len, "We now expect", 13));
    kit_done(&kit);
}

/* ---- suppliers, links, locales ---- */

static void test_supplier_is_never_named(void)
{
    begin();
    accept_order(an_order());
    create(STR("JD1"), true, (struct line_quantity_list){0});
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    delay(true, 20482);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    deliver();
    ask();
    cancel_order(true);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 7);
    for (size_t i = 0; planned(i); i++) {
        const struct str texts[] = {planned(i)->subject, planned(i)->text, planned(i)->sms_text};
        for (size_t t = 0; t < 3; t++)
            CU_ASSERT_PTR_NULL(memmem(texts[t].ptr, texts[t].len, "acme", 4));
    }
    kit_done(&kit);
}

static void test_link_is_the_carriers_or_the_default_when_set(void)
{
    struct carrier_link links[] = {
        {STR_INIT("default"), STR_INIT("https://t.example/?n={tracking_number}")},
        {STR_INIT("dhl"), STR_INIT("https://dhl.example/{carrier}/{tracking_number}")}};
    begin();
    accept_order(an_order());
    cfg.carriers = links;
    cfg.carrier_count = 2;
    status_at(STR("A/1 &"), SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_PICKED_UP, 0);
    CU_ASSERT_TRUE(says(planned(1)->text, "Follow it: https://dhl.example/dhl/A%2F1%20%26\n"));
    links[1].carrier = STR("ups");
    status_at(STR("B"), SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_PICKED_UP, 0);
    CU_ASSERT_TRUE(says(planned(2)->sms_text, " https://t.example/?n=B"));
    kit_done(&kit);
}

/* F29: what a supplier calls its carrier is its own text. Only names that the shop knows are told.
 */
static void test_carrier_is_named_when_the_shop_knows_it(void)
{
    struct carrier_link links[] = {
        {STR_INIT("default"), STR_INIT("https://t.example/{carrier}?n={tracking_number}")},
        {STR_INIT("dhl"), STR_INIT("https://dhl.example/{tracking_number}")}};
    struct shipment_status_changed told = {.order_id = ORDER,
                                           .carrier = STR("dhl"),
                                           .tracking_number = STR("JD1"),
                                           .fulfilment_order_id = STR("shop:17/1"),
                                           .supplier_id = STR("acme-secret"),
                                           .status = SHIPMENT_STATUS_PICKED_UP,
                                           .first_of_milestone = true,
                                           .occurred_at_ms = KIT_START_MS};
    begin();
    accept_order(an_order());
    cfg.carriers = links;
    cfg.carrier_count = 2;
    kit_event(&kit, &shipment_status_changed, ORDER, &told);
    CU_ASSERT_TRUE(says(planned(1)->text, "\nCarrier: dhl\nNumber: JD1\nFollow it: https://dhl."));
    told.carrier = STR("Acme Secret's own van");
    told.tracking_number = STR("JD2");
    kit_event(&kit, &shipment_status_changed, ORDER, &told);
    CU_ASSERT_TRUE(says(planned(2)->text, "\nNumber: JD2\n"));
    const struct str texts[] = {planned(2)->subject, planned(2)->text, planned(2)->sms_text};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_PTR_NULL(memmem(texts[i].ptr, texts[i].len, "Acme", 4));
        CU_ASSERT_PTR_NULL(memmem(texts[i].ptr, texts[i].len, "Carrier", 7));
        CU_ASSERT_PTR_NULL(memmem(texts[i].ptr, texts[i].len, "https:", 6)); /* it would name it */
    }
    kit_done(&kit);
}

static void test_template_is_the_nearest_when_the_customer_has_a_locale(void)
{
    struct message_template templates[] = {
        {MESSAGE_KIND_ORDER_CONFIRMED, STR_INIT("pt-BR"), STR_INIT("Pedido {total}"),
         STR_INIT("[{promised}]"), STR_INIT("s")},
        {MESSAGE_KIND_ORDER_CONFIRMED, STR_INIT("fr"), STR_INIT("Commande {total}"),
         STR_INIT("[{promised}]"), STR_INIT("s")}};
    static const struct {
        const char *locale, *subject, *text;
    } cases[] = {{"pt_br", "Pedido $29.99", "27 de janeiro de 2026"},
                 {"fr-CA", "Commande 29,99 $ US", "27 janvier 2026"},
                 {"de", "Order #1017 confirmed", "January 27, 2026"},
                 {"en-GB", "Order #1017 confirmed", "27 January 2026"},
                 {NULL, "Order #1017 confirmed", "January 27, 2026"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        cfg.templates = templates;
        cfg.template_count = 2;
        struct order order = an_order();
        order.customer.locale = str_from(cases[i].locale);
        accept_order(order);
        if (i > 0)
            CU_ASSERT_TRUE(is_text(planned(0)->subject, cases[i].subject));
        CU_ASSERT_TRUE(says(planned(0)->text, cases[i].text));
        kit_done(&kit);
    }
}
