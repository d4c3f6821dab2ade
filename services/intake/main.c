/* intake: one order, once, whatever the source. */
#include "intake/intake.h"
#include "worker/service.h"

static const char *const inputs[] = {"inbound.orders", "fulfilment", "intake.operator", NULL};

static const struct route routes[] = {
    {.on = &order_submitted, .state = &intake_order, .decide = intake_submit},
    {.on = &payload_received, .state = &intake_order, .decide = intake_payload},
    {.on = &payment_captured, .state = &intake_order, .decide = intake_payment_captured},
    {.on = &payment_failed, .state = &intake_order, .decide = intake_payment_failed},
    {.on = &cancel_submitted, .state = &intake_order, .decide = intake_cancel},
    {.on = &fulfilment_requested, .state = &intake_order, .decide = intake_fulfilment_requested},
    {.on = &fulfilment_cancelled, .state = &intake_order, .decide = intake_fulfilment_cancelled},
    {.on = &fulfilment_cancel_refused, .state = &intake_order, .decide = intake_cancel_refused},
    {.on_timer = "payment_expired", .state = &intake_order, .decide = intake_payment_expired},
    {.on_timer = "forget", .state = &intake_order, .decide = intake_forget},
};

static const struct service intake = {
    .name = "intake",
    .text = "Takes orders from shops: validates them, waits for payment, accepts each once.",
    .inputs = inputs,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &intake_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&intake, argc, argv);
}
