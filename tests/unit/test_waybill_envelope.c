/* What the tool makes of a line of JSON, of a foreign payload, and of a stream that comes in
 * pieces. */
/* links: waybill_tool */
#include "events.h"
#include "waybill/envelope.h"
#include "waybill/lines.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct arena arena;
static struct error err;
static struct envelope envelope;

static int read_line(const struct record_type *type, const char *line)
{
    const struct envelope_rules rules = {.type = type, .now_ms = 777};
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    err = (struct error){0};
    return envelope_read(&rules, str_from(line), &arena, &envelope, &err);
}

static bool said(const char *text)
{
    if (strstr(err.text, text))
        return true;
    printf("\n  expected: %s\n  said:     %s\n", text, err.text);
    return false;
}

static void test_refuses_a_line_that_is_no_event_and_says_why(void)
{
    CU_ASSERT_EQUAL(read_line(&cancel_submitted, "{"), -1);
    CU_ASSERT_EQUAL(read_line(&cancel_submitted, "[]"), -1);
    CU_ASSERT_EQUAL(read_line(&cancel_submitted, "{\"reason\":\"x\"}"), -1);
    CU_ASSERT_TRUE(said("order_id"));
    CU_ASSERT_EQUAL(read_line(&cancel_submitted, "{\"order_id\":\"a:1\",\"raeson\":\"x\"}"), -1);
    CU_ASSERT_TRUE(said("raeson"));
    CU_ASSERT_EQUAL(read_line(&cancel_submitted, "{\"order_id\":\"\"}"), -1);
    CU_ASSERT_TRUE(said("no key (order id) can be made of it"));
    CU_ASSERT_EQUAL(read_line(NULL, "{\"order_id\":\"a:1\"}"), -1);
    CU_ASSERT_TRUE(said("\"order_id\" is no member of an envelope"));
    CU_ASSERT_EQUAL(read_line(NULL, "{\"event\":\"cancel.submitted\"}"), -1);
    CU_ASSERT_TRUE(said("\"event\" and \"data\" must be there"));
    CU_ASSERT_EQUAL(read_line(NULL, "{\"event\":\"cancel.submited\",\"data\":{}}"), -1);
    CU_ASSERT_TRUE(said("nearest: cancel.submitted"));
    CU_ASSERT_EQUAL(
        read_line(NULL, "{\"event\":\"cancel.submitted\",\"time\":\"soon\",\"data\":{}}"), -1);
    CU_ASSERT_TRUE(said("time: \"soon\""));
}

static void test_takes_key_and_time_from_the_body(void)
{
    CU_ASSERT_EQUAL_FATAL(read_line(&scan_reported,
                                    "{\"carrier\":\"dhl\",\"tracking_number\":\"T1\","
                                    "\"occurred_at_ms\":\"2017-09-02T08:15:30.250Z\"}"),
                          0);
    CU_ASSERT_TRUE(str_equal(envelope.key, STR("dhl/T1")));
    CU_ASSERT_EQUAL(envelope.time_ms, 1504340130250);
    CU_ASSERT_PTR_NULL(envelope.topic.ptr);
    CU_ASSERT_EQUAL(envelope.id.len, 36);
}

static void test_happened_now_when_the_body_does_not_say(void)
{
    CU_ASSERT_EQUAL_FATAL(read_line(&cancel_submitted, "{\"order_id\":\"a:1\"}"), 0);
    CU_ASSERT_EQUAL(envelope.time_ms, 777);
    struct stock_reserved reserved = {.expires_at_ms = 5};
    CU_ASSERT_EQUAL(envelope_happened_ms(&stock_reserved, &reserved), 0);
}

static void test_takes_what_the_envelope_says(void)
{
    CU_ASSERT_EQUAL_FATAL(read_line(NULL,
                                    "{\"event\":\"cancel.submitted\",\"id\":\"i\",\"key\":"
                                    "\"k\",\"cause\":\"c\",\"topic\":\"orders\",\"time\":42,"
                                    "\"data\":{\"order_id\":\"a:1\",\"reason\":\"\\u20ac\"}}"),
                          0);
    CU_ASSERT_PTR_EQUAL(envelope.type, &cancel_submitted);
    CU_ASSERT_TRUE(str_equal(envelope.id, STR("i")));
    CU_ASSERT_TRUE(str_equal(envelope.key, STR("k")));
    CU_ASSERT_TRUE(str_equal(envelope.cause, STR("c")));
    CU_ASSERT_TRUE(str_equal(envelope.topic, STR("orders")));
    CU_ASSERT_EQUAL(envelope.time_ms, 42);
    const struct cancel_submitted *body = envelope.body;
    CU_ASSERT_TRUE(str_equal(body->reason, STR("€")));
}

static void test_same_content_has_the_same_id_unless_asked_otherwise(void)
{
    char first[40], other[40];
    read_line(&cancel_submitted, "{\"order_id\":\"a:1\"}");
    snprintf(first, sizeof(first), "%.*s", STR_ARG(envelope.id));
    read_line(&cancel_submitted, "{\"order_id\":\"a:2\"}");
    CU_ASSERT_FALSE(str_equal(envelope.id, str_from(first)));
    read_line(&cancel_submitted, "{\"order_id\":\"a:1\"}");
    CU_ASSERT_TRUE(str_equal(envelope.id, str_from(first)));
    const struct envelope_rules rules = {.type = &cancel_submitted, .unique = STR("run 2")};
    CU_ASSERT_EQUAL(envelope_read(&rules, STR("{\"order_id\":\"a:1\"}"), &arena, &envelope, &err),
                    0);
    snprintf(other, sizeof(other), "%.*s", STR_ARG(envelope.id));
    CU_ASSERT_STRING_NOT_EQUAL(other, first);
}

static int wrap(struct payload_rules rules, const char *bytes)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    err = (struct error){0};
    return envelope_wrap_payload(&rules, str_from(bytes), &arena, &envelope, &err);
}

static void test_refuses_a_payload_without_a_key(void)
{
    struct payload_rules shopify = {.source = STR("shopify"), .owner = STR("demo")};
    CU_ASSERT_EQUAL(wrap((struct payload_rules){.source = STR("ebay")}, "{}"), -1);
    CU_ASSERT_TRUE(said("none of the sources"));
    CU_ASSERT_EQUAL(wrap((struct payload_rules){.source = STR("shopify")}, "{\"id\":1}"), -1);
    CU_ASSERT_TRUE(said("--store is needed"));
    CU_ASSERT_EQUAL(wrap(shopify, "{\"name\":\"#1\"}"), -1);
    CU_ASSERT_TRUE(said("no \"id\" in the payload"));
    CU_ASSERT_EQUAL(wrap(shopify, "no json"), -1);
}

static void test_wraps_the_bytes_untouched_under_the_payloads_key(void)
{
    struct payload_rules rules = {
        .source = STR("shopify"), .owner = STR("demo"), .notice = STR("orders/create")};
    const char *bytes = "{ \"id\": 820982911946154508 }\n";
    CU_ASSERT_EQUAL_FATAL(wrap(rules, bytes), 0);
    CU_ASSERT_TRUE(str_equal(envelope.key, STR("demo:820982911946154508")));
    CU_ASSERT_TRUE(str_equal(envelope.topic, STR("inbound.orders")));
    const struct payload_received *body = envelope.body;
    CU_ASSERT_TRUE(str_equal(body->body, str_from(bytes)));
    CU_ASSERT_TRUE(str_equal(body->topic, STR("orders/create")));
    rules = (struct payload_rules){.source = STR("shiprocket"), .owner = STR("delhivery")};
    CU_ASSERT_EQUAL_FATAL(wrap(rules, "{\"awb\":1091188857722}"), 0);
    CU_ASSERT_TRUE(str_equal(envelope.key, STR("delhivery/1091188857722")));
    CU_ASSERT_TRUE(str_equal(envelope.topic, STR("inbound.tracking")));
    rules.key = STR("x/1");
    CU_ASSERT_EQUAL_FATAL(wrap(rules, "not even json"), 0);
    CU_ASSERT_TRUE(str_equal(envelope.key, STR("x/1")));
}

static void test_gives_lines_as_they_come_whatever_the_pieces(void)
{
    int ends[2];
    struct lines lines;
    struct str line;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    lines_open(&lines, ends[0]);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_NOTHING);
    CU_ASSERT_EQUAL(write(ends[1], "one\ntw", 6), 6);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_LINE);
    CU_ASSERT_TRUE(str_equal(line, STR("one")));
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_NOTHING);
    CU_ASSERT_EQUAL(write(ends[1], "o\r\n\nlast", 8), 8);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_LINE);
    CU_ASSERT_TRUE(str_equal(line, STR("two")));
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_LINE);
    CU_ASSERT_EQUAL(line.len, 0);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_NOTHING);
    close(ends[1]);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_LINE);
    CU_ASSERT_TRUE(str_equal(line, STR("last")));
    CU_ASSERT_EQUAL(lines.number, 4);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), LINES_END);
    lines_close(&lines);
    close(ends[0]);
}

static void test_refuses_a_line_without_end(void)
{
    struct lines lines;
    struct str line;
    int fd = open("/dev/zero", O_RDONLY);
    lines_open(&lines, fd);
    CU_ASSERT_EQUAL(lines_next(&lines, 0, &line, &err), -1);
    CU_ASSERT_TRUE(said("line 1 is too long"));
    lines_close(&lines);
    close(fd);
}
