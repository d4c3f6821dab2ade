/* tracking_ingest: makes one truth of any carrier's scans. */
#include "tracking_ingest/tracking_ingest.h"
#include "worker/service.h"

static const char *const inputs[] = {"inbound.tracking", "shipments", "tracking_ingest.operator",
                                     NULL};

static const struct route routes[] = {
    {.on = &scan_reported, .state = &tracked_shipment, .decide = tracking_ingest_scan},
    {.on = &payload_received, .state = &tracked_shipment, .decide = tracking_ingest_payload},
    {.on = &shipment_registered, .state = &tracked_shipment, .decide = tracking_ingest_register},
    {.on_timer = "stalled", .state = &tracked_shipment, .decide = clocks_stalled},
    {.on_timer = "promise_passed", .state = &tracked_shipment, .decide = clocks_promise_passed},
    {.on_timer = "silent", .state = &tracked_shipment, .decide = clocks_silent},
    {.on_timer = "forget", .state = &tracked_shipment, .decide = clocks_forget},
};

static const struct service tracking_ingest = {
    .name = "tracking_ingest",
    .text = "Makes one truth of any carrier's scans: where each parcel is, and what that means.",
    .inputs = inputs,
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .settings = &tracking_ingest_settings,
};

int main(int argc, char **argv)
{
    return worker_main(&tracking_ingest, argc, argv);
}
