/* Says what is new about a registered parcel: once each. */
#ifndef WAYBILL_TRACKING_INGEST_TELL_H
#define WAYBILL_TRACKING_INGEST_TELL_H

#include "rules/context.h"
#include "tracking_ingest/history.h"

/* shipment is as it was before but for the new scan in its set; the history becomes its state, and
 * its …_told are brought up to date. */
void tell_history(struct tracked_shipment *shipment, const struct history *history,
                  const struct tracked_scan *scan, const struct context *ctx, struct effects *out);

/* The state itself, as it is now. */
void tell_status(const struct tracked_shipment *shipment, const struct tracked_scan *head,
                 bool first_of_milestone, const struct context *ctx, struct effects *out);

/* The promised day may still be kept or broken by a delivery to the customer. */
bool tell_promise_is_open(const struct tracked_shipment *shipment);

void tell_delay(const struct tracked_shipment *shipment, bool has_expected_on, int32_t expected_on,
                int32_t days_late, bool confirmed, struct effects *out);

void tell_stalled(const struct tracked_shipment *shipment, struct effects *out);

#endif
