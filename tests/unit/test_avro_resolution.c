/* What other versions wrote, read into our structs. Schemas and bytes are written by hand from the
 * Avro 1.11 specification, "Schema Resolution" and "Binary Encoding". */
/* links: waybill_events waybill_avro */
#include "avro_kit.h"

static struct foreign f;

static void test_fields_come_by_name_and_strange_ones_are_skipped(void)
{
    CU_ASSERT_EQUAL_FATAL(
        writer_has(&f, "stock_level_reported",
                   "version 'int';"
                   "note ['null','string',{'type':'map','values':'long'}];"
                   "sku 'bytes';"
                   "extra {'type':'record','name':'extra','fields':["
                   "  {'name':'list','type':{'type':'array','items':'double'}},"
                   "  {'name':'fixed','type':{'type':'fixed','name':'four','size':4}},"
                   "  {'name':'single','type':'float'},"
                   "  {'name':'flag','type':'boolean'},"
                   "  {'name':'nothing','type':'null'},"
                   "  {'name':'word','type':{'type':'enum','name':'word','symbols':['A','B']}}]};"
                   "supplier_id 'string';"
                   "as_of_ms 'long';"
                   "available ['null','int']"),
        0);
    const char bytes[] = "\x0e"                                         /* version 7 */
                         "\x04"                                         /* note is a map: */
                         "\x02\x02k\x01\x00"                            /* one, "k": -1; no more */
                         "\x04\x61\x62"                                 /* sku "ab" */
                         "\x01\x10\x31\x32\x33\x34\x35\x36\x37\x38\x00" /* a block of 8 bytes */
                         "wxyz"                                         /* fixed */
                         "\x31\x32\x33\x34"                             /* float */
                         "\x01"                                         /* flag true */
                         "\x02"                                         /* word B */
                         "\x02s"                                        /* supplier_id */
                         "\x0a"                                         /* as_of_ms 5 */
                         "\x02\x06";                                    /* available 3 */
    const struct stock_level_reported *level = reads(&f, (struct str){bytes, sizeof(bytes) - 1});
    CU_ASSERT_PTR_NOT_NULL_FATAL(level);
    CU_ASSERT_PTR_EQUAL(f.type, &stock_level_reported);
    CU_ASSERT_TRUE(str_equal(level->supplier_id, STR("s")));
    CU_ASSERT_TRUE(str_equal(level->sku, STR("ab")));
    CU_ASSERT_EQUAL(level->available, 3);
    CU_ASSERT_EQUAL(level->version, 7);
    CU_ASSERT_EQUAL(level->as_of_ms, 5);
    foreign_done(&f);
}

static void test_missing_fields_take_their_defaults(void)
{
    CU_ASSERT_EQUAL(writer_has(&f, "cancel_submitted", "order_id 'string'"), 0);
    const struct cancel_submitted *cancel = reads(&f, STR("\x02o"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancel);
    CU_ASSERT_TRUE(str_equal(cancel->order_id, STR("o")));
    CU_ASSERT_TRUE(cancel->reason.ptr && cancel->reason.len == 0);
    CU_ASSERT_TRUE(str_equal(cancel->requested_by, STR("customer")));
    CU_ASSERT_EQUAL(cancel->requested_at_ms, 0);
    CU_ASSERT_EQUAL(writer_has(&f, "stock_backordered", "order_id 'string'"), 0);
    const struct stock_backordered *backordered = reads(&f, STR("\x00"));
    CU_ASSERT_TRUE(backordered && !backordered->has_expected_on);
    foreign_done(&f);
}

static void test_symbols_come_by_name_and_new_ones_become_the_default(void)
{
    static const enum message_channel expected[] = {MESSAGE_CHANNEL_SMS, MESSAGE_CHANNEL_UNKNOWN,
                                                    MESSAGE_CHANNEL_EMAIL};
    CU_ASSERT_EQUAL(writer_has(&f, "contact_opted_out",
                               "contact_id 'string'; channel {'type':'enum','name':"
                               "'message_channel','symbols':['SMS','PIGEON','EMAIL']}"),
                    0);
    for (char i = 0; i < 3; i++) {
        const char bytes[] = {0, (char)(2 * i)};
        const struct contact_opted_out *opted_out = reads(&f, (struct str){bytes, sizeof(bytes)});
        CU_ASSERT_TRUE(opted_out && opted_out->channel == expected[(int)i]);
    }
    CU_ASSERT_PTR_NULL(reads(&f, STR("\x00\x06")));
    says(&f, "contact.opted_out (schema 9001): channel: symbol 3 of 3");
    foreign_done(&f);
}

static void test_numbers_widen(void)
{
    static const struct {
        const char *type;
        struct str bytes;
        double expected;
    } cases[] = {{"int", STR_INIT("\x05"), -3},
                 {"long", STR_INIT("\x80\x80\x80\x80\x40"), 8589934592.0},
                 {"float", STR_INIT("\x00\x00\x20\x3f"), 0.625},
                 {"double", STR_INIT("\x00\x00\x00\x00\x00\x00\xe4\x3f"), 0.625}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char fields[300], bytes[100];
        snprintf(fields, sizeof(fields),
                 "supplier_id 'string'; shipments 'int'; on_time 'int'; on_time_share '%s'; "
                 "rating_mean 'float'; as_of_ms 'int'",
                 cases[i].type);
        CU_ASSERT_EQUAL(writer_has(&f, "supplier_scored", fields), 0);
        size_t len = 4 + cases[i].bytes.len;
        memcpy(bytes, "\x02x\x06\x04", 4); /* "x", 3, 2 */
        memcpy(bytes + 4, cases[i].bytes.ptr, cases[i].bytes.len);
        memcpy(bytes + len, "\x00\x00\x90\x40\x02", 5); /* 4.5, 1 */
        const struct supplier_scored *scored = reads(&f, (struct str){bytes, len + 5});
        CU_ASSERT_PTR_NOT_NULL_FATAL(scored);
        CU_ASSERT_EQUAL(scored->shipments, 3);
        CU_ASSERT_EQUAL(scored->on_time, 2);
        CU_ASSERT_EQUAL(scored->on_time_share, cases[i].expected);
        CU_ASSERT_TRUE(scored->has_rating_mean);
        CU_ASSERT_EQUAL(scored->rating_mean, 4.5);
        CU_ASSERT_EQUAL(scored->as_of_ms, 1);
    }
    foreign_done(&f);
}

static void test_text_and_bytes_become_each_other(void)
{
    CU_ASSERT_EQUAL(
        writer_has(&f, "payload_received", "source 'bytes'; received_at_ms 'long'; body 'string'"),
        0);
    const struct payload_received *payload = reads(&f, STR("\x02s\x00\x04\xc3\xa9"));
    CU_ASSERT_TRUE(payload && str_equal(payload->source, STR("s")) &&
                   str_equal(payload->body, STR("\xc3\xa9")));
    CU_ASSERT_PTR_NULL(reads(&f, STR("\x02\xff\x00\x00")));
    says(&f, "payload.received (schema 9001): source: a string that is not UTF-8");
    foreign_done(&f);
}

static void test_unions_and_plain_types_become_each_other(void)
{
    CU_ASSERT_EQUAL(
        writer_has(&f, "contact_opted_out", "contact_id ['string','null']; reason 'string'"), 0);
    const struct contact_opted_out *opted_out = reads(&f, STR("\x00\x02x\x02y"));
    CU_ASSERT_TRUE(opted_out && str_equal(opted_out->contact_id, STR("x")) &&
                   str_equal(opted_out->reason, STR("y")));
    CU_ASSERT_PTR_NULL(reads(&f, STR("\x02\x02y")));
    CU_ASSERT_PTR_NULL(reads(&f, STR("\x04\x02y")));
    says(&f, "contact.opted_out (schema 9001): contact_id: branch 2 of a union of 2");
    foreign_done(&f);
}

static void test_a_branch_that_we_do_not_have_is_refused_when_it_comes(void)
{
    CU_ASSERT_EQUAL(
        writer_has(&f, "contact_opted_out", "contact_id 'string'; reason ['string','int','null']"),
        0);
    const struct contact_opted_out *opted_out = reads(&f, STR("\x02x\x00\x02y"));
    CU_ASSERT_TRUE(opted_out && str_equal(opted_out->reason, STR("y")));
    opted_out = reads(&f, STR("\x02x\x04"));
    CU_ASSERT_TRUE(opted_out && !opted_out->reason.ptr);
    CU_ASSERT_PTR_NULL(reads(&f, STR("\x02x\x02\x02")));
    says(&f, "contact.opted_out (schema 9001): reason: the writer's int has no place in our field");
    foreign_done(&f);
}

static void test_parts_within_lists_are_resolved_too(void)
{
    CU_ASSERT_EQUAL(
        writer_has(&f, "stock_reserved",
                   "order_id 'string'; attempt 'int'; expires_at_ms 'long';"
                   "holds {'type':'array','items':{'type':'record','name':'hold','fields':["
                   "{'name':'quantity','type':'int'},{'name':'shelf','type':'string'},"
                   "{'name':'sku','type':'string'},{'name':'supplier_id','type':'string'}]}}"),
        0);
    const struct stock_reserved *reserved = reads(&f, STR("\x02o\x02\x00"
                                                          "\x02\x06\x02S\x02k\x02s"
                                                          "\x02\x08\x00\x02K\x02t"
                                                          "\x00"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(reserved);
    CU_ASSERT_EQUAL_FATAL(reserved->holds.len, 2);
    CU_ASSERT_EQUAL(reserved->holds.ptr[0].quantity, 3);
    CU_ASSERT_TRUE(str_equal(reserved->holds.ptr[0].sku, STR("k")));
    CU_ASSERT_EQUAL(reserved->holds.ptr[1].quantity, 4);
    CU_ASSERT_TRUE(str_equal(reserved->holds.ptr[1].supplier_id, STR("t")));
    foreign_done(&f);
}
