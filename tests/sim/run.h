/* One seed: services with their real rules, several workers of each, a load, faults at random, and
 * at the end an oracle. See seeds.c. */
#ifndef WAYBILL_SIM_RUN_H
#define WAYBILL_SIM_RUN_H

#include "sim/crew.h"
#include "sim/witness.h"

enum { RUN_EVENTS_MAX = 600, RUN_KEYS_MAX = 24, RUN_WRONG_MAX = 8 };

/* What is looked at in each run; each finds its own kind of harm. */
#define RUN_CHECKS(X)                                                                              \
    X(REST, "rest", "it comes to rest")                                                            \
    X(ALIVE, "alive", "no worker meets what it cannot go on with")                                 \
    X(READABLE, "readable", "what was written can be read")                                        \
    X(GOES_ON, "goes on", "what came in is decided at some time, and each call is answered")       \
    X(FATES, "fates", "what came in has no second fate")                                           \
    X(REFUSALS, "refusals", "what is set aside is what its rule refuses, for the rule's reason")   \
    X(DECISIONS, "decisions", "a rule was asked what it can be asked, and does not refuse")        \
    X(ORDER, "order", "of a key, decisions and outputs stand in the order of the offsets")         \
    X(OUTPUTS, "outputs", "each decision's outputs are there once, together, and nothing else")    \
    X(TIMERS, "timers", "each fires once and for its time; at rest none is overdue")               \
    X(REPLIES, "replies", "a call has one reply, which is what the other side knows")              \
    X(INTENDED, "intended", "a call is made after its intent, and after the reply to the last")    \
    X(WITHDRAWN, "withdrawn", "what was withdrawn in time is not sent")                            \
    X(DONE_ONCE, "done once", "nothing is done twice, or asked again of who had said yes")         \
    X(CHANGELOG, "changelog", "at rest it has what was decided")                                   \
    X(STORE, "store", "at rest it has what the changelog has")

enum run_check {
#define X(name, word, text) CHECK_##name,
    RUN_CHECKS(X)
#undef X
        CHECK_COUNT
};

/* What runs together in one world. */
struct scenario {
    const char *name;
    struct witnessed *services;
    size_t service_count;
    struct endpoints *endpoints;
    /* Called at the beginning, then at random moments while there is trouble. */
    void (*begin)(struct run *run);
    void (*load)(struct run *run);
    /* Sends something harmless of that key to each service. */
    void (*touch)(struct run *run, const char *key);
    /* What else must hold at the end; NULL = nothing. */
    void (*check)(struct run *run);
};

struct run {
    uint64_t seed;
    const struct scenario *scenario;
    struct fake_world *world;
    struct crew crew;
    struct runtime_settings cfg;
    int64_t lasts_ms;
    size_t restore_chunk;
    bool sleepers; /* see weather.c */
    int sent;      /* events of the load, for their ids */
    int orders;    /* of the load */
    size_t wrong_count, wrong_kept;
    char wrong[RUN_WRONG_MAX + CHECK_COUNT][400];
    unsigned failed; /* checks: bit by bit */
    /* covered */
    uint64_t records, decisions, refused, withdrawals_in_time, timers_standing;
};

/* What a check found; the first few are kept, and the first of each check. */
void run_wrong(struct run *run, enum run_check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
extern const char *const run_check_names[CHECK_COUNT];

/* An event as from another system, on the partition of its key or, at times, on a wrong one; at
 * times twice, if it may be: a key whose state was dropped does not know what it has seen. */
void run_send(struct run *run, const struct record_type *type, const char *topic, const char *key,
              const void *body, bool may_repeat);

/* scenario_*.c */
extern const struct scenario scenario_actor;
const struct scenario *scenario_sourcing(void);

/* weather.c: what goes wrong in this run, and how often. */
void weather_begin(struct run *run);
void weather_trouble(struct run *run); /* one thing of those that happen at moments, not at calls */
void weather_end(struct run *run);

/* oracle.c */
void oracle_check(struct run *run);

/* An endpoint of a scenario: few calls at once, short waits, and a queue that overflows. */
#define RUN_ENDPOINT(called, what)                                                                 \
    {                                                                                              \
        .name = STR_INIT(called), .kind = ENDPOINT_HTTP,                                           \
        .url = STR_INIT("http://127.0.0.1:9/" called), .policy = (what),                           \
        .honours_keys = (what) == POLICY_REPEAT, .commit_started = (what) != POLICY_REPEAT,        \
        .timeout_ms = 1000, .connect_timeout_ms = 1000, .body_bytes_max = 1000,                    \
        .in_flight_max = 3, .queue_max = 4, .attempts_max = 1000, .give_up_after_ms = 10000000,    \
        .backoff_ms = 50, .backoff_max_ms = 400                                                    \
    }

#endif
