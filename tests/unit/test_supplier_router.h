/* Order shop:1 of two lines to São Paulo, and three suppliers: builders for the tests of
 * supplier_router. */
#ifndef WAYBILL_TEST_SUPPLIER_ROUTER_H
#define WAYBILL_TEST_SUPPLIER_ROUTER_H

#include "rules_kit.h"

#define main service_main
#include "../../services/supplier_router/main.c"
#undef main

#include <CUnit/CUnit.h>
#include <stdio.h>

#define KEY STR("shop:1")

static struct kit kit;

/* RED and BLUE; what a piece costs at each. Shipping is 500 everywhere. */
static struct router_price north_prices[] = {{STR_INIT("BLUE"), 100}, {STR_INIT("RED"), 100}};
static struct router_price south_prices[] = {{STR_INIT("BLUE"), 120}, {STR_INIT("RED"), 90}};
static struct router_price west_prices[] = {{STR_INIT("BLUE"), 300}, {STR_INIT("RED"), 300}};

static struct router_supplier suppliers[3];
static struct supplier_router_settings cfg;

#define SUPPLIER(name, its_prices)                                                                 \
    (struct router_supplier)                                                                       \
    {                                                                                              \
        .id = STR(name), .endpoint = STR(name "-api"), .prices = its_prices, .price_count = 2,     \
        .default_unit_cost_minor = -1, .shipping_cost_minor = 500, .cod = true,                    \
        .acknowledge_within_ms = DAY_MS, .ship_within_ms = 3 * DAY_MS                              \
    }

static inline void start(void)
{
    suppliers[0] = SUPPLIER("north", north_prices);
    suppliers[1] = SUPPLIER("south", south_prices);
    suppliers[2] = SUPPLIER("west", west_prices);
    cfg = (struct supplier_router_settings){.suppliers = suppliers,
                                            .supplier_count = 3,
                                            .cost_currency = STR("EUR"),
                                            .hash = STR("0123456789abcdef"),
                                            .score_min = 0.7,
                                            .score_samples_min = 20,
                                            .keep_after_end_ms = 60 * DAY_MS,
                                            .keep_open_ms = 365 * DAY_MS,
                                            .retry_ms = MINUTE_MS,
                                            .retry_max_ms = HOUR_MS,
                                            .submit_patience_ms = DAY_MS};
    kit_init(&kit, supplier_router.routes, supplier_router.route_count, &cfg);
}

static inline void finish(void)
{
    kit_done(&kit);
}

/* ---- the order and its stock ---- */

static inline struct order an_order(void)
{
    static struct order_line lines[] = {
        {.line_id = STR_INIT("1"), .sku = STR_INIT("RED"), .quantity = 2, .unit_price_minor = 1000},
        {.line_id = STR_INIT("2"),
         .sku = STR_INIT("BLUE"),
         .quantity = 1,
         .unit_price_minor = 3000}};
    return (struct order){.order_id = KEY,
                          .store = STR("shop"),
                          .external_id = STR("1"),
                          .order_number = STR("W-1"),
                          .placed_at_ms = KIT_START_MS,
                          .currency = STR("BRL"),
                          .customer = {.name = STR("Ana"), .email = STR("ana@example.org")},
                          .ship_to = {.line1 = STR("Rua \"A\" 1"),
                                      .city = STR("São Paulo"),
                                      .postal_code = STR("01310-100"),
                                      .country = STR("BR")},
                          .time_zone = STR("America/Sao_Paulo"),
                          .lines = {lines, 2},
                          .payment = {.status = PAYMENT_STATUS_PAID},
                          .has_promised_on = true,
                          .promised_on = 20488}; /* 2026-02-04 */
}

static inline void accepted(const struct order *order)
{
    struct order_accepted body = {.order = *order, .accepted_at_ms = kit.ctx.now_ms};
    CU_ASSERT_EQUAL(kit_event(&kit, &order_accepted, KEY, &body), DONE);
}

/* "north RED 2, south BLUE 1" */
static inline struct hold_list holds_of(const char *text)
{
    static struct hold holds[128];
    static char words[128][2][32];
    struct hold_list list = {holds, 0};
    while (*text) {
        int length = 0;
        struct hold *hold = &holds[list.len];
        if (sscanf(text, "%31s %31s %d%n", words[list.len][0], words[list.len][1], &hold->quantity,
                   &length) != 3)
            break;
        hold->supplier_id = str_from(words[list.len][0]);
        hold->sku = str_from(words[list.len][1]);
        list.len++;
        text += length;
        text += strspn(text, ", ");
    }
    return list;
}

static inline void reserved(int32_t attempt, const char *holds)
{
    struct stock_reserved body = {.order_id = KEY,
                                  .attempt = attempt,
                                  .holds = holds_of(holds),
                                  .expires_at_ms = kit.ctx.now_ms + HOUR_MS};
    CU_ASSERT_EQUAL(kit_event(&kit, &stock_reserved, KEY, &body), DONE);
}

static inline void came_short(int32_t attempt)
{
    struct stock_short body = {.order_id = KEY, .attempt = attempt};
    CU_ASSERT_EQUAL(kit_event(&kit, &stock_short, KEY, &body), DONE);
}

/* Accepted, and everything at north. */
static inline void at_north(void)
{
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1");
}

/* ---- the calls ---- */

static inline void replied(const char *intent_id, enum outcome outcome, int32_t status,
                           const char *body)
{
    struct call_reply reply = {.intent_id = str_from(intent_id),
                               .outcome = outcome,
                               .status = status,
                               .body = str_from(body),
                               .detail = STR("as the test says")};
    CU_ASSERT_EQUAL(kit_reply(&kit, &router_order, KEY, &reply), DONE);
}

/* Nobody knows, and a person is to say. */
static inline void parked(const char *intent_id)
{
    struct call_reply reply = {.intent_id = str_from(intent_id),
                               .outcome = OUTCOME_UNKNOWN,
                               .detail = STR("as the test says"),
                               .parked = true};
    CU_ASSERT_EQUAL(kit_reply(&kit, &router_order, KEY, &reply), DONE);
}

#define TAKEN "{\"supplier_order_id\":\"N-7\",\"state\":\"ACCEPTED\"}"

static inline void taken(const char *intent_id)
{
    replied(intent_id, OUTCOME_OK, 201, TAKEN);
}

/* ---- what came of it ---- */

static inline const struct router_order *book(void)
{
    return kit_state(&kit, &router_order, KEY);
}

static inline const struct fulfilment_requested *requested(size_t nth)
{
    return kit_emitted(&kit, &fulfilment_requested, nth);
}

static inline size_t count(const struct record_type *type)
{
    return kit_count(&kit, type);
}

static inline const struct router_fulfilment *fulfilment(size_t nth)
{
    return &book()->fulfilments.ptr[nth];
}

/* How much of it was confirmed (-1: released, 0: neither). */
static inline int32_t answer_to(const char *supplier_id, const char *sku, int32_t attempt)
{
    for (size_t i = 0; i < count(&stock_hold_confirmed); i++) {
        const struct stock_hold_confirmed *body = kit_emitted(&kit, &stock_hold_confirmed, i);
        if (str_equal(body->supplier_id, str_from(supplier_id)) &&
            str_equal(body->sku, str_from(sku)) && body->attempt == attempt)
            return body->quantity;
    }
    for (size_t i = 0; i < count(&stock_hold_released); i++) {
        const struct stock_hold_released *body = kit_emitted(&kit, &stock_hold_released, i);
        if (str_equal(body->supplier_id, str_from(supplier_id)) &&
            str_equal(body->sku, str_from(sku)) && body->attempt == attempt)
            return -1;
    }
    return 0;
}

#endif
