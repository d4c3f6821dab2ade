/* Processes in the world, what happens to them around each call, and time. */
#include "sim/fake_state.h"

struct str fake_keep(struct str s)
{
    if (!s.ptr)
        return s;
    char *copy = malloc(s.len + 1);
    assert(copy);
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

void fake_drop(struct str *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = (struct str){NULL, 0};
}

void fake_advance(struct fake_world *world)
{
    broker_advance(world);
    outside_advance(world);
    for (size_t i = 0; i < world->group_count; i++)
        group_advance(&world->groups[i]);
}

bool fake_enter(struct fake_process *process, enum port_call call)
{
    struct fake_turns *turns = &process->world->turns;
    if (process->alive && turns->around)
        turns->around(turns->self, process, call, false);
    return process->alive;
}

void fake_leave(struct fake_process *process, enum port_call call)
{
    struct fake_turns *turns = &process->world->turns;
    if (process->alive && turns->around)
        turns->around(turns->self, process, call, true);
}

bool fake_wait(struct fake_process *process, int64_t ms)
{
    struct fake_turns *turns = &process->world->turns;
    if (!turns->wait || !process->alive)
        return false;
    turns->wait(turns->self, process, ms);
    return process->alive;
}

/* For a process that is dead but has not noticed yet, time flies: its loops come to their ends. */
static int64_t flies(struct fake_process *process)
{
    if (!process->alive)
        process->dead_ms += 10;
    return process->dead_ms;
}

static int64_t clock_now(void *self)
{
    struct fake_process *process = self;
    return process->world->now_ms + process->skew_ms + flies(process);
}

static int64_t clock_mono(void *self)
{
    struct fake_process *process = self;
    return process->world->mono_ms + flies(process);
}

static void fill_ports(struct fake_process *process)
{
    process->ports = (struct ports){
        .log = {.self = process},
        .store = {.self = process},
        .clock = {
            .self = process, .now_ms = clock_now, .wall_ms = clock_now, .mono_ms = clock_mono}};
    fake_consumer_port(&process->ports.log);
    fake_producer_port(&process->ports.log);
    fake_store_port(&process->ports.store);
    process->transports = (struct transports){.self = process};
    fake_outside_port(&process->transports);
}

static struct fake_process *free_place(struct fake_world *world)
{
    for (size_t i = 0; i < world->process_count; i++)
        if (!world->processes[i].world)
            return &world->processes[i];
    assert(world->process_count < PROCESSES_MAX);
    return &world->processes[world->process_count++];
}

struct fake_process *fake_process_start(struct fake_world *world, const struct service *service,
                                        const char *instance, int number)
{
    struct fake_process *process = free_place(world);
    struct group *group = group_of(world, service);
    char id[2 * NAME];
    *process = (struct fake_process){.world = world,
                                     .group = group,
                                     .redis = &world->redis[group - world->groups],
                                     .number = number,
                                     .alive = true};
    snprintf(process->instance, sizeof(process->instance), "%s", instance);
    snprintf(id, sizeof(id), "%s-%s", service->name, instance);
    process->txn = broker_txn(world, id);
    process->ready = broker_init(world, process->txn, &process->txn_epoch) == BROKER_OK;
    fill_ports(process);
    return process;
}

void fake_process_kill(struct fake_process *process)
{
    process->alive = false;
    if (process->seat && process->seat->process == process)
        process->seat->process = NULL;
    fake_outside_forget(process);
}

void fake_process_done(struct fake_process *process)
{
    fake_process_kill(process);
    fake_producer_done(process);
    process->world = NULL;
}

struct fake_world *fake_world_bare(int32_t partitions)
{
    struct fake_world *world = calloc(1, sizeof(*world));
    assert(world && partitions <= PARTITIONS_MAX);
    world->partitions = partitions;
    world->prefix = "t.";
    world->now_ms = FAKE_WORLD_BEGAN_MS;
    world->rebalance_after = -1;
    world->contact_age_ms = -1;
    world->next_status = 200;
    world->faults = (struct faults){.began_ms = FAKE_WORLD_BEGAN_MS, .now_ms = &world->now_ms};
    return world;
}

void fake_world_free(struct fake_world *world)
{
    for (size_t i = 0; i < world->process_count; i++)
        if (world->processes[i].world)
            fake_process_done(&world->processes[i]);
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++)
            fake_log_free(&world->topics[t].logs[p]);
    for (size_t i = 0; i < world->group_count; i++)
        fake_redis_free(&world->redis[i]);
    free(world);
}

/* ---- by hand: the one process ---- */

struct fake_world *fake_world_new(const struct service *service, int32_t partitions)
{
    struct fake_world *world = fake_world_bare(partitions);
    fake_process_start(world, service, "one", 1);
    return world;
}

struct ports *fake_world_ports(struct fake_world *world)
{
    return &world->processes[0].ports;
}

const struct transports *fake_world_transports(struct fake_world *world)
{
    return &world->processes[0].transports;
}

void fake_world_crash(struct fake_world *world)
{
    const struct service *service = world->processes[0].group->service;
    if (world->processes[0].seat)
        world->processes[0].seat->taken = false; /* so that what is hidden now counts */
    fake_process_done(&world->processes[0]);
    fake_process_start(world, service, "one", 1);
}

void fake_world_pass(struct fake_world *world, int64_t ms)
{
    world->now_ms += ms;
    world->mono_ms += ms;
    fake_advance(world);
}
