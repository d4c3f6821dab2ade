/* Calls under random events, many seeds: the promises hold whatever happens in whatever order. */
/* links: waybill_worker */
#include "calls_kit.h"

enum { SEEDS = 300, STEPS = 1500, INTENTS = 60, KEYS = 5 };

/* What the test knows of one intent; the store, so to say. */
struct kept {
    char id[8], key[8], lookup[16];
    struct task_intent intent;
    bool pending;   /* in the store */
    bool held;      /* offered in this ownership */
    bool delivered; /* the other side did it */
    int32_t doubled;
};

static struct {
    struct kept kept[INTENTS];
    int count;
    uint64_t seed, epoch;
    bool owned;
} town;

static uint32_t pick(uint32_t below)
{
    town.seed = town.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(town.seed >> 33) % below;
}

static struct kept *kept_of(struct str id)
{
    for (int i = 0; i < town.count; i++)
        if (str_equal(str_from(town.kept[i].id), id))
            return &town.kept[i];
    return NULL;
}

static void add_intent(void)
{
    static const char *const endpoints[] = {"acme", "park", "query", "mail"};
    if (town.count == INTENTS)
        return;
    struct kept *kept = &town.kept[town.count];
    *kept = (struct kept){.pending = true};
    snprintf(kept->id, sizeof(kept->id), "i%d", town.count);
    snprintf(kept->key, sizeof(kept->key), "k%u", pick(KEYS));
    kept->intent = an_intent(.key = str_from(kept->key), .endpoint = str_from(endpoints[pick(4)]),
                             .sequence = ++town.count, .mail_to = STR("a@b"),
                             .lookup_path = str_from(kept->lookup),
                             .expires_at_ms = pick(3) ? 0 : world.now_ms + pick(100000));
    kept->intent.intent_id = str_from(kept->id);
    kept->held = town.owned;
    if (town.owned)
        CU_ASSERT_EQUAL(calls_offer(world.calls, str_from(kept->id), &kept->intent, TASK,
                                    town.epoch, CALLS_FRESH),
                        CALLS_TAKEN);
}

/* Whose request it is: its key, or what its lookup asks for, says so. NULL = a mail. */
static struct kept *kept_of_sent(const struct sent *sent)
{
    for (int i = 0; i < town.count && !sent->smtp; i++) {
        char key[16], lookup[16];
        snprintf(key, sizeof(key), "\"%s\"", town.kept[i].id);
        snprintf(lookup, sizeof(lookup), "/look?%s", town.kept[i].id);
        const char *at = strstr(sent->url, lookup);
        if (strstr(sent->headers, key) || (at && at[strlen(lookup)] == '\0'))
            return &town.kept[i];
    }
    return NULL;
}

static void arrives(const struct sent *sent)
{
    struct kept *kept = kept_of_sent(sent);
    if (!kept)
        return;
    kept->doubled += kept->delivered;
    kept->delivered = true;
}

static void answer_randomly(size_t n)
{
    struct sent *sent = &world.sent[n];
    if (sent->smtp) {
        static const enum smtp_end ends[] = {SMTP_ACCEPTED, SMTP_REFUSED, SMTP_NOT_SENT,
                                             SMTP_UNKNOWN};
        answer_mail(n, ends[pick(4)], 0);
        return;
    }
    if (strcmp(sent->method, "GET") == 0) {
        answer_status(n, pick(3) == 0 ? 500 : kept_of_sent(sent)->delivered ? 200 : 404);
        return;
    }
    uint32_t fate = pick(6);
    if (fate < 2) /* done, and the answer came or was lost */
        arrives(sent);
    if (fate == 0)
        answer_status(n, 201);
    else if (fate < 3)
        answer_end(n, HTTP_UNKNOWN);
    else if (fate == 3)
        answer_end(n, HTTP_NOT_SENT);
    else
        answer_status(n, fate == 4 ? 429 : 422);
}

static void answer_one(void)
{
    size_t n = world.sent_count ? pick((uint32_t)world.sent_count) : 0;
    while (n < world.sent_count && world.sent[n].answered)
        n++;
    if (n < world.sent_count)
        answer_randomly(n);
}

static void commit_some_marks(void)
{
    struct calls_mark mark;
    size_t cursor = 0, count = 0;
    struct str ids[INTENTS];
    while (calls_next_mark(world.calls, &cursor, &mark))
        if (pick(2))
            ids[count++] = mark.id;
    for (size_t i = 0; i < count; i++) {
        kept_of(ids[i])->intent.status = INTENT_STATUS_STARTED;
        calls_started_committed(world.calls, ids[i]);
    }
}

/* A batch takes the replies; it commits, or is thrown away. */
static void take_replies(void)
{
    struct str ids[INTENTS];
    struct calls_reply *reply;
    size_t count = 0;
    while ((reply = calls_next_reply(world.calls))) {
        struct kept *kept = kept_of(reply->id);
        CU_ASSERT(kept && kept->pending && kept->held);
        CU_ASSERT(!reply->reply.parked || reply->reply.outcome == OUTCOME_UNKNOWN);
        CU_ASSERT(reply->reply.outcome != OUTCOME_NOT_SENT || !kept->delivered);
        for (int i = 0; i < town.count; i++) /* order per key */
            if (&town.kept[i] != kept && town.kept[i].pending && town.kept[i].held &&
                strcmp(town.kept[i].key, kept->key) == 0 && i < kept - town.kept)
                CU_ASSERT_FALSE(calls_has_started(world.calls, str_from(town.kept[i].id)));
        ids[count++] = reply->id;
    }
    if (pick(3) == 0) {
        calls_rewind(world.calls);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        kept_of(ids[i])->pending = false;
        calls_forget(world.calls, str_from(kept_of(ids[i])->id));
    }
}

static void withdraw_one(void)
{
    struct kept *kept = town.count ? &town.kept[pick((uint32_t)town.count)] : NULL;
    if (!kept || !kept->pending || !kept->held || !calls_holds(world.calls, str_from(kept->id)) ||
        calls_has_started(world.calls, str_from(kept->id)))
        return;
    CU_ASSERT_FALSE(kept->delivered);
    calls_withdraw(world.calls, str_from(kept->id));
    kept->pending = false;
}

static void lose_or_take_over(void)
{
    if (pick(20))
        return;
    if (town.owned)
        calls_drop_task(world.calls, TASK);
    for (int i = 0; i < town.count; i++)
        town.kept[i].held = false;
    town.epoch += pick(2); /* or only taken over anew */
    town.owned = !town.owned || pick(2);
    for (int i = 0; i < town.count && town.owned; i++) {
        struct kept *kept = &town.kept[i];
        if (!kept->pending)
            continue;
        kept->held = true;
        CU_ASSERT_EQUAL(calls_offer(world.calls, str_from(kept->id), &kept->intent, TASK,
                                    town.epoch, CALLS_RESTORED),
                        CALLS_TAKEN);
    }
}

/* What runs at one time: never two of a key. */
static void expect_one_per_key(void)
{
    int running[KEYS] = {0};
    for (size_t n = 0; n < world.sent_count; n++) {
        if (world.sent[n].answered)
            continue;
        const struct kept *kept = kept_of_sent(&world.sent[n]);
        if (kept)
            running[kept->key[1] - '0']++;
    }
    for (int i = 0; i < KEYS; i++)
        CU_ASSERT(running[i] <= 1);
}

static void run_seed(uint64_t seed)
{
    set_up();
    for (int i = 0; i < 4; i++) {
        world.endpoints[i].breaker_failures = 4;
        world.endpoints[i].breaker_window_ms = 1000;
        world.endpoints[i].breaker_open_ms = 500;
        world.endpoints[i].give_up_after_ms = 20000;
    }
    begin();
    memset(&town, 0, sizeof(town));
    town.seed = seed;
    town.epoch = 1;
    town.owned = true;
    for (int step = 0; step < STEPS && world.sent_count + 100 < SENT_MAX; step++) {
        static void (*const acts[])(void) = {add_intent,   answer_one,   commit_some_marks,
                                             take_replies, withdraw_one, lose_or_take_over};
        acts[pick(sizeof(acts) / sizeof(acts[0]))]();
        world.now_ms += pick(200);
        world.mono_ms += pick(200);
        calls_tick(world.calls, world.now_ms, world.mono_ms, pick(5) != 0);
        expect_one_per_key();
    }
}

/* Then everything answers, and time passes: each intent comes to one end. */
static void expect_all_end(void)
{
    if (!town.owned) {
        town.owned = true;
        for (int i = 0; i < town.count; i++)
            if (town.kept[i].pending)
                calls_offer(world.calls, str_from(town.kept[i].id), &town.kept[i].intent, TASK,
                            town.epoch, CALLS_RESTORED);
        for (int i = 0; i < town.count; i++)
            town.kept[i].held = town.kept[i].pending;
    }
    for (int round = 0; round < 2000; round++) {
        for (size_t n = 0; n < world.sent_count; n++)
            if (!world.sent[n].answered && world.sent[n].smtp) {
                answer_mail(n, SMTP_ACCEPTED, 250);
            } else if (!world.sent[n].answered) {
                bool asks = strcmp(world.sent[n].method, "GET") == 0;
                bool absent = asks && !kept_of_sent(&world.sent[n])->delivered;
                if (!asks)
                    arrives(&world.sent[n]);
                answer_status(n, absent ? 404 : 200);
            }
        commit_some_marks();
        take_replies();
        world.now_ms += 100;
        world.mono_ms += 100;
        tick();
    }
    int pending = 0;
    for (int i = 0; i < town.count; i++)
        pending += town.kept[i].pending;
    CU_ASSERT_EQUAL(pending, 0);
    CU_ASSERT_EQUAL(calls_running(world.calls), 0);
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(stats(i)->in_flight, 0);
        CU_ASSERT_EQUAL(stats(i)->waiting, 0);
    }
}

static void test_promises_hold_whatever_happens(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        unsigned failures = CU_get_number_of_failures();
        run_seed(seed);
        expect_all_end();
        for (int i = 0; i < town.count;
             i++) /* where keys are not honoured, nothing is done twice */
            if (!str_equal(town.kept[i].intent.endpoint, STR("acme")))
                CU_ASSERT_EQUAL(town.kept[i].doubled, 0);
        if (CU_get_number_of_failures() != failures) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
    calls_free(world.calls);
    world.calls = NULL;
}
