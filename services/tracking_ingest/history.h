/* What a set of scans means: where the parcel is, and what has happened on the way. */
#ifndef WAYBILL_TRACKING_INGEST_HISTORY_H
#define WAYBILL_TRACKING_INGEST_HISTORY_H

#include "base/arena.h"
#include "events.h"

struct history {
    enum shipment_leg leg;
    enum shipment_status status;
    enum status_reason reason;
    int32_t attempt_no;
    const struct tracked_scan *head; /* the scan that says so; NULL: none (PENDING, EXPIRED) */
    struct tracked_milestone_list milestones; /* in the order in which they were reached */
    bool *first;                              /* per scan: it reached a milestone first */
    const struct tracked_scan *delivered;     /* first delivery on the forward leg, or NULL */
    const struct tracked_scan *rto_started, *rto_delivered;
    const struct tracked_scan *disputed; /* a failed attempt after the delivery */
    bool has_expected_on;
    int32_t expected_on; /* the carrier's latest word */
};

/* A function of shipment->scans (and of expired_after_ms) alone. Pointers lead into the scans. */
struct history history_derive(const struct tracked_shipment *shipment, struct arena *arena);

bool history_reached(const struct tracked_milestone_list *milestones, enum shipment_leg leg,
                     enum shipment_status status, int32_t attempt_no);

/* Makes it the shipment's state. */
void history_keep(const struct history *history, struct tracked_shipment *shipment);

/* Nothing more is waited for, though a newer scan may still move it. */
bool history_is_settled(enum shipment_status status);

#endif
