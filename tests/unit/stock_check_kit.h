/* Builders for tests of stock_check: its own routes, a small catalogue, an order by quantities. */
#ifndef WAYBILL_TESTS_STOCK_CHECK_KIT_H
#define WAYBILL_TESTS_STOCK_CHECK_KIT_H

#include "rules_kit.h"

#define main stock_check_main
#include "stock_check/main.c"
#undef main

#include <CUnit/CUnit.h>
#include <stdio.h>

/* LAMP at acme and bolt, BULB at acme, CORD at bolt. */
static const struct listing catalogue[] = {
    {STR_INIT("BULB"), STR_INIT("acme")},
    {STR_INIT("CORD"), STR_INIT("bolt")},
    {STR_INIT("LAMP"), STR_INIT("acme")},
    {STR_INIT("LAMP"), STR_INIT("bolt")},
};

static const struct stock_check_settings settings = {.answer_wait_ms = 30 * SECOND_MS,
                                                     .hold_ms = 15 * MINUTE_MS,
                                                     .hold_grace_ms = 5 * MINUTE_MS,
                                                     .keep_ms = 120 * DAY_MS,
                                                     .settle_ms = 24 * HOUR_MS,
                                                     .try_again_ms = 5 * SECOND_MS,
                                                     .try_again_max_ms = 2 * MINUTE_MS,
                                                     .tries_max = 4,
                                                     .catalogue = catalogue,
                                                     .catalogue_count = 4};

static struct kit kit;

static inline void start(void)
{
    kit_init(&kit, routes, sizeof(routes) / sizeof(routes[0]), &settings);
}

/* "acme/LAMP" -> its two halves. */
static inline void split_key(const char *key, struct str *supplier_id, struct str *sku)
{
    str_split(str_from(key), '/', supplier_id, sku);
}

static inline enum verdict report_as_of(const char *key, int32_t available, int64_t version,
                                        int64_t as_of_ms)
{
    struct stock_level_reported report = {
        .available = available, .version = version, .as_of_ms = as_of_ms};
    split_key(key, &report.supplier_id, &report.sku);
    return kit_event(&kit, &stock_level_reported, str_from(key), &report);
}

static inline enum verdict report(const char *key, int32_t available, int64_t version)
{
    return report_as_of(key, available, version, kit.ctx.now_ms);
}

static inline enum verdict ask_revision(const char *key, const char *order_id, int32_t attempt,
                                        int32_t quantity, int32_t revision)
{
    struct stock_hold_requested ask = {.order_id = str_from(order_id),
                                       .attempt = attempt,
                                       .quantity = quantity,
                                       .expires_at_ms = kit.ctx.now_ms + 15 * MINUTE_MS,
                                       .revision = revision};
    split_key(key, &ask.supplier_id, &ask.sku);
    return kit_event(&kit, &stock_hold_requested, str_from(key), &ask);
}

static inline enum verdict ask(const char *key, const char *order_id, int32_t quantity)
{
    return ask_revision(key, order_id, 1, quantity, 1);
}

static inline enum verdict confirm(const char *key, const char *order_id, int32_t attempt,
                                   int32_t quantity)
{
    struct stock_hold_confirmed sale = {.order_id = str_from(order_id),
                                        .attempt = attempt,
                                        .quantity = quantity,
                                        .fulfilment_order_id = STR("f/1")};
    split_key(key, &sale.supplier_id, &sale.sku);
    return kit_event(&kit, &stock_hold_confirmed, str_from(key), &sale);
}

/* All but what has shipped. */
static inline enum verdict give_back_rest(const char *key, const char *order_id, int32_t attempt,
                                          int32_t shipped)
{
    struct stock_hold_released release = {.order_id = str_from(order_id),
                                          .attempt = attempt,
                                          .reason = STR("rejected"),
                                          .shipped = shipped};
    split_key(key, &release.supplier_id, &release.sku);
    return kit_event(&kit, &stock_hold_released, str_from(key), &release);
}

static inline enum verdict give_back(const char *key, const char *order_id, int32_t attempt)
{
    return give_back_rest(key, order_id, attempt, 0);
}

static inline enum verdict mismatch_said_at(const char *key, int64_t said_at_ms)
{
    struct stock_mismatch_detected detected = {
        .order_id = STR("o1"), .attempt = 1, .said_at_ms = said_at_ms};
    split_key(key, &detected.supplier_id, &detected.sku);
    return kit_event(&kit, &stock_mismatch_detected, str_from(key), &detected);
}

static inline enum verdict mismatch(const char *key)
{
    return mismatch_said_at(key, 0);
}

/* What the last answer says: quantity held, or -1 when nobody answered. */
static inline const struct stock_hold_answered *last_answer(void)
{
    size_t count = kit_count(&kit, &stock_hold_answered);
    return count ? kit_emitted(&kit, &stock_hold_answered, count - 1) : NULL;
}

static inline int32_t asked(const char *key, const char *order_id, int32_t quantity)
{
    kit_forget(&kit);
    if (ask(key, order_id, quantity) != DONE || !last_answer())
        return -1;
    return last_answer()->quantity;
}

/* What a new order could hold of it right now; leaves nothing behind. */
static inline int32_t free_of(const char *key)
{
    static int probe;
    char order_id[32];
    snprintf(order_id, sizeof(order_id), "probe-%d", ++probe);
    int32_t free = asked(key, order_id, 1000000);
    give_back(key, order_id, 1);
    kit_forget(&kit);
    return free;
}

struct demand {
    const char *sku;
    int32_t quantity;
};

static inline enum verdict accept_order(const char *order_id, const struct demand *demands,
                                        size_t count)
{
    struct order_line lines[64];
    for (size_t i = 0; i < count; i++)
        lines[i] = (struct order_line){
            .line_id = STR("l"), .sku = str_from(demands[i].sku), .quantity = demands[i].quantity};
    struct order_accepted accepted = {
        .order = {.order_id = str_from(order_id), .lines = {lines, count}},
        .accepted_at_ms = kit.ctx.now_ms};
    return kit_event(&kit, &order_accepted, str_from(order_id), &accepted);
}

#define ACCEPT(order_id, ...)                                                                      \
    accept_order(order_id, (const struct demand[]){__VA_ARGS__},                                   \
                 sizeof((const struct demand[]){__VA_ARGS__}) / sizeof(struct demand))

static inline enum verdict cancel_order(const char *order_id)
{
    return kit_event(&kit, &order_cancelled, str_from(order_id),
                     &(struct order_cancelled){.order_id = str_from(order_id),
                                               .reason = STR("asked"),
                                               .was_accepted = true});
}

static inline enum stock_phase phase_of_order(const char *order_id)
{
    const struct stock_order *state = kit_state(&kit, &stock_order, str_from(order_id));
    return state ? state->phase : STOCK_PHASE_UNKNOWN;
}

#endif
