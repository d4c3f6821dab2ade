#include "intake/course.h"

struct intake_order course_begin(const void *state)
{
    return state ? *(const struct intake_order *)state
                 : (struct intake_order){.phase = INTAKE_PHASE_WAITING};
}

void course_keep(const struct intake_order *next, const struct context *ctx, struct effects *out)
{
    const struct intake_settings *cfg = ctx->cfg;
    put_state(out, next);
    set_timer(out, "forget",
              ctx->now_ms +
                  (next->phase == INTAKE_PHASE_WAITING ? cfg->early_notice_wait_ms : cfg->keep_ms));
}

bool course_is_paid(const struct intake_order *next, const struct order *order)
{
    int64_t sum_minor = 0;
    for (size_t i = 0; i < next->captures.len; i++) {
        const struct intake_capture *capture = &next->captures.ptr[i];
        if (capture->amount_minor == 0)
            return true;
        if (!str_is_empty(capture->currency) && !str_equal(capture->currency, order->currency))
            continue;
        if (__builtin_add_overflow(sum_minor, capture->amount_minor, &sum_minor))
            return true;
    }
    return next->captures.len > 0 && sum_minor >= order->total_minor;
}

enum course_gate course_gate(const struct intake_order *next, const struct order *order)
{
    if (course_is_paid(next, order))
        return GATE_OPEN;
    switch (order->payment.status) {
    case PAYMENT_STATUS_PAID:
    case PAYMENT_STATUS_COD:
        return GATE_OPEN;
    case PAYMENT_STATUS_AUTHORISED:
        return next->payment_failed ? GATE_CLOSED : GATE_OPEN;
    case PAYMENT_STATUS_PENDING:
        return next->payment_failed ? GATE_CLOSED : GATE_PENDING;
    case PAYMENT_STATUS_UNKNOWN:
    case PAYMENT_STATUS_FAILED:
    case PAYMENT_STATUS_REFUNDED:
        break;
    }
    return GATE_CLOSED;
}

void course_accept(struct intake_order *next, struct str key, const struct order *order,
                   const struct context *ctx, struct effects *out)
{
    struct order accepted = *order;
    if (course_is_paid(next, order))
        accepted.payment.status = PAYMENT_STATUS_PAID;
    emit_order_accepted(out, key,
                        &(struct order_accepted){.order = accepted, .accepted_at_ms = ctx->now_ms});
    next->phase = INTAKE_PHASE_ACCEPTED;
    next->was_accepted = true;
    next->order = &accepted;
    cancel_timer(out, "payment_expired");
    course_keep(next, ctx, out);
    next->order = order;
}

static void tell_cancelled(const struct intake_order *next, struct str key, struct str reason,
                           bool refund_due, const struct context *ctx, struct effects *out)
{
    emit_order_cancelled(out, key,
                         &(struct order_cancelled){.order_id = key,
                                                   .reason = reason,
                                                   .cancelled_at_ms = ctx->now_ms,
                                                   .was_accepted = next->was_accepted,
                                                   .refund_due = refund_due});
}

void course_cancel(struct intake_order *next, struct str key, const struct order *order,
                   struct str reason, const struct context *ctx, struct effects *out)
{
    bool paid = order && order->payment.status == PAYMENT_STATUS_PAID;
    bool back = order && order->payment.status == PAYMENT_STATUS_REFUNDED;
    bool refund_due = !back && (paid || next->captures.len > 0);
    tell_cancelled(next, key, reason, refund_due, ctx, out);
    next->refund_due = refund_due || back;
    next->phase = INTAKE_PHASE_CANCELLED;
    next->order = NULL;
    next->cancel = NULL;
    cancel_timer(out, "payment_expired");
    course_keep(next, ctx, out);
}

void course_refund(struct intake_order *next, struct str key, const struct context *ctx,
                   struct effects *out)
{
    if (!next->refund_due)
        tell_cancelled(next, key, STR("paid_after_cancellation"), true, ctx, out);
    next->refund_due = true;
    course_keep(next, ctx, out);
}

void course_request_cancel(struct intake_order *next, struct str key, struct str reason,
                           struct str requested_by, int64_t requested_at_ms,
                           const struct context *ctx, struct effects *out)
{
    emit_order_cancel_requested(
        out, key,
        &(struct order_cancel_requested){.order_id = key,
                                         .reason = reason,
                                         .requested_by = requested_by,
                                         .requested_at_ms =
                                             requested_at_ms ? requested_at_ms : ctx->now_ms});
    next->phase = INTAKE_PHASE_CANCEL_REQUESTED;
    course_keep(next, ctx, out);
}

enum verdict intake_forget(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)ev;
    (void)state;
    (void)ctx;
    drop_state(out);
    return DONE;
}
