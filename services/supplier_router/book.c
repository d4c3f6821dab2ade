/* The state of an order, opened for change and closed again. */
#include "supplier_router/book.h"

static void *copied(struct arena *arena, const void *items, size_t count, size_t extra, size_t size)
{
    char *copy = arena_alloc_array(arena, count + extra, size);
    assert(copy);
    if (count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

struct router_order *book_open(const void *state, struct arena *arena)
{
    struct router_order *book = arena_alloc(arena, sizeof(*book));
    assert(book);
    *book = state ? *(const struct router_order *)state
                  : (struct router_order){.attempt = 1, .open = true};
    struct router_fulfilment_list *list = &book->fulfilments;
    list->ptr = copied(arena, list->ptr, list->len, 1, sizeof(*list->ptr));
    for (size_t i = 0; i < list->len; i++) {
        struct router_line_list *lines = &list->ptr[i].lines;
        struct router_parcel_list *parcels = &list->ptr[i].parcels;
        lines->ptr = copied(arena, lines->ptr, lines->len, 1, sizeof(*lines->ptr));
        parcels->ptr = copied(arena, parcels->ptr, parcels->len, 1, sizeof(*parcels->ptr));
    }
    return book;
}

struct router_fulfilment *book_find(struct router_order *book, struct str fulfilment_order_id)
{
    for (size_t i = 0; i < book->fulfilments.len; i++)
        if (str_equal(book->fulfilments.ptr[i].fulfilment_order_id, fulfilment_order_id))
            return &book->fulfilments.ptr[i];
    return NULL;
}

struct router_fulfilment *book_add(struct router_order *book, struct arena *arena)
{
    struct router_fulfilment_list *list = &book->fulfilments;
    list->ptr = copied(arena, list->ptr, list->len, 1, sizeof(*list->ptr));
    return &list->ptr[list->len++];
}

bool book_is_live(const struct router_fulfilment *fulfilment)
{
    return fulfilment->state != ROUTER_STATE_REJECTED &&
           fulfilment->state != ROUTER_STATE_CANCELLED;
}

bool book_has_shipped_all(const struct router_fulfilment *fulfilment)
{
    for (size_t i = 0; i < fulfilment->lines.len; i++)
        if (fulfilment->lines.ptr[i].shipped < fulfilment->lines.ptr[i].quantity)
            return false;
    return true;
}

struct str book_hold_key(struct arena *arena, struct str supplier_id, struct str sku)
{
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(supplier_id), STR_ARG(sku));
}

static int32_t shipped_of(const struct router_fulfilment *fulfilment, struct str sku)
{
    int32_t shipped = 0;
    for (size_t i = 0; i < fulfilment->lines.len; i++)
        if (str_equal(fulfilment->lines.ptr[i].sku, sku))
            shipped += fulfilment->lines.ptr[i].shipped;
    return shipped;
}

static bool is_first_of_sku(const struct router_line_list *lines, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (str_equal(lines->ptr[i].sku, lines->ptr[index].sku))
            return false;
    return true;
}

void book_release(const struct router_order *book, const struct router_fulfilment *fulfilment,
                  const char *reason, struct arena *arena, struct effects *out)
{
    for (size_t i = 0; i < fulfilment->lines.len; i++) {
        struct str sku = fulfilment->lines.ptr[i].sku;
        if (!is_first_of_sku(&fulfilment->lines, i))
            continue;
        emit_stock_hold_released(
            out, book_hold_key(arena, fulfilment->supplier_id, sku),
            &(struct stock_hold_released){.supplier_id = fulfilment->supplier_id,
                                          .sku = sku,
                                          .order_id = book->order->order_id,
                                          .attempt = fulfilment->attempt,
                                          .reason = str_from(reason),
                                          .shipped = shipped_of(fulfilment, sku)});
    }
}

int64_t book_wait_ms(const struct supplier_router_settings *cfg, int32_t asks)
{
    int64_t wait_ms = cfg->retry_ms;
    for (int32_t i = 1; i < asks && wait_ms < cfg->retry_max_ms; i++)
        wait_ms *= 2;
    return wait_ms < cfg->retry_max_ms ? wait_ms : cfg->retry_max_ms;
}

/* ---- timers ---- */

static void sooner(bool has, int64_t at_ms, int64_t *due_ms)
{
    if (has && (*due_ms == 0 || at_ms < *due_ms))
        *due_ms = at_ms;
}

static int64_t due_ms(const struct router_order *book)
{
    int64_t due_ms = 0;
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *fulfilment = &book->fulfilments.ptr[i];
        sooner(fulfilment->has_again_at_ms, fulfilment->again_at_ms, &due_ms);
        sooner(fulfilment->has_acknowledge_by_ms, fulfilment->acknowledge_by_ms, &due_ms);
        sooner(fulfilment->has_ship_by_ms, fulfilment->ship_by_ms, &due_ms);
    }
    return due_ms;
}

/* Nothing more is to come: no stock, no supplier, no parcel. */
static bool has_ended(const struct router_order *book)
{
    if (!book->order || (book->open && !book_is_unwanted(book)))
        return false;
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *fulfilment = &book->fulfilments.ptr[i];
        if (book_is_live(fulfilment) && fulfilment->state != ROUTER_STATE_SHIPPED)
            return false;
        for (size_t j = 0; j < fulfilment->parcels.len; j++)
            if (!fulfilment->parcels.ptr[j].ended)
                return false;
    }
    return true;
}

void book_keep(const struct router_order *book, const struct context *ctx, struct effects *out)
{
    const struct supplier_router_settings *cfg = ctx->cfg;
    int64_t due = due_ms(book);
    put_state(out, book);
    if (due > 0)
        set_timer(out, "due", due);
    else
        cancel_timer(out, "due");
    set_timer(out, "forget",
              ctx->now_ms + (has_ended(book) ? cfg->keep_after_end_ms : cfg->keep_open_ms));
}
