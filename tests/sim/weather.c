/* What goes wrong, and how often: every run has a weather of its own. */
#include "sim/run.h"

enum { SKEW_MS = 8000, RETENTION_MS = 60000 };

/* Of 10,000 calls, at most. */
static const int32_t most[FAULT_COUNT] = {
    [FAULT_COMMIT_REFUSED] = 800,
    [FAULT_COMMIT_ANSWER_LOST] = 1200,
    [FAULT_COMMIT_REQUEST_LOST] = 800,
    [FAULT_COMMIT_REQUEST_LATE] = 1500,
    [FAULT_MARKERS_SLOW] = 3000,
    [FAULT_KAFKA_AWAY] = 200,
    [FAULT_ZOMBIE] = 5000,
    [FAULT_STOPPED] = 12,
    [FAULT_CRASHED] = 25,
    [FAULT_STORE_CUT] = 500,
    [FAULT_CALL_NOT_SENT] = 1500,
    [FAULT_CALL_LOST] = 1500,
    [FAULT_CALL_ANSWER_LOST] = 2500,
    [FAULT_CALL_LATE] = 2500,
    [FAULT_CALL_REFUSED] = 1000,
    [FAULT_CALL_BUSY] = 1000,
    [FAULT_DUPLICATE] = 2500,
    [FAULT_FOREIGN] = 500,
};

/* Little goes wrong but that workers are stopped at a call, for about as long as the group waits
 * and a transaction may take, and that Redis loses all. Their records wait for the commit. */
static void season_of_sleepers(struct run *run)
{
    enum { OFTEN = 40 };
    struct faults *faults = &run->world->faults;
    run->sleepers = true;
    run->world->lingers = true;
    faults->per_10000[FAULT_STOPPED] = OFTEN;
    faults->per_10000[FAULT_ZOMBIE] = most[FAULT_ZOMBIE];
    faults->per_10000[FAULT_MARKERS_SLOW] = most[FAULT_MARKERS_SLOW];
    faults->per_10000[FAULT_CALL_NOT_SENT] = most[FAULT_CALL_NOT_SENT];
}

void weather_begin(struct run *run)
{
    struct faults *faults = &run->world->faults;
    if (fake_pick(faults, 4) == 0) {
        season_of_sleepers(run);
        return;
    }
    for (int i = 0; i < FAULT_COUNT; i++)
        if (most[i] > 0 && fake_pick(faults, 3) > 0)
            faults->per_10000[i] = (int32_t)(1 + fake_pick(faults, most[i]));
}

static struct hand *somebody(struct run *run)
{
    struct hand *hand =
        &run->crew.hands[fake_pick(&run->world->faults, (int64_t)run->crew.hand_count)];
    return hand->live && hand->process->alive ? hand : NULL;
}

static struct group *some_group(struct run *run)
{
    struct fake_world *world = run->world;
    return &world->groups[fake_pick(&world->faults, (int64_t)world->group_count)];
}

static struct redis *some_redis(struct run *run)
{
    return &run->world->redis[fake_pick(&run->world->faults, (int64_t)run->world->group_count)];
}

static void rebalance(struct run *run)
{
    fake_count(&run->world->faults, FAULT_REBALANCE);
    group_rebalance(some_group(run), "for no reason");
}

/* A member does not see one of the topics; or sees all again. */
static void blind(struct run *run)
{
    struct faults *faults = &run->world->faults;
    struct group *group = some_group(run);
    struct seat *seat = &group->seats[fake_pick(faults, SEATS_MAX)];
    if (!seat->taken)
        return;
    int64_t input = fake_pick(faults, 3);
    seat->blind[input] = !seat->blind[input] && fake_pick(faults, 3) > 0;
    if (seat->blind[input])
        fake_count(faults, FAULT_BLIND);
    fake_tell(faults, 0, "member %s %s topic %d", seat->instance,
              seat->blind[input] ? "does not see" : "sees", (int)input);
    group_rebalance(group, "a member's view has changed");
}

static void scale(struct run *run)
{
    struct hand *hand =
        &run->crew.hands[fake_pick(&run->world->faults, (int64_t)run->crew.hand_count)];
    fake_count(&run->world->faults, FAULT_SCALED);
    hand->wanted = !hand->wanted;
    if (hand->live && !hand->wanted)
        hand->leaves = true;
    fake_tell(&run->world->faults, 0, "%s %s is %s", hand->service->name, hand->instance,
              hand->wanted ? "wanted" : "told to leave");
}

static void kill_somebody(struct run *run)
{
    struct hand *hand = somebody(run);
    if (!hand || run->world->faults.per_10000[FAULT_CRASHED] == 0)
        return;
    fake_count(&run->world->faults, FAULT_CRASHED);
    fake_tell(&run->world->faults, hand->process->number, "is killed");
    crew_kill(run, hand);
}

static void stop_somebody(struct run *run)
{
    struct hand *hand = somebody(run);
    if (!hand || run->world->faults.per_10000[FAULT_STOPPED] == 0)
        return;
    fake_count(&run->world->faults, FAULT_STOPPED);
    fake_tell(&run->world->faults, hand->process->number, "is stopped");
    crew_stop(run, hand, fake_pick(&run->world->faults, 4 * run->world->session_ms));
}

/* The cleaner works on changelogs up to some offset; deletions stay for as long as they must. */
static void compact(struct run *run)
{
    struct fake_world *world = run->world;
    struct group *group = some_group(run);
    int32_t partition = (int32_t)fake_pick(&world->faults, world->partitions);
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s.changelog", world->prefix, group->service->name);
    struct log *log = fake_log_of(world, name, partition);
    fake_count(&world->faults, FAULT_COMPACTED);
    int64_t up_to = fake_pick(&world->faults, log->count + 1);
    fake_log_compact(log, up_to);
    fake_tell(&world->faults, 0, "%s is compacted up to %d", name, (int)up_to);
}

static void clock_jumps(struct run *run)
{
    struct hand *hand = somebody(run);
    if (!hand)
        return;
    fake_count(&run->world->faults, FAULT_CLOCK);
    hand->process->skew_ms = fake_pick(&run->world->faults, 2 * SKEW_MS) - SKEW_MS;
    fake_tell(&run->world->faults, hand->process->number, "its clock is %d ms off",
              (int)hand->process->skew_ms);
}

static void redis_trouble(struct run *run)
{
    static const struct {
        enum fake_fault fault;
        const char *says;
        bool reads_well;
    } kinds[] = {{FAULT_STORE_LOADING, "LOADING", false},
                 {FAULT_STORE_READONLY, "READONLY", true},
                 {FAULT_STORE_OOM, "OOM", true}};
    struct redis *redis = some_redis(run);
    int64_t kind = fake_pick(&run->world->faults, 3);
    redis->trouble = kinds[kind].says;
    redis->reads_well = kinds[kind].reads_well;
    redis->trouble_until_ms = run->world->now_ms + fake_pick(&run->world->faults, 2500);
    fake_count(&run->world->faults, kinds[kind].fault);
    fake_tell(&run->world->faults, 0, "Redis says %s for a while", redis->trouble);
}

static void redis_loses(struct run *run)
{
    struct fake_world *world = run->world;
    struct redis *redis = some_redis(run);
    bool all = fake_pick(&world->faults, 3) == 0;
    int64_t only =
        fake_pick(&world->faults, 2) == 0 ? fake_pick(&world->faults, world->partitions) : -1;
    int writes = 1 + (int)fake_pick(&world->faults, run->sleepers ? 3 : SHELF_HISTORY);
    fake_count(&world->faults, all ? FAULT_STORE_EMPTY : FAULT_STORE_SUFFIX);
    for (int32_t p = 0; p < world->partitions; p++) {
        if (only >= 0 && only != p)
            continue;
        if (all)
            fake_redis_empty(redis, p);
        else
            fake_redis_go_back(redis, p, writes);
    }
    if (all)
        fake_tell(&world->faults, 0, "Redis loses everything (task %d; -1 = all)", (int)only);
    else
        fake_tell(&world->faults, 0, "Redis loses %d writes (task %d; -1 = all)", writes,
                  (int)only);
}

static void redis_stale(struct run *run)
{
    struct redis *redis = some_redis(run);
    fake_count(&run->world->faults, FAULT_STORE_STALE);
    redis->stale_until_ms = run->world->now_ms + fake_pick(&run->world->faults, 500);
    redis->stale_by = (int)fake_pick(&run->world->faults, 4);
    fake_tell(&run->world->faults, 0, "Redis answers from %d writes ago for a while",
              redis->stale_by + 1);
}

void weather_trouble(struct run *run)
{
    static void (*const kinds[])(struct run *) = {
        rebalance, rebalance, blind,         blind,       scale,       kill_somebody, stop_somebody,
        compact,   compact,   redis_trouble, redis_loses, redis_loses, redis_stale,   clock_jumps};
    static void (*const of_sleepers[])(struct run *) = {rebalance, redis_loses, redis_loses};
    if (run->sleepers)
        of_sleepers[fake_pick(&run->world->faults, 3)](run);
    else
        kinds[fake_pick(&run->world->faults, (int64_t)(sizeof(kinds) / sizeof(kinds[0])))](run);
}

void weather_end(struct run *run)
{
    struct fake_world *world = run->world;
    memset(world->faults.per_10000, 0, sizeof(world->faults.per_10000));
    for (size_t g = 0; g < world->group_count; g++) {
        for (size_t s = 0; s < SEATS_MAX; s++)
            memset(world->groups[g].seats[s].blind, 0, sizeof(world->groups[g].seats[s].blind));
        world->redis[g].trouble_until_ms = world->redis[g].stale_until_ms = 0;
        group_rebalance(&world->groups[g], "all trouble is over");
    }
    for (size_t i = 0; i < run->crew.hand_count; i++) {
        struct hand *hand = &run->crew.hands[i];
        hand->wanted = true;
    }
    run->crew.calm = true;
    run->sleepers = world->lingers = false;
    fake_tell(&world->faults, 0, "all trouble is over");
}
