/* What kills its worker again and again becomes a dead letter, and nothing else does. */
/* links: fake_world */
#include "sim/probe.h"

#include "worker/poison.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

/* The first start is suspected of nothing. */
enum { DEATHS = POISON_STARTS - 1 + POISON_TRIES, DEATHS_MOST = DEATHS + 3 };

/* Deaths of the worker so far; each time a new one begins. In static memory: what lies on the stack
 * is lost by the jump. */
static int deaths;

static void die(void)
{
    deaths++;
    fake_world_next_call(world, HTTP_ANSWERED, 451);
    CU_ASSERT_FATAL(deaths <= DEATHS_MOST);
    crash();
}

#define START_AGAIN_WHEN_IT_DIES()                                                                 \
    do {                                                                                           \
        deaths = 0;                                                                                \
        while (setjmp(bomb) != 0)                                                                  \
            die();                                                                                 \
    } while (0)

static bool letter_says(size_t i, const char *header, const char *part)
{
    struct fake_record records[10];
    size_t count = fake_world_read(world, "probe.dlq", records, 10);
    if (i >= count)
        return false;
    struct str text = event_header_find(records[i].headers, records[i].header_count, header);
    return text.ptr && memmem(text.ptr, text.len, part, strlen(part));
}

static void test_a_record_that_kills_its_worker_becomes_a_dead_letter_and_nothing_else_does(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("a", EXPLODES, "2");
    pay("a", PLAIN, "3");
    pay("b", PLAIN, "4");
    START_AGAIN_WHEN_IT_DIES();
    settle();
    CU_ASSERT(deaths >= DEATHS);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_topic", "inbound.orders"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_offset", "1"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_two_records_that_kill_their_worker_both_do(void)
{
    begin();
    const char *neighbour = neighbour_of("a", 0);
    pay("a", EXPLODES, "1");
    pay(neighbour, PLAIN, "2");
    pay("a", EXPLODES, "3");
    pay("a", PLAIN, "4");
    deaths = 0;
    while (setjmp(bomb) != 0) {
        deaths++;
        CU_ASSERT_FATAL(deaths <= 2 * DEATHS_MOST);
        crash();
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(said(neighbour_of("a", 0)), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(1), "crashed"));
    CU_ASSERT_STRING_EQUAL(dead(2), "");
    finish();
}

static void test_a_timer_that_kills_its_worker_becomes_a_dead_letter_and_its_key_goes_on(void)
{
    begin();
    pay("a", SETS_BOMB, "1");
    pay("a", SETS_TWO_TIMERS, "2");
    pay("b", SETS_TIMER, "3");
    settle();
    START_AGAIN_WHEN_IT_DIES();
    fake_world_pass(world, 61000);
    settle();
    fake_world_pass(world, 61000);
    settle();
    CU_ASSERT(deaths >= DEATHS);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, rang 102, chimed 112");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1, rang 101");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_topic", "timer"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_what", "timer bomb, due 2023-11-14T22:14:2"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    pay("a", PLAIN, "4");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, rang 102, chimed 112, paid 113");
    finish();
}

static void test_a_timer_that_kills_its_worker_is_found_while_other_records_pass(void)
{
    static int next;
    begin();
    pay("a", SETS_BOMB, "1");
    settle();
    fake_world_pass(world, 61000);
    next = 2;
    START_AGAIN_WHEN_IT_DIES();
    while (dead(0)[0] == '\0') { /* each life of the worker commits something before it dies */
        char id[16];
        snprintf(id, sizeof(id), "%d", next++);
        CU_ASSERT_FATAL(next < 200);
        pay(neighbour_of("a", 0), PLAIN, id);
        turn(3);
        fake_world_pass(world, 200);
    }
    settle();
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_what", "timer bomb"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_a_call_that_may_not_be_repeated_is_parked_when_its_reply_kills(void)
{
    begin_in(POLICY_PARK);
    settle();
    fake_world_next_call(world, HTTP_ANSWERED, 451);
    pay("a", CALLS, "1");
    pay("b", PLAIN, "2");
    START_AGAIN_WHEN_IT_DIES();
    settle();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, unknown 1001, paid 1002");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    finish();
}

static void test_a_repeated_call_whose_reply_kills_the_worker_comes_to_an_end(void)
{
    begin();
    settle();
    fake_world_next_call(world, HTTP_ANSWERED, 451);
    pay("a", CALLS, "1");
    START_AGAIN_WHEN_IT_DIES();
    settle();
    settle();
    CU_ASSERT(deaths >= DEATHS);
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_topic", "reply"));
    CU_ASSERT_TRUE(letter_says(0, "waybill_error_what",
                               "reply to call call-1 (called) at there: refused, status 451"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    size_t calls = calls_made();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_EQUAL(calls_made(), calls);
    finish();
}

static void test_a_worker_that_dies_of_something_else_blames_nobody(void)
{
    begin();
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", i == 0 ? SETS_TWO_TIMERS : PLAIN, id);
        pay("b", CALLS, id);
        turn(i % 7);
        fake_world_pass(world, 900 * (i % 9));
        crash();
    }
    fake_world_pass(world, 130000);
    settle();
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    CU_ASSERT_PTR_NOT_NULL(strstr(said("a"), "rang"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said("a"), "chimed"));
    finish();
}

/* Anew after every crash: the worker is another one. */
static const struct task *task_of_a(void)
{
    return &worker.tasks[home_of("a")];
}

static void test_who_lives_long_enough_is_not_suspected_any_more(void)
{
    begin();
    settle();
    CU_ASSERT_FALSE(task_of_a()->suspected);
    crash();
    settle();
    CU_ASSERT_TRUE(task_of_a()->suspected);
    CU_ASSERT_EQUAL(task_of_a()->suspected_batches, POISON_BATCHES);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_TRUE(task_of_a()->suspected);
    CU_ASSERT(task_of_a()->suspected_batches < POISON_BATCHES);
    fake_world_pass(world, POISON_SOON_MS);
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_FALSE(task_of_a()->suspected);
    crash();
    settle();
    CU_ASSERT_FALSE(
        task_of_a()->suspected); /* an hour after the last start, this one counts anew */
    finish();
}

static void test_only_the_start_of_a_process_counts_towards_suspicion(void)
{
    begin();
    settle();
    uint64_t before = counter_value(worker.meters.takeovers);
    for (int i = 0; i < 5; i++) {
        fake_world_rebalance(world);
        settle();
    }
    CU_ASSERT(counter_value(worker.meters.takeovers) > before);
    CU_ASSERT_FALSE(task_of_a()->suspected);
    crash();
    settle();
    CU_ASSERT_TRUE(task_of_a()->suspected);
    fake_world_rebalance(world);
    settle();
    CU_ASSERT_TRUE(task_of_a()->suspected);
    finish();
}

static void test_timers_of_states_too_large_together_fire_all_the_same(void)
{
    enum { KEYS = 60 }; /* of 200 kB each */
    char key[16], id[16];
    begin();
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        snprintf(id, sizeof(id), "fat-%d", i);
        pay(key, SETS_TIMER, key);
        pay(key, FAT_STATE, id);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("k59"), "paid 1, paid 2");
    fake_world_pass(world, 61000);
    settle();
    settle();
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        CU_ASSERT_STRING_EQUAL(said(key), "paid 1, paid 2, rang 102");
    }
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
    CU_ASSERT_FALSE(worker.tasks[home_of("a")].suspected);
    finish();
}
