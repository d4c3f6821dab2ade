/* Asks a supplier for a fulfilment order, with the same key and the same bytes until it answers
 * (F20). */
#ifndef WAYBILL_SUPPLIER_ROUTER_SUBMIT_H
#define WAYBILL_SUPPLIER_ROUTER_SUBMIT_H

#include "supplier_router/book.h"
#include "supplier_router/choose.h"

/* Fills the book's last fulfilment order. */
void submit_open(const struct router_order *book, struct router_fulfilment *fulfilment,
                 const struct choose_part *part, int64_t cod_minor, const struct context *ctx);

/* Asks, once more. */
void submit_send(struct router_fulfilment *fulfilment, const struct context *ctx,
                 struct effects *out);

/* Asks once more, after a while. */
void submit_later(struct router_fulfilment *fulfilment, const struct context *ctx);

/* Not any more, if it has not gone yet. */
void submit_withdraw(const struct router_fulfilment *fulfilment, struct arena *arena,
                     struct effects *out);

/* The fulfilment order that an intent is about, by <fulfilment order>:<what>:<n>; or NULL. */
struct router_fulfilment *submit_of_intent(struct router_order *book, struct str id);

/* The supplier has it; accepted: and will do it. Told once each. Nothing happens to what is
 * further. */
void submit_taken(const struct router_order *book, struct router_fulfilment *fulfilment,
                  struct str supplier_order_id, bool accepted, struct effects *out);

/* The supplier's definite no. */
void submit_rejected(struct router_order *book, struct router_fulfilment *fulfilment,
                     const struct rejection_list *reasons, const char *reason, int64_t said_at_ms,
                     const struct context *ctx, struct effects *out);

/* Letters, digits and -._~ as they are, the rest as %XX. */
struct str submit_escaped(struct arena *arena, struct str text);

#endif
