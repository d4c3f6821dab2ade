/* The events of a parcel, each from the state and the history that call for it. */
#include "tracking_ingest/tell.h"

#include "calendar/calendar.h"
#include "tracking_ingest/tracking_ingest.h"

/* What every event of the topic tracking begins with. */
#define OF_SHIPMENT(shipment)                                                                      \
    .order_id = (shipment)->registration->order_id, .carrier = (shipment)->carrier,                \
    .tracking_number = (shipment)->tracking_number,                                                \
    .fulfilment_order_id = (shipment)->registration->fulfilment_order_id,                          \
    .supplier_id = (shipment)->registration->supplier_id

void tell_status(const struct tracked_shipment *shipment, const struct tracked_scan *head,
                 bool first_of_milestone, const struct context *ctx, struct effects *out)
{
    emit_shipment_status_changed(out, shipment->registration->order_id,
                                 &(struct shipment_status_changed){
                                     OF_SHIPMENT(shipment),
                                     .leg = shipment->leg,
                                     .status = shipment->status,
                                     .reason = shipment->reason,
                                     .attempt_no = shipment->attempt_no,
                                     .first_of_milestone = first_of_milestone,
                                     .occurred_at_ms = head ? head->occurred_at_ms : ctx->now_ms,
                                     .location = head ? head->location : (struct str){0},
                                     .raw_text = head ? head->raw_text : (struct str){0},
                                     .has_expected_on = head && head->has_expected_on,
                                     .expected_on = head ? head->expected_on : 0,
                                 });
}

/* F44. A promise is a day at the destination, not an instant. */
static void tell_delivered(const struct tracked_shipment *shipment,
                           const struct tracked_scan *delivered, struct effects *out)
{
    const struct shipment_registered *known = shipment->registration;
    int32_t delivered_on = calendar_local_date(known->time_zone, delivered->occurred_at_ms);
    int32_t days_late = known->has_promised_on ? delivered_on - known->promised_on : 0;
    emit_shipment_delivered(out, known->order_id,
                            &(struct shipment_delivered){
                                OF_SHIPMENT(shipment),
                                .delivered_at_ms = delivered->occurred_at_ms,
                                .delivered_on = delivered_on,
                                .has_promised_on = known->has_promised_on,
                                .promised_on = known->promised_on,
                                .has_promise_met = known->has_promised_on,
                                .promise_met = days_late <= 0,
                                .days_late = days_late > 0 ? days_late : 0,
                            });
}

/* F46. Only the customer's door counts: a failed attempt on the way back is no NDR. */
static void tell_ndr(const struct tracked_shipment *shipment, const struct history *history,
                     struct effects *out)
{
    if (history->leg != SHIPMENT_LEG_FORWARD || history->status != SHIPMENT_STATUS_ATTEMPT_FAILED)
        return;
    emit_shipment_ndr_raised(out, shipment->registration->order_id,
                             &(struct shipment_ndr_raised){
                                 OF_SHIPMENT(shipment),
                                 .attempt_no = history->attempt_no,
                                 .reason = history->reason,
                                 .occurred_at_ms = history->head->occurred_at_ms,
                             });
}

static void tell_return(struct tracked_shipment *shipment, const struct history *history,
                        struct effects *out)
{
    struct str order_id = shipment->registration->order_id;
    if (history->rto_started && !shipment->rto_started_told) {
        shipment->rto_started_told = true;
        emit_shipment_rto_started(
            out, order_id,
            &(struct shipment_rto_started){OF_SHIPMENT(shipment),
                                           .reason = history->rto_started->reason});
    }
    if (history->rto_delivered && !shipment->rto_delivered_told) {
        shipment->rto_delivered_told = true;
        emit_shipment_rto_delivered(
            out, order_id,
            &(struct shipment_rto_delivered){
                OF_SHIPMENT(shipment), .occurred_at_ms = history->rto_delivered->occurred_at_ms});
    }
}

static void tell_facts(struct tracked_shipment *shipment, const struct history *history,
                       struct effects *out)
{
    if (history->delivered && !shipment->delivered_told) {
        shipment->delivered_told = true;
        tell_delivered(shipment, history->delivered, out);
    }
    tell_return(shipment, history, out);
    if (history->disputed && !shipment->disputed_told) {
        shipment->disputed_told = true;
        emit_delivery_disputed(
            out, shipment->registration->order_id,
            &(struct delivery_disputed){OF_SHIPMENT(shipment),
                                        .occurred_at_ms = history->disputed->occurred_at_ms});
    }
}

bool tell_promise_is_open(const struct tracked_shipment *shipment)
{
    return shipment->registration && shipment->registration->has_promised_on &&
           shipment->leg == SHIPMENT_LEG_FORWARD && !history_is_settled(shipment->status) &&
           shipment->status != SHIPMENT_STATUS_EXPIRED;
}

void tell_delay(const struct tracked_shipment *shipment, bool has_expected_on, int32_t expected_on,
                int32_t days_late, bool confirmed, struct effects *out)
{
    emit_shipment_delay_predicted(out, shipment->registration->order_id,
                                  &(struct shipment_delay_predicted){
                                      OF_SHIPMENT(shipment),
                                      .promised_on = shipment->registration->promised_on,
                                      .has_expected_on = has_expected_on,
                                      .expected_on = expected_on,
                                      .days_late = days_late,
                                      .confirmed = confirmed,
                                  });
}

/* F43: once per slip. A date that comes back within the promise makes the next slip a new one. */
static void tell_slip(struct tracked_shipment *shipment, const struct history *history,
                      const struct context *ctx, struct effects *out)
{
    const struct tracking_ingest_settings *cfg = ctx->cfg;
    if (!tell_promise_is_open(shipment) || !history->has_expected_on)
        return;
    int64_t slip = (int64_t)history->expected_on - shipment->registration->promised_on;
    if (slip <= 0)
        shipment->has_expected_told_on = false;
    if (slip < cfg->slip_days_min ||
        (shipment->has_expected_told_on && history->expected_on <= shipment->expected_told_on))
        return;
    shipment->has_expected_told_on = true;
    shipment->expected_told_on = history->expected_on;
    tell_delay(shipment, true, history->expected_on, (int32_t)slip, false, out);
}

void tell_stalled(const struct tracked_shipment *shipment, struct effects *out)
{
    const struct tracked_scan_list *scans = &shipment->scans;
    emit_shipment_stalled(out, shipment->registration->order_id,
                          &(struct shipment_stalled){
                              OF_SHIPMENT(shipment),
                              .last_scan_at_ms = scans->len > 0
                                                     ? scans->ptr[scans->len - 1].occurred_at_ms
                                                     : shipment->registration->shipped_at_ms,
                              .status = shipment->status,
                          });
}

void tell_history(struct tracked_shipment *shipment, const struct history *history,
                  const struct tracked_scan *scan, const struct context *ctx, struct effects *out)
{
    /* F45, merge rule 6: a scan that does not make the state never counts as news. */
    bool first =
        history->head && history->head->id == scan->id &&
        !history_reached(&shipment->milestones, history->leg, history->status, history->attempt_no);
    bool changed = history->leg != shipment->leg || history->status != shipment->status ||
                   history->reason != shipment->reason ||
                   history->attempt_no != shipment->attempt_no;
    history_keep(history, shipment);
    if (first || changed)
        tell_status(shipment, history->head, first, ctx, out);
    if (first)
        tell_ndr(shipment, history, out);
    tell_facts(shipment, history, out);
    tell_slip(shipment, history, ctx, out);
}
