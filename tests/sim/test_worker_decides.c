/* What a worker promises of the events that it decides: each once, in order, whole or not at all.
 */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static void test_decides_each_event_once_in_order(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("b", PLAIN, "2");
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    finish();
}

static void test_drops_an_inbound_event_that_comes_again(void)
{
    begin();
    pay("a", PLAIN, "same");
    pay("a", PLAIN, "same");
    settle();
    pay("a", PLAIN, "same");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void pay_from(const char *source, const char *key, const char *id)
{
    struct event_header headers[] = {{STR("ce_id"), str_from(id)},
                                     {STR("ce_source"), str_from(source)}};
    pay_with(key, home_of(key), PLAIN, headers, 2);
}

static void test_two_sources_may_use_the_same_id(void)
{
    begin();
    pay_from("shop", "a", "1");
    pay_from("bank", "a", "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static struct str id_of(const struct fake_record *record)
{
    return event_header_find(record->headers, record->header_count, "ce_id");
}

static void test_the_same_foreign_id_on_two_keys_gives_two_ids(void)
{
    struct fake_record records[RECORDS_MAX];
    begin();
    pay_from("shop", "a", "1");
    pay_from("shop", "b", "1");
    settle();
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", records, RECORDS_MAX), 2);
    CU_ASSERT_FALSE(str_equal(id_of(&records[0]), id_of(&records[1])));
    finish();
}

static void test_the_same_work_done_twice_has_the_same_ids(void)
{
    struct fake_record records[RECORDS_MAX];
    char kept[64];
    begin();
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", records, RECORDS_MAX), 1);
    snprintf(kept, sizeof(kept), "%.*s", STR_ARG(id_of(&records[0])));
    finish();
    begin();
    fake_world_next_commit(world, FAKE_REFUSES);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", records, RECORDS_MAX), 1);
    CU_ASSERT(str_equal(id_of(&records[0]), str_from(kept)));
    CU_ASSERT_EQUAL(strlen(kept), 36);
    finish();
}

static void test_a_rule_that_sets_aside_leaves_nothing_but_a_dead_letter(void)
{
    begin();
    pay("a", SET_ASIDE_AFTER_EMITTING, "1");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "this one is refused");
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_a_state_that_grows_past_its_limit_sets_the_event_aside(void)
{
    begin();
    pay("a", GROWS, "1");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "limit 262144"));
    finish();
}

static void test_an_output_too_large_for_the_broker_sets_its_event_aside(void)
{
    begin();
    settle();
    fake_world_produce_max(world, 2 * 1024 * 1024); /* max.message.bytes of the events' topics */
    pay("a", EMITS_LARGE, "1");
    pay("b", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    CU_ASSERT_STRING_NOT_EQUAL(dead(0), "");
    finish();
}

static void test_good_events_are_not_set_aside_when_their_batch_is_full(void)
{
    begin();
    settle();
    for (int i = 1; i <= 5; i++) { /* together more than batch_bytes_max */
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", EMITS_MUCH, id);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3, paid 4, paid 5");
    finish();
}

static void test_states_too_large_together_do_not_stop_the_worker(void)
{
    enum { KEYS = 60 }; /* of 200 kB each */
    begin();
    char key[16], id[16];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        pay(key, FAT_STATE, key);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("k59"), "paid 1");
    crash();
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        snprintf(id, sizeof(id), "again-%d", i);
        pay(key, PLAIN, id);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("k59"), "paid 1, paid 2");
    finish();
}

static void test_a_record_on_the_wrong_partition_is_sent_to_the_right_one_once(void)
{
    begin();
    pay_at("a", (home_of("a") + 1) % PARTITIONS, PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    struct fake_record records[RECORDS_MAX];
    CU_ASSERT_EQUAL(fake_world_read(world, "inbound.orders", records, RECORDS_MAX), 2);
    finish();
}

static void test_a_record_that_is_on_the_wrong_partition_again_is_a_dead_letter(void)
{
    begin();
    struct event_header headers[] = {{STR("ce_id"), STR("1")}, {STR(HOP_HEADER), STR("1")}};
    pay_with("a", (home_of("a") + 1) % PARTITIONS, PLAIN, headers, 2);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "wrong partition again"));
    finish();
}

static void test_an_event_that_was_set_aside_is_decided_when_it_comes_again(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("a", SET_ASIDE_AFTER_EMITTING, "2");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_a_state_that_is_dropped_and_kept_again_in_one_batch_begins_anew(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("a", DROPS_STATE, "2");
    pay("a", PLAIN, "1"); /* what was seen is forgotten, too */
    settle();
    fake_world_store_wipe(world);
    pay("a", PLAIN, "4");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 1, paid 2");
    finish();
}
