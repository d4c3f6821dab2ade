/* A person answers, puts back, stops and starts in the midst of trouble: each event is decided
 * once, each call is told its end once, and what may have happened is made again only when the
 * person says so. */
/* links: fake_world */
#include "sim/person.h"
#include "sim/trouble.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A key remembers 32 ids, answers' among them. */
enum { SEEDS = 200, STEPS = 80, KEYS = 4, PAYS_MAX = 8, ANSWERS_MAX = 20 };

static struct account {
    char key[8];
    int pays, calls, answers;
} accounts[KEYS];

/* How often a person had each call made again. */
static struct {
    char key[16], id[32];
    int64_t sequence;
} retries[KEYS * ANSWERS_MAX];
static size_t retry_count;

/* What an id stands for follows from it, whichever way it comes first. */
static enum amount amount_of(int id)
{
    return id % 2 == 0 ? CALLS : PLAIN;
}

static void pay_something(void)
{
    struct account *account = &accounts[trouble_pick(KEYS)];
    char id[16];
    int number = 1 + trouble_pick(account->pays + 1);
    if (number > PAYS_MAX)
        number = PAYS_MAX;
    if (number > account->pays) {
        account->pays++;
        account->calls += amount_of(number) == CALLS;
    }
    snprintf(id, sizeof(id), "%d", number);
    if (trouble_pick(2) == 0)
        pay(account->key, amount_of(number), id);
    else
        person_sends("requeue", account->key, amount_of(number), id, NULL, false);
}

static struct account *account_of(const char *key)
{
    return &accounts[atoi(key + 1)];
}

static void note_retry(const struct parked *parked)
{
    for (size_t i = 0; i < retry_count; i++)
        if (retries[i].sequence == parked->sequence && strcmp(retries[i].key, parked->key) == 0 &&
            strcmp(retries[i].id, parked->id) == 0)
            return;
    memcpy(retries[retry_count].key, parked->key, sizeof(parked->key));
    memcpy(retries[retry_count].id, parked->id, sizeof(parked->id));
    retries[retry_count++].sequence = parked->sequence;
}

static void answer(const struct parked *parked, enum call_answer what)
{
    char id[100];
    struct account *account = account_of(parked->key);
    if (account->answers++ >= ANSWERS_MAX)
        return;
    if (what == CALL_ANSWER_RETRY)
        note_retry(parked);
    snprintf(id, sizeof(id), "%s/%" PRId64 "/%d", parked->id, parked->sequence, what);
    for (int times = 1 + trouble_pick(2); times > 0; times--)
        person_answers(parked->key, parked->id, parked->sequence, what, id);
}

static void answer_something(void)
{
    struct parked parked[PARKED_LIST_MAX];
    size_t count = person_looks(parked);
    if (count > 0)
        answer(&parked[trouble_pick((int)count)],
               (enum call_answer)(CALL_ANSWER_OK + trouble_pick(4)));
}

static void trouble_calls(void)
{
    switch (trouble_pick(4)) {
    case 0:
        fake_world_hold_calls(world, trouble_pick(2) == 0);
        break;
    case 1:
        fake_world_next_call(world, HTTP_UNKNOWN, 0);
        break;
    case 2:
        fake_world_next_call(world, HTTP_ANSWERED, 404);
        break;
    default:
        person_switches(trouble_pick(2) ? "probe" : "*", "there", trouble_pick(2) == 0);
    }
}

static void step(void)
{
    switch (trouble_pick(13)) {
    case 0:
    case 1:
        pay_something();
        break;
    case 2:
    case 3:
        answer_something();
        break;
    case 4:
    case 5:
    case 6:
        turn(1 + trouble_pick(3));
        break;
    case 7:
        fake_world_pass(world, trouble_pick(2000));
        break;
    case 8:
        fake_world_late_comes(world);
        break;
    case 9:
        trouble_kafka();
        break;
    case 10:
        trouble_store();
        break;
    case 11:
        trouble_calls();
        break;
    default:
        crash();
    }
}

/* A payment counts 1; what a call's outcome or a parking tells counts 1000. */
static void check_said(const struct account *account)
{
    int64_t sum = 0;
    int pays = 0, ends = 0;
    const char *at = said(account->key);
    while (*at) {
        bool paid = strncmp(at, "paid ", 5) == 0, parked = strncmp(at, "unknown ", 8) == 0;
        pays += paid;
        ends += !paid && !parked;
        sum += paid ? 1 : 1000;
        const char *number = at + strcspn(at, "0123456789");
        CU_ASSERT_EQUAL(strtoll(number, NULL, 10), sum);
        at += strcspn(at, ",");
        at += strspn(at, ", ");
    }
    CU_ASSERT_EQUAL(pays, account->pays);
    CU_ASSERT_EQUAL(ends, account->calls);
}

/* Sent once, and once more for each time that a person said so. */
static void check_calls(void)
{
    const struct fake_call *made;
    size_t count = fake_world_calls(world, &made);
    for (size_t i = 0; i < count; i++) {
        int times = 0, allowed = 1;
        for (size_t other = 0; other < count; other++)
            times += strcmp(made[i].key, made[other].key) == 0 &&
                     strcmp(made[i].path, made[other].path) == 0;
        for (size_t r = 0; r < retry_count; r++) {
            char key[64], path[64];
            snprintf(key, sizeof(key), "\"%s\"", retries[r].id);
            snprintf(path, sizeof(path), "/do/%s", retries[r].key);
            allowed += strcmp(key, made[i].key) == 0 && strstr(made[i].path, path);
        }
        CU_ASSERT(times <= allowed);
    }
}

static void check_dead_letters(void)
{
    for (size_t i = 0; *dead(i); i++)
        CU_ASSERT(strstr(dead(i), "answered already") || strstr(dead(i), "is not parked") ||
                  strstr(dead(i), "parked anew"));
}

static void run_seed(uint64_t seed)
{
    struct parked parked[PARKED_LIST_MAX];
    trouble_seed(seed);
    retry_count = 0;
    begin_in(POLICY_PARK);
    for (int i = 0; i < KEYS; i++) {
        accounts[i] = (struct account){0};
        snprintf(accounts[i].key, sizeof(accounts[i].key), "k%d", i);
    }
    for (int i = 0; i < STEPS; i++)
        step();
    person_switches("probe", "there", false);
    person_switches("*", "there", false);
    trouble_ends();
    for (int round = 0; round < 10 && person_looks(parked) > 0; round++) {
        for (int i = 0; i < KEYS; i++)
            accounts[i].answers = 0;
        for (size_t i = person_looks(parked); i > 0; i--)
            answer(&parked[i - 1], CALL_ANSWER_OK);
        settle();
    }
    CU_ASSERT_EQUAL(person_looks(parked), 0);
    for (int i = 0; i < KEYS; i++)
        check_said(&accounts[i]);
    check_calls();
    check_dead_letters();
    finish();
}

/* WAYBILL_SEED=n runs that one. */
static void test_a_person_in_the_midst_of_trouble_is_obeyed_once(void)
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
