/* What a supplier goes on with although it was cancelled or refused: the customer may get a parcel
 * that nobody wants any more, or two. */
#ifndef WAYBILL_SUPPLIER_ROUTER_UNWANTED_H
#define WAYBILL_SUPPLIER_ROUTER_UNWANTED_H

#include "supplier_router/book.h"

/* A parcel of a fulfilment order that had ended; lines: what is in it. Tells a person, and the
 * stock that it is sold after all. */
void unwanted_shipped(const struct router_order *book, const struct router_fulfilment *fulfilment,
                      const struct parcel *parcel, const struct line_quantity_list *lines,
                      struct arena *arena, struct effects *out);

/* It will do what it refused, or said it never had: asks it to cancel, once more. Nothing if that
 * is under way, or if it has cancelled and this was said before. */
void unwanted_accepted(const struct router_order *book, struct router_fulfilment *fulfilment,
                       const struct context *ctx, struct effects *out);

/* The answer to that: yes, or absent (it has it not), or it goes on. */
void unwanted_answered(const struct router_order *book, struct router_fulfilment *fulfilment,
                       bool goes_on, struct effects *out);

#endif
