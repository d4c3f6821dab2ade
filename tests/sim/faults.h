/* What may go wrong, how often, how often it did; the one source of chance; and the trace. */
#ifndef WAYBILL_SIM_FAULTS_H
#define WAYBILL_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Calls through a port: at each of them a process may die. */
#define PORT_CALLS(X)                                                                              \
    X(POLL, "poll")                                                                                \
    X(SEEK, "seek")                                                                                \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(COMMITTED_OFFSET, "committed")                                                               \
    X(BEGIN, "begin")                                                                              \
    X(PRODUCE, "produce")                                                                          \
    X(SEND_OFFSETS, "send_offsets")                                                                \
    X(COMMIT, "commit")                                                                            \
    X(REOPEN, "reopen")                                                                            \
    X(PUBLISH, "publish")                                                                          \
    X(PARTITIONS_OF, "partitions")                                                                 \
    X(WATERMARKS, "watermarks")                                                                    \
    X(CHANGELOG_START, "changelog_start")                                                          \
    X(CHANGELOG_NEXT, "changelog_next")                                                            \
    X(TABLES_NEXT, "tables_next")                                                                  \
    X(LOAD, "load")                                                                                \
    X(APPLY, "apply")                                                                              \
    X(WIPE, "wipe")                                                                                \
    X(DUE, "due")                                                                                  \
    X(PENDING_CALLS, "pending")                                                                    \
    X(EARLIEST, "earliest")                                                                        \
    X(SUBMIT, "submit")                                                                            \
    X(COLLECT, "collect")

enum port_call {
#define X(name, text) CALL_##name,
    PORT_CALLS(X)
#undef X
        PORT_CALL_COUNT
};

#define FAKE_FAULTS(X)                                                                             \
    X(COMMIT_REFUSED, "commit refused")                                                            \
    X(COMMIT_ANSWER_LOST, "commit decided, answer lost")                                           \
    X(COMMIT_REQUEST_LOST, "commit request lost")                                                  \
    X(COMMIT_REQUEST_LATE, "commit request late")                                                  \
    X(MARKERS_SLOW, "markers slow")                                                                \
    X(TXN_TIMEOUT, "transaction timed out")                                                        \
    X(KAFKA_AWAY, "Kafka away")                                                                    \
    X(REBALANCE, "rebalance")                                                                      \
    X(ZOMBIE, "heard late of a rebalance")                                                         \
    X(EVICTED, "member written off")                                                               \
    X(BLIND, "topic not seen")                                                                     \
    X(STOPPED, "stopped for a while")                                                              \
    X(CRASHED, "crash")                                                                            \
    X(SCALED, "scaled up or down")                                                                 \
    X(COMPACTED, "compaction")                                                                     \
    X(CLOCK, "clock jumps")                                                                        \
    X(STORE_LOADING, "Redis LOADING")                                                              \
    X(STORE_READONLY, "Redis READONLY")                                                            \
    X(STORE_OOM, "Redis OOM")                                                                      \
    X(STORE_CUT, "Redis connection cut in a pipeline")                                             \
    X(STORE_SUFFIX, "Redis loses writes")                                                          \
    X(STORE_EMPTY, "Redis loses everything")                                                       \
    X(STORE_STALE, "Redis answers from a stale replica")                                           \
    X(CALL_NOT_SENT, "call not sent")                                                              \
    X(CALL_LOST, "call lost before it acted")                                                      \
    X(CALL_ANSWER_LOST, "call acted, answer lost")                                                 \
    X(CALL_LATE, "call acts after we gave up")                                                     \
    X(CALL_REFUSED, "call refused")                                                                \
    X(CALL_BUSY, "call answered 503")                                                              \
    X(DUPLICATE, "event sent twice")                                                               \
    X(FOREIGN, "event on a wrong partition")

enum fake_fault {
#define X(name, text) FAULT_##name,
    FAKE_FAULTS(X)
#undef X
        FAULT_COUNT
};

extern const char *const port_call_names[PORT_CALL_COUNT];
extern const char *const fault_names[FAULT_COUNT];

struct faults {
    uint64_t random;
    int32_t per_10000[FAULT_COUNT]; /* all 0: nothing goes wrong by itself */
    uint64_t counts[FAULT_COUNT];
    bool tells; /* what happens, on stderr */
    int64_t began_ms;
    const int64_t *now_ms;
};

/* 0 … count − 1. */
int64_t fake_pick(struct faults *faults, int64_t count);
/* Whether that goes wrong now; counted. */
bool fake_goes_wrong(struct faults *faults, enum fake_fault fault);
/* Done on purpose. */
void fake_count(struct faults *faults, enum fake_fault fault);

/* One line of the trace: "12.345 worker 2: …"; number 0 = nobody's. */
void fake_tell(const struct faults *faults, int worker, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
