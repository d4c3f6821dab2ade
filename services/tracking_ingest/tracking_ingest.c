/* What is heard about a parcel: whose it is, and where it was seen. */
#include "tracking_ingest/tracking_ingest.h"

#include "tracking_ingest/adapters/adapters.h"
#include "tracking_ingest/clocks.h"
#include "tracking_ingest/scan_set.h"
#include "tracking_ingest/tell.h"

/* The set has grown by this scan: what does that say? */
static void weigh(struct tracked_shipment *shipment, const struct tracked_scan *scan,
                  const struct context *ctx, struct effects *out)
{
    struct history history = history_derive(shipment, ctx->arena);
    if (shipment->registration)
        tell_history(shipment, &history, scan, ctx, out);
    else
        history_keep(&history, shipment);
}

/* The oldest scan that reached nothing new goes first; the milestones stay. */
static void bound(struct tracked_shipment *shipment, struct arena *arena)
{
    if (shipment->scans.len <= SCANS_MAX)
        return;
    struct history history = history_derive(shipment, arena);
    size_t oldest = 0;
    while (oldest < shipment->scans.len && history.first[oldest])
        oldest++;
    scan_set_drop(&shipment->scans, oldest < shipment->scans.len ? oldest : 0);
}

/* True if the scan was not there yet. */
static bool take(struct tracked_shipment *shipment, const struct tracked_scan *scan,
                 const struct context *ctx, struct effects *out)
{
    if (!scan_set_add(ctx->arena, &shipment->scans, scan))
        return false;
    shipment->last_activity_ms = ctx->now_ms;
    shipment->stalled_told = false;
    weigh(shipment, scan, ctx, out);
    bound(shipment, ctx->arena);
    return true;
}

/* NULL = fine, else why not. */
static const char *fault_of(const struct scan_reported *scan, const struct context *ctx)
{
    const struct tracking_ingest_settings *cfg = ctx->cfg;
    if (scan->occurred_at_ms <= 0)
        return "the scan has no time";
    if (scan->occurred_at_ms > ctx->now_ms + cfg->future_tolerance_ms)
        return "the scan claims to be from the future";
    return NULL;
}

static bool key_is(struct str key, struct str carrier, struct str number)
{
    return key.len == carrier.len + 1 + number.len && str_starts_with(key, carrier) &&
           key.ptr[carrier.len] == '/' &&
           str_equal((struct str){key.ptr + carrier.len + 1, number.len}, number);
}

static struct tracked_shipment shipment_of(const void *state, struct str carrier,
                                           struct str tracking_number, int64_t now_ms)
{
    if (state)
        return *(const struct tracked_shipment *)state;
    return (struct tracked_shipment){.carrier = carrier,
                                     .tracking_number = tracking_number,
                                     .status = SHIPMENT_STATUS_PENDING,
                                     .last_activity_ms = now_ms};
}

static void keep(const struct tracked_shipment *shipment, const struct context *ctx,
                 struct effects *out)
{
    put_state(out, shipment);
    clocks_set(shipment, ctx, out);
}

/* Scans that came before are told now, in the order in which they happened. */
static void replay(struct tracked_shipment *shipment, const struct context *ctx,
                   struct effects *out)
{
    size_t count = shipment->scans.len;
    history_keep(&(struct history){.status = SHIPMENT_STATUS_PENDING}, shipment);
    for (size_t i = 0; i < count; i++) {
        shipment->scans.len = i + 1;
        weigh(shipment, &shipment->scans.ptr[i], ctx, out);
    }
}

enum verdict tracking_ingest_register(const struct event *ev, const void *state,
                                      const struct context *ctx, struct effects *out)
{
    const struct shipment_registered *known = as_shipment_registered(ev);
    if (!key_is(ev->key, known->carrier, known->tracking_number))
        return set_aside(out, "the key is not <carrier>/<tracking number>");
    struct tracked_shipment next =
        shipment_of(state, known->carrier, known->tracking_number, ctx->now_ms);
    const struct shipment_registered *before = next.registration;
    if (before && !str_equal(before->order_id, known->order_id))
        return set_aside(out, "this number belongs to order %.*s already",
                         STR_ARG(before->order_id));
    next.registration = known;
    if (!before) {
        next.last_activity_ms = ctx->now_ms;
        replay(&next, ctx, out);
    }
    keep(&next, ctx, out);
    return DONE;
}

enum verdict tracking_ingest_scan(const struct event *ev, const void *state,
                                  const struct context *ctx, struct effects *out)
{
    const struct scan_reported *scan = as_scan_reported(ev);
    if (!key_is(ev->key, scan->carrier, scan->tracking_number))
        return set_aside(out, "the key is not <carrier>/<tracking number>");
    const char *fault = fault_of(scan, ctx);
    if (fault)
        return set_aside(out, "%s", fault);
    struct tracked_shipment next =
        shipment_of(state, scan->carrier, scan->tracking_number, ctx->now_ms);
    struct tracked_scan item = scan_set_item(scan);
    if (take(&next, &item, ctx, out))
        keep(&next, ctx, out);
    return DONE;
}

enum verdict tracking_ingest_payload(const struct event *ev, const void *state,
                                     const struct context *ctx, struct effects *out)
{
    struct scans reported = {0};
    const char *fault = adapters_read(as_payload_received(ev), ev->key, ctx->arena, &reported);
    if (fault)
        return set_aside(out, "%s", fault);
    struct tracked_scan_list scans = {0}; /* oldest first, so that each milestone is news */
    for (size_t i = 0; i < reported.len; i++) {
        struct tracked_scan item = scan_set_item(&reported.ptr[i]);
        if (!fault_of(&reported.ptr[i], ctx))
            scan_set_add(ctx->arena, &scans, &item);
    }
    struct str carrier, number;
    str_split(ev->key, '/', &carrier, &number);
    struct tracked_shipment next = shipment_of(state, carrier, number, ctx->now_ms);
    bool news = false;
    for (size_t i = 0; i < scans.len; i++)
        if (take(&next, &scans.ptr[i], ctx, out))
            news = true;
    if (news)
        keep(&next, ctx, out);
    return DONE;
}
