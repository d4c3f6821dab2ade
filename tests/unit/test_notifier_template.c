/* The language of message texts. */
/* links: notifier_core */
#include "notifier/english.h"
#include "notifier/template.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena = {.bytes_max = 1 << 20};

static struct str render(const char *text, const struct template_values *values)
{
    return template_render(&arena, str_from(text), values);
}

static bool is_text(struct str got, const char *expected)
{
    if (!str_equal(got, str_from(expected)))
        printf("\ngot \"%.*s\", expected \"%s\"\n", STR_ARG(got), expected);
    return str_equal(got, str_from(expected));
}

static void test_template_is_refused_when_a_placeholder_is_unknown(void)
{
    static const char *const bad[] = {"{supplier}", "{Name}", "{ name }", "{}",  "{brand",
                                      "{",          "}",      "a } b",    "{{}", "{brand}}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        CU_ASSERT_EQUAL(template_check(str_from(bad[i]), MESSAGE_KIND_DELIVERED, &err), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    }
}

static void test_template_is_refused_when_brackets_do_not_pair(void)
{
    static const char *const bad[] = {"[", "]", "[[[", "a [b", "a] b", "[a [b] c]", "[a]]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        CU_ASSERT_EQUAL(template_check(str_from(bad[i]), MESSAGE_KIND_DELIVERED, &err), -1);
    }
}

static void test_template_is_refused_when_a_value_may_be_missing(void)
{
    struct error err = {0};
    CU_ASSERT_EQUAL(template_check(STR("Hello {name}"), MESSAGE_KIND_DELIVERED, &err), -1);
    CU_ASSERT_TRUE(strstr(err.text, "{name}") && strstr(err.text, "[ ]"));
    CU_ASSERT_EQUAL(template_check(STR("Hello[ {name}]"), MESSAGE_KIND_DELIVERED, &err), 0);
    CU_ASSERT_EQUAL(template_check(STR("{carrier}"), MESSAGE_KIND_ORDER_CONFIRMED, &err), -1);
    CU_ASSERT_EQUAL(template_check(STR("{carrier}"), MESSAGE_KIND_DISPATCHED, &err), -1);
    CU_ASSERT_EQUAL(template_check(STR("[{carrier}]"), MESSAGE_KIND_DISPATCHED, &err), 0);
    CU_ASSERT_EQUAL(template_check(STR("{items}"), MESSAGE_KIND_DISPATCHED, &err), -1);
    CU_ASSERT_EQUAL(template_check(STR("{items}"), MESSAGE_KIND_ORDER_CANCELLED, &err), 0);
}

static void test_part_is_left_out_when_a_value_is_missing(void)
{
    struct template_values values = {0};
    CU_ASSERT_TRUE(is_text(render("Hello[ {name}], hi", &values), "Hello, hi"));
    values.of[PLACEHOLDER_NAME] = STR("Ana");
    CU_ASSERT_TRUE(is_text(render("Hello[ {name}], hi", &values), "Hello Ana, hi"));
    CU_ASSERT_TRUE(is_text(render("[{name} {promised}]-[{name}]", &values), "-Ana"));
    values.of[PLACEHOLDER_PROMISED] = STR(""); /* empty is not missing */
    CU_ASSERT_TRUE(is_text(render("[{name} {promised}]", &values), "Ana "));
}

static void test_value_stands_as_it_is_when_it_looks_like_a_template(void)
{
    struct template_values values = {0};
    values.of[PLACEHOLDER_NAME] = STR("{total} [x] {{name}}");
    CU_ASSERT_TRUE(is_text(render("[{name}]", &values), "{total} [x] {{name}}"));
}

static void test_sign_stands_for_itself_when_doubled(void)
{
    struct template_values values = {0};
    struct error err;
    CU_ASSERT_EQUAL(template_check(STR("{{a}} [[b]]"), MESSAGE_KIND_DELIVERED, &err), 0);
    CU_ASSERT_TRUE(is_text(render("{{a}} [[b]]", &values), "{a} [b]"));
    CU_ASSERT_TRUE(is_text(render("[[{{x}}]]", &values), "[{x}]"));
    CU_ASSERT_TRUE(is_text(render("", &values), ""));
}

static void test_english_holds_and_covers_every_kind(void)
{
    unsigned seen = 0;
    for (size_t i = 0; i < english_count; i++) {
        struct error err = {0};
        CU_ASSERT_EQUAL(template_check(english[i].subject, english[i].kind, &err), 0);
        CU_ASSERT_EQUAL(template_check(english[i].text, english[i].kind, &err), 0);
        CU_ASSERT_EQUAL(template_check(english[i].sms, english[i].kind, &err), 0);
        seen |= 1u << english[i].kind;
    }
    CU_ASSERT_EQUAL(seen, (1u << message_kind_symbols.symbol_count) - 2);
}
