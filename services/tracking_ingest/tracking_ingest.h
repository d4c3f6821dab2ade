/* tracking_ingest makes one truth of any carrier's scans: the state of a parcel is a function of
 * the set of its scans, whatever the order and however often they come ("Merge rules" in
 * services/FEATURES.md). */
#ifndef WAYBILL_TRACKING_INGEST_H
#define WAYBILL_TRACKING_INGEST_H

#include "events.h"
#include "rules/route.h"

struct tracking_ingest_settings {
    int64_t confirm_delay_minutes; /* after local midnight of the day after the promised one */
    int64_t expire_after_ms;       /* silence until EXPIRED */
    int64_t future_tolerance_ms;   /* how far ahead of now a scan may claim to be */
    int64_t keep_ms;               /* after the last that was heard */
    int64_t keep_unregistered_ms;  /* scans that nobody claims */
    int64_t slip_days_min;         /* a carrier's date is late enough to tell from here on */
    int64_t stall_after_ms;        /* without a scan */
};

/* Filled from file, environment and flags into a struct tracking_ingest_settings. */
extern const struct settings tracking_ingest_settings;

rule tracking_ingest_register; /* shipment.registered */
rule tracking_ingest_scan;     /* scan.reported */
rule tracking_ingest_payload;  /* payload.received: a carrier's own bytes, through an adapter */

rule clocks_stalled;        /* timer "stalled" (F42) */
rule clocks_promise_passed; /* timer "promise_passed" (F43) */
rule clocks_silent;         /* timer "silent" (F51) */
rule clocks_forget;         /* timer "forget" */

#endif
