/* The order's book: what the rules of supplier_router share about its state. */
#ifndef WAYBILL_SUPPLIER_ROUTER_BOOK_H
#define WAYBILL_SUPPLIER_ROUTER_BOOK_H

#include "supplier_router/supplier_router.h"

/* A copy of the state that a rule may change (a new one for NULL), its fulfilment orders with their
 * lines and parcels included. */
struct router_order *book_open(const void *state, struct arena *arena);

/* Makes it the state, with its timers. */
void book_keep(const struct router_order *book, const struct context *ctx, struct effects *out);

/* NULL = there is none of this name. */
struct router_fulfilment *book_find(struct router_order *book, struct str fulfilment_order_id);

/* Room for one more at the end. */
struct router_fulfilment *book_add(struct router_order *book, struct arena *arena);

/* A cancel was asked for: nothing more is chosen or replaced. */
static inline bool book_is_unwanted(const struct router_order *book)
{
    return book->cancel_reason.ptr != NULL;
}

/* May it still ship? */
bool book_is_live(const struct router_fulfilment *fulfilment);

/* Everything of it has left. */
bool book_has_shipped_all(const struct router_fulfilment *fulfilment);

/* <supplier>/<sku>, the key of stock.holds. */
struct str book_hold_key(struct arena *arena, struct str supplier_id, struct str sku);

/* Gives back what is held for it, once per SKU; what has shipped stays sold. */
void book_release(const struct router_order *book, const struct router_fulfilment *fulfilment,
                  const char *reason, struct arena *arena, struct effects *out);

/* How long to wait before the next ask, after so many. */
int64_t book_wait_ms(const struct supplier_router_settings *cfg, int32_t asks);

#endif
