/* What happened to an order, as far as messages about it are concerned: events of several topics in
 * one shape, for the table of plan.c. */
#ifndef WAYBILL_NOTIFIER_OCCASION_H
#define WAYBILL_NOTIFIER_OCCASION_H

#include "notifier/notifier.h"

/* One event in the words of the plan. */
struct occasion {
    struct str shipment; /* <carrier>/<number>; absent: about the whole order */
    enum shipment_leg leg;
    enum shipment_status status;
    bool is_first;  /* of its leg, status and attempt */
    int32_t number; /* see plan_message.number */
    int64_t at_ms;
    bool has_date;
    int32_t date; /* delivered on, or now expected on */
    bool was_accepted, refund_due;
};

/* The event in those words. False if it is not one of those that the plan knows. */
bool occasion_read(const struct event *ev, struct arena *arena, struct occasion *out);

#endif
