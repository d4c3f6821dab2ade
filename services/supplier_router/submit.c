/* Asking a supplier, and what comes of it. */
#include "supplier_router/submit.h"

#include "supplier_router/cancel.h"
#include "supplier_router/request.h"
#include "supplier_router/source.h"
#include "supplier_router/unwanted.h"

#include <inttypes.h>

void submit_open(const struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct choose_part *part, int64_t cod_minor, const struct context *ctx)
{
    const struct supplier_router_settings *cfg = ctx->cfg;
    const struct router_supplier *supplier = part->supplier;
    struct router_line *lines = arena_alloc_array(ctx->arena, part->lines.len, sizeof(*lines));
    assert(lines);
    for (size_t i = 0; i < part->lines.len; i++)
        lines[i] = (struct router_line){.line_id = part->lines.ptr[i].line_id,
                                        .sku = part->lines.ptr[i].sku,
                                        .quantity = part->lines.ptr[i].quantity};
    *fulfilment = (struct router_fulfilment){
        .fulfilment_order_id = arena_printf(ctx->arena, "%.*s/%zu", STR_ARG(book->order->order_id),
                                            book->fulfilments.len),
        .supplier_id = supplier->id,
        .endpoint = supplier->endpoint,
        .attempt = book->attempt,
        .state = ROUTER_STATE_SUBMITTING,
        .lines = {lines, part->lines.len},
        .cod_minor = cod_minor,
        .submit_by_ms = ctx->now_ms + cfg->submit_patience_ms,
        .has_acknowledge_by_ms = supplier->acknowledge_within_ms > 0,
        .acknowledge_by_ms = ctx->now_ms + supplier->acknowledge_within_ms,
        .has_ship_by_ms = supplier->ship_within_ms > 0,
        .ship_by_ms = ctx->now_ms + supplier->ship_within_ms};
    fulfilment->idempotency_key = arena_printf(
        ctx->arena, "%.*s:%" PRId32, STR_ARG(fulfilment->fulfilment_order_id), book->attempt);
    fulfilment->request = request_body(book->order, fulfilment, ctx->arena);
}

struct str submit_escaped(struct arena *arena, struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *escaped = arena_alloc_array(arena, text.len + 1, 3);
    assert(escaped);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~", c));
        if (plain) {
            escaped[len++] = (char)c;
        } else {
            escaped[len++] = '%';
            escaped[len++] = digits[c >> 4];
            escaped[len++] = digits[c & 15];
        }
    }
    return (struct str){escaped, len};
}

static struct str intent_id(struct arena *arena, const struct router_fulfilment *fulfilment)
{
    return arena_printf(arena, "%.*s:submit:%" PRId32, STR_ARG(fulfilment->fulfilment_order_id),
                        fulfilment->submits);
}

void submit_send(struct router_fulfilment *fulfilment, const struct context *ctx,
                 struct effects *out)
{
    struct str reference = submit_escaped(ctx->arena, fulfilment->fulfilment_order_id);
    fulfilment->submits++;
    fulfilment->has_again_at_ms = false;
    fulfilment->parked = false;
    /* What may have happened once must come to its end: it never expires. */
    intend(out, &(struct intent){
                    .id = intent_id(ctx->arena, fulfilment),
                    .name = "submitted",
                    .endpoint = fulfilment->endpoint,
                    .expires_ms = fulfilment->outcome_unknown ? 0 : fulfilment->submit_by_ms,
                    .method = "POST",
                    .path = STR("/orders"),
                    .content_type = STR("application/json"),
                    .body = fulfilment->request,
                    .idempotency_key = fulfilment->idempotency_key,
                    .lookup_path =
                        arena_printf(ctx->arena, "/orders?reference_id=%.*s", STR_ARG(reference))});
}

void submit_withdraw(const struct router_fulfilment *fulfilment, struct arena *arena,
                     struct effects *out)
{
    withdraw(out, intent_id(arena, fulfilment));
}

void submit_taken(const struct router_order *book, struct router_fulfilment *fulfilment,
                  struct str supplier_order_id, bool accepted, struct effects *out)
{
    struct str order_id = book->order->order_id;
    if (supplier_order_id.len > 0)
        fulfilment->supplier_order_id = supplier_order_id;
    if (fulfilment->state == ROUTER_STATE_SUBMITTING) {
        fulfilment->state = ROUTER_STATE_SUBMITTED;
        fulfilment->request = (struct str){0};
        fulfilment->has_again_at_ms = fulfilment->cancelling && fulfilment->has_again_at_ms;
        emit_fulfilment_submitted(
            out, order_id,
            &(struct fulfilment_submitted){.order_id = order_id,
                                           .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                           .supplier_id = fulfilment->supplier_id,
                                           .idempotency_key = fulfilment->idempotency_key,
                                           .supplier_order_id = fulfilment->supplier_order_id});
    }
    if (accepted && fulfilment->state == ROUTER_STATE_SUBMITTED) {
        fulfilment->state = ROUTER_STATE_ACCEPTED;
        fulfilment->has_acknowledge_by_ms = false;
        emit_fulfilment_accepted(
            out, order_id,
            &(struct fulfilment_accepted){.order_id = order_id,
                                          .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                          .supplier_id = fulfilment->supplier_id,
                                          .supplier_order_id = fulfilment->supplier_order_id});
    }
}

void submit_rejected(struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct rejection_list *reasons, const char *reason, int64_t said_at_ms,
                     const struct context *ctx, struct effects *out)
{
    struct str order_id = book->order->order_id;
    fulfilment->state = ROUTER_STATE_REJECTED;
    fulfilment->cancelling = false;
    emit_fulfilment_rejected(
        out, order_id,
        &(struct fulfilment_rejected){.order_id = order_id,
                                      .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                      .supplier_id = fulfilment->supplier_id,
                                      .reasons = *reasons});
    source_elsewhere(book, fulfilment, reasons, reason, said_at_ms, ctx, out);
    cancel_settle(book, ctx, out);
}

void submit_later(struct router_fulfilment *fulfilment, const struct context *ctx)
{
    fulfilment->has_again_at_ms = true;
    fulfilment->again_at_ms = ctx->now_ms + book_wait_ms(ctx->cfg, fulfilment->submits);
}

/* It may have happened: the same key at the same supplier, never another one (F20). */
static void unknown(const struct router_order *book, struct router_fulfilment *fulfilment,
                    const struct call_reply *reply, const struct context *ctx, struct effects *out)
{
    struct str order_id = book->order->order_id;
    if (!fulfilment->outcome_unknown)
        emit_fulfilment_outcome_unknown(out, order_id,
                                        &(struct fulfilment_outcome_unknown){
                                            .order_id = order_id,
                                            .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                            .supplier_id = fulfilment->supplier_id,
                                            .detail = reply->detail.ptr ? reply->detail : STR("")});
    fulfilment->outcome_unknown = true;
    /* A parked call is answered by a person; a cancel that is under way says what became of it. */
    if (!reply->parked && !fulfilment->cancelling)
        submit_later(fulfilment, ctx);
}

static void not_sent(struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct call_reply *reply, const struct context *ctx, struct effects *out)
{
    if (fulfilment->cancelling)
        return;
    if (fulfilment->outcome_unknown || ctx->now_ms < fulfilment->submit_by_ms) {
        submit_later(fulfilment, ctx);
        return;
    }
    struct rejection reason = {.code = STR("not_sent"),
                               .text = reply->detail.ptr ? reply->detail : STR("")};
    submit_rejected(book, fulfilment, &(struct rejection_list){&reason, 1}, "not_sent", ctx->now_ms,
                    ctx, out);
}

struct router_fulfilment *submit_of_intent(struct router_order *book, struct str id)
{
    for (int colons = 0; id.len > 0 && colons < 2; id.len--)
        colons += id.ptr[id.len - 1] == ':';
    return book_find(book, id);
}

enum verdict submit_replied(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    struct router_fulfilment *fulfilment = submit_of_intent(book, ev->reply->intent_id);
    if (!fulfilment)
        return DONE;
    const struct call_reply believed =
        request_reply(ev->reply, fulfilment->fulfilment_order_id, ctx->arena);
    const struct call_reply *reply = &believed;
    /* Of what was rejected: the answer was overtaken by that callback. */
    if (fulfilment->state == ROUTER_STATE_CANCELLED && ev->reply->outcome == OUTCOME_OK) {
        unwanted_accepted(book, fulfilment, ctx, out);
        book_keep(book, ctx, out);
    }
    /* A callback may have come before the answer, and says more. */
    if (fulfilment->state != ROUTER_STATE_SUBMITTING)
        return DONE;
    fulfilment->parked = reply->parked;
    switch (reply->outcome) {
    case OUTCOME_OK: {
        struct request_answer answer = request_answer(reply->body, ctx->arena);
        submit_taken(book, fulfilment, answer.supplier_order_id, answer.accepted, out);
        break;
    }
    case OUTCOME_REFUSED: {
        struct rejection_list reasons = request_reasons(reply->body, reply->status, ctx->arena);
        submit_rejected(book, fulfilment, &reasons, "rejected", ctx->now_ms, ctx, out);
        break;
    }
    case OUTCOME_UNKNOWN:
        unknown(book, fulfilment, reply, ctx, out);
        break;
    case OUTCOME_NOT_SENT:
        not_sent(book, fulfilment, reply, ctx, out);
        break;
    }
    book_keep(book, ctx, out);
    return DONE;
}
