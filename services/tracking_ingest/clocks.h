/* What the absence of scans means. */
#ifndef WAYBILL_TRACKING_INGEST_CLOCKS_H
#define WAYBILL_TRACKING_INGEST_CLOCKS_H

#include "tracking_ingest/tracking_ingest.h"

/* Sets and stops the timers as the shipment's state asks for; after put_state. */
void clocks_set(const struct tracked_shipment *shipment, const struct context *ctx,
                struct effects *out);

#endif
