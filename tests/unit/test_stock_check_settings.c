/* The settings of intake and stock_check: what is refused, and what the catalogue becomes. */
/* links: intake_settings stock_check_settings */
#include "config/settings.h"
#include "intake/intake.h"
#include "stock_check/catalogue.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct error err;

/* Loads a table from this text; the values live until arena_done. */
static int load(const struct settings *settings, void *cfg, const char *yaml)
{
    char path[] = "/tmp/waybill-test-settings-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    arena_init(&arena, 64 * 1024 * 1024);
    err = (struct error){0};
    const char *files[] = {path, NULL};
    struct config_part part = {.settings = settings, .cfg = cfg};
    int result = settings_load(&part, 1, files, NULL, NULL, &arena, &err);
    unlink(path);
    return result;
}

static void refused(const struct settings *settings, const char *yaml, const char *because)
{
    union {
        struct intake_settings intake;
        struct stock_check_settings stock_check;
    } cfg;
    CU_ASSERT_EQUAL(load(settings, &cfg, yaml), -1);
    if (!strstr(err.text, because))
        printf("said: %s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, because));
    arena_done(&arena);
}

static void test_settings_without_sense_are_refused(void)
{
    refused(&intake_settings, "intake.time_zone: Nowhere/City", "Nowhere/City");
    refused(&intake_settings, "intake: {lines_max: 0}", "lines_max");
    refused(&intake_settings, "intake: {line_max: 5}", "lines_max");
    refused(&stock_check_settings, "stock_check: {try_again: 5m, try_again_max: 1m}",
            "try_again_max is below");
    refused(&stock_check_settings, "stock_check: {hold: 10s}", "answer_wait");
}

static void test_a_catalogue_without_sense_is_refused(void)
{
    refused(&stock_check_settings, "catalogue: [LAMP]", "catalogue");
    refused(&stock_check_settings, "catalogue: {acme: LAMP}", "no list");
    refused(&stock_check_settings, "catalogue: {ac/me: [LAMP]}", "'/'");
    refused(&stock_check_settings, "catalogue: {acme: [LAMP, BULB, LAMP]}", "twice");
    refused(&stock_check_settings, "catalogue: {acme: [[LAMP]]}", "acme");
}

static void test_the_tables_are_right_in_themselves(void)
{
    CU_ASSERT_EQUAL(settings_check_table(&intake_settings, &err), 0);
    CU_ASSERT_EQUAL(settings_check_table(&stock_check_settings, &err), 0);
}

static void test_a_sku_is_found_at_all_its_suppliers(void)
{
    struct stock_check_settings cfg;
    CU_ASSERT_EQUAL_FATAL(load(&stock_check_settings, &cfg,
                               "catalogue:\n"
                               "  zeta: [LAMP, CORD]\n"
                               "  acme: [BULB, LAMP, A]\n"
                               "  mild: [LAMP]\n"
                               "  empty: []\n"),
                          0);
    struct listings lamps = catalogue_find(&cfg, STR("LAMP"));
    CU_ASSERT_EQUAL_FATAL(lamps.len, 3);
    CU_ASSERT(str_equal(lamps.ptr[0].supplier_id, STR("acme")));
    CU_ASSERT(str_equal(lamps.ptr[2].supplier_id, STR("zeta")));
    CU_ASSERT_EQUAL(catalogue_find(&cfg, STR("BULB")).len, 1);
    CU_ASSERT_EQUAL(catalogue_find(&cfg, STR("A")).len, 1);
    CU_ASSERT_EQUAL(catalogue_find(&cfg, STR("LAM")).len, 0);
    CU_ASSERT_EQUAL(catalogue_find(&cfg, STR("ZZZ")).len, 0);
    CU_ASSERT_EQUAL(cfg.tries_max, 6);
    arena_done(&arena);
}

static void test_nobody_lists_anything_when_there_is_no_catalogue(void)
{
    struct stock_check_settings cfg;
    CU_ASSERT_EQUAL_FATAL(load(&stock_check_settings, &cfg, ""), 0);
    CU_ASSERT_EQUAL(catalogue_find(&cfg, STR("LAMP")).len, 0);
    arena_done(&arena);
}
