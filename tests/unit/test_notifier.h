/* What the tests of the notifier share: its real routes, an order, a parcel, and what happens to
 * them. */
#ifndef WAYBILL_TESTS_TEST_NOTIFIER_H
#define WAYBILL_TESTS_TEST_NOTIFIER_H

#include "rules_kit.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#define main service_main
#include "../../services/notifier/main.c"
#undef main

#define ORDER    STR("shop:17")
#define SHIPMENT "dhl/JD1"

/* As the settings' defaults, without the file. */
static inline struct notifier_settings a_cfg(void)
{
    return (struct notifier_settings){.brand = STR("Blue Shop"),
                                      .locale = STR("en"),
                                      .mail_from = STR("orders@shop.example"),
                                      .sms_from = STR("SHOP"),
                                      .cap_per_day = 10,
                                      .keep_ms = 120 * DAY_MS,
                                      .quiet_from_minutes = 21 * 60,
                                      .quiet_until_minutes = 8 * 60,
                                      .retry_after_ms = 15 * MINUTE_MS};
}

static inline void open_kit(struct kit *kit, const struct notifier_settings *cfg)
{
    kit_init(kit, routes, sizeof(routes) / sizeof(routes[0]), cfg);
}

static inline bool says(struct str text, const char *part)
{
    bool found = text.ptr && memmem(text.ptr, text.len, part, strlen(part));
    if (!found)
        printf("\nno \"%s\" in \"%.*s\"\n", part, STR_ARG(text));
    return found;
}

static inline bool is_text(struct str got, const char *expected)
{
    if (!str_equal(got, str_from(expected)))
        printf("\ngot \"%.*s\", expected \"%s\"\n", STR_ARG(got), expected ? expected : "nothing");
    return str_equal(got, str_from(expected));
}

#endif
