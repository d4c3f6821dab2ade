/* Runs seeds: each is one world, several workers of services with real rules, random faults, and an
 * oracle at the end. A failing seed is run again with its trace in plain words.
 *
 *   sim_seeds [--first N] [--count N]          WAYBILL_SEED=N runs that one, and tells all of it
 *   sim_seeds --without GUARD                  in a build with -DGUARDS_REMOVABLE=ON
 *   sim_seeds --without GUARD --until-wrong    until a check finds it that counts (proofs.h)
 *   sim_seeds --guards                         their names
 */
#include "sim/proofs.h"

#include "base/partition.h"
#include "log/log.h"
#include "worker/guards.h"

#include <getopt.h>
#include <inttypes.h>
#include <unistd.h>

enum {
    SIM_PARTITIONS = 3,
    SESSION_MS = 3000,
    REST_LONG_MS = 45000,  /* the same while calls wait in a store */
    REST_MS = 9000,        /* without one new record */
    NOTICE_MS = 30000,     /* for a worker without work to look, and to rebuild after retries */
    REST_MOST_MS = 180000, /* until it must have come to rest */
    STEP_MS = 500,
    TRACE_LINES = 60
};

/* Which services: by the seed. */
enum { SOURCING_EVERY = 4 };

static const struct scenario *scenario_of(uint64_t seed)
{
    return seed % SOURCING_EVERY == 0 ? scenario_sourcing() : &scenario_actor;
}

/* What is counted over all seeds, and printed. */
#define COVERED(X)                                                                                 \
    X(seeds, "seeds")                                                                              \
    X(failed, "failed")                                                                            \
    X(lives, "lives of workers")                                                                   \
    X(take_overs, "take-overs")                                                                    \
    X(wipes, "stores wiped to rebuild them")                                                       \
    X(chunks, "chunks of rebuilds")                                                                \
    X(commits, "commits")                                                                          \
    X(records, "records")                                                                          \
    X(decisions, "decisions")                                                                      \
    X(refused, "refused")                                                                          \
    X(calls, "calls")                                                                              \
    X(withdrawals_in_time, "withdrawals in time")                                                  \
    X(timers_standing, "timers that stand at rest")

static struct {
#define X(name, text) uint64_t name;
    COVERED(X)
#undef X
    uint64_t faults[FAULT_COUNT], deaths[PORT_CALL_COUNT][2], failed_by[CHECK_COUNT];
} covered;

static void settle_settings(struct run *run)
{
    struct faults *faults = &run->world->faults;
    run->cfg = (struct runtime_settings){.environment = {.prefix = STR("t.")},
                                         .batch_bytes_max = 8 * 1024 * 1024,
                                         .records_max = 1 + fake_pick(faults, 12),
                                         .work_ms = 1000,
                                         .event_bytes_max = 100000,
                                         .future_max_ms = 300000,
                                         .changelog_retention_ms = 60000,
                                         .session_timeout_ms = SESSION_MS,
                                         .unknown_schema_wait_ms = 5000};
    if (run->scenario->endpoints)
        run->cfg.endpoints = *run->scenario->endpoints;
}

static void begin(struct run *run, uint64_t seed, bool tells)
{
    *run = (struct run){.seed = seed, .scenario = scenario_of(seed)};
    run->world = fake_world_bare(SIM_PARTITIONS);
    run->world->faults.random = seed * UINT64_C(0xd1342543de82ef95) + 1;
    run->world->faults.tells = tells;
    run->world->dated = true;
    run->world->session_ms = SESSION_MS;
    run->world->txn_timeout_ms = SESSION_MS + fake_pick(&run->world->faults, 2 * SESSION_MS);
    run->world->endpoints = run->scenario->endpoints;
    settle_settings(run);
    run->restore_chunk = 2 + (size_t)fake_pick(&run->world->faults, 10);
    size_t workers = 2 + (size_t)fake_pick(&run->world->faults, 2);
    for (size_t w = 0; w < workers; w++)
        for (size_t s = 0; s < run->scenario->service_count; s++)
            crew_add(run, &run->scenario->services[s].service, run->scenario->services[s].cfg);
    run->lasts_ms = 4000 + fake_pick(&run->world->faults, 14000);
}

static int64_t records_in(const struct fake_world *world)
{
    int64_t count = 0;
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < world->partitions; p++)
            count += world->topics[t].logs[p].count;
    return count;
}

static void trouble(struct run *run)
{
    struct fake_world *world = run->world;
    int64_t until_ms = world->now_ms + run->lasts_ms;
    int64_t every_ms = 100 + fake_pick(&world->faults, 900);
    weather_begin(run);
    run->scenario->begin(run);
    while (world->now_ms < until_ms) {
        crew_work(run, world->now_ms + 1 + fake_pick(&world->faults, every_ms));
        if (fake_pick(&world->faults, 3) > 0)
            run->scenario->load(run);
        else
            weather_trouble(run);
    }
}

static bool calls_wait(const struct fake_world *world)
{
    for (size_t g = 0; g < world->group_count; g++)
        for (int32_t p = 0; p < world->partitions; p++)
            for (size_t i = 0; i < world->redis[g].shelves[p].count; i++)
                if (world->redis[g].shelves[p].fields[i].score < 0)
                    return true;
    return false;
}

static void come_to_rest(struct run *run, int64_t least_ms)
{
    struct fake_world *world = run->world;
    int64_t last = -1, rested_ms = 0, until_ms = world->now_ms + REST_MOST_MS;
    bool rests = false;
    while (!rests && world->now_ms < until_ms) {
        crew_work(run, world->now_ms + STEP_MS);
        int64_t now = records_in(world);
        rested_ms = now == last ? rested_ms + STEP_MS : 0;
        last = now;
        rests = rested_ms >= (calls_wait(world) ? REST_LONG_MS : least_ms);
    }
    if (!rests)
        run_wrong(run, CHECK_REST, "it does not come to rest");
}

/* A store that lost something while its task had nothing to do is found out with the next event. */
static void touch_all_tasks(struct run *run)
{
    char key[16];
    for (int32_t p = 0; p < run->world->partitions; p++) {
        int n = 0;
        do
            snprintf(key, sizeof(key), "touch%d", n++);
        while (partition_of(str_from(key), run->world->partitions) != p);
        run->scenario->touch(run, key);
    }
}

/* Nor is an event needed: a worker without work looks. */
static void empty_a_store(struct run *run, uint64_t seed)
{
    for (size_t s = 0; s < run->scenario->service_count; s++)
        fake_redis_empty(&run->world->redis[s], (int32_t)(seed % SIM_PARTITIONS));
}

static void add_up(const struct run *run)
{
    const struct fake_world *world = run->world;
    covered.seeds++;
    covered.failed += run->wrong_count > 0;
    covered.lives += (uint64_t)run->crew.lives;
    covered.take_overs += run->crew.take_overs;
    covered.wipes += world->wipes;
    covered.chunks += world->chunks;
    covered.commits += run->crew.commits;
    covered.records += run->records;
    covered.decisions += run->decisions;
    covered.refused += run->refused;
    covered.calls += world->deed_count;
    covered.withdrawals_in_time += run->withdrawals_in_time;
    covered.timers_standing += run->timers_standing;
    for (int i = 0; i < CHECK_COUNT; i++)
        covered.failed_by[i] += run->failed >> i & 1U;
    for (int i = 0; i < FAULT_COUNT; i++)
        covered.faults[i] += world->faults.counts[i];
    for (int i = 0; i < PORT_CALL_COUNT; i++)
        for (int served = 0; served < 2; served++)
            covered.deaths[i][served] += run->crew.deaths[i][served];
}

/* Returns the checks that failed. */
static unsigned run_seed(uint64_t seed, bool tells)
{
    static struct run run;
    begin(&run, seed, tells);
    trouble(&run);
    weather_end(&run);
    come_to_rest(&run, REST_MS);
    bool touched = seed / SOURCING_EVERY % 2 == 0;
    if (touched)
        touch_all_tasks(&run);
    else
        empty_a_store(&run, seed);
    come_to_rest(&run, touched ? REST_MS : NOTICE_MS);
    if (run.wrong_count == 0)
        oracle_check(&run);
    if (run.wrong_count == 0 && run.scenario->check)
        run.scenario->check(&run);
    crew_leave(&run);
    if (!tells)
        add_up(&run);
    for (size_t i = 0; i < run.wrong_kept && tells; i++)
        fprintf(stderr, "seed %" PRIu64 " (%s): %s\n", seed, run.scenario->name, run.wrong[i]);
    fake_world_free(run.world);
    return run.failed;
}

static void print_covered(void)
{
    const char *before = "";
#define X(name, text)                                                                              \
    printf("%s%" PRIu64 " %s", before, covered.name, text);                                        \
    before = ", ";
    COVERED(X)
#undef X
    if (covered.failed > 0)
        printf("\nfailed by:");
    for (int i = 0; i < CHECK_COUNT; i++)
        if (covered.failed_by[i] > 0)
            printf(" %s %" PRIu64 ";", run_check_names[i], covered.failed_by[i]);
    printf("\nfaults:");
    for (int i = 0; i < FAULT_COUNT; i++)
        printf("%s %s %" PRIu64, i ? "," : "", fault_names[i], covered.faults[i]);
    printf("\ncrash points (before/after the call was served):");
    for (int i = 0; i < PORT_CALL_COUNT; i++)
        printf("%s %s %" PRIu64 "/%" PRIu64, i ? "," : "", port_call_names[i], covered.deaths[i][0],
               covered.deaths[i][1]);
    printf("\n");
}

#ifdef GUARDS_REMOVABLE
static bool remove_guard(const char *word)
{
#define X(name, named, text)                                                                       \
    if (strcmp(word, named) == 0)                                                                  \
        guard_removed = GUARD_##name;
    WORKER_GUARDS(X)
#undef X
    if (guard_removed == GUARD_NONE)
        fprintf(stderr, "there is no guard \"%s\"\n", word);
    return guard_removed != GUARD_NONE;
}
#else
static bool remove_guard(const char *word)
{
    fprintf(stderr, "guard \"%s\" stands: it takes a build with -DGUARDS_REMOVABLE=ON\n", word);
    return false;
}
#endif

static unsigned proofs_of_removed(void)
{
    unsigned checks = ~0U;
#ifdef GUARDS_REMOVABLE
#define X(name, proof)                                                                             \
    if (guard_removed == GUARD_##name)                                                             \
        checks = (proof);
    PROOFS(X)
#undef X
#endif
    return checks;
}

static void print_checks(unsigned checks)
{
    const char *before = "";
    for (int i = 0; i < CHECK_COUNT; i++)
        if ((checks >> i & 1U) != 0) {
            printf("%s%s", before, run_check_names[i]);
            before = ", ";
        }
    printf("\n");
}

struct asked {
    uint64_t first, count;
    bool until_wrong, guards;
};

/* 0 = *out is what to do; else the exit status. */
static int read_flags(int argc, char **argv, struct asked *out)
{
    static const struct option options[] = {
        {"first", required_argument, NULL, 'f'},   {"count", required_argument, NULL, 'c'},
        {"without", required_argument, NULL, 'w'}, {"until-wrong", no_argument, NULL, 'u'},
        {"guards", no_argument, NULL, 'g'},        {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f')
            out->first = strtoull(optarg, NULL, 10);
        else if (option == 'c')
            out->count = strtoull(optarg, NULL, 10);
        else if (option == 'u')
            out->until_wrong = true;
        else if (option == 'g')
            out->guards = true;
        else if (option != 'w' || !remove_guard(optarg))
            return 2;
    }
    return 0;
}

static void print_guards(void)
{
#define X(name, word, text) printf("%s\n", word);
    WORKER_GUARDS(X)
#undef X
}

/* Many seeds that never met a thing prove nothing about it. Returns how many things. */
static uint64_t tell_unmet(uint64_t seeds)
{
    enum { SEEDS_ENOUGH = 2000 };
    uint64_t unmet = 0;
    if (seeds < SEEDS_ENOUGH)
        return 0;
#define X(name, text)                                                                              \
    if (covered.name == 0 && &covered.name != &covered.failed && ++unmet)                          \
        printf("check that there are %s: failed\n", text);
    COVERED(X)
#undef X
    for (int i = 0; i < FAULT_COUNT; i++)
        if (covered.faults[i] == 0 && ++unmet)
            printf("check that there is '%s': failed\n", fault_names[i]);
    return unmet;
}

/* Returns how many seeds failed, and what many seeds never met. */
static uint64_t run_many(const struct asked *asked)
{
    uint64_t wrong = 0;
    for (uint64_t seed = asked->first; seed < asked->first + asked->count; seed++) {
        unsigned failed = run_seed(seed, false);
        if (failed == 0)
            continue;
        wrong++;
        if (asked->until_wrong && (failed & proofs_of_removed()) != 0) {
            printf("wrong after %" PRIu64 " seeds, %" PRIu64 " before it by other checks: ",
                   seed - asked->first + 1, wrong - 1);
            print_checks(failed & proofs_of_removed());
            run_seed(seed, true);
            return wrong;
        }
        if (asked->until_wrong)
            continue;
        printf("failed: WAYBILL_SEED=%" PRIu64 "\n", seed);
    }
    print_covered();
    printf("check %" PRIu64 " seeds of several workers: %s\n", asked->count,
           wrong ? "failed" : "ok");
    return wrong + tell_unmet(asked->count);
}

int main(int argc, char **argv)
{
    struct asked asked = {.first = 1, .count = 100};
    const char *only = getenv("WAYBILL_SEED");
    int status = read_flags(argc, argv, &asked);
    if (status != 0)
        return status;
    if (asked.guards) {
        print_guards();
        return 0;
    }
    log_setup(&(struct log_options){.service = "sim", .level = LOG_ERROR, .fd = -1});
    for (uint64_t seed = 0; seed < 2; seed++)
        witness_all(scenario_of(seed)->services, scenario_of(seed)->service_count);
    uint64_t wrong = only ? run_seed(strtoull(only, NULL, 10), true) : run_many(&asked);
    crew_free_stacks();
    return wrong > 0;
}
