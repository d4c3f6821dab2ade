/* Cancelling (F09): what has shipped stays shipped, what a supplier has is asked back, and what
 * nobody has yet is simply not asked for. */
#include "supplier_router/cancel.h"

#include "supplier_router/request.h"
#include "supplier_router/source.h"
#include "supplier_router/submit.h"
#include "supplier_router/unwanted.h"
#include "json/json_writer.h"

#include <inttypes.h>

static void tell_cancelled(const struct router_order *book,
                           const struct router_fulfilment *fulfilment, struct str reason,
                           struct effects *out)
{
    struct str order_id = book->order->order_id;
    emit_fulfilment_cancelled(
        out, order_id,
        &(struct fulfilment_cancelled){.order_id = order_id,
                                       .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                       .supplier_id = fulfilment->supplier_id,
                                       .reason = reason});
}

static void tell_refused(const struct router_order *book,
                         const struct router_fulfilment *fulfilment, struct str reason,
                         struct effects *out)
{
    struct str order_id = book->order->order_id;
    emit_fulfilment_cancel_refused(
        out, order_id,
        &(struct fulfilment_cancel_refused){.order_id = order_id,
                                            .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                            .supplier_id = fulfilment->supplier_id,
                                            .reason = reason});
}

/* The whole order: nothing of it will ship. */
static void tell_all_cancelled(struct str order_id, struct str reason, struct effects *out)
{
    emit_fulfilment_cancelled(
        out, order_id, &(struct fulfilment_cancelled){.order_id = order_id, .reason = reason});
}

void cancel_settle(const struct router_order *book, const struct context *ctx, struct effects *out)
{
    (void)ctx;
    if (!book_is_unwanted(book))
        return;
    const struct router_fulfilment *shipped = NULL;
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *fulfilment = &book->fulfilments.ptr[i];
        if (book_is_live(fulfilment))
            return;
        if (fulfilment->parcels.len > 0)
            shipped = fulfilment;
    }
    if (shipped) /* a part of it is on its way: the order is not cancelled, whatever became of the
                    rest */
        tell_refused(book, shipped, STR("shipped already"), out);
    else
        tell_all_cancelled(book->order->order_id, book->cancel_reason, out);
}

static struct str intent_id(struct arena *arena, const struct router_fulfilment *fulfilment)
{
    return arena_printf(arena, "%.*s:cancel:%" PRId32, STR_ARG(fulfilment->fulfilment_order_id),
                        fulfilment->cancels);
}

void cancel_send(const struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct context *ctx, struct effects *out)
{
    struct arena *arena = ctx->arena;
    struct str reference = submit_escaped(arena, fulfilment->fulfilment_order_id);
    struct json_writer w;
    json_writer_init(&w, arena);
    json_open_object(&w, (struct str){0});
    json_add_text(&w, STR("reference_id"), fulfilment->fulfilment_order_id);
    json_add_text(&w, STR("reason"),
                  book_is_unwanted(book) ? book->cancel_reason : STR("refused before"));
    json_close_object(&w);
    fulfilment->cancelling = true;
    fulfilment->cancels++;
    fulfilment->has_again_at_ms = false;
    intend(out,
           &(struct intent){
               .id = intent_id(arena, fulfilment),
               .name = "cancelled",
               .endpoint = fulfilment->endpoint,
               .method = "POST",
               .path = arena_printf(arena, "/orders/%.*s/cancel", STR_ARG(reference)),
               .content_type = STR("application/json"),
               /* No lookup_path: that the order is there does not say whether it was cancelled. */
               .body = json_writer_done(&w)});
}

static void end(struct router_fulfilment *fulfilment)
{
    fulfilment->state = ROUTER_STATE_CANCELLED;
    fulfilment->cancelling = false;
    fulfilment->request = (struct str){0};
    fulfilment->has_again_at_ms = false;
    fulfilment->has_acknowledge_by_ms = false;
    fulfilment->has_ship_by_ms = false;
}

void cancel_done(struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct context *ctx, struct effects *out)
{
    if (fulfilment->parked && !fulfilment->absent) /* a person need not look any more */
        submit_withdraw(fulfilment, ctx->arena, out);
    end(fulfilment);
    book_release(book, fulfilment, "cancelled", ctx->arena, out);
    tell_cancelled(book, fulfilment, book->cancel_reason, out);
    cancel_settle(book, ctx, out);
}

void cancel_withdraw(const struct router_fulfilment *fulfilment, struct arena *arena,
                     struct effects *out)
{
    if (fulfilment->cancelling)
        withdraw(out, intent_id(arena, fulfilment));
}

static void refused(const struct router_order *book, struct router_fulfilment *fulfilment,
                    struct str reason, struct effects *out)
{
    fulfilment->cancelling = false;
    tell_refused(book, fulfilment, reason, out);
}

void cancel_too_late(const struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct context *ctx, struct effects *out)
{
    if (!fulfilment->cancelling)
        return;
    cancel_withdraw(fulfilment, ctx->arena, out);
    fulfilment->has_again_at_ms = false;
    refused(book, fulfilment, STR("shipped before the cancel came"), out);
}

/* ---- the wish ---- */

static void ask_back(struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct context *ctx, struct effects *out)
{
    bool submitting = fulfilment->state == ROUTER_STATE_SUBMITTING;
    if (!book_is_live(fulfilment) && fulfilment->replaced_in != 0) {
        fulfilment->replaced_in = 0;
        tell_cancelled(book, fulfilment, book->cancel_reason, out);
    } else if (!book_is_live(fulfilment) || fulfilment->cancelling) {
        return;
    } else if (fulfilment->parcels.len > 0) {
        refused(book, fulfilment, STR("shipped already"), out);
    } else if (submitting && fulfilment->has_again_at_ms && !fulfilment->outcome_unknown) {
        end(fulfilment); /* it certainly never got there, and nothing is under way */
        book_release(book, fulfilment, "cancelled", ctx->arena, out);
        tell_cancelled(book, fulfilment, book->cancel_reason, out);
    } else {
        /* What has gone cannot be withdrawn; the cancel then follows it, and tells in any case. */
        if (submitting && !fulfilment->parked)
            submit_withdraw(fulfilment, ctx->arena, out);
        cancel_send(book, fulfilment, ctx, out);
    }
}

static void begin(struct router_order *book, struct str reason, const struct context *ctx,
                  struct effects *out)
{
    book->cancel_reason = reason;
    for (size_t i = 0; i < book->fulfilments.len; i++)
        ask_back(book, &book->fulfilments.ptr[i], ctx, out);
    cancel_settle(book, ctx, out);
    book_keep(book, ctx, out);
}

enum verdict cancel_requested(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct order_cancel_requested *wish = as_order_cancel_requested(ev);
    struct router_order *book = book_open(state, ctx->arena);
    if (!state)
        emit_fulfilment_cancel_refused(out, ev->key,
                                       &(struct fulfilment_cancel_refused){
                                           .order_id = ev->key, .reason = STR("ended long ago")});
    else if (book->order)
        begin(book, wish->reason, ctx, out);
    else
        return set_aside(out, "a cancel of an order that was not accepted");
    return DONE;
}

/* Intake's last word; usually it follows from ours. */
enum verdict cancel_ordered(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    if (state && book->order && !book_is_unwanted(book))
        begin(book, as_order_cancelled(ev)->reason, ctx, out);
    return DONE;
}

/* ---- the answer ---- */

static struct str first_reason(const struct call_reply *reply, struct arena *arena)
{
    struct rejection_list reasons = request_reasons(reply->body, reply->status, arena);
    return reasons.ptr[0].text.len > 0 ? reasons.ptr[0].text : reasons.ptr[0].code;
}

/* A cancel goes after its ask has come to an end. If that had no answer, nobody has the order,
 * whatever became of the cancel. */
static bool never_left(const struct router_fulfilment *fulfilment)
{
    return fulfilment->state == ROUTER_STATE_SUBMITTING && !fulfilment->outcome_unknown;
}

/* A no may mean "too late" as well as "never heard of it". */
static void answered_no(struct router_order *book, struct router_fulfilment *fulfilment,
                        const struct call_reply *reply, const struct context *ctx,
                        struct effects *out)
{
    bool submitting = fulfilment->state == ROUTER_STATE_SUBMITTING;
    bool absent = reply->status == 404 || reply->status == 410;
    if (!book_is_live(fulfilment)) {
        unwanted_answered(book, fulfilment, !absent, out);
    } else if (absent && fulfilment->parcels.len > 0) {
        refused(book, fulfilment, STR("shipped before the cancel came"), out);
    } else if (absent) {
        fulfilment->absent = true;
        cancel_done(book, fulfilment, ctx, out);
    } else {
        refused(book, fulfilment, first_reason(reply, ctx->arena), out);
        if (submitting && !fulfilment->parked)
            submit_later(fulfilment, ctx); /* the same key tells, and makes no second order */
    }
}

static void answered_yes(struct router_order *book, struct router_fulfilment *fulfilment,
                         const struct context *ctx, struct effects *out)
{
    if (fulfilment->outcome_unknown) /* it has it */
        submit_taken(book, fulfilment, (struct str){0}, false, out);
    if (!book_is_live(fulfilment))
        unwanted_answered(book, fulfilment, false, out);
    else if (book_has_shipped_all(fulfilment))
        refused(book, fulfilment, STR("shipped before the cancel came"), out);
    else /* a part may have left */
        cancel_done(book, fulfilment, ctx, out);
}

enum verdict cancel_replied(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    struct router_fulfilment *fulfilment = submit_of_intent(book, ev->reply->intent_id);
    /* A callback may have come before the answer. */
    if (!fulfilment || !fulfilment->cancelling)
        return DONE;
    const struct call_reply believed =
        request_reply(ev->reply, fulfilment->fulfilment_order_id, ctx->arena);
    const struct call_reply *reply = &believed;
    if (never_left(fulfilment)) {
        cancel_withdraw(fulfilment, ctx->arena, out); /* if it was parked */
        cancel_done(book, fulfilment, ctx, out);
    } else if (reply->outcome == OUTCOME_OK) {
        answered_yes(book, fulfilment, ctx, out);
    } else if (reply->outcome == OUTCOME_REFUSED) {
        answered_no(book, fulfilment, reply, ctx, out);
    } else if (!reply->parked) {
        fulfilment->has_again_at_ms = true;
        fulfilment->again_at_ms = ctx->now_ms + book_wait_ms(ctx->cfg, fulfilment->cancels);
    }
    book_keep(book, ctx, out);
    return DONE;
}
