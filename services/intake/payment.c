/* The payment gate (F03): what is not paid waits; the money releases it once, whenever it comes. */
#include "intake/course.h"

#include <assert.h>

enum { CAPTURES_MAX = 16 };

static bool is_known(const struct intake_order *next, struct str reference)
{
    for (size_t i = 0; i < next->captures.len; i++)
        if (str_equal(next->captures.ptr[i].reference, reference))
            return true;
    return false;
}

/* One capture per reference, so that a notice that comes twice counts once. */
static void add_capture(struct intake_order *next, const struct payment_captured *notice,
                        struct arena *arena)
{
    size_t len = next->captures.len;
    struct intake_capture *all = arena_alloc_array(arena, len + 1, sizeof(*all));
    assert(all);
    if (len)
        memcpy(all, next->captures.ptr, len * sizeof(*all));
    struct str none = STR("");
    all[len] =
        (struct intake_capture){.reference = notice->reference.ptr ? notice->reference : none,
                                .amount_minor = notice->amount_minor,
                                .currency = notice->currency};
    next->captures = (struct intake_capture_list){all, len + 1};
}

static enum verdict refuse_key(const struct event *ev, struct str order_id, struct effects *out)
{
    return set_aside(out, "order_id %.*s stands under the key %.*s", STR_ARG(order_id),
                     STR_ARG(ev->key));
}

enum verdict intake_payment_captured(const struct event *ev, const void *state,
                                     const struct context *ctx, struct effects *out)
{
    const struct payment_captured *notice = as_payment_captured(ev);
    struct intake_order next = course_begin(state);
    if (!str_equal(notice->order_id, ev->key))
        return refuse_key(ev, notice->order_id, out);
    if (notice->amount_minor < 0)
        return set_aside(out, "amount_minor is %lld: a capture is not negative",
                         (long long)notice->amount_minor);
    if (is_known(&next, notice->reference))
        return DONE;
    if (next.captures.len >= CAPTURES_MAX)
        return set_aside(out, "more than %d payments for one order", CAPTURES_MAX);
    add_capture(&next, notice, ctx->arena);
    switch (next.phase) {
    case INTAKE_PHASE_PAYMENT_PENDING:
        if (course_gate(&next, next.order) == GATE_OPEN)
            course_accept(&next, ev->key, next.order, ctx, out);
        else
            course_keep(&next, ctx, out);
        break;
    case INTAKE_PHASE_CANCELLED:
        course_refund(&next, ev->key, ctx, out);
        break;
    case INTAKE_PHASE_UNKNOWN:
    case INTAKE_PHASE_WAITING:
    case INTAKE_PHASE_REJECTED:
    case INTAKE_PHASE_ACCEPTED:
    case INTAKE_PHASE_CANCEL_REQUESTED:
        course_keep(&next, ctx, out);
        break;
    }
    return DONE;
}

enum verdict intake_payment_failed(const struct event *ev, const void *state,
                                   const struct context *ctx, struct effects *out)
{
    struct intake_order next = course_begin(state);
    struct str order_id = as_payment_failed(ev)->order_id;
    if (!str_equal(order_id, ev->key))
        return refuse_key(ev, order_id, out);
    next.payment_failed = true;
    switch (next.phase) {
    case INTAKE_PHASE_PAYMENT_PENDING:
        course_cancel(&next, ev->key, next.order, STR("payment_failed"), ctx, out);
        break;
    case INTAKE_PHASE_ACCEPTED:
        /* What was only authorised will not be paid: stop it if that is still possible. */
        if (course_gate(&next, next.order) == GATE_CLOSED && !next.cancel_refused.ptr)
            course_request_cancel(&next, ev->key, STR("payment_failed"), STR("payment"), 0, ctx,
                                  out);
        break;
    case INTAKE_PHASE_UNKNOWN:
    case INTAKE_PHASE_WAITING:
    case INTAKE_PHASE_REJECTED:
        course_keep(&next, ctx, out);
        break;
    case INTAKE_PHASE_CANCEL_REQUESTED:
    case INTAKE_PHASE_CANCELLED:
        break;
    }
    return DONE;
}

enum verdict intake_payment_expired(const struct event *ev, const void *state,
                                    const struct context *ctx, struct effects *out)
{
    struct intake_order next = course_begin(state);
    if (next.phase == INTAKE_PHASE_PAYMENT_PENDING)
        course_cancel(&next, ev->key, next.order, STR("payment_expired"), ctx, out);
    return DONE;
}
