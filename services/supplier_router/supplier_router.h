/* supplier_router chooses who sends what of an order, asks them, and follows until it has shipped.
 * How it works with stock_check: services/SOURCING.md. */
#ifndef WAYBILL_SUPPLIER_ROUTER_H
#define WAYBILL_SUPPLIER_ROUTER_H

#include "events.h"
#include "rules/route.h"

enum { SUPPLIERS_MAX = 64, PRICES_MAX = 100000, PLACES_MAX = 1000 };

struct router_price {
    struct str sku;
    int64_t unit_cost_minor;
};

struct router_texts {
    struct str *ptr;
    size_t len;
};

/* One entry of the section `suppliers:`. */
struct router_supplier {
    struct str id, endpoint;
    struct router_price *prices; /* by SKU */
    size_t price_count;
    int64_t
        default_unit_cost_minor; /* of a SKU without a price; -1: such a SKU is not bought here */
    int64_t shipping_cost_minor; /* per fulfilment order */
    struct router_texts countries, postal_prefixes; /* served; empty = everywhere */
    bool cod;
    int64_t acknowledge_within_ms, ship_within_ms; /* 0 = not watched */
    int64_t lead_days;                             /* from hand-over to the door; 0 = not known */
};

struct supplier_router_settings {
    struct router_supplier *suppliers; /* by id */
    size_t supplier_count;
    struct str cost_currency;
    struct str hash;
    double score_min;           /* share of parcels on time */
    int64_t score_samples_min;  /* fewer say nothing */
    int64_t extra_parcel_minor; /* what another parcel is worth beside its cost */
    int64_t keep_after_end_ms, keep_open_ms;
    int64_t retry_ms, retry_max_ms; /* between asks, doubling */
    int64_t submit_patience_ms;     /* until what was never sent goes to another supplier */
};

/* Filled from file, environment and flags into a struct supplier_router_settings. */
extern const struct settings supplier_router_settings;

/* NULL = not among the settings. */
const struct router_supplier *supplier_router_find(const struct supplier_router_settings *cfg,
                                                   struct str supplier_id);

rule supplier_router_accepted; /* order.accepted */
rule supplier_router_updated;  /* order.updated */
rule supplier_router_reserved; /* stock.reserved */
rule supplier_router_short;    /* stock.short */

rule submit_replied; /* reply "submitted" */

rule callback_accepted;  /* supplier.order_accepted */
rule callback_rejected;  /* supplier.order_rejected */
rule ship_reported;      /* supplier.order_shipped */
rule callback_cancelled; /* supplier.order_cancelled */

rule cancel_requested; /* order.cancel_requested (F09) */
rule cancel_ordered;   /* order.cancelled */
rule cancel_replied;   /* reply "cancelled" */

rule follow_due;          /* timer "due": ask again, overdue (F27) */
rule follow_forget;       /* timer "forget" */
rule ship_delivered;      /* shipment.delivered */
rule ship_rto_delivered;  /* shipment.rto_delivered */
rule ship_status_changed; /* shipment.status_changed */

#endif
