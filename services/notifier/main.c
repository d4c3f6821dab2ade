/* notifier: tells customers what they want to know, once, when and where they want to hear it. */
#include "notifier/notifier.h"
#include "worker/service.h"

static const char *const inputs[] = {"inbound.messages",  "messages", "orders",
                                     "fulfilment",        "tracking", "feedback",
                                     "notifier.operator", NULL};

static const struct route routes[] = {
    {.on = &order_accepted, .state = &message_plan, .decide = plan_event},
    {.on = &order_updated, .state = &message_plan, .decide = plan_event},
    {.on = &order_cancelled, .state = &message_plan, .decide = plan_event},
    {.on = &shipment_created, .state = &message_plan, .decide = plan_event},
    {.on = &shipment_status_changed, .state = &message_plan, .decide = plan_event},
    {.on = &shipment_delay_predicted, .state = &message_plan, .decide = plan_event},
    {.on = &shipment_delivered, .state = &message_plan, .decide = plan_event},
    {.on = &shipment_rto_started, .state = &message_plan, .decide = plan_event},
    {.on = &delivery_disputed, .state = &message_plan, .decide = plan_event},
    {.on = &feedback_requested, .state = &message_plan, .decide = plan_event},
    {.on = &feedback_received, .state = &message_plan, .decide = plan_event},
    {.on_timer = "forget", .state = &message_plan, .decide = plan_forget},

    {.on = &message_planned, .state = &contact_state, .decide = contact_planned},
    {.on = &message_withdrawn, .state = &contact_state, .decide = contact_withdrawn},
    {.on = &contact_opted_out, .state = &contact_state, .decide = contact_opted},
    {.on = &message_reported, .state = &contact_state, .decide = contact_reported},
    {.on_reply = "message_reply", .state = &contact_state, .decide = contact_replied},
    {.on_timer = "release", .state = &contact_state, .decide = contact_release},
    {.on_timer = "forget", .state = &contact_state, .decide = contact_forget},
};

static const struct service notifier = {
    .name = "notifier",
    .text = "Tells customers what happens to their orders, once, by e-mail or SMS.",
    .inputs = inputs,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &notifier_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&notifier, argc, argv);
}
