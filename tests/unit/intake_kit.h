/* Builders for tests of intake: its own routes and settings, and an order that is valid. */
#ifndef WAYBILL_TESTS_INTAKE_KIT_H
#define WAYBILL_TESTS_INTAKE_KIT_H

#include "rules_kit.h"

#define main intake_main
#include "intake/main.c"
#undef main

#include <CUnit/CUnit.h>

#define ORDER_KEY STR("shop:1001")

static const struct intake_settings settings = {.early_notice_wait_ms = 7 * DAY_MS,
                                                .keep_ms = 120 * DAY_MS,
                                                .lines_max = 10,
                                                .payment_wait_ms = 3 * DAY_MS,
                                                .time_zone = STR_INIT("UTC"),
                                                .total_tolerance_minor = 0};

static struct kit kit;

static inline void start(void)
{
    kit_init(&kit, routes, sizeof(routes) / sizeof(routes[0]), &settings);
}

/* Two lines, 3 x 10.00 + 1 x 5.50, shipping 4.00, discount 1.50, tax inside: 38.00 in all. */
static inline struct order_submitted an_order(enum payment_status status)
{
    static struct order_line lines[2];
    static struct customer customer;
    static struct address ship_to;
    static struct payment payment;
    lines[0] = (struct order_line){.line_id = STR("l1"),
                                   .sku = STR("SKU-1"),
                                   .title = STR("A lamp"),
                                   .quantity = 3,
                                   .unit_price_minor = 1000};
    lines[1] = (struct order_line){
        .line_id = STR("l2"), .sku = STR("SKU-2"), .quantity = 1, .unit_price_minor = 550};
    customer = (struct customer){.customer_id = STR("c7"),
                                 .name = STR("Ana Souza"),
                                 .email = STR("ana@example.com"),
                                 .phone = STR("(11) 96123-4567"),
                                 .locale = STR("pt-BR")};
    ship_to = (struct address){.name = STR("Ana Souza"),
                               .line1 = STR("Rua Augusta 100"),
                               .city = STR("São Paulo"),
                               .region = STR("SP"),
                               .postal_code = STR("01305-000"),
                               .country = STR("BR")};
    payment = (struct payment){.status = status, .method = STR("card")};
    if (status == PAYMENT_STATUS_COD)
        payment.cod_amount_minor = 3800;
    return (struct order_submitted){.store = STR("shop"),
                                    .external_id = STR("1001"),
                                    .order_number = STR("#1001"),
                                    .version = 1,
                                    .placed_at_ms = KIT_START_MS - HOUR_MS,
                                    .currency = STR("BRL"),
                                    .customer = &customer,
                                    .ship_to = &ship_to,
                                    .lines = {lines, 2},
                                    .shipping_minor = 400,
                                    .discount_minor = 150,
                                    .total_minor = 3800,
                                    .payment = &payment};
}

static inline enum verdict submit(const struct order_submitted *order)
{
    return kit_event(&kit, &order_submitted, ORDER_KEY, order);
}

static inline enum verdict submit_paid(void)
{
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    return submit(&order);
}

static inline enum verdict submit_pending(void)
{
    struct order_submitted order = an_order(PAYMENT_STATUS_PENDING);
    return submit(&order);
}

static inline enum verdict capture(const char *reference, int64_t amount_minor)
{
    return kit_event(&kit, &payment_captured, ORDER_KEY,
                     &(struct payment_captured){.order_id = ORDER_KEY,
                                                .reference = str_from(reference),
                                                .amount_minor = amount_minor,
                                                .currency = STR("BRL")});
}

static inline enum verdict fail_payment(void)
{
    return kit_event(&kit, &payment_failed, ORDER_KEY,
                     &(struct payment_failed){.order_id = ORDER_KEY});
}

static inline enum verdict cancel(void)
{
    return kit_event(&kit, &cancel_submitted, ORDER_KEY,
                     &(struct cancel_submitted){.order_id = ORDER_KEY,
                                                .reason = STR("changed my mind"),
                                                .requested_by = STR("customer")});
}

static inline enum intake_phase phase_of_order(void)
{
    const struct intake_order *state = kit_state(&kit, &intake_order, ORDER_KEY);
    return state ? state->phase : INTAKE_PHASE_UNKNOWN;
}

#endif
