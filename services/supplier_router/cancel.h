/* Cancelling what suppliers were asked for. */
#ifndef WAYBILL_SUPPLIER_ROUTER_CANCEL_H
#define WAYBILL_SUPPLIER_ROUTER_CANCEL_H

#include "supplier_router/book.h"

/* Asks the supplier to cancel, once more. */
void cancel_send(const struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct context *ctx, struct effects *out);

/* The answer to that is not waited for any more. */
void cancel_withdraw(const struct router_fulfilment *fulfilment, struct arena *arena,
                     struct effects *out);

/* All of it has left: if a cancel is under way, it is refused. */
void cancel_too_late(const struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct context *ctx, struct effects *out);

/* The supplier has cancelled as asked, or never had it. */
void cancel_done(struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct context *ctx, struct effects *out);

/* If the order is not wanted any more and nothing of it will ship, says so. After every end of a
 * fulfilment order. */
void cancel_settle(const struct router_order *book, const struct context *ctx, struct effects *out);

#endif
