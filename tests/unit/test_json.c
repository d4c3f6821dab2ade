/* links: waybill_json */
#include "json/json.h"
#include "json/json_writer.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct error err;
static const struct str item = {NULL, 0};

static const struct json_node *parsed(const char *text)
{
    arena_done(&arena);
    arena_init(&arena, 1024 * 1024);
    err = (struct error){0};
    return json_parse(&arena, str_from(text), &err);
}

static struct json_writer writing(void)
{
    struct json_writer w;
    arena_done(&arena);
    arena_init(&arena, 1024 * 1024);
    json_writer_init(&w, &arena);
    return w;
}

static void wrote(const struct json_writer *w, const char *expected)
{
    struct str text = json_writer_done(w);
    CU_ASSERT_TRUE(str_equal(text, str_from(expected)));
    if (!str_equal(text, str_from(expected)))
        printf("  wrote: %.*s\n", STR_ARG(text));
}

/* ---- Reading ---- */

static void test_refuses_what_is_not_one_json_value(void)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "'a'",
                                        "01",
                                        "+1",
                                        "1 2",
                                        "nul",
                                        "\"\xff\"",
                                        "\"\\ud800\"",
                                        "\"a\nb\"",
                                        "{\"a\":1,\"a\":2}",
                                        "\"\\u0000\"",
                                        "123456789012345678901",
                                        "1e999",
                                        "[1]]",
                                        "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_PTR_NULL(parsed(texts[i]));
        CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
        CU_ASSERT_TRUE(str_starts_with(str_from(err.text), STR("JSON: line ")));
    }
}

static void test_refuses_what_is_too_deep(void)
{
    char text[2 * JSON_DEPTH_MAX + 3] = {0};
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CU_ASSERT_PTR_NOT_NULL(parsed(text));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    CU_ASSERT_PTR_NULL(parsed(text));
    CU_ASSERT_STRING_EQUAL(err.text, "JSON: nested deeper than 64");
}

static void test_refuses_what_is_too_large_for_the_limit_or_the_arena(void)
{
    char *text = calloc(1, JSON_BYTES_MAX + 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', JSON_BYTES_MAX + 1);
    CU_ASSERT_PTR_NULL(parsed(text));
    CU_ASSERT_STRING_EQUAL(err.text, "JSON: 4194305 bytes, more than 4194304");
    free(text);
    arena_done(&arena);
    arena_init(&arena, 300);
    CU_ASSERT_PTR_NULL(json_parse(&arena, STR("[[1,2],[3,4],[5,6]]"), &err));
    CU_ASSERT_STRING_EQUAL(err.text, "JSON: needs more than the 300 bytes of memory");
}

static void test_looking_for_what_is_not_there_finds_nothing(void)
{
    const struct json_node *root = parsed("{\"a\":{\"b\":[10,20]},\"n\":null}");
    int64_t number = 7;
    double real = 7;
    CU_ASSERT_PTR_NULL(json_at(root, "a.x"));
    CU_ASSERT_PTR_NULL(json_at(root, "a.b.2"));
    CU_ASSERT_PTR_NULL(json_at(root, "a.b.-1"));
    CU_ASSERT_PTR_NULL(json_at(root, "a.b.x"));
    CU_ASSERT_PTR_NULL(json_at(root, "n.x"));
    CU_ASSERT_PTR_NULL(json_at(NULL, "a"));
    CU_ASSERT_PTR_NULL(json_item(root, 0));
    CU_ASSERT_PTR_NULL(json_text(json_at(root, "a.b")).ptr);
    CU_ASSERT_FALSE(json_int64(json_at(root, "a.x"), &number));
    CU_ASSERT_FALSE(json_double(json_at(root, "n"), &real));
    CU_ASSERT_EQUAL(number, 7);
    CU_ASSERT_TRUE(json_bool(json_at(root, "a"), true));
    CU_ASSERT_TRUE(json_is_null(json_at(root, "n")) && json_is_null(json_at(root, "x")));
    CU_ASSERT_FALSE(json_is_null(json_at(root, "a")));
}

static void test_walks_paths_of_members_and_indexes(void)
{
    const struct json_node *root =
        parsed("{\"lines\":[{\"sku\":\"A-1\"},{\"sku\":\"B \\u00e9\"}]}");
    CU_ASSERT_TRUE(str_equal(json_text(json_at(root, "lines.1.sku")), STR("B \xc3\xa9")));
    CU_ASSERT_EQUAL(json_at(root, "lines")->count, 2);
    CU_ASSERT_TRUE(str_equal(json_at(root, "lines.0.sku")->name, STR("sku")));
}

static void test_numbers_keep_their_digits(void)
{
    static const char *const texts[] = {"19.99", "0.1", "9007199254740993", "-9223372036854775808",
                                        "123456789.123456"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT_TRUE(str_equal(json_text(parsed(texts[i])), str_from(texts[i])));
}

static void test_whole_numbers_may_be_text_or_end_in_zero(void)
{
    int64_t number = 0;
    CU_ASSERT_TRUE(json_int64(parsed("\"9007199254740993\""), &number));
    CU_ASSERT_EQUAL(number, 9007199254740993);
    CU_ASSERT_TRUE(json_int64(parsed("42.0"), &number));
    CU_ASSERT_EQUAL(number, 42);
    CU_ASSERT_TRUE(json_int64(parsed("1e3"), &number));
    CU_ASSERT_EQUAL(number, 1000);
    static const char *const not_whole[] = {"42.5", "\"42x\"", "\"\"",    "1e300",
                                            "true", "\" 1\"",  "\"0x10\""};
    for (size_t i = 0; i < sizeof(not_whole) / sizeof(not_whole[0]); i++)
        CU_ASSERT_FALSE(json_int64(parsed(not_whole[i]), &number));
    double real = 0;
    CU_ASSERT_TRUE(json_double(parsed("\"19.99\""), &real) && real > 19.98 && real < 20);
    CU_ASSERT_FALSE(json_double(parsed("\"nan\""), &real));
    CU_ASSERT_FALSE(json_double(parsed("\"inf\""), &real));
    CU_ASSERT_FALSE(json_double(parsed("\"1e999\""), &real));
}

/* ---- Writing ---- */

static void test_fails_on_text_that_is_not_utf8_and_on_a_full_arena(void)
{
    struct json_writer w = writing();
    json_add_text(&w, item, STR("\xc0\x80"));
    CU_ASSERT_PTR_NULL(json_writer_done(&w).ptr);
    arena_done(&arena);
    arena_init(&arena, 600);
    json_writer_init(&w, &arena);
    for (int i = 0; i < 200; i++)
        json_add_text(&w, item, STR("abcdef"));
    CU_ASSERT_PTR_NULL(json_writer_done(&w).ptr);
}

static void test_sets_commas_by_itself(void)
{
    struct json_writer w = writing();
    json_open_object(&w, item);
    json_add_int64(&w, STR("a"), INT64_MIN);
    json_open_list(&w, STR("b"));
    json_add_bool(&w, item, true);
    json_add_null(&w, item);
    json_open_object(&w, item);
    json_close_object(&w);
    json_open_list(&w, item);
    json_close_list(&w);
    json_close_list(&w);
    json_add_raw(&w, STR("c"), STR("12.50"));
    json_add_text(&w, STR("d"), item);
    json_close_object(&w);
    wrote(&w, "{\"a\":-9223372036854775808,\"b\":[true,null,{},[]],\"c\":12.50,\"d\":null}");
}

static void test_escapes_what_json_must_escape(void)
{
    struct json_writer w = writing();
    json_open_object(&w, item);
    json_add_text(&w, STR("q\"k"), STR("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9\xf0\x9f\x93\xa6"));
    json_add_text(&w, STR("nul"), STR("\0x"));
    json_close_object(&w);
    wrote(
        &w,
        "{\"q\\\"k\":\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f \xc3\xa9\xf0\x9f\x93\xa6\","
        "\"nul\":\"\\u0000x\"}");
}

static void test_doubles_are_as_short_as_they_can_be(void)
{
    struct json_writer w = writing();
    json_open_list(&w, item);
    static const double numbers[] = {0.1, 19.99, 1.0 / 3, 100, 1e300, -0.5};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        json_add_double(&w, item, numbers[i]);
    json_add_double(&w, item, (double)INFINITY);
    json_close_list(&w);
    wrote(&w, "[0.1,19.99,0.3333333333333333,100,1e+300,-0.5,null]");
}

static void test_what_was_written_grows_beyond_its_first_piece(void)
{
    struct json_writer w = writing();
    json_open_list(&w, item);
    for (int64_t i = 0; i < 2000; i++)
        json_add_int64(&w, item, i);
    json_close_list(&w);
    struct str text = json_writer_done(&w);
    const struct json_node *root = json_parse(&arena, text, &err);
    int64_t number = 0;
    CU_ASSERT_TRUE(root && root->count == 2000);
    CU_ASSERT_TRUE(json_int64(json_at(root, "1999"), &number) && number == 1999);
    arena_done(&arena);
}
