/* The rules of stock_check: all of an order is held or nothing (F10-F15). What it says to
 * supplier_router and hears from it stands in services/SOURCING.md. */
#ifndef WAYBILL_STOCK_CHECK_STOCK_CHECK_H
#define WAYBILL_STOCK_CHECK_STOCK_CHECK_H

#include "events.h"
#include "rules/route.h"

/* One supplier lists one SKU. */
struct listing {
    struct str sku, supplier_id;
};

struct stock_check_settings {
    int64_t answer_wait_ms; /* how long a supplier's SKU may take to answer */
    int64_t hold_ms;        /* how long a soft hold may be confirmed */
    int64_t hold_grace_ms;  /* how much longer it is kept, for a confirmation on its way */
    int64_t keep_ms;        /* how long an order is remembered after its last news */
    int64_t settle_ms;      /* how long a supplier's report may not know yet of what was sold */
    int64_t try_again_ms;   /* upper bound of the first wait between two tries */
    int64_t try_again_max_ms;
    int64_t tries_max;
    const struct listing *catalogue; /* sorted by SKU, then by supplier */
    size_t catalogue_count;
};

/* Filled from file, environment and flags into a struct stock_check_settings. */
extern const struct settings stock_check_settings;

/* State: stock_order by order id. */
rule reservation_open;      /* order.accepted */
rule reservation_reopen;    /* fulfilment.stock_requested */
rule reservation_answer;    /* stock.hold_answered */
rule reservation_conclude;  /* timer: who has not answered counts as having nothing */
rule reservation_try_again; /* timer */
rule reservation_cancel;    /* order.cancelled */
rule reservation_forget;    /* timer */

/* State: stock_sku by supplier/sku. */
rule shelf_report;   /* stock.level_reported */
rule shelf_hold;     /* stock.hold_requested */
rule shelf_sell;     /* stock.hold_confirmed */
rule shelf_release;  /* stock.hold_released */
rule shelf_mismatch; /* stock.mismatch_detected */
rule shelf_expire;   /* timer */

/* The key of a SKU at a supplier: "<supplier>/<sku>". */
static inline struct str stock_check_key(struct arena *arena, struct str supplier_id,
                                         struct str sku)
{
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(supplier_id), STR_ARG(sku));
}

#endif
