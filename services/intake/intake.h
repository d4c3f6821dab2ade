/* The rules of intake: one order, once, whatever the source (F01-F09). State: intake_order by order
 * id. */
#ifndef WAYBILL_INTAKE_INTAKE_H
#define WAYBILL_INTAKE_INTAKE_H

#include "events.h"
#include "rules/route.h"

struct intake_settings {
    int64_t early_notice_wait_ms; /* how long a payment or cancel waits for its order */
    int64_t keep_ms;              /* how long an order is remembered after its last news */
    int64_t lines_max;
    int64_t payment_wait_ms; /* how long an unpaid order waits for its payment */
    struct str time_zone;    /* of destinations whose country tells none */
    int64_t total_tolerance_minor;
};

/* Filled from file, environment and flags into a struct intake_settings. */
extern const struct settings intake_settings;

rule intake_submit;  /* order.submitted */
rule intake_payload; /* payload.received: a store's own bytes, by adapters/<source>.c */

rule intake_payment_captured;
rule intake_payment_failed;
rule intake_payment_expired; /* timer */

rule intake_cancel;               /* cancel.submitted */
rule intake_fulfilment_requested; /* the cut-off for changes */
rule intake_fulfilment_cancelled;
rule intake_cancel_refused;

rule intake_forget; /* timer */

#endif
