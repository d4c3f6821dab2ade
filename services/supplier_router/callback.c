/* What suppliers tell by themselves: before the answer to our call, after it, twice, or against
 * what they said before. */
#include "supplier_router/cancel.h"
#include "supplier_router/source.h"
#include "supplier_router/submit.h"
#include "supplier_router/unwanted.h"

/* Opens the book and finds what the callback is about; NULL with a reason set aside. */
static struct router_fulfilment *find(const void *state, struct str fulfilment_order_id,
                                      struct str supplier_id, const struct context *ctx,
                                      struct router_order **out_book, struct effects *out)
{
    *out_book = book_open(state, ctx->arena);
    struct router_fulfilment *fulfilment = book_find(*out_book, fulfilment_order_id);
    if (!fulfilment)
        set_aside(out, "no fulfilment order %.*s", STR_ARG(fulfilment_order_id));
    else if (!str_equal(fulfilment->supplier_id, supplier_id))
        set_aside(out, "%.*s is not at supplier %.*s", STR_ARG(fulfilment_order_id),
                  STR_ARG(supplier_id));
    else
        return fulfilment;
    return NULL;
}

/* Whoever calls back has the order: the answer to our call is not waited for any more. */
static void note_taken(const struct router_order *book, struct router_fulfilment *fulfilment,
                       struct str supplier_order_id, bool accepted, const struct context *ctx,
                       struct effects *out)
{
    if (fulfilment->state == ROUTER_STATE_SUBMITTING)
        submit_withdraw(fulfilment, ctx->arena, out);
    submit_taken(book, fulfilment, supplier_order_id, accepted, out);
}

enum verdict callback_accepted(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    const struct supplier_order_accepted *said = as_supplier_order_accepted(ev);
    struct router_order *book;
    struct router_fulfilment *fulfilment =
        find(state, said->fulfilment_order_id, said->supplier_id, ctx, &book, out);
    if (!fulfilment)
        return SET_ASIDE;
    if (book_is_live(fulfilment))
        note_taken(book, fulfilment, said->supplier_order_id, true, ctx, out);
    else
        unwanted_accepted(book, fulfilment, ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}

enum verdict callback_rejected(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    const struct supplier_order_rejected *said = as_supplier_order_rejected(ev);
    struct router_order *book;
    struct router_fulfilment *fulfilment =
        find(state, said->fulfilment_order_id, said->supplier_id, ctx, &book, out);
    if (!fulfilment)
        return SET_ASIDE;
    if (!book_is_live(fulfilment))
        return DONE;
    if (fulfilment->parcels.len > 0)
        return set_aside(out, "rejected after it was shipped");
    note_taken(book, fulfilment, said->supplier_order_id, false, ctx, out);
    cancel_withdraw(fulfilment, ctx->arena, out);
    int64_t said_at_ms = said->occurred_at_ms > 0 ? said->occurred_at_ms : ev->time_ms;
    if (said_at_ms > ctx->now_ms)
        said_at_ms = ctx->now_ms;
    submit_rejected(book, fulfilment, &said->reasons, "rejected", said_at_ms, ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}

enum verdict callback_cancelled(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    const struct supplier_order_cancelled *said = as_supplier_order_cancelled(ev);
    struct router_order *book;
    struct router_fulfilment *fulfilment =
        find(state, said->fulfilment_order_id, said->supplier_id, ctx, &book, out);
    if (!fulfilment)
        return SET_ASIDE;
    if (!book_is_live(fulfilment))
        return DONE;
    if (fulfilment->state == ROUTER_STATE_SHIPPED)
        return set_aside(out, "cancelled after it was shipped");
    note_taken(book, fulfilment, said->supplier_order_id, false, ctx, out);
    cancel_withdraw(fulfilment, ctx->arena, out);
    if (fulfilment->cancelling && fulfilment->parcels.len == 0) {
        cancel_done(book, fulfilment, ctx, out);
    } else {
        fulfilment->state = ROUTER_STATE_CANCELLED;
        fulfilment->cancelling = false;
        emit_fulfilment_cancelled(
            out, ev->key,
            &(struct fulfilment_cancelled){.order_id = ev->key,
                                           .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                           .supplier_id = fulfilment->supplier_id,
                                           .reason = said->reason.ptr ? said->reason
                                                                      : STR("by the supplier")});
        source_elsewhere(book, fulfilment, &(struct rejection_list){0}, "cancelled_by_supplier",
                         ctx->now_ms, ctx, out);
        cancel_settle(book, ctx, out);
    }
    book_keep(book, ctx, out);
    return DONE;
}
