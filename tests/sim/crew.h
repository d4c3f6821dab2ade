/* Several workers that take turns in one virtual time: each runs on a stack of its own until a call
 * through a port lets others in. At every such call it may be delayed, stopped, or end. */
#ifndef WAYBILL_SIM_CREW_H
#define WAYBILL_SIM_CREW_H

#include "sim/fake_state.h"

#include "metrics/metrics.h"
#include "worker/worker.h"

#include <ucontext.h>

enum { HANDS_MAX = 6 };

struct run;

/* One place for a worker: lives come and go in it. */
struct hand {
    struct run *run;
    const struct service *service;
    const void *service_cfg;
    char instance[8];
    bool wanted; /* there shall be a worker here */
    bool live, leaves;
    int64_t starts_ms; /* not before */
    int64_t wakes_ms, stopped_until_ms;
    struct fake_process *process;
    struct worker worker;
    struct metrics *metrics;
    ucontext_t context;
    void *stack;
    void *asan_stack;
};

struct crew {
    struct hand hands[HANDS_MAX];
    size_t hand_count;
    int lives;
    ucontext_t context;
    bool calm;
    uint64_t deaths[PORT_CALL_COUNT][2]; /* before and after the call was served */
    uint64_t take_overs, commits;
};

/* Everybody works until that moment. */
void crew_work(struct run *run, int64_t until_ms);
void crew_add(struct run *run, const struct service *service, const void *service_cfg);
/* All leave in good order; then nobody is there. */
void crew_leave(struct run *run);
/* As kill -9; another life begins some time later. */
void crew_kill(struct run *run, struct hand *hand);
void crew_stop(struct run *run, struct hand *hand, int64_t ms);

/* The stacks; once at the end of the program. */
void crew_free_stacks(void);

#endif
