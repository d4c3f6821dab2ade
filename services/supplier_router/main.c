/* supplier_router: chooses who sends what, asks them, and follows until it has shipped. */
#include "supplier_router/supplier_router.h"
#include "worker/service.h"

static const char *const inputs[] = {"inbound.suppliers",        "orders", "stock", "tracking",
                                     "supplier_router.operator", NULL};
static const char *const tables[] = {"suppliers", NULL};

static const struct route routes[] = {
    {.on = &order_accepted, .state = &router_order, .decide = supplier_router_accepted},
    {.on = &order_updated, .state = &router_order, .decide = supplier_router_updated},
    {.on = &order_cancel_requested, .state = &router_order, .decide = cancel_requested},
    {.on = &order_cancelled, .state = &router_order, .decide = cancel_ordered},
    {.on = &stock_reserved, .state = &router_order, .decide = supplier_router_reserved},
    {.on = &stock_short, .state = &router_order, .decide = supplier_router_short},
    {.on = &supplier_order_accepted, .state = &router_order, .decide = callback_accepted},
    {.on = &supplier_order_rejected, .state = &router_order, .decide = callback_rejected},
    {.on = &supplier_order_shipped, .state = &router_order, .decide = ship_reported},
    {.on = &supplier_order_cancelled, .state = &router_order, .decide = callback_cancelled},
    {.on = &shipment_delivered, .state = &router_order, .decide = ship_delivered},
    {.on = &shipment_rto_delivered, .state = &router_order, .decide = ship_rto_delivered},
    {.on = &shipment_status_changed, .state = &router_order, .decide = ship_status_changed},
    {.on_reply = "submitted", .state = &router_order, .decide = submit_replied},
    {.on_reply = "cancelled", .state = &router_order, .decide = cancel_replied},
    {.on_timer = "due", .state = &router_order, .decide = follow_due},
    {.on_timer = "forget", .state = &router_order, .decide = follow_forget},
};

static const struct service supplier_router = {
    .name = "supplier_router",
    .text = "Chooses who sends what of an order, asks them, and follows until it has shipped.",
    .inputs = inputs,
    .tables = tables,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &supplier_router_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&supplier_router, argc, argv);
}
