/* Cancelling (F09): at once while nobody else knows the order, else by asking those who do. */
#include "intake/course.h"

/* A wish that came before its order, or while the order was refused, waits for it. */
static void remember(struct intake_order *next, const struct cancel_submitted *wish,
                     const struct context *ctx, struct effects *out)
{
    struct intake_cancel cancel = {.reason = wish->reason, .requested_by = wish->requested_by};
    next->cancel = &cancel;
    course_keep(next, ctx, out);
}

enum verdict cancel_order(struct str key, const struct cancel_submitted *wish, const void *state,
                          const struct context *ctx, struct effects *out)
{
    struct intake_order next = course_begin(state);
    switch (next.phase) {
    case INTAKE_PHASE_UNKNOWN:
    case INTAKE_PHASE_WAITING:
    case INTAKE_PHASE_REJECTED:
        if (!next.cancel)
            remember(&next, wish, ctx, out);
        break;
    case INTAKE_PHASE_PAYMENT_PENDING:
        course_cancel(&next, key, next.order, wish->reason, ctx, out);
        break;
    case INTAKE_PHASE_ACCEPTED:
        if (!next.cancel_refused.ptr)
            course_request_cancel(&next, key, wish->reason, wish->requested_by,
                                  wish->requested_at_ms, ctx, out);
        break;
    case INTAKE_PHASE_CANCEL_REQUESTED:
    case INTAKE_PHASE_CANCELLED:
        break;
    }
    return DONE;
}

enum verdict intake_cancel(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    const struct cancel_submitted *wish = as_cancel_submitted(ev);
    if (!str_equal(wish->order_id, ev->key))
        return set_aside(out, "order_id %.*s stands under the key %.*s", STR_ARG(wish->order_id),
                         STR_ARG(ev->key));
    return cancel_order(ev->key, wish, state, ctx, out);
}

enum verdict intake_fulfilment_requested(const struct event *ev, const void *state,
                                         const struct context *ctx, struct effects *out)
{
    (void)ev;
    if (!state)
        return DONE;
    struct intake_order next = course_begin(state);
    if (next.in_fulfilment)
        return DONE;
    next.in_fulfilment = true;
    course_keep(&next, ctx, out);
    return DONE;
}

enum verdict intake_fulfilment_cancelled(const struct event *ev, const void *state,
                                         const struct context *ctx, struct effects *out)
{
    const struct fulfilment_cancelled *cancelled = as_fulfilment_cancelled(ev);
    struct intake_order next = course_begin(state);
    bool whole = !cancelled->fulfilment_order_id.ptr;
    if (whole &&
        (next.phase == INTAKE_PHASE_ACCEPTED || next.phase == INTAKE_PHASE_CANCEL_REQUESTED))
        course_cancel(&next, ev->key, next.order, cancelled->reason, ctx, out);
    return DONE;
}

enum verdict intake_cancel_refused(const struct event *ev, const void *state,
                                   const struct context *ctx, struct effects *out)
{
    const struct fulfilment_cancel_refused *refused = as_fulfilment_cancel_refused(ev);
    struct intake_order next = course_begin(state);
    if (next.phase != INTAKE_PHASE_CANCEL_REQUESTED)
        return DONE;
    next.phase = INTAKE_PHASE_ACCEPTED;
    next.cancel_refused = refused->reason;
    course_keep(&next, ctx, out);
    return DONE;
}
