/* stock_check: holds all of an order at the suppliers, or nothing. */
#include "stock_check/stock_check.h"
#include "worker/service.h"

static const char *const inputs[] = {
    "inbound.stock",        "orders", "fulfilment", "stock.holds", "stock.answers",
    "stock_check.operator", NULL};

static const struct route routes[] = {
    {.on = &order_accepted, .state = &stock_order, .decide = reservation_open},
    {.on = &fulfilment_stock_requested, .state = &stock_order, .decide = reservation_reopen},
    {.on = &stock_hold_answered, .state = &stock_order, .decide = reservation_answer},
    {.on = &order_cancelled, .state = &stock_order, .decide = reservation_cancel},
    {.on_timer = "answers_due", .state = &stock_order, .decide = reservation_conclude},
    {.on_timer = "try_again", .state = &stock_order, .decide = reservation_try_again},
    {.on_timer = "forget", .state = &stock_order, .decide = reservation_forget},

    {.on = &stock_level_reported, .state = &stock_sku, .decide = shelf_report},
    {.on = &stock_hold_requested, .state = &stock_sku, .decide = shelf_hold},
    {.on = &stock_hold_confirmed, .state = &stock_sku, .decide = shelf_sell},
    {.on = &stock_hold_released, .state = &stock_sku, .decide = shelf_release},
    {.on = &stock_mismatch_detected, .state = &stock_sku, .decide = shelf_mismatch},
    {.on_timer = "holds_expire", .state = &stock_sku, .decide = shelf_expire},
};

static const struct service stock_check = {
    .name = "stock_check",
    .text = "Holds all of an order's stock at its suppliers, or nothing of it.",
    .inputs = inputs,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &stock_check_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&stock_check, argc, argv);
}
