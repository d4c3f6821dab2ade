/* What an event's headers say, against the CloudEvents 1.0 Kafka binding and RFC 3339. */
/* links: waybill_cloudevents */
#include "cloudevents/cloudevents.h"

#include <CUnit/CUnit.h>

static bool header_is(const struct cloudevent_headers *headers, const char *name, const char *value)
{
    return str_equal(event_header_find(headers->rows, headers->count, name), str_from(value));
}

static bool parses(const char *text, int64_t expected_ms)
{
    int64_t ms = -1;
    return rfc3339_parse(str_from(text), &ms) && ms == expected_ms;
}

static void test_refuses_what_is_no_rfc3339_time(void)
{
    static const char *const wrong[] = {"",
                                        "2017",
                                        "2017-09-01",
                                        "2017-09-01T00:00:00",
                                        "2017-13-01T00:00:00Z",
                                        "2017-02-29T00:00:00Z",
                                        "2017-09-01T24:00:00Z",
                                        "2017-09-01T00:60:00Z",
                                        "2017-09-01T00:00:61Z",
                                        "2017-09-01T00:00:00.Z",
                                        "2017-09-01T00:00:00+05",
                                        "2017-09-01T00:00:00+0530",
                                        "2017-09-01T00:00:00Zx",
                                        "0000-09-01T00:00:00Z",
                                        "9999-12-31T23:59:59-00:01",
                                        "0001-01-01T00:00:00+00:01",
                                        "2017-9-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t ms = 42;
        CU_ASSERT_FALSE(rfc3339_parse(str_from(wrong[i]), &ms));
        CU_ASSERT_EQUAL(ms, 42);
    }
    int64_t ms = 42;
    CU_ASSERT_FALSE(rfc3339_parse((struct str){NULL, 0}, &ms));
}

/* Expected values from `date -u -d … +%s`. */
static void test_reads_times_with_any_offset(void)
{
    CU_ASSERT_TRUE(parses("1970-01-01T00:00:00Z", 0));
    CU_ASSERT_TRUE(parses("2017-09-02T08:15:30.250Z", 1504340130250));
    CU_ASSERT_TRUE(parses("2017-09-02T13:45:30.25+05:30", 1504340130250));
    CU_ASSERT_TRUE(parses("2017-09-02 05:15:30.250999-03:00", 1504340130250));
    CU_ASSERT_TRUE(parses("2016-02-29T12:00:00Z", 1456747200000));
    CU_ASSERT_TRUE(parses("2016-12-31T23:59:60Z", 1483228799000));
    CU_ASSERT_TRUE(parses("1969-12-31T23:59:59.999Z", -1));
}

static void test_writes_times_in_utc_with_milliseconds(void)
{
    char text[RFC3339_BYTES];
    rfc3339_format(1504340130250, text);
    CU_ASSERT_STRING_EQUAL(text, "2017-09-02T08:15:30.250Z");
    rfc3339_format(-1, text);
    CU_ASSERT_STRING_EQUAL(text, "1969-12-31T23:59:59.999Z");
    rfc3339_format(INT64_MAX, text);
    CU_ASSERT_STRING_EQUAL(text, "9999-12-31T23:59:59.999Z");
    rfc3339_format(INT64_MIN, text);
    CU_ASSERT_STRING_EQUAL(text, "0001-01-01T00:00:00.000Z");
}

static void test_writes_every_header_that_is_there_and_no_other(void)
{
    struct cloudevent event = {.id = STR("e1"),
                               .source = STR("waybill/intake"),
                               .type = STR("order.accepted"),
                               .subject = STR("shop:1"),
                               .time_ms = 1504340130250};
    struct cloudevent_headers headers;
    cloudevent_write(&event, &headers);
    CU_ASSERT_EQUAL(headers.count, 7);
    CU_ASSERT_TRUE(header_is(&headers, "ce_specversion", "1.0"));
    CU_ASSERT_TRUE(header_is(&headers, "ce_id", "e1"));
    CU_ASSERT_TRUE(header_is(&headers, "ce_source", "waybill/intake"));
    CU_ASSERT_TRUE(header_is(&headers, "ce_type", "order.accepted"));
    CU_ASSERT_TRUE(header_is(&headers, "ce_time", "2017-09-02T08:15:30.250Z"));
    CU_ASSERT_TRUE(header_is(&headers, "ce_subject", "shop:1"));
    CU_ASSERT_TRUE(header_is(&headers, "content-type", "application/avro"));
    CU_ASSERT_PTR_NULL(event_header_find(headers.rows, headers.count, "ce_causationid").ptr);
    CU_ASSERT_PTR_NULL(event_header_find(headers.rows, headers.count, "traceparent").ptr);
}

static void test_reads_back_what_it_wrote(void)
{
    struct cloudevent event = {.id = STR("e2"),
                               .source = STR("waybill/cli"),
                               .type = STR("order.submitted"),
                               .subject = STR("shop:2"),
                               .cause = STR("e1"),
                               .traceparent =
                                   STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                               .time_ms = 7};
    struct cloudevent_headers headers;
    cloudevent_write(&event, &headers);
    CU_ASSERT_EQUAL(headers.count, CLOUDEVENT_HEADERS_MAX);
    struct cloudevent back;
    cloudevent_read(headers.rows, headers.count, &back);
    CU_ASSERT_TRUE(str_equal(back.id, event.id));
    CU_ASSERT_TRUE(str_equal(back.source, event.source));
    CU_ASSERT_TRUE(str_equal(back.type, event.type));
    CU_ASSERT_TRUE(str_equal(back.subject, event.subject));
    CU_ASSERT_TRUE(str_equal(back.cause, event.cause));
    CU_ASSERT_TRUE(str_equal(back.traceparent, event.traceparent));
    CU_ASSERT_TRUE(back.has_time);
    CU_ASSERT_EQUAL(back.time_ms, 7);
}

static void test_reads_absent_when_a_foreign_producer_left_all_out(void)
{
    struct event_header rows[] = {{STR_INIT("x"), STR_INIT("y")},
                                  {STR_INIT("ce_time"), STR_INIT("yesterday")}};
    struct cloudevent back;
    cloudevent_read(rows, 2, &back);
    CU_ASSERT_PTR_NULL(back.id.ptr);
    CU_ASSERT_FALSE(back.has_time);
    CU_ASSERT_EQUAL(back.time_ms, 0);
    cloudevent_read(NULL, 0, &back);
    CU_ASSERT_PTR_NULL(back.type.ptr);
}

static void test_last_header_counts_when_one_is_repeated(void)
{
    struct event_header rows[] = {{STR_INIT("ce_id"), STR_INIT("a")},
                                  {STR_INIT("ce_id"), STR_INIT("b")}};
    struct cloudevent back;
    cloudevent_read(rows, 2, &back);
    CU_ASSERT_TRUE(str_equal(back.id, STR("b")));
}

/* https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
static void test_keeps_the_trace_and_changes_the_span(void)
{
    char next[TRACEPARENT_BYTES + 1], again[TRACEPARENT_BYTES + 1], other[TRACEPARENT_BYTES + 1];
    struct str cause = STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    traceparent_next(cause, STR("id-1"), next);
    traceparent_next(cause, STR("id-1"), again);
    traceparent_next(cause, STR("id-2"), other);
    CU_ASSERT_EQUAL(strlen(next), TRACEPARENT_BYTES);
    CU_ASSERT_EQUAL(memcmp(next, cause.ptr, 36), 0);
    CU_ASSERT_STRING_EQUAL(next, again);
    CU_ASSERT_STRING_NOT_EQUAL(next, other);
    CU_ASSERT_STRING_NOT_EQUAL(next, cause.ptr);
}

static void test_begins_a_trace_when_the_cause_has_none(void)
{
    char next[TRACEPARENT_BYTES + 1];
    static const char *const none[] = {NULL, "", "garbage",
                                       "00-00000000000000000000000000000000-b7ad6b7169203331-01"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        traceparent_next(str_from(none[i]), STR("id-1"), next);
        CU_ASSERT_EQUAL(strlen(next), TRACEPARENT_BYTES);
        CU_ASSERT_EQUAL(memcmp(next, "00-", 3), 0);
        CU_ASSERT_NOT_EQUAL(memcmp(next + 3, "00000000000000000000000000000000", 32), 0);
    }
}
