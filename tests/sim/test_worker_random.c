/* Whatever happens in whatever order: each event is decided once, each call is told once, and the
 * calls of a key are made in order. */
/* links: fake_world */
#include "sim/probe.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 200, STEPS = 80, KEYS = 5, PAYS_MAX = 20 /* per key, fewer than a ring holds */ };

/* What was done to one key. */
struct account {
    char key[8];
    int pays, calls;
};

static struct account accounts[KEYS];
static uint64_t random_state;

static int pick(int count)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t x = random_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int)((x ^ (x >> 31)) % (uint64_t)count);
}

static void pay_something(void)
{
    struct account *account = &accounts[pick(KEYS)];
    char id[16];
    bool again = account->pays > 0 && pick(5) == 0;
    enum amount amount = pick(3) == 0 ? CALLS : PLAIN;
    if (!again && account->pays == PAYS_MAX)
        return;
    if (!again) {
        account->pays++;
        account->calls += amount == CALLS;
    }
    snprintf(id, sizeof(id), "%d", again ? 1 + pick(account->pays) : account->pays);
    pay(account->key, amount, id);
}

static void trouble_kafka(void)
{
    static const enum fake_commit ends[] = {FAKE_REFUSES, FAKE_ANSWER_LOST, FAKE_REQUEST_LOST,
                                            FAKE_COMES_LATE};
    switch (pick(5)) {
    case 0:
        fake_world_rebalance(world);
        break;
    case 1:
        fake_world_rebalance_after(world, 1 + pick(3));
        break;
    case 2:
        fake_world_hide_partition(world, pick(PARTITIONS), pick(2) == 0);
        fake_world_rebalance(world);
        break;
    case 3:
        fake_world_compact(world, "probe.changelog");
        break;
    default:
        fake_world_next_commit(world, ends[pick(4)]);
    }
}

static void trouble_store(void)
{
    switch (pick(5)) {
    case 0:
        fake_world_store_away(world, 1 + pick(5));
        break;
    case 1:
        fake_world_next_apply(world, pick(2) == 0 ? FAKE_REQUEST_LOST : FAKE_ANSWER_LOST);
        break;
    case 2:
        fake_world_store_wipe(world);
        break;
    case 3:
        fake_world_store_remember(world);
        break;
    default:
        fake_world_store_go_back(world);
    }
}

static void trouble_calls(void)
{
    switch (pick(3)) {
    case 0:
        fake_world_hold_calls(world, pick(2) == 0);
        break;
    case 1:
        fake_world_next_call(world, HTTP_ANSWERED, 503);
        break;
    default:
        endpoints[THERE].queue_max = 1 + pick(3);
    }
}

static void step(void)
{
    switch (pick(12)) {
    case 0:
    case 1:
    case 2:
        pay_something();
        break;
    case 3:
    case 4:
    case 5:
        turn(1 + pick(3));
        break;
    case 6:
        fake_world_pass(world, pick(2000));
        break;
    case 7:
        fake_world_late_comes(world);
        break;
    case 8:
        trouble_kafka();
        break;
    case 9:
        trouble_store();
        break;
    case 10:
        trouble_calls();
        break;
    default:
        crash();
    }
}

static void end_all_trouble(void)
{
    fake_world_late_comes(world);
    fake_world_next_commit(world, FAKE_COMMITS);
    fake_world_next_apply(world, FAKE_COMMITS);
    fake_world_store_away(world, 0);
    fake_world_hold_calls(world, false);
    for (int32_t p = 0; p < PARTITIONS; p++)
        fake_world_hide_partition(world, p, false);
    fake_world_rebalance(world);
    for (int i = 0; i < 5; i++) {
        settle();
        fake_world_late_comes(world);
    }
}

/* A payment counts 1 and a call that came back 1000: every text must continue the sum. */
static void check_said(const struct account *account)
{
    int64_t sum = 0;
    int pays = 0, calls = 0;
    const char *at = said(account->key);
    while (*at) {
        bool paid = strncmp(at, "paid ", 5) == 0, called = strncmp(at, "called ", 7) == 0;
        pays += paid;
        calls += called;
        sum += paid ? 1 : 1000;
        CU_ASSERT(paid || called);
        CU_ASSERT_EQUAL(strtoll(strchr(at, ' '), NULL, 10), sum);
        at += strcspn(at, ",");
        at += strspn(at, ", ");
    }
    CU_ASSERT_EQUAL(pays, account->pays);
    CU_ASSERT_EQUAL(calls, account->calls);
}

/* One may be made again, but not after a later one was made. */
static void check_calls(const struct account *account)
{
    char path[96];
    const struct fake_call *made;
    size_t count = fake_world_calls(world, &made);
    int64_t last = 0;
    int calls = 0;
    snprintf(path, sizeof(path), "/do/%s", account->key);
    for (size_t i = 0; i < count; i++) {
        if (!strstr(made[i].path, path))
            continue;
        int64_t number = strtoll(made[i].key + strlen("\"call-"), NULL, 10);
        CU_ASSERT(number >= last);
        calls += number > last;
        last = number;
    }
    CU_ASSERT_EQUAL(calls, account->calls);
}

static void run_seed(uint64_t seed)
{
    random_state = seed;
    begin();
    for (int i = 0; i < KEYS; i++) {
        accounts[i] = (struct account){0};
        snprintf(accounts[i].key, sizeof(accounts[i].key), "k%d", i);
    }
    for (int i = 0; i < STEPS; i++)
        step();
    end_all_trouble();
    for (int i = 0; i < KEYS; i++) {
        check_said(&accounts[i]);
        check_calls(&accounts[i]);
    }
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    finish();
}

/* WAYBILL_SEED=n runs that one. */
static void test_nothing_is_lost_or_done_twice_whatever_fails(void)
{
    const char *only = getenv("WAYBILL_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, count = only ? 1 : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        unsigned before = CU_get_number_of_failures();
        run_seed(seed);
        if (CU_get_number_of_failures() > before)
            fprintf(stderr, "failed: WAYBILL_SEED=%" PRIu64 "\n", seed);
    }
}
