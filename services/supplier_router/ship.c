/* Parcels: every one that a supplier hands over is kept, told once and registered for tracking
 * (F28). */
#include "supplier_router/book.h"
#include "supplier_router/cancel.h"
#include "supplier_router/source.h"
#include "supplier_router/submit.h"
#include "supplier_router/unwanted.h"

static struct router_parcel *find_in(const struct router_fulfilment *fulfilment, struct str carrier,
                                     struct str number)
{
    for (size_t i = 0; i < fulfilment->parcels.len; i++) {
        struct router_parcel *parcel = &fulfilment->parcels.ptr[i];
        if (str_equal(parcel->carrier, carrier) && str_equal(parcel->tracking_number, number))
            return parcel;
    }
    return NULL;
}

/* Fulfilment orders of one order may travel in one parcel. */
static const struct router_parcel *find_anywhere(const struct router_order *book,
                                                 const struct parcel *parcel)
{
    const struct router_parcel *found = NULL;
    for (size_t i = 0; i < book->fulfilments.len && !found; i++)
        found = find_in(&book->fulfilments.ptr[i], parcel->carrier, parcel->tracking_number);
    return found;
}

static void add_parcel(struct router_fulfilment *fulfilment, const struct parcel *parcel,
                       bool ended, struct arena *arena)
{
    struct router_parcel_list *list = &fulfilment->parcels;
    struct router_parcel *items = arena_alloc_array(arena, list->len + 1, sizeof(*items));
    assert(items);
    for (size_t i = 0; i < list->len; i++)
        items[i] = list->ptr[i];
    items[list->len] = (struct router_parcel){
        .carrier = parcel->carrier, .tracking_number = parcel->tracking_number, .ended = ended};
    *list = (struct router_parcel_list){items, list->len + 1};
}

/* How many of the line the parcel holds; a parcel that says nothing of lines holds all the rest. */
static int32_t in_parcel(const struct parcel *parcel, const struct router_line *line)
{
    int32_t rest = line->quantity - line->shipped;
    int64_t held = parcel->lines.len == 0 ? rest : 0;
    for (size_t i = 0; i < parcel->lines.len; i++)
        if (str_equal(parcel->lines.ptr[i].line_id, line->line_id))
            held += parcel->lines.ptr[i].quantity;
    return held < 0 ? 0 : held < rest ? (int32_t)held : rest;
}

static struct line_quantity_list pack(struct router_fulfilment *fulfilment,
                                      const struct parcel *parcel, struct arena *arena)
{
    struct line_quantity_list lines = {
        .ptr = arena_alloc_array(arena, fulfilment->lines.len + 1, sizeof(*lines.ptr))};
    assert(lines.ptr);
    for (size_t i = 0; i < fulfilment->lines.len; i++) {
        struct router_line *line = &fulfilment->lines.ptr[i];
        int32_t quantity = in_parcel(parcel, line);
        if (quantity == 0)
            continue;
        line->shipped += quantity;
        lines.ptr[lines.len++] = (struct line_quantity){line->line_id, line->sku, quantity};
    }
    return lines;
}

/* Nothing more of the order is to come, as things stand. */
static bool is_complete(const struct router_order *book)
{
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *fulfilment = &book->fulfilments.ptr[i];
        if (fulfilment->replaced_in != 0 ||
            (book_is_live(fulfilment) && !book_has_shipped_all(fulfilment)))
            return false;
    }
    return true;
}

static void tell_parcel(const struct router_order *book, const struct router_fulfilment *fulfilment,
                        const struct parcel *parcel, const struct line_quantity_list *lines,
                        int64_t shipped_at_ms, struct effects *out)
{
    const struct order *order = book->order;
    emit_shipment_created(
        out, order->order_id,
        &(struct shipment_created){.order_id = order->order_id,
                                   .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                   .supplier_id = fulfilment->supplier_id,
                                   .carrier = parcel->carrier,
                                   .tracking_number = parcel->tracking_number,
                                   .tracking_url = parcel->tracking_url,
                                   .shipped_at_ms = shipped_at_ms,
                                   .lines = *lines,
                                   .has_promised_on = order->has_promised_on,
                                   .promised_on = order->promised_on,
                                   .order_complete = is_complete(book)});
}

static void register_parcel(const struct router_order *book,
                            const struct router_fulfilment *fulfilment, const struct parcel *parcel,
                            int64_t shipped_at_ms, struct arena *arena, struct effects *out)
{
    const struct order *order = book->order;
    emit_shipment_registered(
        out,
        arena_printf(arena, "%.*s/%.*s", STR_ARG(parcel->carrier),
                     STR_ARG(parcel->tracking_number)),
        &(struct shipment_registered){.carrier = parcel->carrier,
                                      .tracking_number = parcel->tracking_number,
                                      .order_id = order->order_id,
                                      .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                      .supplier_id = fulfilment->supplier_id,
                                      .shipped_at_ms = shipped_at_ms,
                                      .has_promised_on = order->has_promised_on,
                                      .promised_on = order->promised_on,
                                      .time_zone = order->time_zone,
                                      .country = order->ship_to.country,
                                      .postal_code = order->ship_to.postal_code});
}

static const char *fault_of(const struct router_fulfilment *fulfilment,
                            const struct parcel_list *parcels)
{
    if (!fulfilment)
        return "no such fulfilment order at this supplier";
    if (parcels->len == 0)
        return "shipped without a parcel";
    for (size_t i = 0; i < parcels->len; i++)
        if (parcels->ptr[i].carrier.len == 0 || parcels->ptr[i].tracking_number.len == 0)
            return "a parcel without carrier or tracking number";
    return NULL;
}

/* Told once, however often the supplier tells it. */
static void take_parcel(struct router_order *book, struct router_fulfilment *fulfilment,
                        const struct parcel *parcel, int64_t shipped_at_ms, struct arena *arena,
                        struct effects *out)
{
    if (find_in(fulfilment, parcel->carrier, parcel->tracking_number))
        return;
    const struct router_parcel *known = find_anywhere(book, parcel);
    int64_t cod_minor = source_open_cod(fulfilment);
    struct line_quantity_list lines = pack(fulfilment, parcel, arena);
    add_parcel(fulfilment, parcel, known && known->ended, arena);
    if (!book_is_live(fulfilment)) {
        source_arrived(book, fulfilment, &lines, cod_minor - source_open_cod(fulfilment), arena);
        unwanted_shipped(book, fulfilment, parcel, &lines, arena, out);
    }
    tell_parcel(book, fulfilment, parcel, &lines, shipped_at_ms, out);
    if (!known) /* it is followed once */
        register_parcel(book, fulfilment, parcel, shipped_at_ms, arena, out);
}

enum verdict ship_reported(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    const struct supplier_order_shipped *said = as_supplier_order_shipped(ev);
    struct router_order *book = book_open(state, ctx->arena);
    struct router_fulfilment *fulfilment = book_find(book, said->fulfilment_order_id);
    if (fulfilment && !str_equal(fulfilment->supplier_id, said->supplier_id))
        fulfilment = NULL;
    const char *fault = fault_of(fulfilment, &said->parcels);
    if (fault)
        return set_aside(out, "%s", fault);
    if (fulfilment->state == ROUTER_STATE_SUBMITTING)
        submit_withdraw(fulfilment, ctx->arena, out);
    if (book_is_live(fulfilment))
        submit_taken(book, fulfilment, said->supplier_order_id, true, out);
    for (size_t i = 0; i < said->parcels.len; i++) {
        const struct parcel *parcel = &said->parcels.ptr[i];
        int64_t shipped_at_ms = parcel->shipped_at_ms  ? parcel->shipped_at_ms
                                : said->occurred_at_ms ? said->occurred_at_ms
                                                       : ctx->now_ms;
        take_parcel(book, fulfilment, parcel, shipped_at_ms, ctx->arena, out);
    }
    if (book_is_live(fulfilment) && book_has_shipped_all(fulfilment)) {
        fulfilment->state = ROUTER_STATE_SHIPPED;
        fulfilment->has_ship_by_ms = false;
        cancel_too_late(book, fulfilment, ctx, out);
    }
    book_keep(book, ctx, out);
    return DONE;
}

/* ---- what becomes of them ---- */

static enum verdict parcel_ended(const void *state, struct str carrier, struct str number,
                                 const struct context *ctx, struct effects *out)
{
    struct router_order *book = book_open(state, ctx->arena);
    bool news = false;
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        struct router_parcel *parcel = find_in(&book->fulfilments.ptr[i], carrier, number);
        if (!parcel || parcel->ended)
            continue;
        parcel->ended = news = true;
    }
    if (news)
        book_keep(book, ctx, out);
    return DONE;
}

enum verdict ship_delivered(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    const struct shipment_delivered *told = as_shipment_delivered(ev);
    return parcel_ended(state, told->carrier, told->tracking_number, ctx, out);
}

enum verdict ship_rto_delivered(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    const struct shipment_rto_delivered *told = as_shipment_rto_delivered(ev);
    return parcel_ended(state, told->carrier, told->tracking_number, ctx, out);
}

enum verdict ship_status_changed(const struct event *ev, const void *state,
                                 const struct context *ctx, struct effects *out)
{
    const struct shipment_status_changed *told = as_shipment_status_changed(ev);
    if (told->status != SHIPMENT_STATUS_LOST && told->status != SHIPMENT_STATUS_EXPIRED)
        return DONE;
    return parcel_ended(state, told->carrier, told->tracking_number, ctx, out);
}
