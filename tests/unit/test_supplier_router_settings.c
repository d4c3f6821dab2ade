/* supplier_router's settings: the section of suppliers, and what is wrong with it. */
/* links: supplier_router_settings */
#include "config/settings.h"
#include "supplier_router/supplier_router.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct supplier_router_settings cfg;
static struct error err;

static int load(const char *yaml)
{
    char file[] = "/tmp/waybill-test-XXXXXX";
    int fd = mkstemp(file);
    CU_ASSERT_EQUAL_FATAL(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    const struct config_part part = {&supplier_router_settings, &cfg};
    const char *const files[] = {file, NULL};
    arena_init(&arena, 1024 * 1024);
    err = (struct error){0};
    int result = settings_load(&part, 1, files, NULL, NULL, &arena, &err);
    unlink(file);
    return result;
}

static bool refused(const char *yaml, const char *because)
{
    bool is_refused = load(yaml) != 0 && strstr(err.text, because);
    if (!is_refused)
        fprintf(stderr, "not refused for '%s': %s\n", because, err.text);
    arena_done(&arena);
    return is_refused;
}

static void test_table_is_right(void)
{
    CU_ASSERT_EQUAL(settings_check_table(&supplier_router_settings, &err), 0);
}

static void test_suppliers_are_refused_when_something_is_wrong(void)
{
    CU_ASSERT(refused("suppliers: [{shipping_cost_minor: 1}]", "id"));
    CU_ASSERT(refused("suppliers: [{id: a}]", "shipping_cost_minor"));
    CU_ASSERT(refused("suppliers: [{id: a/b, shipping_cost_minor: 1}]", "/"));
    CU_ASSERT(refused("suppliers: [{id: a, shipping_cost_minor: -1}]", "-1"));
    CU_ASSERT(refused("suppliers: [{id: a, shipping_cost_minor: 1, colour: red}]", "colour"));
    CU_ASSERT(
        refused("suppliers: [{id: a, shipping_cost_minor: 1, unit_cost_minor: {X: -2}}]", "-2"));
    CU_ASSERT(refused("suppliers: [{id: a, shipping_cost_minor: 1}, {id: a, shipping_cost_minor: "
                      "2}]",
                      "already"));
    CU_ASSERT(refused("supplier_router: {retry: 2h, retry_max: 1h}", "retry_max"));
}

static void test_suppliers_are_read_with_their_defaults(void)
{
    CU_ASSERT_EQUAL_FATAL(
        load("suppliers:\n"
             "  - {id: far, shipping_cost_minor: 400, unit_cost_minor: {Z: 3, A: 1, M: 2},\n"
             "     countries: [PT, BR], postal_prefixes: ['01'], cod: true, lead_days: 9,\n"
             "     acknowledge_within: 6h, ship_within: 2d, endpoint: far-api,\n"
             "     default_unit_cost_minor: 7}\n"
             "  - {id: near, shipping_cost_minor: 0}\n"),
        0);
    CU_ASSERT_EQUAL_FATAL(cfg.supplier_count, 2);
    const struct router_supplier *far = supplier_router_find(&cfg, STR("far"));
    CU_ASSERT(str_equal(far->endpoint, STR("far-api")));
    CU_ASSERT_EQUAL_FATAL(far->price_count, 3);
    CU_ASSERT(str_equal(far->prices[0].sku, STR("A")) && str_equal(far->prices[2].sku, STR("Z")));
    CU_ASSERT_EQUAL(far->ship_within_ms, 2 * 86400000);
    CU_ASSERT_EQUAL(far->countries.len, 2);
    CU_ASSERT_EQUAL(cfg.hash.len, 16);
    const struct router_supplier *near = supplier_router_find(&cfg, STR("near"));
    CU_ASSERT(str_equal(near->endpoint, STR("near")));
    CU_ASSERT_EQUAL(near->default_unit_cost_minor, -1);
    CU_ASSERT_FALSE(near->cod);
    CU_ASSERT_PTR_NULL(supplier_router_find(&cfg, STR("nobody")));
    arena_done(&arena);
}
