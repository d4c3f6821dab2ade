/* feedback: asks at the right time, takes the answer, keeps the suppliers' score. */
#include "feedback/feedback.h"
#include "worker/service.h"

static const char *const inputs[] = {
    "inbound.feedback",  "orders", "fulfilment", "tracking", "observations",
    "feedback.operator", NULL};

static const struct route routes[] = {
    {.on = &order_accepted, .state = &feedback_order, .decide = asking_accepted},
    {.on = &order_cancelled, .state = &feedback_order, .decide = asking_cancelled},
    {.on = &fulfilment_exhausted, .state = &feedback_order, .decide = asking_exhausted},
    {.on = &shipment_created, .state = &feedback_order, .decide = asking_shipped},
    {.on = &shipment_status_changed, .state = &feedback_order, .decide = asking_status},
    {.on = &shipment_delivered, .state = &feedback_order, .decide = asking_delivered},
    {.on = &shipment_rto_started, .state = &feedback_order, .decide = asking_returning},
    {.on = &shipment_rto_delivered, .state = &feedback_order, .decide = asking_returned},
    {.on = &delivery_disputed, .state = &feedback_order, .decide = asking_disputed},
    {.on = &feedback_rated, .state = &feedback_order, .decide = asking_rated},
    {.on_timer = "ask", .state = &feedback_order, .decide = asking_due},
    {.on_timer = "forget", .state = &feedback_order, .decide = asking_forget},

    {.on = &observation_recorded, .state = &supplier_record, .decide = score_observed},
};

static const struct service feedback = {
    .name = "feedback",
    .text = "Asks customers at the right time, takes their answer, keeps the suppliers' score.",
    .inputs = inputs,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &feedback_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&feedback, argc, argv);
}
