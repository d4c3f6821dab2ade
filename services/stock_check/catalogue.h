/* Who lists which SKU. */
#ifndef WAYBILL_STOCK_CHECK_CATALOGUE_H
#define WAYBILL_STOCK_CHECK_CATALOGUE_H

#include "stock_check/stock_check.h"

struct listings {
    const struct listing *ptr;
    size_t len;
};

/* The listings of a SKU, by supplier id; len 0 if nobody has it. */
struct listings catalogue_find(const struct stock_check_settings *cfg, struct str sku);

#endif
