#include "notifier/occasion.h"

static struct str shipment_key(struct arena *arena, struct str carrier, struct str number)
{
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(carrier), STR_ARG(number));
}

static struct occasion of_status(const struct shipment_status_changed *changed, struct arena *arena)
{
    return (struct occasion){
        .shipment = shipment_key(arena, changed->carrier, changed->tracking_number),
        .leg = changed->leg,
        .status = changed->status,
        .is_first = changed->first_of_milestone,
        /* Being picked up is told once, every attempt to deliver anew. */
        .number = changed->status == SHIPMENT_STATUS_OUT_FOR_DELIVERY ? changed->attempt_no : 0,
        .at_ms = changed->occurred_at_ms};
}

/* A slip is known by its new date, so that the same date is told once. */
static struct occasion of_delay(const struct event *ev,
                                const struct shipment_delay_predicted *delay, struct arena *arena)
{
    return (struct occasion){.shipment =
                                 shipment_key(arena, delay->carrier, delay->tracking_number),
                             .number = delay->has_expected_on ? delay->expected_on : 0,
                             .at_ms = ev->time_ms,
                             .has_date = delay->has_expected_on,
                             .date = delay->expected_on};
}

static struct occasion of_delivery(const struct shipment_delivered *delivered, struct arena *arena)
{
    return (struct occasion){
        .shipment = shipment_key(arena, delivered->carrier, delivered->tracking_number),
        .at_ms = delivered->delivered_at_ms,
        .has_date = true,
        .date = delivered->delivered_on};
}

bool occasion_read(const struct event *ev, struct arena *arena, struct occasion *out)
{
    struct occasion read = {.at_ms = ev->time_ms};
    if (ev->type == &order_accepted) {
        read.at_ms = as_order_accepted(ev)->accepted_at_ms;
    } else if (ev->type == &order_cancelled) {
        const struct order_cancelled *cancelled = as_order_cancelled(ev);
        read.at_ms = cancelled->cancelled_at_ms;
        read.was_accepted = cancelled->was_accepted;
        read.refund_due = cancelled->refund_due;
    } else if (ev->type == &feedback_requested) {
        read.at_ms = as_feedback_requested(ev)->requested_at_ms;
    } else if (ev->type == &shipment_status_changed) {
        read = of_status(as_shipment_status_changed(ev), arena);
    } else if (ev->type == &shipment_delivered) {
        read = of_delivery(as_shipment_delivered(ev), arena);
    } else if (ev->type == &shipment_delay_predicted) {
        read = of_delay(ev, as_shipment_delay_predicted(ev), arena);
    } else if (ev->type == &shipment_rto_started) {
        const struct shipment_rto_started *rto = as_shipment_rto_started(ev);
        read.shipment = shipment_key(arena, rto->carrier, rto->tracking_number);
    } else if (ev->type == &delivery_disputed) {
        const struct delivery_disputed *disputed = as_delivery_disputed(ev);
        read.shipment = shipment_key(arena, disputed->carrier, disputed->tracking_number);
    } else if (ev->type == &shipment_created) {
        const struct shipment_created *created = as_shipment_created(ev);
        read.shipment = shipment_key(arena, created->carrier, created->tracking_number);
    } else if (ev->type != &order_updated && ev->type != &feedback_received) {
        return false;
    }
    *out = read;
    return true;
}
