#include "sim/run.h"

#include "worker/loop.h"

#include <sys/mman.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define FIBER_LEAVES(save, bottom, size) __sanitizer_start_switch_fiber((save), (bottom), (size))
#define FIBER_COMES(save, bottom, size)  __sanitizer_finish_switch_fiber((save), (bottom), (size))
#else
#define FIBER_LEAVES(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define FIBER_COMES(save, bottom, size)  ((void)(save), (void)(bottom), (void)(size))
#endif

enum {
    STACK_BYTES = 1024 * 1024,
    GUARD_BYTES = 4096,
    OPEN_AGAIN_MS = 300,
    DRAIN_MS = 4000,
    SHORT_DELAY_MS = 30,
    LONG_DELAY_MS = 1500
};

static void *stacks[HANDS_MAX];
static struct hand *beginning;  /* which life `live` is to lead */
static const void *main_bottom; /* of the stack that the crew itself runs on */
static size_t main_size;

/* ---- switching ---- */

static void *stack_of(size_t number)
{
    if (!stacks[number]) {
        stacks[number] = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert(stacks[number] != MAP_FAILED);
        assert(mprotect(stacks[number], GUARD_BYTES, PROT_NONE) == 0);
    }
    return (char *)stacks[number] + GUARD_BYTES;
}

void crew_free_stacks(void)
{
    for (size_t i = 0; i < HANDS_MAX; i++)
        if (stacks[i])
            munmap(stacks[i], STACK_BYTES + GUARD_BYTES);
}

/* From a hand's stack to the crew's. */
static void yield(struct hand *hand, int64_t ms)
{
    hand->wakes_ms = hand->run->world->now_ms + ms;
    FIBER_LEAVES(&hand->asan_stack, main_bottom, main_size);
    swapcontext(&hand->context, &hand->run->crew.context);
    FIBER_COMES(hand->asan_stack, &main_bottom, &main_size);
}

static void resume(struct hand *hand)
{
    void *asan_stack = NULL;
    FIBER_LEAVES(&asan_stack, hand->stack, STACK_BYTES);
    swapcontext(&hand->run->crew.context, &hand->context);
    FIBER_COMES(asan_stack, NULL, NULL);
}

/* ---- a life ---- */

static void fatal(struct hand *hand, const struct error *err)
{
    if (!hand->process->alive || hand->process->fenced)
        return;
    run_wrong(hand->run, CHECK_ALIVE, "worker %d cannot go on: %s", hand->process->number,
              err->text);
}

static bool open_worker(struct hand *hand, struct error *err)
{
    const struct worker_parts parts = {.service = hand->service,
                                       .cfg = &hand->run->cfg,
                                       .service_cfg = hand->service_cfg,
                                       .ports = &hand->process->ports,
                                       .transports = &hand->process->transports,
                                       .metrics = hand->metrics,
                                       .seed = hand->run->seed + (uint64_t)hand->process->number,
                                       .restore_chunk_records = hand->run->restore_chunk};
    while (hand->process->alive) {
        *err = (struct error){0};
        if (worker_open(&hand->worker, &parts, err) == 0)
            return true;
        worker_close(&hand->worker);
        if (err->action != ERROR_RETRY) {
            fatal(hand, err);
            return false;
        }
        fake_wait(hand->process, OPEN_AGAIN_MS);
    }
    return false;
}

/* As the process does at SIGTERM. */
static void drain(struct hand *hand, struct error *err)
{
    struct worker *worker = &hand->worker;
    struct log_port *log = &worker->ports->log;
    int64_t until_ms = hand->run->world->now_ms + DRAIN_MS;
    const struct kafka_partition *assigned;
    worker->draining = true;
    size_t assigned_count = log->assignment(log->self, &assigned);
    if (log->pause(log->self, assigned, assigned_count, err))
        fake_tell(&hand->run->world->faults, hand->process->number, "cannot pause to leave");
    do {
        if (loop_turn(worker, err)) {
            fatal(hand, err);
            return;
        }
    } while (hand->process->alive && calls_running(worker->calls) > 0 &&
             hand->run->world->now_ms < until_ms);
    if (hand->process->alive && loop_turn(worker, err))
        fatal(hand, err);
}

static void count_what_it_did(struct hand *hand)
{
    struct crew *crew = &hand->run->crew;
    crew->take_overs += counter_value(hand->worker.meters.takeovers);
    crew->commits += counter_value(hand->worker.meters.batches);
}

static void work(struct hand *hand)
{
    struct error err = {0};
    if (!open_worker(hand, &err))
        return;
    bool failed = false;
    while (hand->process->alive && !hand->leaves && !failed) {
        failed = loop_turn(&hand->worker, &err) != 0;
        if (failed)
            fatal(hand, &err);
    }
    if (hand->process->alive && !failed)
        drain(hand, &err);
    count_what_it_did(hand);
    worker_close(&hand->worker);
}

static void live(void)
{
    struct hand *hand = beginning;
    FIBER_COMES(NULL, &main_bottom, &main_size);
    work(hand);
    fake_tell(&hand->run->world->faults, hand->process->number, "is gone");
    fake_process_done(hand->process);
    hand->process = NULL;
    hand->live = false;
    FIBER_LEAVES(NULL, main_bottom, main_size);
    setcontext(&hand->run->crew.context);
}

static void begin_life(struct hand *hand)
{
    struct run *run = hand->run;
    hand->process =
        fake_process_start(run->world, hand->service, hand->instance, ++run->crew.lives);
    hand->live = true;
    hand->leaves = false;
    hand->stopped_until_ms = 0;
    hand->wakes_ms = run->world->now_ms;
    fake_tell(&run->world->faults, hand->process->number, "begins as %s %s", hand->service->name,
              hand->instance);
    beginning = hand;
    getcontext(&hand->context);
    hand->context.uc_stack.ss_sp = hand->stack;
    hand->context.uc_stack.ss_size = STACK_BYTES;
    hand->context.uc_link = NULL;
    makecontext(&hand->context, live, 0);
    resume(hand);
}

/* ---- what happens around a call ---- */

static struct hand *hand_of(struct run *run, const struct fake_process *process)
{
    for (size_t i = 0; i < run->crew.hand_count; i++)
        if (run->crew.hands[i].process == process)
            return &run->crew.hands[i];
    abort(); /* not one of ours */
}

/* Calls that are made all the time are left alone more often, so that each gets its share. */
static int times_as_likely(enum port_call call)
{
    switch (call) {
    case CALL_POLL:
    case CALL_COLLECT:
    case CALL_PRODUCE:
    case CALL_PARTITIONS_OF:
        return 1;
    case CALL_SEND_OFFSETS:
    case CALL_COMMIT:
    case CALL_APPLY:
    case CALL_SUBMIT:
    case CALL_WIPE:
    case CALL_CHANGELOG_START:
    case CALL_CHANGELOG_NEXT:
    case CALL_REOPEN:
        return 12;
    case CALL_TABLES_NEXT:
    case CALL_SEEK:
    case CALL_PAUSE:
    case CALL_RESUME:
    case CALL_COMMITTED_OFFSET:
    case CALL_BEGIN:
    case CALL_PUBLISH:
    case CALL_WATERMARKS:
    case CALL_LOAD:
    case CALL_DUE:
    case CALL_PENDING_CALLS:
    case CALL_EARLIEST:
    case PORT_CALL_COUNT:
        break;
    }
    return 4;
}

static bool strikes(struct faults *faults, enum fake_fault fault, enum port_call call)
{
    int64_t chance = (int64_t)faults->per_10000[fault] * times_as_likely(call);
    if (chance == 0 || fake_pick(faults, 40000) >= chance)
        return false;
    fake_count(faults, fault);
    return true;
}

/* Shorter than the group's patience, or so long that others have gone on. Who has looked whether it
 * is still in touch sends soon after: a process that is stopped for longer between the two sends
 * what another owner may have sent, and nobody can help it. */
static int64_t how_long(struct run *run, enum port_call call)
{
    struct faults *faults = &run->world->faults;
    int64_t session_ms = run->world->session_ms;
    if (call == CALL_COLLECT || call == CALL_SUBMIT)
        return fake_pick(faults, session_ms / 3);
    if (run->sleepers)
        return fake_pick(faults, 2) == 0 ? session_ms + fake_pick(faults, session_ms)
                                         : 5 * session_ms / 2 + fake_pick(faults, 2 * session_ms);
    return fake_pick(faults, 2) == 0 ? fake_pick(faults, session_ms)
                                     : 2 * session_ms + fake_pick(faults, 3 * session_ms);
}

static void around(void *self, struct fake_process *process, enum port_call call, bool served)
{
    struct run *run = self;
    struct hand *hand = hand_of(run, process);
    struct faults *faults = &run->world->faults;
    if (strikes(faults, FAULT_CRASHED, call)) {
        run->crew.deaths[call][served]++;
        fake_tell(faults, process->number, "dies %s %s", served ? "after" : "before",
                  port_call_names[call]);
        crew_kill(run, hand);
        return;
    }
    if (strikes(faults, FAULT_STOPPED, call)) {
        fake_tell(faults, process->number, "is stopped %s %s", served ? "after" : "before",
                  port_call_names[call]);
        crew_stop(run, hand, how_long(run, call));
        yield(hand, 0);
        return;
    }
    int64_t chance = fake_pick(faults, 4000);
    if (chance < 40)
        yield(hand, fake_pick(faults, SHORT_DELAY_MS));
    else if (chance == 40 && !run->crew.calm)
        yield(hand, fake_pick(faults, LONG_DELAY_MS));
}

static void wait(void *self, struct fake_process *process, int64_t ms)
{
    struct run *run = self;
    yield(hand_of(run, process), ms + fake_pick(&run->world->faults, ms * 2 + 1));
}

/* ---- the crew ---- */

void crew_add(struct run *run, const struct service *service, const void *service_cfg)
{
    struct crew *crew = &run->crew;
    assert(crew->hand_count < HANDS_MAX);
    struct hand *hand = &crew->hands[crew->hand_count];
    *hand = (struct hand){.run = run,
                          .service = service,
                          .service_cfg = service_cfg,
                          .wanted = true,
                          .stack = stack_of(crew->hand_count),
                          .metrics = metrics_new()};
    snprintf(hand->instance, sizeof(hand->instance), "%c", (char)('a' + crew->hand_count));
    crew->hand_count++;
    run->world->turns = (struct fake_turns){.self = run, .around = around, .wait = wait};
}

void crew_kill(struct run *run, struct hand *hand)
{
    fake_process_kill(hand->process);
    hand->starts_ms = run->world->now_ms + fake_pick(&run->world->faults, 3000);
    hand->stopped_until_ms = 0;
}

void crew_stop(struct run *run, struct hand *hand, int64_t ms)
{
    hand->stopped_until_ms = run->world->now_ms + ms;
    hand->process->stopped = true;
}

static bool can_run(struct hand *hand, int64_t now_ms)
{
    if (hand->live && hand->stopped_until_ms > 0 && hand->stopped_until_ms <= now_ms) {
        hand->stopped_until_ms = 0;
        hand->process->stopped = false;
        fake_tell(&hand->run->world->faults, hand->process->number, "goes on");
    }
    if (!hand->live)
        return hand->wanted && hand->starts_ms <= now_ms;
    return hand->stopped_until_ms == 0 && hand->wakes_ms <= now_ms;
}

/* One of those that can; NULL = none. */
static struct hand *pick_one(struct run *run)
{
    struct crew *crew = &run->crew;
    size_t first = (size_t)fake_pick(&run->world->faults, (int64_t)crew->hand_count);
    for (size_t i = 0; i < crew->hand_count; i++) {
        struct hand *hand = &crew->hands[(first + i) % crew->hand_count];
        if (can_run(hand, run->world->now_ms))
            return hand;
    }
    return NULL;
}

static void pass_time(struct run *run, int64_t until_ms)
{
    int64_t next_ms = until_ms, now_ms = run->world->now_ms;
    for (size_t i = 0; i < run->crew.hand_count; i++) {
        const struct hand *hand = &run->crew.hands[i];
        int64_t at_ms = !hand->live                  ? (hand->wanted ? hand->starts_ms : INT64_MAX)
                        : hand->stopped_until_ms > 0 ? hand->stopped_until_ms
                                                     : hand->wakes_ms;
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    if (next_ms <= now_ms)
        next_ms = now_ms + 1;
    run->world->now_ms = next_ms;
    run->world->mono_ms += next_ms - now_ms;
    fake_advance(run->world);
}

void crew_work(struct run *run, int64_t until_ms)
{
    while (run->world->now_ms < until_ms) {
        struct hand *hand = pick_one(run);
        if (!hand)
            pass_time(run, until_ms);
        else if (hand->live)
            resume(hand);
        else
            begin_life(hand);
    }
}

static bool anybody_lives(const struct crew *crew)
{
    for (size_t i = 0; i < crew->hand_count; i++)
        if (crew->hands[i].live)
            return true;
    return false;
}

void crew_leave(struct run *run)
{
    struct crew *crew = &run->crew;
    for (size_t i = 0; i < crew->hand_count; i++) {
        crew->hands[i].wanted = false;
        crew->hands[i].leaves = true;
    }
    for (int i = 0; i < 1000 && anybody_lives(crew); i++)
        crew_work(run, run->world->now_ms + 100);
    assert(!anybody_lives(crew));
    for (size_t i = 0; i < crew->hand_count; i++)
        metrics_free(crew->hands[i].metrics);
}
