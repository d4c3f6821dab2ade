/* Which suppliers send what: the cheapest way to cover all lines from what is held. */
#ifndef WAYBILL_SUPPLIER_ROUTER_CHOOSE_H
#define WAYBILL_SUPPLIER_ROUTER_CHOOSE_H

#include "supplier_router/supplier_router.h"

/* Up to so many usable suppliers every combination is weighed; beyond, one starts with all of them
 * and drops the one whose absence helps most until none helps. */
enum { CHOOSE_EXACT_MAX = 10 };

/* What one supplier is to send. */
struct choose_part {
    const struct router_supplier *supplier;
    struct line_quantity_list lines;
    int64_t cost_minor; /* goods and shipping */
};

struct choose_result {
    bool found;
    struct choose_part *parts; /* by supplier id */
    size_t part_count;
    struct candidate_list candidates; /* every supplier that was looked at, and why (F21) */
};

/* The best of all ways, by: fewest suppliers to avoid (score below the minimum, promise out of
 * reach); then cost with shipping and the extra parcels' price; then fewest parcels; then the
 * higher score, then the lower id. The same input gives the same answer. Lives in the arena. */
struct choose_result choose(const struct order *order, const struct line_quantity_list *wanted,
                            const struct hold_list *holds, const struct exclusion_list *excluded,
                            const struct context *ctx);

#endif
