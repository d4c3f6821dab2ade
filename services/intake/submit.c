/* Submissions (F01-F05): new orders, repeats, and changes of known ones. */
#include "intake/content.h"
#include "intake/course.h"
#include "intake/validate.h"

#include <assert.h>

enum { CONTENTS_MAX = 16 };

/* F05: old news and what was said before in this version change nothing. What is news is noted in
 * next. The notice's own version is no content: a store may count it up without a change. */
static bool take_note(struct intake_order *next, const struct order_submitted *submitted,
                      struct arena *arena)
{
    struct order_submitted content = *submitted;
    content.version = 0;
    int64_t hash = content_hash(&order_submitted, &content);
    bool newer = submitted->version > next->version || next->contents.len == 0;
    if (submitted->version < next->version)
        return false;
    for (size_t i = 0; i < next->contents.len && !newer; i++)
        if (next->contents.ptr[i] == hash)
            return false;
    size_t kept = newer ? 0 : next->contents.len;
    size_t skipped = kept >= CONTENTS_MAX ? kept - CONTENTS_MAX + 1 : 0;
    int64_t *all = arena_alloc_array(arena, kept - skipped + 1, sizeof(*all));
    assert(all);
    if (kept)
        memcpy(all, next->contents.ptr + skipped, (kept - skipped) * sizeof(*all));
    all[kept - skipped] = hash;
    next->contents.ptr = all;
    next->contents.len = kept - skipped + 1;
    next->version = submitted->version;
    return true;
}

static void reject(struct intake_order *next, struct str key,
                   const struct order_submitted *submitted, struct reject_reason_list reasons,
                   const struct context *ctx, struct effects *out)
{
    emit_order_rejected(out, key,
                        &(struct order_rejected){.order_id = key,
                                                 .store = submitted->store,
                                                 .external_id = submitted->external_id,
                                                 .reasons = reasons});
    next->phase = INTAKE_PHASE_REJECTED;
    course_keep(next, ctx, out);
}

static void reject_unpaid(struct intake_order *next, struct str key,
                          const struct order_submitted *submitted, const struct context *ctx,
                          struct effects *out)
{
    struct reject_reason reason = {.code = REJECT_CODE_PAYMENT_FAILED,
                                   .field = STR("payment.status"),
                                   .text = STR("the payment failed or was given back")};
    next->payment_failed = false; /* a later submission is judged by what it says itself */
    reject(next, key, submitted, (struct reject_reason_list){&reason, 1}, ctx, out);
}

static void wait_for_payment(struct intake_order *next, struct str key, const struct order *order,
                             const struct context *ctx, struct effects *out)
{
    const struct intake_settings *cfg = ctx->cfg;
    int64_t expires_at_ms = ctx->now_ms + cfg->payment_wait_ms;
    emit_order_payment_pending(
        out, key, &(struct order_payment_pending){.order = *order, .expires_at_ms = expires_at_ms});
    next->phase = INTAKE_PHASE_PAYMENT_PENDING;
    next->order = order;
    course_keep(next, ctx, out);
    set_timer(out, "payment_expired", expires_at_ms);
}

static void decide_new(struct intake_order *next, struct str key,
                       const struct order_submitted *submitted, const struct order *order,
                       const struct context *ctx, struct effects *out)
{
    if (next->cancel) {
        course_cancel(next, key, order, next->cancel->reason, ctx, out);
        return;
    }
    switch (course_gate(next, order)) {
    case GATE_OPEN:
        course_accept(next, key, order, ctx, out);
        break;
    case GATE_PENDING:
        wait_for_payment(next, key, order, ctx, out);
        break;
    case GATE_CLOSED:
        reject_unpaid(next, key, submitted, ctx, out);
        break;
    }
}

static void tell_update(struct intake_order *next, struct str key, const struct order *order,
                        const struct order *wanted, const struct context *ctx, struct effects *out)
{
    struct order_updated update = {.order = *order,
                                   .changed = content_changes(ctx->arena, next->order, order),
                                   .refused = content_changes(ctx->arena, order, wanted)};
    if (update.changed.len || update.refused.len)
        emit_order_updated(out, key, &update);
    next->order = order;
    course_keep(next, ctx, out);
}

static void decide_pending(struct intake_order *next, struct str key, const struct order *order,
                           const struct context *ctx, struct effects *out)
{
    switch (course_gate(next, order)) {
    case GATE_OPEN:
        course_accept(next, key, order, ctx, out);
        break;
    case GATE_PENDING:
        tell_update(next, key, order, order, ctx, out);
        break;
    case GATE_CLOSED:
        course_cancel(next, key, order, STR("payment_failed"), ctx, out);
        break;
    }
}

/* What was sold stands once the order is accepted; where it goes, and how, once a supplier was
 * asked; who the customer is may always be corrected. */
static struct order what_may_change(const struct intake_order *known, const struct order *wanted)
{
    const struct order *old = known->order;
    struct order order = *wanted;
    order.lines = old->lines;
    order.currency = old->currency;
    order.shipping_minor = old->shipping_minor;
    order.discount_minor = old->discount_minor;
    order.tax_minor = old->tax_minor;
    order.total_minor = old->total_minor;
    if (known->in_fulfilment) {
        order.ship_to = old->ship_to;
        order.time_zone = old->time_zone;
        order.promised_on = old->promised_on;
        order.has_promised_on = old->has_promised_on;
        order.shipping_method = old->shipping_method;
        order.notes = old->notes;
    }
    return order;
}

static void decide_accepted(struct intake_order *next, struct str key, const struct order *wanted,
                            const struct context *ctx, struct effects *out)
{
    if (wanted->payment.status == PAYMENT_STATUS_FAILED ||
        wanted->payment.status == PAYMENT_STATUS_REFUNDED) {
        struct order order = *next->order;
        order.payment = wanted->payment;
        next->order = &order;
        if (next->cancel_refused.ptr)
            course_keep(next, ctx, out);
        else
            course_request_cancel(next, key, STR("payment_failed"), STR("payment"), 0, ctx, out);
        return;
    }
    struct order heard = *wanted;
    if (wanted->payment.status == PAYMENT_STATUS_PENDING) /* it has come by another way */
        heard.payment = next->order->payment;
    struct order order = what_may_change(next, &heard);
    tell_update(next, key, &order, &heard, ctx, out);
}

/* The order is being stopped: all that still counts is where the money is. */
static void decide_stopping(struct intake_order *next, struct str key, const struct order *wanted,
                            const struct context *ctx, struct effects *out)
{
    struct order order = *next->order;
    if (wanted->payment.status == PAYMENT_STATUS_PAID ||
        wanted->payment.status == PAYMENT_STATUS_REFUNDED)
        order.payment = wanted->payment;
    tell_update(next, key, &order, wanted, ctx, out);
}

static enum verdict refuse_update(struct effects *out, const struct reject_reason *reason)
{
    return set_aside(out, "not a valid change: %s, %.*s: %.*s", reject_code_name(reason->code),
                     STR_ARG(reason->field), STR_ARG(reason->text));
}

enum verdict submit_order(struct str key, const struct order_submitted *submitted,
                          const void *state, const struct context *ctx, struct effects *out)
{
    struct intake_order next = course_begin(state);
    if (!take_note(&next, submitted, ctx->arena))
        return DONE;
    struct order order;
    struct reject_reason_list reasons;
    validate_order(key, submitted, ctx, &order, &reasons);
    bool known = next.phase == INTAKE_PHASE_PAYMENT_PENDING || next.phase == INTAKE_PHASE_ACCEPTED;
    if (known && reasons.len)
        return refuse_update(out, &reasons.ptr[0]);
    switch (next.phase) {
    case INTAKE_PHASE_UNKNOWN:
    case INTAKE_PHASE_WAITING:
    case INTAKE_PHASE_REJECTED:
        if (reasons.len)
            reject(&next, key, submitted, reasons, ctx, out);
        else
            decide_new(&next, key, submitted, &order, ctx, out);
        break;
    case INTAKE_PHASE_PAYMENT_PENDING:
        decide_pending(&next, key, &order, ctx, out);
        break;
    case INTAKE_PHASE_ACCEPTED:
        decide_accepted(&next, key, &order, ctx, out);
        break;
    case INTAKE_PHASE_CANCEL_REQUESTED:
        decide_stopping(&next, key, &order, ctx, out);
        break;
    case INTAKE_PHASE_CANCELLED:
        if (order.payment.status == PAYMENT_STATUS_PAID)
            course_refund(&next, key, ctx, out);
        else
            course_keep(&next, ctx, out);
        break;
    }
    return DONE;
}

enum verdict intake_submit(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    return submit_order(ev->key, as_order_submitted(ev), state, ctx, out);
}
