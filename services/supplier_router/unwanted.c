#include "supplier_router/unwanted.h"

#include "supplier_router/cancel.h"
#include "supplier_router/source.h"

static void tell(const struct router_order *book, const struct router_fulfilment *fulfilment,
                 const char *what, const struct parcel *parcel, struct effects *out)
{
    struct str order_id = book->order->order_id;
    bool rejected = fulfilment->state == ROUTER_STATE_REJECTED;
    emit_fulfilment_unwanted(
        out, order_id,
        &(struct fulfilment_unwanted){.order_id = order_id,
                                      .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                      .supplier_id = fulfilment->supplier_id,
                                      .was = rejected ? STR("rejected") : STR("cancelled"),
                                      .what = str_from(what),
                                      .carrier = parcel ? parcel->carrier : (struct str){0},
                                      .tracking_number =
                                          parcel ? parcel->tracking_number : (struct str){0}});
}

/* The attempts behind those of reservations are free: one for each parcel of the order. */
static int32_t attempt_of_parcel(const struct router_order *book)
{
    size_t parcels = 0;
    for (size_t i = 0; i < book->fulfilments.len; i++)
        parcels += book->fulfilments.ptr[i].parcels.len;
    return RESERVATIONS_MAX + (int32_t)parcels;
}

void unwanted_shipped(const struct router_order *book, const struct router_fulfilment *fulfilment,
                      const struct parcel *parcel, const struct line_quantity_list *lines,
                      struct arena *arena, struct effects *out)
{
    tell(book, fulfilment, "shipped", parcel, out);
    for (size_t i = 0; i < lines->len; i++) {
        int32_t quantity = 0;
        bool first = true;
        for (size_t j = 0; j < lines->len; j++) {
            if (!str_equal(lines->ptr[j].sku, lines->ptr[i].sku))
                continue;
            first = first && j >= i;
            quantity += lines->ptr[j].quantity;
        }
        if (!first)
            continue;
        struct str sku = lines->ptr[i].sku;
        emit_stock_hold_confirmed(
            out, book_hold_key(arena, fulfilment->supplier_id, sku),
            &(struct stock_hold_confirmed){.supplier_id = fulfilment->supplier_id,
                                           .sku = sku,
                                           .order_id = book->order->order_id,
                                           .attempt = attempt_of_parcel(book),
                                           .quantity = quantity,
                                           .fulfilment_order_id = fulfilment->fulfilment_order_id});
    }
}

void unwanted_accepted(const struct router_order *book, struct router_fulfilment *fulfilment,
                       const struct context *ctx, struct effects *out)
{
    bool has_it = fulfilment->absent || fulfilment->state == ROUTER_STATE_REJECTED;
    if (has_it && !fulfilment->cancelling)
        cancel_send(book, fulfilment, ctx, out);
}

void unwanted_answered(const struct router_order *book, struct router_fulfilment *fulfilment,
                       bool goes_on, struct effects *out)
{
    fulfilment->cancelling = false;
    fulfilment->absent = false;
    if (goes_on)
        tell(book, fulfilment, "goes_on", NULL, out);
}
