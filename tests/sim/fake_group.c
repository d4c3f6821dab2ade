/* The consumer group: generations, static members, who has what, and who does not know yet.
 *
 * Partitions are given out topic by topic as the range assignor does, among the members that see
 * the topic. A member hears of a new generation some time later, in its poll; until then it holds
 * what it had, and the broker refuses its offsets. */
#include "sim/fake_state.h"

static size_t input_count(const struct service *service)
{
    size_t count = 0;
    while (service->inputs[count])
        count++;
    return count;
}

struct group *group_of(struct fake_world *world, const struct service *service)
{
    for (size_t i = 0; i < world->group_count; i++)
        if (strcmp(world->groups[i].service->name, service->name) == 0) {
            world->groups[i].service = service; /* perhaps another version */
            return &world->groups[i];
        }
    assert(world->group_count < GROUPS_MAX);
    struct group *group = &world->groups[world->group_count++];
    group->world = world;
    group->service = service;
    memset(group->committed, 0xff, sizeof(group->committed));
    return group;
}

static void share_out(struct group *group, int32_t input)
{
    struct seat *seeing[SEATS_MAX];
    int32_t seers = 0, partitions = group->world->partitions;
    for (size_t s = 0; s < SEATS_MAX; s++)
        if (group->seats[s].taken && !group->seats[s].blind[input])
            seeing[seers++] = &group->seats[s];
    for (int32_t p = 0; seers > 0 && p < partitions; p++) {
        struct seat *seat = seeing[p * seers / partitions];
        if (!group->hidden[p])
            seat->assigned[seat->assigned_count++] = (struct kafka_partition){input, p, 0};
    }
}

static void share_out_all(struct group *group)
{
    for (size_t s = 0; s < SEATS_MAX; s++)
        group->seats[s].assigned_count = 0;
    for (size_t input = 0; input < input_count(group->service); input++)
        share_out(group, (int32_t)input);
}

/* When a member hears of it. */
static int64_t learns_at(struct group *group)
{
    struct fake_world *world = group->world;
    if (!world->turns.wait)
        return world->now_ms;
    if (fake_goes_wrong(&world->faults, FAULT_ZOMBIE))
        return world->now_ms + fake_pick(&world->faults, 2 * world->session_ms);
    return world->now_ms + fake_pick(&world->faults, 200);
}

void group_rebalance(struct group *group, const char *why)
{
    group->generation++;
    share_out_all(group);
    fake_tell(&group->world->faults, 0, "%s: rebalance, generation %d: %s", group->service->name,
              (int)group->generation, why);
    for (size_t s = 0; s < SEATS_MAX; s++)
        if (group->seats[s].process)
            group->seats[s].process->learns_ms = learns_at(group);
}

static struct seat *seat_named(struct group *group, const char *instance)
{
    struct seat *free_one = NULL;
    for (size_t s = 0; s < SEATS_MAX; s++) {
        struct seat *seat = &group->seats[s];
        if (seat->taken && strcmp(seat->instance, instance) == 0)
            return seat;
        if (!seat->taken && !free_one)
            free_one = seat;
    }
    assert(free_one);
    return free_one;
}

void group_join(struct fake_process *process)
{
    struct group *group = process->group;
    struct seat *seat = seat_named(group, process->instance);
    struct fake_world *world = group->world;
    bool known = seat->taken;
    if (seat->process && seat->process != process)
        seat->process->fenced = true;
    seat->process = process;
    seat->beat_ms = world->now_ms;
    process->seat = seat;
    process->generation = 0;
    process->contact_ms = world->now_ms;
    process->learns_ms = learns_at(group);
    if (known) /* static: it gets back what it had, and nobody else hears of it */
        return;
    seat->taken = true;
    snprintf(seat->instance, sizeof(seat->instance), "%s", process->instance);
    group_rebalance(group, "a member joins");
}

/* It was written off while it was not looking. */
static void join_again(struct fake_process *process)
{
    process->epoch++;
    process->assigned_count = 0;
    memset(process->running, 0, sizeof(process->running));
    group_join(process);
}

bool group_follow(struct fake_process *process)
{
    struct group *group = process->group;
    struct fake_world *world = process->world;
    if (!process->seat) {
        join_again(process);
        return true;
    }
    if (process->generation == group->generation) {
        process->contact_ms = world->now_ms; /* a zombie has none */
        return false;
    }
    if (world->now_ms < process->learns_ms)
        return false;
    process->epoch++;
    memset(process->running, 0, sizeof(process->running));
    if (!process->revoked && world->turns.wait && fake_pick(&world->faults, 2) == 0) {
        process->revoked = true;
        process->assigned_count = 0;
        return true;
    }
    process->revoked = false;
    process->generation = group->generation;
    process->contact_ms = world->now_ms;
    process->assigned_count = process->seat->assigned_count;
    memcpy(process->assigned, process->seat->assigned, sizeof(process->assigned));
    fake_tell(&world->faults, process->number, "gets %zu partitions", process->assigned_count);
    return true;
}

bool group_knows(const struct fake_process *process, uint64_t generation)
{
    return process->seat && process->seat->process == process &&
           generation == process->group->generation;
}

void group_advance(struct group *group)
{
    struct fake_world *world = group->world;
    const char *why = NULL;
    for (size_t s = 0; s < SEATS_MAX; s++) {
        struct seat *seat = &group->seats[s];
        if (!seat->taken)
            continue;
        if (seat->process && seat->process->alive && !seat->process->stopped)
            seat->beat_ms = world->now_ms;
        if (world->session_ms > 0 && world->now_ms - seat->beat_ms > world->session_ms) {
            fake_count(&world->faults, FAULT_EVICTED);
            fake_tell(&world->faults, 0, "%s: member %s is written off", group->service->name,
                      seat->instance);
            if (seat->process)
                seat->process->seat = NULL;
            *seat = (struct seat){0};
            why = "a member was written off";
        }
    }
    if (why)
        group_rebalance(group, why);
}

/* ---- by hand ---- */

void fake_world_rebalance(struct fake_world *world)
{
    group_rebalance(&world->groups[0], "on request");
    for (size_t i = 0; i < world->process_count; i++)
        group_follow(&world->processes[i]);
}

void fake_world_rebalance_after(struct fake_world *world, int records)
{
    world->rebalance_after = records;
}

void fake_world_hide_input(struct fake_world *world, int32_t input, bool hide)
{
    for (size_t s = 0; s < SEATS_MAX; s++)
        world->groups[0].seats[s].blind[input] = hide;
}

void fake_world_hide_partition(struct fake_world *world, int32_t partition, bool hide)
{
    world->groups[0].hidden[partition] = hide;
}

void fake_world_contact_age(struct fake_world *world, int64_t ms)
{
    world->contact_age_ms = ms;
}

void fake_world_lag(struct fake_world *world, int64_t records)
{
    world->lag = records;
}

int64_t fake_world_committed(const struct fake_world *world, int32_t input, int32_t partition)
{
    return world->groups[0].committed[input][partition];
}

void fake_world_forget_committed(struct fake_world *world, int32_t input)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        world->groups[0].committed[input][p] = KAFKA_NO_OFFSET;
}

void fake_world_set_partitions(struct fake_world *world, int32_t count)
{
    assert(count <= PARTITIONS_MAX);
    world->partitions = count;
}
