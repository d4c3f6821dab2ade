#include "stock_check/catalogue.h"

struct listings catalogue_find(const struct stock_check_settings *cfg, struct str sku)
{
    size_t low = 0, high = cfg->catalogue_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(cfg->catalogue[middle].sku, sku) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (high < cfg->catalogue_count && str_equal(cfg->catalogue[high].sku, sku))
        high++;
    return (struct listings){cfg->catalogue + low, high - low};
}
