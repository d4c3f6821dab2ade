/* The settings of supplier_router and its suppliers. */
#include "config/settings.h"
#include "supplier_router/supplier_router.h"

#include <stdlib.h>

#define AT(field) offsetof(struct supplier_router_settings, field)

static const struct setting rows[] = {
    {.name = "supplier_router.cost_currency",
     .kind = SETTING_STRING,
     .offset = AT(cost_currency),
     .default_text = "EUR",
     .text = "ISO 4217 currency of all costs in the section suppliers"},
    {.name = "supplier_router.extra_parcel_minor",
     .kind = SETTING_INT,
     .unit = "minor units",
     .offset = AT(extra_parcel_minor),
     .default_text = "0",
     .max = 1e9,
     .text = "How much dearer a way may be that needs one parcel less"},
    {.name = "supplier_router.keep_after_end_for",
     .kind = SETTING_DURATION,
     .offset = AT(keep_after_end_ms),
     .default_text = "60d",
     .min = 1000,
     .max = 1000 * SETTING_DAY_MS,
     .text = "How long an order is remembered after its last parcel came to an end"},
    {.name = "supplier_router.keep_open_for",
     .kind = SETTING_DURATION,
     .offset = AT(keep_open_ms),
     .default_text = "365d",
     .min = 1000,
     .max = 3000 * SETTING_DAY_MS,
     .text = "How long an order that has not ended is remembered after the last that was heard"},
    {.name = "supplier_router.retry",
     .kind = SETTING_DURATION,
     .offset = AT(retry_ms),
     .default_text = "1m",
     .min = 1000,
     .max = SETTING_DAY_MS,
     .text = "How long to wait before asking the same supplier again; doubles each time"},
    {.name = "supplier_router.retry_max",
     .kind = SETTING_DURATION,
     .offset = AT(retry_max_ms),
     .default_text = "1h",
     .min = 1000,
     .max = 7 * SETTING_DAY_MS,
     .text = "The longest wait before asking the same supplier again"},
    {.name = "supplier_router.score_min",
     .kind = SETTING_DOUBLE,
     .unit = "share",
     .offset = AT(score_min),
     .default_text = "0.7",
     .max = 1,
     .text = "A supplier with fewer parcels on time is taken only if nobody else will do"},
    {.name = "supplier_router.score_samples_min",
     .kind = SETTING_INT,
     .unit = "parcels",
     .offset = AT(score_samples_min),
     .default_text = "20",
     .min = 1,
     .max = 1e6,
     .text = "How many parcels a score must rest on to count"},
    {.name = "supplier_router.submit_patience",
     .kind = SETTING_DURATION,
     .offset = AT(submit_patience_ms),
     .default_text = "1d",
     .min = 1000,
     .max = 3000 * SETTING_DAY_MS,
     .text = "How long a supplier that cannot be reached keeps an order before another is asked"},
};

/* ---- suppliers ---- */

static int load_texts(const struct yaml_node *map, const char *key, struct router_texts *out,
                      struct arena *arena, struct error *err)
{
    const struct yaml_node *list = NULL;
    if (yaml_maybe_list(map, key, PLACES_MAX, &list, err) != 0)
        return -1;
    if (!list)
        return 0;
    out->ptr = arena_alloc_array(arena, list->count + 1, sizeof(*out->ptr));
    if (!out->ptr)
        return yaml_fail(list, err, "no memory for so many");
    for (const struct yaml_node *item = yaml_items(list); item; item = item->next)
        if (yaml_as_str(item, &out->ptr[out->len++], err) != 0)
            return -1;
    return 0;
}

static int by_sku(const void *left, const void *right)
{
    const struct router_price *a = left, *b = right;
    return str_compare(a->sku, b->sku);
}

static int load_prices(const struct yaml_node *map, struct router_supplier *out,
                       struct arena *arena, struct error *err)
{
    const struct yaml_node *prices = NULL;
    if (yaml_maybe_map(map, "unit_cost_minor", &prices, err) != 0)
        return -1;
    if (!prices)
        return 0;
    if (prices->count > PRICES_MAX)
        return yaml_fail(prices, err, "more than %d prices", PRICES_MAX);
    out->prices = arena_alloc_array(arena, prices->count + 1, sizeof(*out->prices));
    if (!out->prices)
        return yaml_fail(prices, err, "no memory for so many");
    for (const struct yaml_node *item = yaml_items(prices); item; item = item->next) {
        struct router_price *price = &out->prices[out->price_count++];
        price->sku = item->key;
        if (yaml_get_int(prices, item->key.ptr, 0, INT32_MAX, &price->unit_cost_minor, err) != 0)
            return -1;
    }
    qsort(out->prices, out->price_count, sizeof(*out->prices), by_sku);
    return 0;
}

static int load_supplier(const struct yaml_node *map, struct router_supplier *out,
                         struct arena *arena, struct error *err)
{
    static const char *const keys[] = {"acknowledge_within", "cod",
                                       "countries",          "default_unit_cost_minor",
                                       "endpoint",           "id",
                                       "lead_days",          "postal_prefixes",
                                       "ship_within",        "shipping_cost_minor",
                                       "unit_cost_minor",    NULL};
    const int64_t year_ms = (int64_t)(365 * SETTING_DAY_MS);
    *out = (struct router_supplier){.default_unit_cost_minor = -1};
    if (yaml_check_keys(map, keys, err) != 0 || yaml_get_str(map, "id", &out->id, err) != 0)
        return -1;
    if (memchr(out->id.ptr, '/', out->id.len))
        return yaml_fail(map, err, "the id must not hold a /: it is part of keys");
    out->endpoint = out->id;
    return yaml_maybe_str(map, "endpoint", &out->endpoint, err) != 0 ||
                   load_prices(map, out, arena, err) != 0 ||
                   yaml_maybe_int(map, "default_unit_cost_minor", 0, INT32_MAX,
                                  &out->default_unit_cost_minor, err) != 0 ||
                   yaml_get_int(map, "shipping_cost_minor", 0, INT32_MAX, &out->shipping_cost_minor,
                                err) != 0 ||
                   load_texts(map, "countries", &out->countries, arena, err) != 0 ||
                   load_texts(map, "postal_prefixes", &out->postal_prefixes, arena, err) != 0 ||
                   yaml_maybe_bool(map, "cod", &out->cod, err) != 0 ||
                   yaml_maybe_duration(map, "acknowledge_within", 0, year_ms,
                                       &out->acknowledge_within_ms, err) != 0 ||
                   yaml_maybe_duration(map, "ship_within", 0, year_ms, &out->ship_within_ms, err) !=
                       0 ||
                   yaml_maybe_int(map, "lead_days", 0, 365, &out->lead_days, err) != 0
               ? -1
               : 0;
}

static int load_section(const struct yaml_node *root, void *settings, struct arena *arena,
                        struct error *err)
{
    struct supplier_router_settings *cfg = settings;
    const struct yaml_node *list = NULL;
    if (yaml_maybe_list(root, "suppliers", SUPPLIERS_MAX, &list, err) != 0)
        return -1;
    if (!list)
        return 0;
    cfg->suppliers = arena_alloc_array(arena, list->count + 1, sizeof(*cfg->suppliers));
    if (!cfg->suppliers)
        return yaml_fail(list, err, "no memory for so many");
    for (const struct yaml_node *item = yaml_items(list); item; item = item->next) {
        struct router_supplier supplier;
        if (load_supplier(item, &supplier, arena, err) != 0)
            return -1;
        if (supplier_router_find(cfg, supplier.id))
            return yaml_fail(item, err, "there is already a supplier %.*s", STR_ARG(supplier.id));
        cfg->suppliers[cfg->supplier_count++] = supplier;
    }
    return 0;
}

static int check(const void *settings, struct error *err)
{
    const struct supplier_router_settings *cfg = settings;
    if (cfg->retry_max_ms < cfg->retry_ms)
        return error_set(
            err, ERROR_FATAL,
            "supplier_router.retry_max must not be shorter than supplier_router.retry");
    return 0;
}

static const char *const sections[] = {"suppliers", NULL};

const struct settings supplier_router_settings = {
    .component = "supplier_router",
    SETTINGS_ROWS(rows),
    .bytes = sizeof(struct supplier_router_settings),
    .hash_offset = AT(hash),
    .sections = sections,
    .load_section = load_section,
    .check = check,
};
