/* The notifier's settings: the table itself, and its sections. */
/* links: notifier_settings notifier_core waybill_config */
#include "config/settings.h"
#include "notifier/notifier.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena = {.bytes_max = 16 << 20};
static struct notifier_settings cfg;
static struct error err;

static int load(const char *yaml)
{
    char path[] = "/tmp/waybill-notifier-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
    close(fd);
    memset(&cfg, 0, sizeof(cfg));
    arena_reset(&arena);
    struct config_part part = {&notifier_settings, &cfg};
    int result =
        settings_load(&part, 1, (const char *const[]){path, NULL}, NULL, NULL, &arena, &err);
    unlink(path);
    return result;
}

static bool is_refused(const char *yaml, const char *because)
{
    bool refused = load(yaml) == -1 && strstr(err.text, because);
    if (!refused)
        printf("\n\"%s\": %s\n", yaml, err.text);
    return refused;
}

static void test_table_is_in_order(void)
{
    CU_ASSERT_EQUAL(settings_check_table(&notifier_settings, &err), 0);
}

static void test_defaults_hold_when_the_file_is_empty(void)
{
    CU_ASSERT_EQUAL_FATAL(load(""), 0);
    CU_ASSERT_EQUAL(cfg.quiet_from_minutes, 1260);
    CU_ASSERT_EQUAL(cfg.quiet_until_minutes, 480);
    CU_ASSERT_EQUAL(cfg.keep_ms, INT64_C(120) * 24 * 60 * 60 * 1000);
    CU_ASSERT_EQUAL(policy_of(&cfg, MESSAGE_KIND_OUT_FOR_DELIVERY).expires_after_ms,
                    16 * 60 * 60 * 1000);
    CU_ASSERT_TRUE(policy_of(&cfg, MESSAGE_KIND_ORDER_CONFIRMED).immediate);
    CU_ASSERT_FALSE(policy_of(&cfg, MESSAGE_KIND_DISPATCHED).immediate);
}

static void test_sections_are_read_when_there(void)
{
    CU_ASSERT_EQUAL_FATAL(load("notifier: {brand: Blue Shop, quiet_from: \"22:30\"}\n"
                               "messages:\n"
                               "  OUT_FOR_DELIVERY: {channel: sms, expires_after: 5d}\n"
                               "  DELAYED: {class: critical}\n"
                               "templates:\n"
                               "  DELIVERED:\n"
                               "    pt-BR: {subject: \"Pedido {order_number}\", text: \"[{name}]\","
                               " sms: Entregue}\n"
                               "    fr: {subject: a, text: b, sms: c}\n"
                               "tracking_urls:\n"
                               "  dhl: https://dhl.example/{tracking_number}\n"),
                          0);
    CU_ASSERT_EQUAL(cfg.quiet_from_minutes, 1350);
    struct message_policy policy = policy_of(&cfg, MESSAGE_KIND_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL(policy.first, MESSAGE_CHANNEL_SMS);
    CU_ASSERT_EQUAL(policy.message_class, MESSAGE_CLASS_TRANSACTIONAL);
    CU_ASSERT_EQUAL(policy.expires_after_ms, INT64_C(5) * 24 * 60 * 60 * 1000);
    CU_ASSERT_EQUAL(policy_of(&cfg, MESSAGE_KIND_DELAYED).message_class, MESSAGE_CLASS_CRITICAL);
    CU_ASSERT_EQUAL(cfg.template_count, 2);
    CU_ASSERT_TRUE(str_equal(cfg.templates[0].locale, STR("pt-BR")));
    CU_ASSERT_TRUE(str_equal(cfg.carriers[0].carrier, STR("dhl")));
}

static void test_file_is_refused_when_a_template_is_wrong(void)
{
    CU_ASSERT_TRUE(is_refused("templates: {DELIVERED: {en: {subject: \"{supplier}\", text: a, "
                              "sms: b}}}",
                              "supplier"));
    CU_ASSERT_TRUE(is_refused("templates: {DELIVERED: {en: {subject: a, text: \"Hi {name}\", "
                              "sms: b}}}",
                              "templates.DELIVERED.en.text"));
    CU_ASSERT_TRUE(is_refused("templates: {DELIVERED: {en: {subject: a, text: b}}}", "sms"));
    CU_ASSERT_TRUE(
        is_refused("templates: {DELIVERED: {en: {subject: a, text: b, sms: c, html: d}}}", "html"));
    CU_ASSERT_TRUE(is_refused("templates: {SHIPPED: {}}", "SHIPPED"));
    CU_ASSERT_TRUE(is_refused("templates: {UNKNOWN: {}}", "UNKNOWN"));
}

static void test_file_is_refused_when_a_policy_or_link_is_wrong(void)
{
    CU_ASSERT_TRUE(is_refused("messages: {DELIVERED: {channel: fax}}", "fax"));
    CU_ASSERT_TRUE(is_refused("messages: {DELIVERED: {expires: 5d}}", "expires"));
    CU_ASSERT_TRUE(is_refused("messages: {DELIVERED: {expires_after: 0}}", "expires_after"));
    CU_ASSERT_TRUE(is_refused("tracking_urls: {dhl: \"javascript:x\"}", "tracking_urls.dhl"));
    CU_ASSERT_TRUE(is_refused("tracking_urls: [a]", "tracking_urls"));
    CU_ASSERT_TRUE(is_refused("notifier: {mail_from: nobody}", "notifier.mail_from"));
    CU_ASSERT_TRUE(is_refused("notifier: {brand: \"\"}", "notifier.brand"));
    CU_ASSERT_TRUE(is_refused("notifier: {cap_per_day: 0}", "cap_per_day"));
}
