/* What other versions wrote, read into our structs. Schemas and bytes are written by hand from the
 * Avro 1.11 specification, "Schema Resolution" and "Binary Encoding". */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/framing.h"
#include "avro/schemas.h"
#include "events.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITER = 9001 };

static struct avro_schemas *schemas;
static struct arena arena;
static struct error err;
static const struct record_type *type;

static void says(const char *text)
{
    CU_ASSERT_STRING_EQUAL(err.text, text);
    if (strcmp(err.text, text) != 0)
        printf("  said: %s\n", err.text);
}

/* A fresh set of schemas, with the given one added under WRITER; what add returned. */
static int writer_is(const char *json)
{
    avro_schemas_free(schemas);
    schemas = avro_schemas_new(record_types, record_type_count);
    err = (struct error){0};
    return avro_schemas_add(schemas, WRITER, str_from(json), &err);
}

static int decode_framed(struct str framed, const void **out)
{
    arena_done(&arena);
    arena_init(&arena, 1024 * 1024);
    err = (struct error){0};
    type = NULL;
    return avro_schemas_decode(schemas, framed, &arena, &type, out, &err);
}

/* What the writer's bytes are to us; NULL and err if they are refused. */
static const void *reads(struct str body)
{
    static struct buffer framed;
    const void *out = NULL;
    buffer_done(&framed);
    buffer_init(&framed, 100000);
    framing_put(&framed, WRITER);
    buffer_add_str(&framed, body);
    return decode_framed(buffer_str(&framed), &out) ? NULL : out;
}

static void done(void)
{
    avro_schemas_free(schemas);
    schemas = NULL;
    arena_done(&arena);
}

#define RECORD(name, fields)                                                                       \
    "{\"type\":\"record\",\"name\":\"" name "\",\"namespace\":\"waybill\",\"fields\":[" fields "]" \
                                                                                               "}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

/* ---- What is refused ---- */

static void test_an_unknown_id_is_told_from_garbage(void)
{
    const void *out;
    CU_ASSERT_EQUAL(writer_is(RECORD("unheard_of", FIELD("a", "\"int\""))), 0);
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x07\x07"), &out), AVRO_UNKNOWN_ID);
    says("schema id 1799 is not known");
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x07"), &out), -1);
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x23\x29\x02"), &out), AVRO_UNKNOWN_TYPE);
    CU_ASSERT_PTR_NULL(type);
    done();
}

static void test_refuses_a_writer_without_a_field_that_has_no_default(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("reason", "\"string\""))), -1);
    says("schema 9001: cancel.submitted: order_id: is missing and has no default");
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    CU_ASSERT_PTR_NULL(reads(STR("\0")));
    says("schema 9001: cancel.submitted: order_id: is missing and has no default");
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    done();
}

static void test_refuses_a_writer_with_another_type(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("order_id", "\"long\""))), -1);
    says("schema 9001: cancel.submitted: order_id: the writer has long, we have string");
    CU_ASSERT_EQUAL(
        writer_is(RECORD("feedback_requested", FIELD("order_id", "\"string\"") "," FIELD(
                                                   "requested_at_ms", "\"double\""))),
        -1);
    says("schema 9001: feedback.requested: requested_at_ms: the writer has double, we have long");
    CU_ASSERT_EQUAL(
        writer_is(RECORD("feedback_requested", FIELD("order_id", "[\"null\",\"int\"]"))), -1);
    says("schema 9001: feedback.requested: order_id: the writer has int, we have string");
    done();
}

static void test_refuses_parts_of_another_name(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD(
                        "order_payment_pending",
                        FIELD("order", "{\"type\":\"record\",\"name\":\"basket\",\"fields\":[]}"))),
                    -1);
    says("schema 9001: order.payment_pending: order: the writer has record basket, we have order");
    CU_ASSERT_EQUAL(writer_is(RECORD("contact_opted_out",
                                     FIELD("channel", "{\"type\":\"enum\",\"name\":\"road\","
                                                      "\"symbols\":[\"A\"]}"))),
                    -1);
    says("schema 9001: contact.opted_out: channel: the writer has enum road, we have "
         "message_channel");
    done();
}

static void test_refuses_null_where_we_need_a_value(void)
{
    CU_ASSERT_EQUAL(
        writer_is(RECORD("cancel_submitted", FIELD("order_id", "[\"null\",\"string\"]"))), 0);
    CU_ASSERT_PTR_NULL(reads(STR("\0")));
    says("cancel.submitted (schema 9001): order_id: the writer's null has no place in our field");
    CU_ASSERT_PTR_NOT_NULL(reads(STR("\x02\x02x")));
    done();
}

static void test_refuses_an_unknown_symbol_of_an_enum_without_default(void)
{
    static const char ours[] = "[\"PENDING\",\"STARTED\",\"PARKED\"]";
    static const char theirs[] = "[\"PENDING\",\"FLYING\"]";
    const char *at = strstr(task_intent.schema_json, ours);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    char *json = NULL;
    CU_ASSERT_TRUE_FATAL(asprintf(&json, "%.*s%s%s", (int)(at - task_intent.schema_json),
                                  task_intent.schema_json, theirs, at + strlen(ours)) > 0);
    CU_ASSERT_EQUAL(writer_is(json), 0);
    free(json);
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    struct task_intent intent = {.status = INTENT_STATUS_STARTED};
    CU_ASSERT_EQUAL(avro_encode(&task_intent, &intent, &buffer, &err), 0);
    CU_ASSERT_PTR_NULL(reads(buffer_str(&buffer)));
    says("task_intent (schema 9001): status: the writer's symbol 1 is not in our intent_status, "
         "which has no default");
    buffer_done(&buffer);
    done();
}

static void test_refuses_every_cut_and_every_byte_too_many(void)
{
    CU_ASSERT_EQUAL(
        writer_is(RECORD("cancel_submitted",
                         FIELD("gone", "{\"type\":\"array\",\"items\":\"double\"}") "," FIELD(
                             "order_id", "\"string\""))),
        0);
    static const char bytes[] = "\x02"
                                "12345678\x00\x04"
                                "ab";
    for (size_t len = 0; len < sizeof(bytes) - 1; len++)
        CU_ASSERT_PTR_NULL(reads((struct str){bytes, len}));
    CU_ASSERT_PTR_NOT_NULL(reads((struct str){bytes, sizeof(bytes) - 1}));
    CU_ASSERT_PTR_NULL(reads((struct str){bytes, sizeof(bytes)}));
    says("cancel.submitted (schema 9001): 1 bytes too many");
    done();
}

static void test_a_state_of_a_newer_major_is_fatal(void)
{
    static const struct field fields[] = {{.name = "n", .type = {.kind = FIELD_INT}}};
    static const struct record_type thing = {
        .name = "thing",
        .schema_id = 201,
        .state_major = 2,
        .bytes = sizeof(int32_t),
        .fields = fields,
        .field_count = 1,
        .schema_json = "{\"type\":\"record\",\"name\":\"thing\",\"fields\":[]}"};
    static const struct record_type *const types[] = {&thing};
    static const char format[] =
        "{\"type\":\"record\",\"name\":\"thing\",\"waybill.state\":{\"id\":1,"
        "\"major\":%d},\"fields\":[{\"name\":\"n\",\"type\":\"int\"}]}";
    avro_schemas_free(schemas);
    schemas = avro_schemas_new(types, 1);
    for (int major = 1; major <= 3; major++) {
        char json[200];
        snprintf(json, sizeof(json), format, major);
        int result = avro_schemas_add(schemas, 300 + major, str_from(json), &err);
        CU_ASSERT_EQUAL(result, major > 2 ? -1 : 0);
    }
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    const void *out;
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x01\x2e\x02"), &out), 0);
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x01\x2f\x02"), &out), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    says(
        "schema 303: thing: written by major version 3, this program knows 2: use a newer program");
    done();
}

static void test_an_id_keeps_its_meaning(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("order_id", "\"string\""))), 0);
    CU_ASSERT_EQUAL(
        avro_schemas_add(schemas, WRITER,
                         STR(RECORD("cancel_submitted", FIELD("order_id", "\"bytes\""))), &err),
        -1);
    says("schema id 9001 stands for cancel.submitted already, with other fields: a changed schema "
         "takes a new id (schemas/README.md)");
    const struct cancel_submitted *cancel = reads(STR("\x02x"));
    CU_ASSERT_TRUE(cancel && str_equal(cancel->order_id, STR("x")));
    done();
}

static void test_only_words_may_change_under_an_id(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("order_id", "\"string\""))), 0);
    CU_ASSERT_EQUAL(avro_schemas_add(schemas, WRITER,
                                     STR("{\"type\":\"record\",\"doc\":\"other words\",\"name\":"
                                         "\"waybill.cancel_submitted\",\"fields\":[" FIELD(
                                             "order_id", "\"string\"") "]}"),
                                     &err),
                    0);
    for (size_t i = 0; i < record_type_count; i++)
        CU_ASSERT_EQUAL(avro_schemas_add(schemas, record_types[i]->schema_id,
                                         str_from(record_types[i]->schema_json), &err),
                        0);
    done();
}

/* ---- Schemas that mean harm ---- */

static void test_refuses_what_is_no_schema_of_a_record(void)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "7",
                                        "[]",
                                        "{}",
                                        "\"string\"",
                                        "{\"type\":\"record\"}",
                                        "{\"type\":\"record\",\"name\":\"a\"}",
                                        "{\"type\":\"record\",\"name\":\"a\",\"fields\":7}",
                                        "{\"type\":\"record\",\"name\":\"a\",\"fields\":[7]}",
                                        "{\"type\":\"record\",\"name\":7,\"fields\":[]}",
                                        "{\"type\":\"array\",\"items\":\"int\"}",
                                        RECORD("a", FIELD("b", "\"c\"")),
                                        RECORD("a", FIELD("b", "7"))};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_EQUAL(writer_is(texts[i]), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
        CU_ASSERT_TRUE(str_starts_with(str_from(err.text), STR("schema 9001: ")));
    }
    const void *out;
    CU_ASSERT_EQUAL(decode_framed(STR("\0\0\0\x23\x29\x02"), &out), AVRO_UNKNOWN_ID);
    done();
}

static void test_refuses_a_schema_that_is_too_large_or_too_deep(void)
{
    char *text = calloc(1, AVRO_SCHEMA_BYTES_MAX + 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', AVRO_SCHEMA_BYTES_MAX + 1);
    CU_ASSERT_EQUAL(writer_is(text), -1);
    says("schema 9001: a schema of 262145 bytes, more than 262144");
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    text[200] = '\0';
    CU_ASSERT_EQUAL(writer_is(text), -1);
    says("schema 9001: JSON: nested deeper than 64");
    free(text);
    done();
}

/* Each record holds the one before twice: 40 records mean 2^40 fields. */
static void test_refuses_a_schema_that_grows_when_it_is_followed(void)
{
    struct buffer json;
    buffer_init(&json, 100000);
    buffer_printf(&json, "{\"type\":\"record\",\"name\":\"cancel_submitted\",\"fields\":[");
    buffer_printf(&json, FIELD("f0", RECORD("r0", FIELD("a", "\"int\""))));
    for (int i = 1; i <= 20; i++)
        buffer_printf(&json,
                      "," FIELD("f%d", RECORD("r%d", FIELD("a", "\"waybill.r%d\"") "," FIELD(
                                                         "b", "\"waybill.r%d\""))),
                      i, i, i - 1, i - 1);
    buffer_printf(&json, "]}");
    CU_ASSERT_EQUAL(writer_is(json.ptr), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nested deeper than 32 or with more than 10000 parts"));
    buffer_done(&json);
    done();
}

static void test_refuses_a_schema_that_holds_itself(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted",
                                     FIELD("next", "[\"null\",\"waybill.cancel_submitted\"]"))),
                    -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    done();
}

static void test_refuses_lists_of_nothing(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted",
                                     FIELD("a", "{\"type\":\"array\",\"items\":\"null\"}"))),
                    -1);
    says("schema 9001: cancel.submitted: a: an array whose items may take no bytes");
    CU_ASSERT_EQUAL(
        writer_is(RECORD("cancel_submitted",
                         FIELD("a", "{\"type\":\"array\",\"items\":" RECORD("e", "") "}"))),
        -1);
    CU_ASSERT_EQUAL(
        writer_is(
            RECORD("cancel_submitted",
                   FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"z\","
                              "\"size\":0}}"))),
        -1);
    done();
}

static void test_refuses_a_field_that_stands_twice(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("order_id", "\"string\"") "," FIELD(
                                                             "order_id", "\"string\""))),
                    -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    done();
}

/* ---- What is read ---- */

static void test_fields_come_by_name_and_strange_ones_are_skipped(void)
{
    CU_ASSERT_EQUAL_FATAL(
        writer_is(RECORD(
            "stock_level_reported",
            FIELD("version", "\"int\"") "," FIELD("note", "[\"null\",\"string\",{\"type\":\"map\","
                                                          "\"values\":\"long\"}]") "," FIELD(
                "sku",
                "\"bytes\"") "," FIELD("extra",
                                       RECORD("extra",
                                              FIELD("list", "{\"type\":\"array\",\"items\":"
                                                            "\"double\"}") "," FIELD("fixed", "{\"t"
                                                                                              "ype"
                                                                                              "\":"
                                                                                              "\"fi"
                                                                                              "xed"
                                                                                              "\","
                                                                                              "\"na"
                                                                                              "me\""
                                                                                              ":\"f"
                                                                                              "our"
                                                                                              "\","
                                                                                              "\"si"
                                                                                              "ze\""
                                                                                              ":4}") "," FIELD("single", "\"float\"") "," FIELD("flag", "\"boolean\"") "," FIELD(
                                                  "nothing",
                                                  "\"null\"") "," FIELD("word",
                                                                        "{\"type\":\"enum\","
                                                                        "\"name\":\"word\","
                                                                        "\"symbols\":[\"A\",\"B\"]"
                                                                        "}"))) "," FIELD("supplier_"
                                                                                         "id",
                                                                                         "\"string"
                                                                                         "\"") "," FIELD("as_of_ms",
                                                                                                         "\"long\"") "," FIELD("available",
                                                                                                                               "[\"null\",\"int\"]"))),
        0);
    const struct stock_level_reported *level = reads(STR("\x0e"          /* version 7 */
                                                         "\x04"          /* note is a map: */
                                                         "\x02\x02k\x01" /* one, "k": -1 */
                                                         "\x00"          /* no more */
                                                         "\x04"
                                                         "ab" /* sku */
                                                         "\x01\x10"
                                                         "12345678" /* block of 8 bytes */
                                                         "\x00"
                                                         "wxyz"        /* fixed */
                                                         "1234"        /* float */
                                                         "\x01"        /* true */
                                                         "\x02"        /* B */
                                                         "\x02s"       /* supplier_id */
                                                         "\x0a"        /* as_of_ms 5 */
                                                         "\x02\x06")); /* available 3 */
    CU_ASSERT_PTR_NOT_NULL_FATAL(level);
    CU_ASSERT_PTR_EQUAL(type, &stock_level_reported);
    CU_ASSERT_TRUE(str_equal(level->supplier_id, STR("s")));
    CU_ASSERT_TRUE(str_equal(level->sku, STR("ab")));
    CU_ASSERT_EQUAL(level->available, 3);
    CU_ASSERT_EQUAL(level->version, 7);
    CU_ASSERT_EQUAL(level->as_of_ms, 5);
    done();
}

static void test_missing_fields_take_their_defaults(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("cancel_submitted", FIELD("order_id", "\"string\""))), 0);
    const struct cancel_submitted *cancel = reads(STR("\x04"
                                                      "s1"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancel);
    CU_ASSERT_TRUE(str_equal(cancel->order_id, STR("s1")));
    CU_ASSERT_TRUE(cancel->reason.ptr && cancel->reason.len == 0);
    CU_ASSERT_TRUE(str_equal(cancel->requested_by, STR("customer")));
    CU_ASSERT_EQUAL(cancel->requested_at_ms, 0);
    CU_ASSERT_EQUAL(writer_is(RECORD("stock_backordered", FIELD("order_id", "\"string\""))), 0);
    const struct stock_backordered *backordered = reads(STR("\x00"));
    CU_ASSERT_TRUE(backordered && !backordered->has_expected_on);
    done();
}

static void test_symbols_come_by_name_and_new_ones_become_the_default(void)
{
    CU_ASSERT_EQUAL(
        writer_is(
            RECORD("contact_opted_out",
                   FIELD("contact_id", "\"string\"") "," FIELD(
                       "channel", "{\"type\":\"enum\",\"name\":\"message_channel\",\"symbols\":"
                                  "[\"SMS\",\"PIGEON\",\"EMAIL\"]}"))),
        0);
    static const enum message_channel expected[] = {MESSAGE_CHANNEL_SMS, MESSAGE_CHANNEL_UNKNOWN,
                                                    MESSAGE_CHANNEL_EMAIL};
    for (char i = 0; i < 3; i++) {
        const char bytes[] = {0, (char)(2 * i)};
        const struct contact_opted_out *opted_out = reads((struct str){bytes, sizeof(bytes)});
        CU_ASSERT_TRUE(opted_out && opted_out->channel == expected[(int)i]);
    }
    CU_ASSERT_PTR_NULL(reads(STR("\x00\x06")));
    says("contact.opted_out (schema 9001): channel: symbol 3 of 3");
    done();
}

static void test_numbers_widen(void)
{
    static const char format[] = RECORD(
        "supplier_scored",
        FIELD("supplier_id", "\"string\"") "," FIELD("shipments", "\"int\"") "," FIELD(
            "on_time", "\"int\"") "," FIELD("on_time_share",
                                            "\"%s\"") "," FIELD("rating_mean",
                                                                "\"float\"") "," FIELD("as_of_ms",
                                                                                       "\"int\""));
    static const struct {
        const char *type;
        struct str bytes;
        double expected;
    } cases[] = {{"int", STR_INIT("\x05"), -3},
                 {"long", STR_INIT("\x80\x80\x80\x80\x40"), 8589934592.0},
                 {"float", STR_INIT("\x00\x00\x20\x3f"), 0.625},
                 {"double", STR_INIT("\x00\x00\x00\x00\x00\x00\xe4\x3f"), 0.625}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[1000], bytes[100];
        snprintf(json, sizeof(json), format, cases[i].type);
        CU_ASSERT_EQUAL(writer_is(json), 0);
        size_t len = 0;
        memcpy(bytes, "\x02x\x06\x04", 4); /* "x", 3, 2 */
        memcpy(bytes + 4, cases[i].bytes.ptr, cases[i].bytes.len);
        len = 4 + cases[i].bytes.len;
        memcpy(bytes + len, "\x00\x00\x90\x40\x02", 5); /* 4.5, 1 */
        const struct supplier_scored *scored = reads((struct str){bytes, len + 5});
        CU_ASSERT_PTR_NOT_NULL_FATAL(scored);
        CU_ASSERT_EQUAL(scored->shipments, 3);
        CU_ASSERT_EQUAL(scored->on_time, 2);
        CU_ASSERT_EQUAL(scored->on_time_share, cases[i].expected);
        CU_ASSERT_TRUE(scored->has_rating_mean);
        CU_ASSERT_EQUAL(scored->rating_mean, 4.5);
        CU_ASSERT_EQUAL(scored->as_of_ms, 1);
    }
    done();
}

static void test_a_wide_number_is_not_narrowed(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("feedback_rated", FIELD("order_id", "\"string\"") "," FIELD(
                                                           "rating", "\"long\""))),
                    -1);
    says("schema 9001: feedback.rated: rating: the writer has long, we have int");
    done();
}

static void test_text_and_bytes_become_each_other(void)
{
    CU_ASSERT_EQUAL(
        writer_is(RECORD("payload_received",
                         FIELD("source", "\"bytes\"") "," FIELD(
                             "received_at_ms", "\"long\"") "," FIELD("body", "\"string\""))),
        0);
    const struct payload_received *payload = reads(STR("\x02s\x00\x04\xc3\xa9"));
    CU_ASSERT_TRUE(payload && str_equal(payload->source, STR("s")) &&
                   str_equal(payload->body, STR("\xc3\xa9")));
    CU_ASSERT_PTR_NULL(reads(STR("\x02\xff\x00\x00")));
    says("payload.received (schema 9001): source: a string that is not UTF-8");
    done();
}

static void test_unions_and_plain_types_become_each_other(void)
{
    CU_ASSERT_EQUAL(writer_is(RECORD("contact_opted_out",
                                     FIELD("contact_id", "[\"string\",\"null\"]") "," FIELD(
                                         "reason", "\"string\""))),
                    0);
    const struct contact_opted_out *opted_out = reads(STR("\x00\x02x\x02y"));
    CU_ASSERT_TRUE(opted_out && str_equal(opted_out->contact_id, STR("x")) &&
                   str_equal(opted_out->reason, STR("y")));
    CU_ASSERT_PTR_NULL(reads(STR("\x02\x02y")));
    CU_ASSERT_PTR_NULL(reads(STR("\x04\x02y")));
    says("contact.opted_out (schema 9001): contact_id: branch 2 of a union of 2");
    /* null in the other order, and a branch that we do not have until it comes */
    CU_ASSERT_EQUAL(
        writer_is(RECORD("contact_opted_out", FIELD("contact_id", "\"string\"") "," FIELD(
                                                  "reason", "[\"string\",\"int\",\"null\"]"))),
        0);
    opted_out = reads(STR("\x02x\x00\x02y"));
    CU_ASSERT_TRUE(opted_out && str_equal(opted_out->reason, STR("y")));
    opted_out = reads(STR("\x02x\x04"));
    CU_ASSERT_TRUE(opted_out && !opted_out->reason.ptr);
    CU_ASSERT_PTR_NULL(reads(STR("\x02x\x02\x02")));
    says("contact.opted_out (schema 9001): reason: the writer's int has no place in our field");
    done();
}

static void test_parts_within_lists_are_resolved_too(void)
{
    CU_ASSERT_EQUAL(
        writer_is(RECORD(
            "stock_reserved",
            FIELD("order_id", "\"string\"") "," FIELD("attempt", "\"int\"") "," FIELD(
                "expires_at_ms",
                "\"long\"") "," FIELD("holds",
                                      "{\"type\":\"array\",\"items\":" RECORD(
                                          "hold",
                                          FIELD("quantity", "\"int\"") "," FIELD("shelf", "\"string"
                                                                                          "\"") "," FIELD(
                                              "sku", "\"string\"") "," FIELD("supplier_id",
                                                                             "\"string\"")) "}"))),
        0);
    const struct stock_reserved *reserved = reads(STR("\x02o\x02\x00"
                                                      "\x02\x06\x02S\x02k\x02s"
                                                      "\x02\x08\x00\x02K\x02t"
                                                      "\x00"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(reserved);
    CU_ASSERT_EQUAL_FATAL(reserved->holds.len, 2);
    CU_ASSERT_EQUAL(reserved->holds.ptr[0].quantity, 3);
    CU_ASSERT_TRUE(str_equal(reserved->holds.ptr[0].sku, STR("k")));
    CU_ASSERT_EQUAL(reserved->holds.ptr[1].quantity, 4);
    CU_ASSERT_TRUE(str_equal(reserved->holds.ptr[1].supplier_id, STR("t")));
    done();
}
