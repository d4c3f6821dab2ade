/* What the tests of the plan share: an order, and what happens to it and its parcels. */
#ifndef WAYBILL_TESTS_TEST_NOTIFIER_PLAN_H
#define WAYBILL_TESTS_TEST_NOTIFIER_PLAN_H

#include "test_notifier.h"

static struct notifier_settings cfg;
static struct kit kit;

static inline void begin(void)
{
    cfg = a_cfg();
    open_kit(&kit, &cfg);
}

static inline struct order an_order(void)
{
    static struct order_line lines[] = {
        {.line_id = STR_INIT("1"),
         .sku = STR_INIT("MUG"),
         .title = STR_INIT("Blue mug"),
         .quantity = 2,
         .unit_price_minor = 1250},
        {.line_id = STR_INIT("2"), .sku = STR_INIT("TEA"), .quantity = 1, .unit_price_minor = 499}};
    return (struct order){.order_id = ORDER,
                          .store = STR("shop"),
                          .external_id = STR("17"),
                          .order_number = STR("#1017"),
                          .placed_at_ms = KIT_START_MS,
                          .currency = STR("USD"),
                          .customer = {.name = STR("Ana"),
                                       .email = STR("Ana@Example.org"),
                                       .phone = STR("+5511987654321")},
                          .ship_to = {.line1 = STR(""),
                                      .city = STR(""),
                                      .postal_code = STR(""),
                                      .country = STR("US")},
                          .time_zone = STR("America/New_York"),
                          .lines = {lines, 2},
                          .total_minor = 2999,
                          .payment = {.status = PAYMENT_STATUS_PAID},
                          .has_promised_on = true,
                          .promised_on = 20480}; /* 2026-01-27 */
}

static inline enum verdict accept_order(struct order order)
{
    return kit_event(&kit, &order_accepted, ORDER,
                     &(struct order_accepted){.order = order, .accepted_at_ms = kit.ctx.now_ms});
}

static inline enum verdict status_at(struct str number, enum shipment_leg leg,
                                     enum shipment_status status, int attempt)
{
    return kit_event(&kit, &shipment_status_changed, ORDER,
                     &(struct shipment_status_changed){.order_id = ORDER,
                                                       .carrier = STR("dhl"),
                                                       .tracking_number = number,
                                                       .fulfilment_order_id = STR("shop:17/1"),
                                                       .supplier_id = STR("acme-secret"),
                                                       .leg = leg,
                                                       .status = status,
                                                       .attempt_no = attempt,
                                                       .first_of_milestone = true,
                                                       .occurred_at_ms = kit.ctx.now_ms});
}

static inline enum verdict status(enum shipment_status status, int attempt)
{
    return status_at(STR("JD1"), SHIPMENT_LEG_FORWARD, status, attempt);
}

static inline enum verdict deliver(void)
{
    return kit_event(&kit, &shipment_delivered, ORDER,
                     &(struct shipment_delivered){.order_id = ORDER,
                                                  .carrier = STR("dhl"),
                                                  .tracking_number = STR("JD1"),
                                                  .fulfilment_order_id = STR("shop:17/1"),
                                                  .supplier_id = STR("acme-secret"),
                                                  .delivered_at_ms = kit.ctx.now_ms,
                                                  .delivered_on = 20478}); /* 2026-01-25 */
}

static inline enum verdict delay(bool known, int32_t expected_on)
{
    return kit_event(&kit, &shipment_delay_predicted, ORDER,
                     &(struct shipment_delay_predicted){.order_id = ORDER,
                                                        .carrier = STR("dhl"),
                                                        .tracking_number = STR("JD1"),
                                                        .fulfilment_order_id = STR("shop:17/1"),
                                                        .supplier_id = STR("acme-secret"),
                                                        .promised_on = 20480,
                                                        .has_expected_on = known,
                                                        .expected_on = expected_on});
}

static inline enum verdict create_of(struct str fulfilment, struct str number, bool complete,
                                     struct line_quantity_list lines)
{
    return kit_event(&kit, &shipment_created, ORDER,
                     &(struct shipment_created){.order_id = ORDER,
                                                .fulfilment_order_id = fulfilment,
                                                .supplier_id = STR("acme-secret"),
                                                .carrier = STR("dhl"),
                                                .tracking_number = number,
                                                .tracking_url = STR("https://acme-secret.example"),
                                                .shipped_at_ms = kit.ctx.now_ms,
                                                .lines = lines,
                                                .order_complete = complete});
}

static inline enum verdict create(struct str number, bool complete, struct line_quantity_list lines)
{
    return create_of(STR("shop:17/1"), number, complete, lines);
}

static inline enum verdict cancel_order(bool was_accepted)
{
    return kit_event(&kit, &order_cancelled, ORDER,
                     &(struct order_cancelled){.order_id = ORDER,
                                               .reason = STR("customer"),
                                               .cancelled_at_ms = kit.ctx.now_ms,
                                               .was_accepted = was_accepted,
                                               .refund_due = true});
}

static inline enum verdict start_return(void)
{
    return kit_event(&kit, &shipment_rto_started, ORDER,
                     &(struct shipment_rto_started){.order_id = ORDER,
                                                    .carrier = STR("dhl"),
                                                    .tracking_number = STR("JD1"),
                                                    .fulfilment_order_id = STR("shop:17/1"),
                                                    .supplier_id = STR("acme-secret"),
                                                    .reason = STATUS_REASON_CUSTOMER_REFUSED,
                                                    .occurred_at_ms = kit.ctx.now_ms});
}

static inline enum verdict ask(void)
{
    return kit_event(
        &kit, &feedback_requested, ORDER,
        &(struct feedback_requested){.order_id = ORDER, .requested_at_ms = kit.ctx.now_ms});
}

static inline const struct message_planned *planned(size_t nth)
{
    return kit_emitted(&kit, &message_planned, nth);
}

static inline size_t planned_count(enum message_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; planned(i); i++)
        count += planned(i)->kind == kind;
    return count;
}

static inline const struct message_planned *planned_of(enum message_kind kind)
{
    for (size_t i = 0; planned(i); i++) {
        if (planned(i)->kind == kind)
            return planned(i);
    }
    return NULL;
}

/* Was that message withdrawn? */
static inline bool is_withdrawn(const struct message_planned *message)
{
    for (size_t i = 0; i < kit_count(&kit, &message_withdrawn); i++) {
        const struct message_withdrawn *withdrawn = kit_emitted(&kit, &message_withdrawn, i);
        if (str_equal(withdrawn->message_id, message->message_id))
            return str_equal(kit_emitted_key(&kit, &message_withdrawn, i), message->contact_id);
    }
    return false;
}

#endif
