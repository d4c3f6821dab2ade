/* The timers of a parcel: stalled, past its promise, silent for good, forgotten. */
#include "tracking_ingest/clocks.h"

#include "calendar/calendar.h"
#include "tracking_ingest/tell.h"

static const char stalled[] = "stalled", promise_passed[] = "promise_passed", silent[] = "silent",
                  forget[] = "forget";

static void set_or_cancel(struct effects *out, const char *name, bool wanted, int64_t due_ms)
{
    if (wanted)
        set_timer(out, name, due_ms);
    else
        cancel_timer(out, name);
}

void clocks_set(const struct tracked_shipment *shipment, const struct context *ctx,
                struct effects *out)
{
    const struct tracking_ingest_settings *cfg = ctx->cfg;
    const struct shipment_registered *known = shipment->registration;
    int64_t heard_ms = shipment->last_activity_ms;
    bool moving = known && !history_is_settled(shipment->status) &&
                  shipment->status != SHIPMENT_STATUS_EXPIRED;
    /* A parcel that waits for its customer does not stall. */
    bool may_stall = moving && !shipment->stalled_told &&
                     shipment->status != SHIPMENT_STATUS_AVAILABLE_FOR_PICKUP;
    bool may_be_late = tell_promise_is_open(shipment) && !shipment->delay_confirmed_told;
    set_or_cancel(out, stalled, may_stall, heard_ms + cfg->stall_after_ms);
    set_or_cancel(out, silent, moving, heard_ms + cfg->expire_after_ms);
    set_or_cancel(out, promise_passed, may_be_late,
                  may_be_late ? calendar_instant(known->time_zone, known->promised_on + 1,
                                                 (int32_t)cfg->confirm_delay_minutes)
                              : 0);
    set_timer(out, forget, heard_ms + (known ? cfg->keep_ms : cfg->keep_unregistered_ms));
}

static enum verdict keep(const struct tracked_shipment *shipment, const struct context *ctx,
                         struct effects *out)
{
    put_state(out, shipment);
    clocks_set(shipment, ctx, out);
    return DONE;
}

enum verdict clocks_stalled(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    (void)ev;
    struct tracked_shipment next = *(const struct tracked_shipment *)state;
    next.stalled_told = true;
    tell_stalled(&next, out);
    return keep(&next, ctx, out);
}

/* F43: the promised day is over at the destination, and the parcel is not there. */
enum verdict clocks_promise_passed(const struct event *ev, const void *state,
                                   const struct context *ctx, struct effects *out)
{
    (void)ev;
    struct tracked_shipment next = *(const struct tracked_shipment *)state;
    struct history history = history_derive(&next, ctx->arena);
    int32_t promised_on = next.registration->promised_on;
    int32_t days_late =
        calendar_local_date(next.registration->time_zone, ctx->now_ms) - promised_on;
    if (history.has_expected_on && history.expected_on - promised_on > days_late)
        days_late = history.expected_on - promised_on;
    next.delay_confirmed_told = true;
    tell_delay(&next, history.has_expected_on, history.expected_on, days_late, true, out);
    return keep(&next, ctx, out);
}

/* F51: EXPIRED until a newer scan revives it. */
enum verdict clocks_silent(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)ev;
    struct tracked_shipment next = *(const struct tracked_shipment *)state;
    const struct tracked_scan_list *scans = &next.scans;
    bool first = !next.has_expired_after_ms;
    next.has_expired_after_ms = true;
    next.expired_after_ms = scans->len > 0 ? scans->ptr[scans->len - 1].occurred_at_ms : 0;
    struct history history = history_derive(&next, ctx->arena);
    history_keep(&history, &next);
    tell_status(&next, history.head, first, ctx, out);
    return keep(&next, ctx, out);
}

enum verdict clocks_forget(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)ev, (void)state, (void)ctx;
    drop_state(out);
    return DONE;
}
