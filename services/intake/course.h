/* The steps that an order's life with intake is made of; shared by the families of rules. */
#ifndef WAYBILL_INTAKE_COURSE_H
#define WAYBILL_INTAKE_COURSE_H

#include "intake/intake.h"

/* A copy of the known state to change, or the state of a key that nothing is known of. */
struct intake_order course_begin(const void *state);

/* Keeps the state, to be forgotten when nothing has been heard for long. Every step below ends with
 * it. */
void course_keep(const struct intake_order *next, const struct context *ctx, struct effects *out);

/* F03: may this order go on? */
enum course_gate { GATE_OPEN, GATE_PENDING, GATE_CLOSED };
enum course_gate course_gate(const struct intake_order *next, const struct order *order);

/* Whether the captures cover the total. */
bool course_is_paid(const struct intake_order *next, const struct order *order);

/* Fulfilment starts: order.accepted. */
void course_accept(struct intake_order *next, struct str key, const struct order *order,
                   const struct context *ctx, struct effects *out);

/* The end without fulfilment, or after all of it was stopped: order.cancelled. order: what it would
 * have been (for the refund); may be NULL. */
void course_cancel(struct intake_order *next, struct str key, const struct order *order,
                   struct str reason, const struct context *ctx, struct effects *out);

/* The order is cancelled, and money for it has come: that it has to go back is said once. */
void course_refund(struct intake_order *next, struct str key, const struct context *ctx,
                   struct effects *out);

/* Others must stop first: order.cancel_requested. */
void course_request_cancel(struct intake_order *next, struct str key, struct str reason,
                           struct str requested_by, int64_t requested_at_ms,
                           const struct context *ctx, struct effects *out);

/* One submission, from whatever source (submit.c). */
enum verdict submit_order(struct str key, const struct order_submitted *submitted,
                          const void *state, const struct context *ctx, struct effects *out);

/* One wish to cancel (cancel.c). */
enum verdict cancel_order(struct str key, const struct cancel_submitted *wish, const void *state,
                          const struct context *ctx, struct effects *out);

#endif
