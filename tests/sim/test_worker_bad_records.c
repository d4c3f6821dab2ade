/* One bad record never stops a partition. */
/* links: fake_world */
#include "sim/probe.h"

#include "worker/poison.h"

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

static void test_a_record_that_kills_its_worker_becomes_a_dead_letter_and_nothing_else_does(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("a", EXPLODES, "2");
    pay("a", PLAIN, "3");
    pay("b", PLAIN, "4");
    volatile int deaths = 0;
    while (setjmp(bomb) != 0) {
        deaths++;
        CU_ASSERT_FATAL(deaths < 20);
        crash();
    }
    settle();
    CU_ASSERT(deaths >= POISON_STARTS - 1 + POISON_TRIES);
    CU_ASSERT(deaths <= 2 * POISON_STARTS + POISON_TRIES);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_kafka_being_away_is_no_reason_to_suspect_a_record(void)
{
    begin();
    settle();
    pay("a", PLAIN, "1");
    for (int i = 0; i < 20; i++) {
        fake_world_next_commit(world, FAKE_REQUEST_LOST);
        turn(5);
        fake_world_pass(world, 6000);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    finish();
}
