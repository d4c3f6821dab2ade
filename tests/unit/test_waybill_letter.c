/* Which dead letters can be put back, and what is sent then. */
/* links: waybill_tool */
#include "events.h"
#include "topics/operator.h"
#include "waybill/letter.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;
static struct event_header headers[16];
static const struct topic dlq = {.name = STR_INIT("intake.dlq")};
static const struct cancel_submitted body = {.order_id = STR_INIT("a:1")};

/* One that can be put back. */
static struct decoded a_letter(void)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    const struct event_header rows[] = {{STR("ce_id"), STR("e1")},
                                        {STR("ce_time"), STR("2026-11-30T01:00:00Z")},
                                        {STR("waybill_hops"), STR("1")},
                                        {STR("waybill_error_reason"), STR("refused")},
                                        {STR("waybill_error_service"), STR("intake")},
                                        {STR("waybill_error_topic"), STR("inbound.orders")},
                                        {STR("waybill_error_partition"), STR("3")},
                                        {STR("waybill_error_offset"), STR("42")},
                                        {STR("waybill_error_value_bytes"), STR("5")}};
    memcpy(headers, rows, sizeof(rows));
    struct decoded letter = {.topic = &dlq,
                             .partition = 3,
                             .offset = 17,
                             .key = STR("a:1"),
                             .value = STR("12345"),
                             .headers = headers,
                             .header_count = sizeof(rows) / sizeof(rows[0]),
                             .type = &cancel_submitted,
                             .body = &body};
    cloudevent_read(headers, letter.header_count, &letter.ce);
    letter.time_ms = letter.ce.time_ms;
    return letter;
}

static void set(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (headers[i].name.ptr && str_equal(headers[i].name, str_from(name)))
            headers[i].value = str_from(value);
}

static bool is_refused(const struct decoded *letter, const char *words)
{
    const char *why = letter_why_not(letter, &arena);
    if (why && strstr(why, words))
        return true;
    printf("\n  expected: %s\n  told:     %s\n", words, why ? why : "nothing");
    return false;
}

static void test_what_cannot_be_put_back_is_refused_with_its_reason(void)
{
    struct decoded letter = a_letter();
    CU_ASSERT_PTR_NULL(letter_why_not(&letter, &arena));
    set("waybill_error_topic", "timer");
    CU_ASSERT_TRUE(is_refused(&letter, "it is a timer's"));
    set("waybill_error_topic", "reply");
    CU_ASSERT_TRUE(is_refused(&letter, "it is a call's outcome"));
    letter = a_letter();
    letter.header_count = 2;
    CU_ASSERT_TRUE(is_refused(&letter, "not written by a service"));
    letter = a_letter();
    letter.key = (struct str){NULL, 0};
    CU_ASSERT_TRUE(is_refused(&letter, "it has no key"));
    letter.key = STR("\xff");
    CU_ASSERT_TRUE(is_refused(&letter, "its key is no clean text"));
    letter = a_letter();
    set("waybill_error_value_bytes", "9000000");
    CU_ASSERT_TRUE(is_refused(&letter, "of its 9000000 bytes only 5 were kept"));
    letter = a_letter();
    letter.type = NULL;
    letter.error = "schema 9 is unknown";
    CU_ASSERT_TRUE(is_refused(&letter, "still cannot be read: schema 9 is unknown"));
    letter = a_letter();
    set("waybill_error_reason", "oversize: headers of 70000 bytes (limit 65536)");
    CU_ASSERT_TRUE(is_refused(&letter, "its headers were too large"));
    set("waybill_error_reason", "oversize: more than 200 headers");
    CU_ASSERT_TRUE(is_refused(&letter, "too many headers"));
}

static void test_a_key_that_was_cut_is_refused_and_one_that_just_fits_is_not(void)
{
    char key[512];
    memset(key, 'k', sizeof(key));
    struct decoded letter = a_letter();
    letter.key = (struct str){key, sizeof(key)};
    CU_ASSERT_PTR_NULL(letter_why_not(&letter, &arena));
    set("waybill_error_reason", "oversize: key of 513 bytes (limit 512), value of 5 bytes");
    CU_ASSERT_TRUE(is_refused(&letter, "only the beginning was kept"));
}

static const char *header(const struct event_header *rows, size_t count, const char *name)
{
    struct str value = event_header_find(rows, count, name);
    return value.ptr ? arena_copy(&arena, value).ptr : "absent";
}

static const struct letter_sender ann = {.by = "ann", .at = "2026-11-30T03:00:00Z"};

static void test_what_is_sent_is_the_record_that_it_was_and_says_where_it_stood(void)
{
    struct event_header out[LETTER_HEADERS_MAX];
    struct decoded letter = a_letter();
    size_t count = letter_put_back(&letter, &ann, &arena, out);
    CU_ASSERT_STRING_EQUAL(header(out, count, "ce_id"), "e1");
    CU_ASSERT_STRING_EQUAL(header(out, count, "ce_time"), "2026-11-30T01:00:00Z");
    CU_ASSERT_STRING_EQUAL(header(out, count, "waybill_error_reason"), "absent");
    CU_ASSERT_STRING_EQUAL(header(out, count, "waybill_hops"), "absent");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_WHAT_HEADER), "requeue");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_ID_HEADER), "intake.dlq/3/17");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_TOPIC_HEADER), "inbound.orders");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_PARTITION_HEADER), "3");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_OFFSET_HEADER), "42");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_AGAIN_HEADER), "absent");
    CU_ASSERT_STRING_EQUAL(header(out, count, OPERATOR_BY_HEADER), "ann");
}

static void test_the_child_of_one_that_was_put_back_still_says_where_it_first_stood(void)
{
    struct event_header out[LETTER_HEADERS_MAX], again[LETTER_HEADERS_MAX];
    struct decoded letter = a_letter();
    size_t count = letter_put_back(&letter, &ann, &arena, out);
    out[count++] = (struct event_header){STR("waybill_error_topic"), STR("intake.operator")};
    out[count++] = (struct event_header){STR("waybill_error_partition"), STR("1")};
    out[count++] = (struct event_header){STR("waybill_error_offset"), STR("2")};
    out[count++] = (struct event_header){STR("waybill_error_value_bytes"), STR("5")};
    letter.headers = out;
    letter.header_count = count;
    letter.offset = 18;
    CU_ASSERT_PTR_NULL(letter_why_not(&letter, &arena));
    count = letter_put_back(&letter, &ann, &arena, again);
    CU_ASSERT_STRING_EQUAL(header(again, count, OPERATOR_ID_HEADER), "intake.dlq/3/18");
    CU_ASSERT_STRING_EQUAL(header(again, count, OPERATOR_TOPIC_HEADER), "inbound.orders");
    CU_ASSERT_STRING_EQUAL(header(again, count, OPERATOR_PARTITION_HEADER), "3");
    CU_ASSERT_STRING_EQUAL(header(again, count, OPERATOR_OFFSET_HEADER), "42");
    size_t ids = 0;
    for (size_t i = 0; i < count; i++)
        ids += str_equal(again[i].name, STR(OPERATOR_ID_HEADER));
    CU_ASSERT_EQUAL(ids, 1);
}

static void test_one_without_a_time_happened_when_it_was_set_aside(void)
{
    struct event_header out[LETTER_HEADERS_MAX];
    struct decoded letter = a_letter();
    headers[1].name = STR("other");
    letter.ce = (struct cloudevent){0};
    letter.time_ms = 1000;
    size_t count = letter_put_back(&letter, &ann, &arena, out);
    CU_ASSERT_STRING_EQUAL(header(out, count, "ce_time"), "1970-01-01T00:00:01.000Z");
}
