/* What is to be sent, and what is there to send it from: once both are known, suppliers are chosen.
 */
#include "supplier_router/supplier_router.h"

#include "supplier_router/book.h"
#include "supplier_router/source.h"

const struct router_supplier *supplier_router_find(const struct supplier_router_settings *cfg,
                                                   struct str supplier_id)
{
    for (size_t i = 0; i < cfg->supplier_count; i++)
        if (str_equal(cfg->suppliers[i].id, supplier_id))
            return &cfg->suppliers[i];
    return NULL;
}

static void want_everything(struct router_order *book, struct arena *arena)
{
    const struct order_line_list *lines = &book->order->lines;
    struct line_quantity *wanted = arena_alloc_array(arena, lines->len + 1, sizeof(*wanted));
    assert(wanted);
    for (size_t i = 0; i < lines->len; i++)
        wanted[i] = (struct line_quantity){.line_id = lines->ptr[i].line_id,
                                           .sku = lines->ptr[i].sku,
                                           .quantity = lines->ptr[i].quantity};
    book->wanted = (struct line_quantity_list){wanted, lines->len};
    book->wanted_cod_minor = book->order->payment.status == PAYMENT_STATUS_COD
                                 ? book->order->payment.cod_amount_minor
                                 : 0;
}

enum verdict supplier_router_accepted(const struct event *ev, const void *state,
                                      const struct context *ctx, struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    if (book->order)
        return DONE;
    book->order = &as_order_accepted(ev)->order;
    if (book->open)
        want_everything(book, ctx->arena);
    if (book->reserved)
        source_use(book, ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}

/* Counts for what is not asked for yet. Lines stay as they were accepted: their stock is held. */
enum verdict supplier_router_updated(const struct event *ev, const void *state,
                                     const struct context *ctx, struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    if (!book->order)
        return DONE;
    struct order order = as_order_updated(ev)->order;
    order.lines = book->order->lines;
    order.payment = book->order->payment;
    book->order = &order;
    book_keep(book, ctx, out);
    return DONE;
}

enum verdict supplier_router_reserved(const struct event *ev, const void *state,
                                      const struct context *ctx, struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    book->reserved = as_stock_reserved(ev);
    if (book->order)
        source_use(book, ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}

enum verdict supplier_router_short(const struct event *ev, const void *state,
                                   const struct context *ctx, struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    source_short(book, as_stock_short(ev), ctx, out);
    book_keep(book, ctx, out);
    return DONE;
}
