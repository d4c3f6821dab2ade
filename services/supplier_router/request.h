/* The supplier contract (services/FEATURES.md): what is sent, and what the answers mean. */
#ifndef WAYBILL_SUPPLIER_ROUTER_REQUEST_H
#define WAYBILL_SUPPLIER_ROUTER_REQUEST_H

#include "supplier_router/book.h"

/* The body of POST /orders. */
struct str request_body(const struct order *order, const struct router_fulfilment *fulfilment,
                        struct arena *arena);

/* The body of a 2xx. An answer that cannot be read is PENDING. */
struct request_answer {
    struct str supplier_order_id; /* absent if not told */
    bool accepted;
};
struct request_answer request_answer(struct str body, struct arena *arena);

/* The reply as far as it can be believed: an answer that names another order of the same store in
 * `reference_id`, as we write it, answers what somebody else asked (something between us and the
 * supplier is out of step); what became of ours is not known. A person is believed. */
struct call_reply request_reply(const struct call_reply *reply, struct str fulfilment_order_id,
                                struct arena *arena);

/* The body of a refusal: {"reasons": [{code, line_id, sku, text} or "text", …]}, or one such object
 * by itself. Always at least one; of what cannot be read: other, with the status. */
struct rejection_list request_reasons(struct str body, int32_t status, struct arena *arena);

#endif
