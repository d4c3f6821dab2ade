/* Feedback decides when to ask a customer, takes the one answer of an order, and keeps the score of
 * every supplier. */
#ifndef WAYBILL_FEEDBACK_H
#define WAYBILL_FEEDBACK_H

#include "events.h"
#include "rules/route.h"

struct feedback_settings {
    int64_t delay_ms;          /* from the last delivery to the question */
    int64_t keep_ms;           /* after the last that was heard of an order */
    int64_t score_samples_min; /* deliveries before a supplier has a score */
};

/* Filled from file, environment and flags into a struct feedback_settings. */
extern const struct settings feedback_settings;

/* asking.c: by order id */
rule asking_accepted;  /* order.accepted */
rule asking_cancelled; /* order.cancelled */
rule asking_exhausted; /* fulfilment.exhausted */
rule asking_shipped;   /* shipment.created */
rule asking_status;    /* shipment.status_changed: lost and damaged ones */
rule asking_delivered; /* shipment.delivered */
rule asking_returning; /* shipment.rto_started */
rule asking_returned;  /* shipment.rto_delivered */
rule asking_disputed;  /* delivery.disputed */
rule asking_rated;     /* feedback.rated: the customer's answer */
rule asking_due;       /* timer "ask" */
rule asking_forget;    /* timer "forget" */

/* score.c: by subject */
rule score_observed; /* observation.recorded */

#endif
