/* Walks the scans in the order in which they happened; the last wins, then the terminal rules
 * ("Merge rules" in services/FEATURES.md). */
#include "tracking_ingest/history.h"

enum { LEGS = 4 };
/* Carriers report one failed attempt several times. Another attempt needs another ride out, or this
 * much time. */
static const int64_t attempt_gap_ms = INT64_C(12) * 60 * 60 * 1000;

struct attempts {
    int32_t failed;
    bool out_again; /* out for delivery since the last failed one */
    int64_t failed_at_ms;
};

bool history_reached(const struct tracked_milestone_list *milestones, enum shipment_leg leg,
                     enum shipment_status status, int32_t attempt_no)
{
    for (size_t i = 0; i < milestones->len; i++) {
        const struct tracked_milestone *milestone = &milestones->ptr[i];
        if (milestone->leg == leg && milestone->status == status &&
            milestone->attempt_no == attempt_no)
            return true;
    }
    return false;
}

bool history_is_settled(enum shipment_status status)
{
    return status == SHIPMENT_STATUS_DELIVERED || status == SHIPMENT_STATUS_LOST ||
           status == SHIPMENT_STATUS_DAMAGED || status == SHIPMENT_STATUS_CANCELLED;
}

static bool reach(struct history *history)
{
    if (history_reached(&history->milestones, history->leg, history->status, history->attempt_no))
        return false;
    history->milestones.ptr[history->milestones.len++] = (struct tracked_milestone){
        .leg = history->leg, .status = history->status, .attempt_no = history->attempt_no};
    return true;
}

/* Only rides out and failed attempts are counted. */
static int32_t attempt_of(struct attempts *attempts, const struct tracked_scan *scan)
{
    if (scan->status == SHIPMENT_STATUS_OUT_FOR_DELIVERY) {
        attempts->out_again = true;
        return attempts->failed + 1;
    }
    if (scan->status != SHIPMENT_STATUS_ATTEMPT_FAILED)
        return 0;
    if (attempts->failed == 0 || attempts->out_again ||
        scan->occurred_at_ms - attempts->failed_at_ms >= attempt_gap_ms) {
        attempts->failed++;
        attempts->failed_at_ms = scan->occurred_at_ms;
    }
    attempts->out_again = false;
    return attempts->failed;
}

/* Does the scan leave the state as it is? */
static bool is_overruled(const struct history *history, const struct tracked_scan *scan)
{
    if (scan->status == SHIPMENT_STATUS_UNKNOWN) /* an unmapped code (merge rule 7) */
        return true;
    if (history->rto_delivered) /* F47: the end; nothing after it is a delivery to the customer */
        return true;
    if (history->delivered && scan->leg == SHIPMENT_LEG_FORWARD) /* merge rule 4 */
        return true;
    return history->leg == scan->leg && history->status == SHIPMENT_STATUS_DELIVERED;
}

static void note_facts(struct history *history, const struct tracked_scan *scan)
{
    bool delivered = scan->status == SHIPMENT_STATUS_DELIVERED;
    if (scan->leg == SHIPMENT_LEG_FORWARD && delivered)
        history->delivered = scan;
    if (scan->leg == SHIPMENT_LEG_RTO && !history->rto_started)
        history->rto_started = scan;
    if (scan->leg == SHIPMENT_LEG_RTO && delivered)
        history->rto_delivered = scan;
}

/* Silence ends what is still open; a newer scan revives it (merge rule 5). */
static void expire(const struct tracked_shipment *shipment, struct history *history)
{
    const struct tracked_scan_list *scans = &shipment->scans;
    if (!shipment->has_expired_after_ms || history_is_settled(history->status) ||
        (scans->len > 0 && scans->ptr[scans->len - 1].occurred_at_ms > shipment->expired_after_ms))
        return;
    history->status = SHIPMENT_STATUS_EXPIRED;
    history->reason = STATUS_REASON_NONE;
    history->attempt_no = 0;
    history->head = NULL;
}

struct history history_derive(const struct tracked_shipment *shipment, struct arena *arena)
{
    const struct tracked_scan_list *scans = &shipment->scans;
    struct history history = {.status = SHIPMENT_STATUS_PENDING};
    struct attempts attempts[LEGS] = {{0}};
    history.milestones.ptr =
        arena_alloc_array(arena, scans->len + 1, sizeof(*history.milestones.ptr));
    history.first = arena_alloc_array(arena, scans->len + 1, sizeof(*history.first));
    assert(history.milestones.ptr && history.first);
    for (size_t i = 0; i < scans->len; i++) {
        const struct tracked_scan *scan = &scans->ptr[i];
        if (scan->has_expected_on) {
            history.has_expected_on = true;
            history.expected_on = scan->expected_on;
        }
        if (is_overruled(&history, scan)) {
            if (history.delivered && history.leg == SHIPMENT_LEG_FORWARD && !history.disputed &&
                scan->leg == SHIPMENT_LEG_FORWARD && scan->status == SHIPMENT_STATUS_ATTEMPT_FAILED)
                history.disputed = scan;
            continue;
        }
        history.leg = scan->leg;
        history.status = scan->status;
        history.reason = scan->reason;
        history.attempt_no = attempt_of(&attempts[scan->leg], scan);
        history.head = scan;
        history.first[i] = reach(&history);
        note_facts(&history, scan);
    }
    expire(shipment, &history);
    return history;
}

void history_keep(const struct history *history, struct tracked_shipment *shipment)
{
    shipment->leg = history->leg;
    shipment->status = history->status;
    shipment->reason = history->reason;
    shipment->attempt_no = history->attempt_no;
    shipment->milestones = history->milestones;
    shipment->has_delivered_at_ms = history->delivered != NULL;
    shipment->delivered_at_ms = history->delivered ? history->delivered->occurred_at_ms : 0;
}
