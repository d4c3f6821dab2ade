/* The clocks of an order: ask again, overdue, forget. */
#include "supplier_router/cancel.h"
#include "supplier_router/submit.h"

static void tell_overdue(const struct router_order *book,
                         const struct router_fulfilment *fulfilment, const char *what,
                         int64_t due_at_ms, struct effects *out)
{
    struct str order_id = book->order->order_id;
    emit_supplier_overdue(
        out, order_id,
        &(struct supplier_overdue){.order_id = order_id,
                                   .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                   .supplier_id = fulfilment->supplier_id,
                                   .what = str_from(what),
                                   .due_at_ms = due_at_ms});
}

static void look_at(const struct router_order *book, struct router_fulfilment *fulfilment,
                    const struct context *ctx, struct effects *out)
{
    if (fulfilment->has_again_at_ms && fulfilment->again_at_ms <= ctx->now_ms) {
        if (fulfilment->cancelling)
            cancel_send(book, fulfilment, ctx, out);
        else
            submit_send(fulfilment, ctx, out);
    }
    if (fulfilment->has_acknowledge_by_ms && fulfilment->acknowledge_by_ms <= ctx->now_ms) {
        fulfilment->has_acknowledge_by_ms = false;
        tell_overdue(book, fulfilment, "acknowledge", fulfilment->acknowledge_by_ms, out);
    }
    if (fulfilment->has_ship_by_ms && fulfilment->ship_by_ms <= ctx->now_ms) {
        fulfilment->has_ship_by_ms = false;
        tell_overdue(book, fulfilment, "ship", fulfilment->ship_by_ms, out);
    }
}

enum verdict follow_due(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    (void)ev;
    struct router_order *book = book_open(state, ctx->arena);
    for (size_t i = 0; i < book->fulfilments.len; i++)
        look_at(book, &book->fulfilments.ptr[i], ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}

enum verdict follow_forget(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)ev, (void)state, (void)ctx;
    drop_state(out);
    return DONE;
}
