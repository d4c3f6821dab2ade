/* Settings of stock_check: one row each, alphabetical, and the catalogue:
 *
 *     catalogue:
 *       acme: [SKU-1, SKU-2]
 *       bolt: [SKU-2]
 */
#include "stock_check/stock_check.h"

#include "config/settings.h"

#include <stdlib.h>

#define AT(field) offsetof(struct stock_check_settings, field)
#define WAIT_MAX  (3650 * SETTING_DAY_MS)

enum { LISTINGS_MAX = 100000 };

static const struct setting rows[] = {
    {.name = "stock_check.answer_wait",
     .kind = SETTING_DURATION,
     .default_text = "30s",
     .min = 1,
     .max = WAIT_MAX,
     .offset = AT(answer_wait_ms),
     .text = "How long a supplier's SKU may take to answer; then it counts as having nothing"},
    {.name = "stock_check.hold",
     .kind = SETTING_DURATION,
     .default_text = "15m",
     .min = 1,
     .max = WAIT_MAX,
     .offset = AT(hold_ms),
     .text = "How long a soft hold may be confirmed"},
    {.name = "stock_check.hold_grace",
     .kind = SETTING_DURATION,
     .default_text = "5m",
     .min = 0,
     .max = WAIT_MAX,
     .offset = AT(hold_grace_ms),
     .text = "How much longer an expired hold is kept, for a confirmation on its way"},
    {.name = "stock_check.keep",
     .kind = SETTING_DURATION,
     .default_text = "120d",
     .min = 1000,
     .max = WAIT_MAX,
     .offset = AT(keep_ms),
     .text = "How long an order's reservation is remembered after its last news"},
    {.name = "stock_check.settle",
     .kind = SETTING_DURATION,
     .default_text = "24h",
     .min = 0,
     .max = WAIT_MAX,
     .offset = AT(settle_ms),
     .text = "How long after a sale a supplier's level report may not have taken it in yet"},
    {.name = "stock_check.tries_max",
     .kind = SETTING_INT,
     .unit = "tries",
     .default_text = "6",
     .min = 1,
     .max = 100,
     .offset = AT(tries_max),
     .text = "How often an order asks, while others hold what it needs, before it is short"},
    {.name = "stock_check.try_again",
     .kind = SETTING_DURATION,
     .default_text = "5s",
     .min = 1,
     .max = WAIT_MAX,
     .offset = AT(try_again_ms),
     .text = "At most so long before the second try; doubled for each further one"},
    {.name = "stock_check.try_again_max",
     .kind = SETTING_DURATION,
     .default_text = "2m",
     .min = 1,
     .max = WAIT_MAX,
     .offset = AT(try_again_max_ms),
     .text = "At most so long between two tries"},
};

static int by_sku(const void *a, const void *b)
{
    const struct listing *left = a, *right = b;
    int order = str_compare(left->sku, right->sku);
    return order ? order : str_compare(left->supplier_id, right->supplier_id);
}

static int load_supplier(const struct yaml_node *supplier, struct listing *listings, size_t *count,
                         struct error *err)
{
    if (supplier->kind != YAML_LIST)
        return yaml_fail(supplier, err, "this is no list of SKUs");
    if (memchr(supplier->key.ptr, '/', supplier->key.len))
        return yaml_fail(supplier, err, "a supplier's id has no '/' in it");
    for (const struct yaml_node *item = yaml_items(supplier); item; item = item->next) {
        struct listing *listing = &listings[*count];
        listing->supplier_id = supplier->key;
        if (*count >= LISTINGS_MAX)
            return yaml_fail(item, err, "more than %d listings in the catalogue", LISTINGS_MAX);
        if (yaml_as_str(item, &listing->sku, err))
            return -1;
        (*count)++;
    }
    return 0;
}

static int check_twins(const struct yaml_node *catalogue, const struct listing *listings,
                       size_t count, struct error *err)
{
    for (size_t i = 1; i < count; i++)
        if (by_sku(&listings[i - 1], &listings[i]) == 0)
            return yaml_fail(catalogue, err, "%.*s lists %.*s twice",
                             STR_ARG(listings[i].supplier_id), STR_ARG(listings[i].sku));
    return 0;
}

static int load_catalogue(const struct yaml_node *root, void *cfg, struct arena *arena,
                          struct error *err)
{
    struct stock_check_settings *out = cfg;
    const struct yaml_node *catalogue = NULL;
    if (yaml_maybe_map(root, "catalogue", &catalogue, err))
        return -1;
    size_t total = 0, count = 0;
    for (const struct yaml_node *s = yaml_items(catalogue); s; s = s->next)
        total += s->count;
    struct listing *listings = arena_alloc_array(arena, total + 1, sizeof(*listings));
    if (!listings)
        return error_set(err, ERROR_FATAL, "catalogue: no memory for %zu listings", total);
    for (const struct yaml_node *s = yaml_items(catalogue); s; s = s->next)
        if (load_supplier(s, listings, &count, err))
            return -1;
    qsort(listings, count, sizeof(*listings), by_sku);
    if (check_twins(catalogue, listings, count, err))
        return -1;
    out->catalogue = listings;
    out->catalogue_count = count;
    return 0;
}

static int check(const void *cfg, struct error *err)
{
    const struct stock_check_settings *settings = cfg;
    if (settings->try_again_max_ms < settings->try_again_ms)
        return error_set(err, ERROR_FATAL,
                         "stock_check.try_again_max is below stock_check.try_again");
    if (settings->hold_ms < settings->answer_wait_ms)
        return error_set(err, ERROR_FATAL,
                         "stock_check.hold is below stock_check.answer_wait: holds would end "
                         "before all have answered");
    return 0;
}

static const char *const sections[] = {"catalogue", NULL};

const struct settings stock_check_settings = {.component = "stock_check",
                                              SETTINGS_ROWS(rows),
                                              .bytes = sizeof(struct stock_check_settings),
                                              .sections = sections,
                                              .load_section = load_catalogue,
                                              .check = check};
