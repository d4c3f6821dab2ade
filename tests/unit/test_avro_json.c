/* Records as JSON text. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/record_json.h"
#include "events.h"
#include "random_record.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;
static struct error err;

static const void *from(const struct record_type *type, const char *text)
{
    const void *out = NULL;
    arena_done(&arena);
    arena_init(&arena, 4 * 1024 * 1024);
    err = (struct error){0};
    return record_from_json(type, str_from(text), &arena, &out, &err) ? NULL : out;
}

static void refuses(const struct record_type *type, const char *text, const char *says)
{
    CU_ASSERT_PTR_NULL(from(type, text));
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    CU_ASSERT_STRING_EQUAL(err.text, says);
    if (strcmp(err.text, says) != 0)
        printf("  said: %s\n", err.text);
}

static void prints(const struct record_type *type, const void *record, const char *expected)
{
    struct str text = {NULL, 0};
    CU_ASSERT_EQUAL(record_to_json(type, record, &arena, &text, &err), 0);
    CU_ASSERT_TRUE(str_equal(text, str_from(expected)));
    if (!str_equal(text, str_from(expected)))
        printf("  printed: %.*s\n", STR_ARG(text));
}

static void test_refuses_what_is_no_object(void)
{
    refuses(&cancel_submitted, "[]", "cancel.submitted: must be an object");
    refuses(&cancel_submitted, "{",
            "cancel.submitted: JSON: line 1, column 1: string or '}' expected near end of file");
}

static void test_refuses_a_missing_field_by_name(void)
{
    refuses(&cancel_submitted, "{}", "cancel.submitted: order_id: is missing and has no default");
    refuses(&stock_reserved,
            "{\"order_id\":\"o\",\"attempt\":1,\"expires_at_ms\":0,\"holds\":[{\"supplier_id\":"
            "\"s\"}]}",
            "stock.reserved: holds: [0]: sku: is missing and has no default");
}

static void test_refuses_an_unknown_field_by_name(void)
{
    refuses(&cancel_submitted, "{\"order_id\":\"o\",\"oder_id\":\"o\"}",
            "cancel.submitted: oder_id: there is no such field");
}

static void test_refuses_values_of_another_kind(void)
{
    refuses(&cancel_submitted, "{\"order_id\":7}", "cancel.submitted: order_id: must be text");
    refuses(&cancel_submitted, "{\"order_id\":null}", "cancel.submitted: order_id: must be text");
    refuses(&feedback_rated, "{\"order_id\":\"\",\"rating\":\"5\"}",
            "feedback.rated: rating: must be a whole number");
    refuses(&feedback_rated, "{\"order_id\":\"\",\"rating\":4.5}",
            "feedback.rated: rating: must be a whole number");
    refuses(&feedback_rated, "{\"order_id\":\"\",\"rating\":2147483648}",
            "feedback.rated: rating: must be a whole number of 32 bits");
    refuses(&feedback_rated, "{\"order_id\":\"\",\"rating\":5,\"reasons\":\"x\"}",
            "feedback.rated: reasons: must be a list");
    refuses(&contact_opted_out, "{\"contact_id\":\"c\",\"channel\":\"PIGEON\"}",
            "contact.opted_out: channel: must be a symbol of message_channel, like \"UNKNOWN\"");
    refuses(&order_payment_pending, "{\"order\":[]}",
            "order.payment_pending: order: must be an object");
    refuses(&key_entry, "{\"seen\":[{\"hex\":\"ff\"}]}",
            "key_entry: seen: [0]: must be {\"text\": \"…\"} or {\"base64\": \"…\"}");
    refuses(&key_entry, "{\"seen\":[{\"base64\":\"a\"}]}", "key_entry: seen: [0]: must be base64");
}

static void test_refuses_times_and_dates_that_do_not_exist(void)
{
    static const char *const times[] = {"2026-02-29T00:00:00Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-01-32T00:00:00Z",
                                        "2026-01-01T24:00:00Z",
                                        "2026-01-01T00:60:00Z",
                                        "2026-01-01T00:00:61Z",
                                        "2026-01-01T00:00:00",
                                        "2026-01-01_00:00:00Z",
                                        "2026-01-01T00:00:00.Z",
                                        "2026-01-01T00:00:00.1234567890Z",
                                        "2026-01-01T00:00:00+24:00",
                                        "2026-01-01T00:00:00+0100",
                                        "26-01-01T00:00:00Z",
                                        "2026-01-01",
                                        "",
                                        "2026-01-01T00:00:00Zx"};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "{\"order_id\":\"o\",\"requested_at_ms\":\"%s\"}", times[i]);
        refuses(&feedback_requested, text,
                "feedback.requested: requested_at_ms: must be a time like "
                "\"2026-11-23T07:31:22.123Z\", or Unix ms");
    }
    refuses(&stock_backordered, "{\"order_id\":\"o\",\"expected_on\":\"2025-02-29\"}",
            "stock.backordered: expected_on: must be a date like \"2026-11-23\", or days since "
            "1970-01-01");
}

static void test_refuses_a_list_that_is_too_long_and_an_arena_that_is_too_small(void)
{
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    buffer_printf(&text, "{\"order_id\":\"o\",\"rating\":1,\"reasons\":[\"\"");
    for (int i = 0; i < AVRO_LIST_ITEMS_MAX; i++)
        buffer_printf(&text, ",\"\"");
    buffer_printf(&text, "]}");
    refuses(&feedback_rated, text.ptr, "feedback.rated: reasons: a list of more than 10000 items");
    buffer_done(&text);
    struct cancel_submitted cancel = {.order_id = STR("o")};
    struct str out;
    arena_done(&arena);
    arena_init(&arena, 100);
    CU_ASSERT_EQUAL(record_to_json(&cancel_submitted, &cancel, &arena, &out, &err), -1);
}

/* Seconds of `date -u -d … +%s`. */
static void test_times_are_taken_as_text_or_number(void)
{
    static const struct {
        const char *text;
        int64_t unix_ms;
    } cases[] = {{"\"2026-11-23T07:31:22.123Z\"", 1795419082123},
                 {"\"2026-11-23T07:31:22.123999999z\"", 1795419082123},
                 {"\"2026-11-23t13:01:22.1+05:30\"", 1795419082100},
                 {"\"2026-11-22T23:31:22-08:00\"", 1795419082000},
                 {"\"1969-12-31T23:59:59.999Z\"", -1},
                 {"\"2024-02-29T00:00:00Z\"", 1709164800000},
                 {"\"0001-01-01T00:00:00Z\"", -62135596800000},
                 {"\"9999-12-31T23:59:59.999Z\"", 253402300799999},
                 {"1795419082123", 1795419082123},
                 {"-5", -5}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "{\"order_id\":\"o\",\"requested_at_ms\":%s}", cases[i].text);
        const struct feedback_requested *requested = from(&feedback_requested, text);
        CU_ASSERT_TRUE(requested && requested->requested_at_ms == cases[i].unix_ms);
    }
    const struct stock_backordered *backordered =
        from(&stock_backordered, "{\"order_id\":\"o\",\"expected_on\":\"2026-11-23\"}");
    CU_ASSERT_TRUE(backordered && backordered->has_expected_on &&
                   backordered->expected_on == 20780);
    backordered = from(&stock_backordered, "{\"order_id\":\"o\",\"expected_on\":20780}");
    CU_ASSERT_TRUE(backordered && backordered->expected_on == 20780);
}

static void test_prints_for_people(void)
{
    arena_done(&arena);
    arena_init(&arena, 1024 * 1024);
    struct contact_opted_out opted_out = {
        .contact_id = STR("c\"1"), .channel = MESSAGE_CHANNEL_SMS, .occurred_at_ms = 1795419082123};
    prints(&contact_opted_out, &opted_out,
           "{\"contact_id\":\"c\\\"1\",\"channel\":\"SMS\",\"reason\":null,"
           "\"occurred_at_ms\":\"2026-11-23T07:31:22.123Z\"}");
    opted_out = (struct contact_opted_out){.occurred_at_ms = INT64_MAX};
    prints(&contact_opted_out, &opted_out,
           "{\"contact_id\":\"\",\"channel\":\"UNKNOWN\",\"reason\":null,"
           "\"occurred_at_ms\":9223372036854775807}");
    struct str seen[] = {STR("text"), STR("\xff\x00\x10"), STR("\xff\xff"),
                         STR("\xff"), STR("\0a"),          STR("")};
    struct key_entry entry = {.seen = {seen, 6}};
    prints(&key_entry, &entry,
           "{\"state\":null,\"timers\":[],\"intents\":[],\"seen\":[{\"text\":\"text\"},"
           "{\"base64\":\"/wAQ\"},{\"base64\":\"//8=\"},{\"base64\":\"/"
           "w==\"},{\"base64\":\"AGE=\"},{\"text\":\"\"}],\"dropping\":false,"
           "\"parked\":[]}");
}

static void test_missing_fields_take_their_defaults(void)
{
    const struct cancel_submitted *cancel = from(&cancel_submitted, "{\"order_id\":\"o\"}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancel);
    CU_ASSERT_TRUE(str_equal(cancel->requested_by, STR("customer")));
    CU_ASSERT_TRUE(cancel->reason.ptr && cancel->reason.len == 0);
}

static void test_bytes_come_as_text_or_base64(void)
{
    const struct key_entry *entry =
        from(&key_entry, "{\"seen\":[{\"text\":\"a\\u00e9\"},{\"base64\":\"/wAQ\"},\"plain\"]}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_TRUE(str_equal(entry->seen.ptr[0], STR("a\xc3\xa9")));
    CU_ASSERT_TRUE(str_equal(entry->seen.ptr[1], STR("\xff\x00\x10")));
    CU_ASSERT_TRUE(str_equal(entry->seen.ptr[2], STR("plain")));
}

/* Whatever is in a record comes back through text, byte for byte. */
static void test_nothing_is_lost_through_text(void)
{
    struct random random = {20261126};
    struct buffer before, after;
    buffer_init(&before, 1024 * 1024);
    buffer_init(&after, 1024 * 1024);
    for (size_t i = 0; i < 40 * record_type_count; i++) {
        const struct record_type *type = record_types[i % record_type_count];
        const void *back = NULL;
        struct str text;
        arena_done(&arena);
        arena_init(&arena, 4 * 1024 * 1024);
        buffer_reset(&before);
        buffer_reset(&after);
        const void *record = random_record(&random, type, &arena);
        CU_ASSERT_EQUAL_FATAL(record_to_json(type, record, &arena, &text, &err), 0);
        if (record_from_json(type, text, &arena, &back, &err)) {
            CU_FAIL("refused its own text");
            printf("  %s\n  %s\n", err.text, text.ptr);
            continue;
        }
        CU_ASSERT_EQUAL(avro_encode(type, record, &before, &err), 0);
        CU_ASSERT_EQUAL(avro_encode(type, back, &after, &err), 0);
        CU_ASSERT_TRUE(str_equal(buffer_str(&before), buffer_str(&after)));
    }
    buffer_done(&before);
    buffer_done(&after);
    arena_done(&arena);
}
