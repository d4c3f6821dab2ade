/* The codec: bytes by the Avro 1.11 specification, and what must not be believed. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/framing.h"
#include "events.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

/* stock.level_reported is string, string, int, long, long: easy to write by hand. */
static const struct stock_level_reported a_level = {
    .supplier_id = STR_INIT("s"), .sku = STR_INIT("ab"), .available = -1, .version = 64};
static const char a_level_bytes[] = "\x02s\x04"
                                    "ab\x01\x80\x01\x00";
enum { A_LEVEL_BYTES = sizeof(a_level_bytes) - 1 };

static struct arena arena;
static struct error err;

static const void *decoded(const struct record_type *type, struct str bytes)
{
    const void *out = NULL;
    arena_done(&arena);
    arena_init(&arena, 1024 * 1024);
    err = (struct error){0};
    if (avro_decode(type, bytes, &arena, &out, &err))
        CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    return out;
}

static void refuses(const struct record_type *type, struct str bytes, const char *text)
{
    CU_ASSERT_PTR_NULL(decoded(type, bytes));
    CU_ASSERT_STRING_EQUAL(err.text, text);
    if (strcmp(err.text, text) != 0)
        printf("  said: %s\n", err.text);
}

static struct str encoded(const struct record_type *type, const void *record, struct buffer *buffer)
{
    buffer_init(buffer, 100000);
    err = (struct error){0};
    if (avro_encode(type, record, buffer, &err))
        return (struct str){NULL, 0};
    return buffer_str(buffer);
}

static void cannot_encode(const struct record_type *type, const void *record, const char *text)
{
    struct buffer buffer;
    CU_ASSERT_PTR_NULL(encoded(type, record, &buffer).ptr);
    CU_ASSERT_EQUAL(buffer.len, 0);
    CU_ASSERT_STRING_EQUAL(err.text, text);
    if (strcmp(err.text, text) != 0)
        printf("  said: %s\n", err.text);
    buffer_done(&buffer);
}

static void test_refuses_every_cut_of_a_record(void)
{
    for (size_t len = 0; len < A_LEVEL_BYTES; len++)
        CU_ASSERT_PTR_NULL(decoded(&stock_level_reported, (struct str){a_level_bytes, len}));
    CU_ASSERT_PTR_NOT_NULL(
        decoded(&stock_level_reported, (struct str){a_level_bytes, A_LEVEL_BYTES}));
}

static void test_refuses_bytes_behind_the_record(void)
{
    refuses(&stock_level_reported, (struct str){a_level_bytes, A_LEVEL_BYTES + 1},
            "stock.level_reported: 1 bytes too many");
}

static void test_refuses_a_string_longer_than_the_bytes_that_are_left(void)
{
    refuses(&stock_level_reported,
            STR("\x08"
                "abc"),
            "stock.level_reported: supplier_id: a length of 4 where 3 bytes are left");
    refuses(&stock_level_reported,
            STR("\xff\xff\xff\xff\x0f"
                "abc"),
            "stock.level_reported: supplier_id: a length of -2147483648 where 3 bytes are left");
}

static void test_refuses_a_string_that_is_not_utf8(void)
{
    refuses(&stock_level_reported, STR("\x04\xc0\x80\x00\x00\x00\x00"),
            "stock.level_reported: supplier_id: a string that is not UTF-8");
    refuses(&stock_level_reported, STR("\x06\xed\xa0\x80\x00\x00\x00\x00"),
            "stock.level_reported: supplier_id: a string that is not UTF-8");
    CU_ASSERT_PTR_NOT_NULL(
        decoded(&stock_level_reported, STR("\x08\xf4\x8f\xbf\xbf\x00\x00\x00\x00")));
}

static void test_refuses_a_number_of_more_than_64_bits(void)
{
    refuses(&task_position, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            "task_position: batch: a number of more than 64 bits");
    refuses(&task_position, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "task_position: batch: a number of more than 64 bits");
}

static void test_refuses_an_int_of_more_than_32_bits(void)
{
    refuses(&stock_level_reported, STR("\x00\x00\x80\x80\x80\x80\x10\x00\x00"),
            "stock.level_reported: available: 2147483648 does not fit into 32 bits");
    CU_ASSERT_PTR_NOT_NULL(
        decoded(&stock_level_reported, STR("\x00\x00\xff\xff\xff\xff\x0f\x00\x00")));
}

static void test_refuses_an_enum_or_branch_out_of_range(void)
{
    refuses(&contact_opted_out, STR("\x00\x06"),
            "contact.opted_out: channel: message_channel has no symbol 3");
    refuses(&contact_opted_out, STR("\x00\x01"),
            "contact.opted_out: channel: message_channel has no symbol -1");
    refuses(&contact_opted_out, STR("\x00\x00\x04\x00"),
            "contact.opted_out: reason: branch 2 of a union of two");
    refuses(&contact_opted_out, STR("\x00\x00\x01\x00"),
            "contact.opted_out: reason: branch -1 of a union of two");
}

static void test_refuses_a_boolean_that_is_neither_0_nor_1(void)
{
    static const struct field fields[] = {{.name = "flag", .type = {.kind = FIELD_BOOLEAN}}};
    static const struct record_type flag = {
        .name = "flag", .bytes = sizeof(bool), .fields = fields, .field_count = 1};
    refuses(&flag, STR("\x02"), "flag: flag: a boolean of 2");
    CU_ASSERT_TRUE(*(const bool *)decoded(&flag, STR("\x01")));
}

/* feedback.received: order_id, rating, text, reasons, answered_at_ms. */
static void test_refuses_a_list_longer_than_the_bytes_that_are_left(void)
{
    refuses(&feedback_received, STR("\x00\x00\x00\x7f\x02\x00"),
            "feedback.received: reasons: 64 items where 1 bytes are left");
    refuses(&feedback_received, STR("\x00\x00\x00\x01\x06\x02x"),
            "feedback.received: reasons: a block of 3 bytes where 2 are left");
}

static void test_refuses_counts_that_no_input_can_hold(void)
{
    refuses(&feedback_received, STR("\x00\x00\x00\x80\x01\x00\x00"),
            "feedback.received: reasons: 64 items where 2 bytes are left");
    /* Six bytes that ask avro-c for 2 GB. */
    refuses(&feedback_received, STR("\x00\x00\x00\xff\xff\xff\xff\x0f\x00"),
            "feedback.received: reasons: 2147483648 items where 0 bytes are left");
    refuses(&feedback_received,
            STR("\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00\x00"),
            "feedback.received: reasons: 9223372036854775807 items where 2 bytes are left");
}

static void test_refuses_a_block_that_is_not_as_long_as_it_says(void)
{
    refuses(&feedback_received, STR("\x00\x00\x00\x01\x02\x02x\x00\x00"),
            "feedback.received: reasons: a block that is not as long as it says");
    refuses(&feedback_received, STR("\x00\x00\x00\x01\x01\x02x\x00\x00"),
            "feedback.received: reasons: a block of -1 bytes where 4 are left");
    CU_ASSERT_PTR_NOT_NULL(decoded(&feedback_received, STR("\x00\x00\x00\x01\x04\x02x\x00\x00")));
}

static void test_refuses_more_items_than_the_limit(void)
{
    static char bytes[3 + 3 + AVRO_LIST_ITEMS_MAX + 1 + 2] = "\x00\x00\x00";
    memcpy(bytes + 3, "\xa2\x9c\x01", 3); /* 10001 */
    refuses(&feedback_received, (struct str){bytes, sizeof(bytes)},
            "feedback.received: reasons: a list of more than 10000 items");
    memcpy(bytes + 3, "\xa0\x9c\x01", 3); /* 10000 */
    CU_ASSERT_PTR_NOT_NULL(decoded(&feedback_received, (struct str){bytes, sizeof(bytes) - 1}));
}

static void test_refuses_what_needs_more_memory_than_the_arena_may_take(void)
{
    const void *out;
    arena_done(&arena);
    arena_init(&arena, 16);
    CU_ASSERT_EQUAL(avro_decode(&stock_level_reported, (struct str){a_level_bytes, A_LEVEL_BYTES},
                                &arena, &out, &err),
                    -1);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "stock.level_reported: needs more than the 16 bytes of memory");
}

static void test_names_the_field_within_lists_of_records(void)
{
    refuses(&stock_reserved, STR("\x00\x00\x04\x00\x00\x02\x00\x00\x80"),
            "stock.reserved: holds: [1]: quantity: the bytes end too early");
}

static void test_joins_the_blocks_of_a_list(void)
{
    const struct feedback_received *feedback = decoded(
        &feedback_received, STR("\x00\x0a\x00\x02\x02x\x03\x08\x02y\x02z\x02\x02w\x00\x00"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(feedback);
    CU_ASSERT_EQUAL(feedback->reasons.len, 4);
    const char *expected[] = {"x", "y", "z", "w"};
    for (size_t i = 0; i < feedback->reasons.len; i++)
        CU_ASSERT_TRUE(str_equal(feedback->reasons.ptr[i], str_from(expected[i])));
}

static void test_will_not_write_a_string_that_is_not_utf8(void)
{
    struct stock_level_reported level = a_level;
    level.sku = STR("\xff");
    cannot_encode(&stock_level_reported, &level,
                  "stock.level_reported: sku: a string that is not UTF-8");
}

static void test_will_not_write_an_enum_out_of_range(void)
{
    struct contact_opted_out opted_out = {.channel = (enum message_channel)17};
    cannot_encode(&contact_opted_out, &opted_out,
                  "contact.opted_out: channel: message_channel has no symbol 17");
}

static void test_will_not_write_more_than_the_buffer_may_hold(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    buffer_add(&buffer, "before", 6);
    CU_ASSERT_EQUAL(avro_encode_framed(&stock_level_reported, &a_level, &buffer, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "stock.level_reported: longer than the limit of 10 bytes");
    CU_ASSERT_TRUE(str_equal(buffer_str(&buffer), STR("before")));
    CU_ASSERT_FALSE(buffer.failed);
    buffer_done(&buffer);
}

static void test_will_not_write_a_list_beyond_the_limit(void)
{
    static struct str reasons[AVRO_LIST_ITEMS_MAX + 1];
    struct feedback_received feedback = {.reasons = {reasons, AVRO_LIST_ITEMS_MAX + 1}};
    cannot_encode(&feedback_received, &feedback,
                  "feedback.received: reasons: a list of 10001 items, more than 10000");
}

static void test_writes_what_the_specification_says(void)
{
    struct buffer buffer;
    struct str bytes = encoded(&stock_level_reported, &a_level, &buffer);
    CU_ASSERT_TRUE(str_equal(bytes, (struct str){a_level_bytes, A_LEVEL_BYTES}));
    buffer_done(&buffer);
    /* The specification's examples of zig-zag: 0 -> 00, -1 -> 01, 1 -> 02, -2 -> 03, -64 -> 7f, 64
     * -> 80 01. */
    static const struct {
        int64_t number;
        const char *bytes;
    } examples[] = {{-1, "\x01"},
                    {1, "\x02"},
                    {-2, "\x03"},
                    {2, "\x04"},
                    {-64, "\x7f"},
                    {64, "\x80\x01"},
                    {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
                    {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}};
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct task_position position = {.batch = examples[i].number};
        bytes = encoded(&task_position, &position, &buffer);
        CU_ASSERT_TRUE(str_starts_with(bytes, str_from(examples[i].bytes)));
        const struct task_position *back = decoded(&task_position, bytes);
        CU_ASSERT_TRUE(back && back->batch == examples[i].number);
        buffer_done(&buffer);
    }
}

static void test_tells_empty_from_absent(void)
{
    struct buffer buffer;
    struct contact_opted_out opted_out = {.reason = STR("")};
    struct str bytes = encoded(&contact_opted_out, &opted_out, &buffer);
    const struct contact_opted_out *back = decoded(&contact_opted_out, bytes);
    CU_ASSERT_TRUE(back && back->reason.ptr && back->reason.len == 0);
    buffer_done(&buffer);
    opted_out.reason = (struct str){NULL, 0};
    bytes = encoded(&contact_opted_out, &opted_out, &buffer);
    back = decoded(&contact_opted_out, bytes);
    CU_ASSERT_TRUE(back && !back->reason.ptr);
    buffer_done(&buffer);
}

static void test_a_frame_holds_the_schema_id_big_end_first(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 100);
    framing_put(&buffer, 0x01020304);
    CU_ASSERT_TRUE(str_equal(buffer_str(&buffer), STR("\0\1\2\3\4")));
    buffer_reset(&buffer);
    CU_ASSERT_EQUAL(avro_encode_framed(&stock_level_reported, &a_level, &buffer, &err), 0);
    int32_t id;
    struct str body;
    CU_ASSERT_EQUAL(framing_split(buffer_str(&buffer), &id, &body, &err), 0);
    CU_ASSERT_EQUAL(id, 106);
    CU_ASSERT_TRUE(str_equal(body, (struct str){a_level_bytes, A_LEVEL_BYTES}));
    buffer_done(&buffer);
}

static void test_refuses_a_value_without_a_frame(void)
{
    int32_t id = 7;
    struct str body;
    CU_ASSERT_EQUAL(framing_split(STR("\0\0\0\1"), &id, &body, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "a value of 4 bytes is too short for a schema id (0, then 4 bytes)");
    CU_ASSERT_EQUAL(framing_split(STR("{\"a\":1}"), &id, &body, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "a value must begin with 0 and a schema id of 4 bytes, not with 0x7b");
    CU_ASSERT_EQUAL(id, 7);
}

static void test_no_schema_id_is_used_twice(void)
{
    for (size_t i = 0; i < record_type_count; i++) {
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(record_types[i]->schema_id, record_types[j]->schema_id);
    }
    arena_done(&arena);
}
