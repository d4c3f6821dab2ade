/* Writer schemas that we must not take, and values that we must not read with them. */
/* links: waybill_events waybill_avro */
#include "avro_kit.h"

#include "avro/codec.h"

#include <stdlib.h>

static struct foreign f;

static void refuses(const char *record, const char *fields, const char *text)
{
    CU_ASSERT_EQUAL(writer_has(&f, record, fields), -1);
    CU_ASSERT_EQUAL(f.err.action, ERROR_SET_ASIDE);
    says(&f, text);
}

static void test_an_unknown_id_is_told_from_garbage(void)
{
    const void *out;
    CU_ASSERT_EQUAL(writer_has(&f, "unheard_of", "a 'int'"), 0);
    CU_ASSERT_EQUAL(read_framed(&f, STR("\0\0\0\x07\x07"), &out), AVRO_UNKNOWN_ID);
    says(&f, "schema id 1799 is not known");
    CU_ASSERT_EQUAL(read_framed(&f, STR("\0\0\0\x07"), &out), -1);
    CU_ASSERT_EQUAL(read_framed(&f, STR("\0\0\0\x23\x29\x02"), &out), AVRO_UNKNOWN_TYPE);
    CU_ASSERT_PTR_NULL(f.type);
    foreign_done(&f);
}

static void test_refuses_a_writer_without_a_field_that_has_no_default(void)
{
    refuses("cancel_submitted", "reason 'string'",
            "schema 9001: cancel.submitted: order_id: is missing and has no default");
    CU_ASSERT_PTR_NULL(reads(&f, STR("\0")));
    says(&f, "schema 9001: cancel.submitted: order_id: is missing and has no default");
    CU_ASSERT_EQUAL(f.err.action, ERROR_SET_ASIDE);
    foreign_done(&f);
}

static void test_refuses_a_writer_with_another_type(void)
{
    refuses("cancel_submitted", "order_id 'long'",
            "schema 9001: cancel.submitted: order_id: the writer has long, we have string");
    refuses(
        "feedback_requested", "order_id 'string'; requested_at_ms 'double'",
        "schema 9001: feedback.requested: requested_at_ms: the writer has double, we have long");
    refuses("feedback_requested", "order_id ['null','int']",
            "schema 9001: feedback.requested: order_id: the writer has int, we have string");
    refuses("feedback_rated", "order_id 'string'; rating 'long'",
            "schema 9001: feedback.rated: rating: the writer has long, we have int");
    foreign_done(&f);
}

static void test_refuses_parts_of_another_name(void)
{
    refuses(
        "order_payment_pending", "order {'type':'record','name':'basket','fields':[]}",
        "schema 9001: order.payment_pending: order: the writer has record basket, we have order");
    refuses("contact_opted_out", "channel {'type':'enum','name':'road','symbols':['A']}",
            "schema 9001: contact.opted_out: channel: the writer has enum road, we have "
            "message_channel");
    foreign_done(&f);
}

static void test_refuses_null_where_we_need_a_value(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "order_id ['null','string']"), 0);
    CU_ASSERT_PTR_NULL(reads(&f, STR("\0")));
    says(&f,
         "cancel.submitted (schema 9001): order_id: the writer's null has no place in our field");
    CU_ASSERT_PTR_NOT_NULL(reads(&f, STR("\x02\x02x")));
    foreign_done(&f);
}

static void test_refuses_an_unknown_symbol_of_an_enum_without_default(void)
{
    static const char ours[] = "[\"PENDING\",\"STARTED\",\"PARKED\"]";
    static const char theirs[] = "[\"PENDING\",\"FLYING\"]";
    const char *at = strstr(task_intent.schema_json, ours);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    struct buffer text;
    buffer_init(&text, 100000);
    buffer_add(&text, task_intent.schema_json, (size_t)(at - task_intent.schema_json));
    buffer_printf(&text, "%s%s", theirs, at + strlen(ours));
    CU_ASSERT_EQUAL(foreign_add(&f, buffer_str(&text)), 0);
    buffer_reset(&text);
    struct task_intent intent = {.status = INTENT_STATUS_STARTED};
    CU_ASSERT_EQUAL(avro_encode(&task_intent, &intent, &text, &f.err), 0);
    CU_ASSERT_PTR_NULL(reads(&f, buffer_str(&text)));
    says(&f,
         "task_intent (schema 9001): status: the writer's symbol 1 is not in our intent_status, "
         "which has no default");
    buffer_done(&text);
    foreign_done(&f);
}

static void test_refuses_every_cut_and_every_byte_too_many(void)
{
    static const char bytes[] = "\x02"
                                "12345678\x00\x04"
                                "ab";
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted",
                               "gone {'type':'array','items':'double'}; order_id 'string'"),
                    0);
    for (size_t len = 0; len < sizeof(bytes) - 1; len++)
        CU_ASSERT_PTR_NULL(reads(&f, (struct str){bytes, len}));
    CU_ASSERT_PTR_NOT_NULL(reads(&f, (struct str){bytes, sizeof(bytes) - 1}));
    CU_ASSERT_PTR_NULL(reads(&f, (struct str){bytes, sizeof(bytes)}));
    says(&f, "cancel.submitted (schema 9001): 1 bytes too many");
    foreign_done(&f);
}

static void test_a_state_of_a_newer_major_is_fatal(void)
{
    static const struct field fields[] = {{.name = "n", .type = {.kind = FIELD_INT}}};
    static const struct record_type thing = {.name = "thing",
                                             .schema_id = 201,
                                             .state_major = 2,
                                             .bytes = sizeof(int32_t),
                                             .fields = fields,
                                             .field_count = 1,
                                             .schema_json = "{}"};
    static const struct record_type *const types[] = {&thing};
    f.schemas = avro_schemas_new(types, 1);
    for (int major = 1; major <= 3; major++) {
        char text[200];
        struct buffer json;
        snprintf(text, sizeof(text),
                 "{'type':'record','name':'thing','waybill.state':{'id':1,'major':%d},"
                 "'fields':[{'name':'n','type':'int'}]}",
                 major);
        int result = avro_schemas_add(f.schemas, 300 + major, with_quotes(&json, text), &f.err);
        CU_ASSERT_EQUAL(result, major > 2 ? -1 : 0);
        buffer_done(&json);
    }
    CU_ASSERT_EQUAL(f.err.action, ERROR_FATAL);
    const void *out;
    CU_ASSERT_EQUAL(read_framed(&f, STR("\0\0\0\x01\x2e\x02"), &out), 0);
    CU_ASSERT_EQUAL(read_framed(&f, STR("\0\0\0\x01\x2f\x02"), &out), -1);
    CU_ASSERT_EQUAL(f.err.action, ERROR_FATAL);
    says(&f, "schema 303: thing: written by major version 3, this program knows 2: use a newer "
             "program");
    foreign_done(&f);
}

static void test_an_id_keeps_its_meaning(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "order_id 'string'"), 0);
    struct buffer json;
    struct str other = with_quotes(&json, "{'type':'record','name':'waybill.cancel_submitted',"
                                          "'fields':[{'name':'order_id','type':'bytes'}]}");
    CU_ASSERT_EQUAL(avro_schemas_add(f.schemas, WRITER, other, &f.err), -1);
    says(&f, "schema id 9001 stands for cancel.submitted already, with other fields: a changed "
             "schema takes a new id (schemas/README.md)");
    const struct cancel_submitted *cancel = reads(&f, STR("\x02x"));
    CU_ASSERT_TRUE(cancel && str_equal(cancel->order_id, STR("x")));
    buffer_done(&json);
    foreign_done(&f);
}

static void test_only_words_may_change_under_an_id(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "order_id 'string'"), 0);
    struct buffer json;
    struct str same =
        with_quotes(&json, "{'type':'record','doc':'words','name':'waybill.cancel_submitted',"
                           "'fields':[{'name':'order_id','type':'string'}]}");
    CU_ASSERT_EQUAL(avro_schemas_add(f.schemas, WRITER, same, &f.err), 0);
    for (size_t i = 0; i < record_type_count; i++)
        CU_ASSERT_EQUAL(avro_schemas_add(f.schemas, record_types[i]->schema_id,
                                         str_from(record_types[i]->schema_json), &f.err),
                        0);
    buffer_done(&json);
    foreign_done(&f);
}

/* ---- Schemas that mean harm ---- */

static void test_refuses_what_is_no_schema_of_a_record(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "7",
        "[]",
        "{}",
        "'string'",
        "{'type':'record'}",
        "{'type':'record','name':'a'}",
        "{'type':'record','name':'a','fields':7}",
        "{'type':'record','name':'a','fields':[7]}",
        "{'type':'record','name':7,'fields':[]}",
        "{'type':'array','items':'int'}",
        "{'type':'record','name':'a','fields':[{'name':'b','type':'c'}]}",
        "{'type':'record','name':'a','fields':[{'name':'b','type':7}]}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buffer json;
        CU_ASSERT_EQUAL(foreign_add(&f, with_quotes(&json, texts[i])), -1);
        CU_ASSERT_EQUAL(f.err.action, ERROR_SET_ASIDE);
        CU_ASSERT_TRUE(str_starts_with(str_from(f.err.text), STR("schema 9001: ")));
        CU_ASSERT_PTR_NULL(reads(&f, STR("\0")));
        says(&f, "schema id 9001 is not known");
        buffer_done(&json);
    }
    foreign_done(&f);
}

static void test_refuses_a_schema_that_is_too_large_or_too_deep(void)
{
    char *text = calloc(1, AVRO_SCHEMA_BYTES_MAX + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', AVRO_SCHEMA_BYTES_MAX + 1);
    CU_ASSERT_EQUAL(foreign_add(&f, (struct str){text, AVRO_SCHEMA_BYTES_MAX + 1}), -1);
    says(&f, "schema 9001: a schema of 262145 bytes, more than 262144");
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    CU_ASSERT_EQUAL(foreign_add(&f, (struct str){text, 200}), -1);
    says(&f, "schema 9001: JSON: nested deeper than 64");
    free(text);
    foreign_done(&f);
}

/* Each record holds the one before twice: 20 records mean 2^20 fields. */
static void test_refuses_a_schema_that_grows_when_it_is_followed(void)
{
    struct buffer fields;
    buffer_init(&fields, 100000);
    buffer_printf(&fields, "f0 {'type':'record','name':'r0','fields':[{'name':'a','type':'int'}]}");
    for (int i = 1; i <= 20; i++)
        buffer_printf(&fields,
                      "; f%d {'type':'record','name':'r%d','fields':["
                      "{'name':'a','type':'waybill.r%d'},{'name':'b','type':'waybill.r%d'}]}",
                      i, i, i - 1, i - 1);
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", fields.ptr), -1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(f.err.text, "nested deeper than 32 or with more than 10000 parts"));
    buffer_done(&fields);
    foreign_done(&f);
}

static void test_refuses_a_schema_that_holds_itself(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "next ['null','waybill.cancel_submitted']"),
                    -1);
    CU_ASSERT_EQUAL(f.err.action, ERROR_SET_ASIDE);
    foreign_done(&f);
}

/* Else five bytes could ask for two thousand million items. */
static void test_refuses_lists_of_nothing(void)
{
    static const char text[] =
        "schema 9001: cancel.submitted: a: an array whose items may take no bytes";
    refuses("cancel_submitted", "a {'type':'array','items':'null'}", text);
    refuses("cancel_submitted",
            "a {'type':'array','items':{'type':'record','name':'e','fields':[]}}", text);
    refuses("cancel_submitted", "a {'type':'array','items':{'type':'fixed','name':'z','size':0}}",
            text);
    foreign_done(&f);
}

static void test_refuses_a_field_that_stands_twice(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "order_id 'string'; order_id 'string'"), -1);
    CU_ASSERT_EQUAL(f.err.action, ERROR_SET_ASIDE);
    foreign_done(&f);
}
