/* Turns reserved stock into orders at suppliers, and asks for more when one of them says no
 * (services/SOURCING.md). */
#ifndef WAYBILL_SUPPLIER_ROUTER_SOURCE_H
#define WAYBILL_SUPPLIER_ROUTER_SOURCE_H

#include "supplier_router/book.h"

/* After so many the order is exhausted. */
enum { RESERVATIONS_MAX = 10 };

/* Answers book->reserved: confirms and submits what is chosen, releases the rest. */
void source_use(struct router_order *book, const struct context *ctx, struct effects *out);

/* The fulfilment order is not to be, as was said then: gives back its holds, remembers whom not to
 * ask again and asks for its lines elsewhere, unless the order is to be cancelled. */
void source_elsewhere(struct router_order *book, struct router_fulfilment *fulfilment,
                      const struct rejection_list *reasons, const char *reason, int64_t said_at_ms,
                      const struct context *ctx, struct effects *out);

/* The cash of what has not shipped. */
int64_t source_open_cod(const struct router_fulfilment *fulfilment);

/* These lines, with so much cash, have shipped from where they were given up: nobody else needs to
 * be found for them, if there is still time. */
void source_arrived(struct router_order *book, struct router_fulfilment *fulfilment,
                    const struct line_quantity_list *lines, int64_t cod_minor, struct arena *arena);

/* The open reservation cannot be had. */
void source_short(struct router_order *book, const struct stock_short *answer,
                  const struct context *ctx, struct effects *out);

#endif
