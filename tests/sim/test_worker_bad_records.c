/* One bad record never stops a partition. */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

static void test_bad_records_become_dead_letters_and_the_partition_goes_on(void)
{
    begin();
    int32_t home = home_of("a");
    fake_world_write(world, "inbound.orders", home, "a", STR("no avro"), NULL, 0);
    fake_world_write(world, "inbound.orders", home, NULL, STR("no key"), NULL, 0);
    char huge[200000];
    memset(huge, 'x', sizeof(huge));
    fake_world_write(world, "inbound.orders", home, "a", (struct str){huge, sizeof(huge)}, NULL, 0);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "undecodable"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(1), "no key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(2), "oversize"));
    finish();
}

static void test_a_record_larger_than_a_dead_letter_may_be_does_not_stop_the_partition(void)
{
    enum { HUGE_BYTES = 5000000 };
    begin();
    settle();
    fake_world_produce_max(world, 4 * 1024 * 1024); /* max.message.bytes of the dead letters */
    char *huge = calloc(1, HUGE_BYTES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
    fake_world_write(world, "inbound.orders", home_of("a"), "a", (struct str){huge, HUGE_BYTES},
                     NULL, 0);
    free(huge);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "oversize"));
    finish();
}

static void test_an_unknown_schema_holds_its_partition_up_then_becomes_a_dead_letter(void)
{
    begin();
    int32_t home = home_of("a");
    settle();
    fake_world_write(world, "inbound.orders", home, "a", (struct str){"\0\0\0\x77\x77zz", 7}, NULL,
                     0);
    pay("a", PLAIN, "1");
    turn(20);
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "schema with id 30583"));
    finish();
}

static void test_an_unknown_schema_that_is_published_in_time_is_read(void)
{
    begin();
    int32_t home = home_of("a");
    settle();
    struct buffer buffer;
    struct payment_captured paid = {.order_id = STR("a"), .currency = STR("INR")};
    struct str value = framed(&payment_captured, &paid, &buffer);
    buffer.ptr[3] = 0x77; /* id 0x7767 or the like: the same schema under an id nobody knows */
    fake_world_write(world, "inbound.orders", home, "a", value, NULL, 0);
    turn(20);
    fake_world_pass(world, cfg.unknown_schema_wait_ms - 1000);
    turn(20);
    char id[16];
    snprintf(id, sizeof(id), "%d", 0x7700 | (unsigned char)buffer.ptr[4]);
    fake_world_write(world, "schemas", 0, id, str_from(payment_captured.schema_json), NULL, 0);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    buffer_done(&buffer);
    finish();
}

static void test_a_record_that_waits_for_its_schema_and_is_deleted_lets_the_rest_go_on(void)
{
    begin();
    int32_t home = home_of("a");
    settle();
    fake_world_write(world, "inbound.orders", home, "a", (struct str){"\0\0\0\x77\x77zz", 7}, NULL,
                     0);
    turn(5);
    pay("a", PLAIN, "1");
    fake_world_compact(world, "inbound.orders"); /* as retention would */
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_more_headers_than_allowed_are_a_dead_letter(void)
{
    enum { COUNT = RECORD_HEADERS_MAX + 1 };
    static struct event_header headers[COUNT];
    begin();
    for (int i = 0; i < COUNT; i++)
        headers[i] = (struct event_header){STR("x"), STR("y")};
    pay_with("a", home_of("a"), PLAIN, headers, COUNT);
    headers[0] = (struct event_header){STR("ce_id"), STR("2")};
    pay_with("a", home_of("a"), PLAIN, headers, COUNT - 1);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "oversize: more than 200 headers"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

/* Each line takes five bytes in Avro, and 64 in memory. */
static void test_few_bytes_that_become_much_memory_are_a_dead_letter(void)
{
    enum { LINES = 10000, ARENA_BYTES = 2 * 1024 * 1024 };
    struct buffer buffer;
    static struct order_line lines[LINES];
    struct customer customer = {.email = STR("")};
    struct address ship_to = {.line1 = STR("")};
    struct payment payment = {.status = PAYMENT_STATUS_PAID};
    struct order_submitted bomb_order = {
        .lines = {lines, LINES}, .customer = &customer, .ship_to = &ship_to, .payment = &payment};
    begin();
    worker.arena.bytes_max = ARENA_BYTES;
    struct str value = framed(&order_submitted, &bomb_order, &buffer);
    CU_ASSERT(value.len < (size_t)cfg.event_bytes_max);
    fake_world_write(world, "inbound.orders", home_of("a"), "a", value, NULL, 0);
    buffer_done(&buffer);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "oversize"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "in memory"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

/* Wherever on its way memory ends: the record is decided or set aside, and the rest goes on. */
static void test_memory_that_ends_anywhere_stops_nobody(void)
{
    enum { FROM = 100000, TO = 1200000, STEP = 10000 };
    size_t aside = 0, decided = 0;
    for (size_t bytes = FROM; bytes < TO; bytes += STEP) {
        begin();
        settle();
        worker.arena.bytes_max = bytes;
        pay("a", FAT_STATE, "1");
        pay("b", PLAIN, "2");
        settle();
        CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
        bool done = strcmp(said("a"), "paid 1") == 0;
        CU_ASSERT(done == (dead(0)[0] == '\0'));
        done ? decided++ : aside++;
        finish();
    }
    CU_ASSERT(aside > 5 && decided > 5);
}
