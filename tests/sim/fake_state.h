/* Private to tests/sim's fakes and its crew: what the world in memory is made of. */
#ifndef WAYBILL_SIM_FAKE_STATE_H
#define WAYBILL_SIM_FAKE_STATE_H

#include "sim/fake_world.h"
#include "sim/faults.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 64,
    PARTITIONS_MAX = 8,
    INPUTS = 16,
    NAME = 96,
    GROUPS_MAX = 4,
    SEATS_MAX = 8,
    PROCESSES_MAX = 8,
    TXNS_MAX = 16,
    TOUCHED_MAX = TOPICS_MAX * PARTITIONS_MAX,
    OFFSETS_MAX = INPUTS * PARTITIONS_MAX,
    REQUESTS_MAX = 512,
    DEEDS_MAX = 1024
};

/* ---- the log ---- */

enum record_state { COMMITTED, PENDING, ABORTED, MARKER, COMPACTED };

struct stored {
    enum record_state state;
    int32_t txn;    /* whose it is; -1 = of nobody's transaction */
    int32_t writer; /* the process's number; 0 = outside */
    int64_t timestamp_ms;
    uint64_t moment; /* when it was decided that it stands; 0 = not */
    struct str key, value;
    struct event_header *headers; /* one block with all bytes of the record; NULL = none */
    size_t header_count;
};

struct log {
    struct stored *records;
    int64_t count, capacity;
    int64_t low;    /* what is below was deleted */
    int64_t stable; /* nothing below is pending */
    /* Of a changelog: after which moments somebody read it, to take the task over; each once. */
    uint64_t *read_at;
    size_t read_count, read_room;
};

struct topic {
    char name[NAME];
    struct log logs[PARTITIONS_MAX];
};

/* ---- transactions ---- */

enum txn_state { TXN_NONE, TXN_ONGOING, TXN_COMMITTING, TXN_ABORTING };

struct touched {
    struct log *log;
    int64_t first;  /* its first record there */
    int64_t due_ms; /* of the marker */
    bool marked;
};

/* What the coordinator knows of one transactional id. */
struct txn {
    char id[NAME];
    int32_t epoch;
    enum txn_state state;
    int64_t began_ms;
    uint64_t moment; /* of the decision */
    struct touched touched[TOUCHED_MAX];
    size_t touched_count;
    struct group *group; /* of the offsets; NULL = none */
    struct kafka_partition offsets[OFFSETS_MAX];
    size_t offset_count;
    int64_t offsets_due_ms;
    bool held; /* markers wait for fake_world_late_comes */
    /* a request to commit that is on its way; -1 = none */
    int64_t late_ms;
    int32_t late_epoch;
};

enum broker_answer {
    BROKER_OK,
    BROKER_BUSY, /* the transaction before has not ended everywhere: again */
    BROKER_FENCED
};

/* ---- the group ---- */

struct seat {
    bool taken;
    char instance[NAME];
    struct fake_process *process; /* who sits there; NULL = it has gone */
    int64_t beat_ms;              /* its last heartbeat */
    bool blind[INPUTS];           /* topics it does not see */
    struct kafka_partition assigned[OFFSETS_MAX];
    size_t assigned_count;
};

struct group {
    struct fake_world *world;
    const struct service *service;
    uint64_t generation;
    struct seat seats[SEATS_MAX];
    int64_t committed[INPUTS][PARTITIONS_MAX];
    bool hidden[PARTITIONS_MAX]; /* somebody else's */
};

/* ---- the store ---- */

struct shelf_field {
    struct str name, value; /* value.ptr NULL = absent */
    int64_t score;
};

struct shelf {
    struct str position;
    struct shelf_field *fields;
    size_t count, room;
    bool occupied; /* the sorted set's name is somebody else's key, of another kind */
};

enum { SHELF_HISTORY = 12 };

/* Of one service. */
struct redis {
    struct shelf shelves[PARTITIONS_MAX], before[PARTITIONS_MAX];
    /* how each shelf was some writes ago, newest first; kept only under random faults */
    struct shelf history[PARTITIONS_MAX][SHELF_HISTORY];
    int away;                       /* so many calls fail */
    int lose_apply[PARTITIONS_MAX]; /* 1 = the next one, 0 = none */
    const char *trouble;            /* until then, and what it says */
    int64_t trouble_until_ms;
    bool reads_well;        /* only writes fail */
    int64_t stale_until_ms; /* reads are answered from so many writes ago */
    int stale_by;
};

/* ---- the outside ---- */

/* What the other side knows under one idempotency key. */
struct deed {
    char endpoint[32], key[128];
    char path[128];
    int requests, lookups, acts;
    bool refused;
    uint64_t
        tried; /* after which moment it was first given to a transport, sent or not; 0 = never */
    uint64_t asked, asked_last, acted; /* moments of first and last request, and of the first act */
    int told;                          /* the last process that heard a yes */
    bool asked_again;                  /* by one that had heard it */
};

struct request {
    struct fake_process *process; /* NULL = nobody waits for the answer */
    void *owner;
    int deed;
    bool lookup;
    int64_t acts_ms; /* -1 = never, or done */
    int64_t answers_ms;
    bool refuses;
    enum http_end end;
    int32_t status;
    int64_t retry_after_ms;
};

/* ---- a process ---- */

struct queued {
    struct log *log;
    struct stored record;
    int64_t *out_offset;
};

struct fake_process {
    struct fake_world *world;
    struct group *group;
    struct redis *redis;
    int number;          /* in the trace: worker 1 */
    char instance[NAME]; /* of the group and of the transactional id */
    bool alive;          /* false: every call fails, and nothing comes of it */
    bool stopped;        /* SIGSTOP: no heartbeats */
    int64_t dead_ms;     /* time passes for the dead, too: loops end */
    struct ports ports;
    struct transports transports;
    /* member */
    struct seat *seat; /* NULL = has not joined */
    bool fenced;
    uint64_t epoch, generation;
    bool revoked;
    int64_t learns_ms; /* when it hears of the newest generation */
    int64_t contact_ms;
    struct kafka_partition assigned[OFFSETS_MAX];
    size_t assigned_count;
    int64_t next[INPUTS][PARTITIONS_MAX];
    bool running[INPUTS][PARTITIONS_MAX];
    /* producer */
    struct txn *txn;
    int32_t txn_epoch;
    bool ready, begun;
    enum broker_answer failed; /* what was delivered */
    struct queued *queue;
    size_t queue_count, queue_room, delivered;
    int64_t **wanted;
    int64_t *wanted_at;
    size_t wanted_count, wanted_room;
    /* readers */
    int64_t reading[PARTITIONS_MAX], until[PARTITIONS_MAX];
    bool is_reading[PARTITIONS_MAX];
    int64_t table_next[8][PARTITIONS_MAX];
    /* clock */
    int64_t skew_ms;
};

/* Whoever makes processes take turns. NULL: nothing happens by itself. */
struct fake_turns {
    void *self;
    /* Around a call through a port: others may run, the process may end. */
    void (*around)(void *self, struct fake_process *process, enum port_call call, bool served);
    /* Others run for about that long. */
    void (*wait)(void *self, struct fake_process *process, int64_t ms);
};

struct fake_world {
    int32_t partitions;
    const char *prefix;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    struct txn txns[TXNS_MAX];
    size_t txn_count;
    struct group groups[GROUPS_MAX];
    struct redis redis[GROUPS_MAX];
    size_t group_count;
    struct fake_process processes[PROCESSES_MAX];
    size_t process_count;
    int64_t now_ms, mono_ms;
    uint64_t moment;
    bool lingers; /* records go out with the commit, not before */
    bool dated;   /* records bear the time at which they came; else 1 */
    int64_t txn_timeout_ms, session_ms;
    uint64_t wipes, chunks; /* of stores: for a rebuild, and what was written in its course */
    struct fake_turns turns;
    struct faults faults;
    /* the outside */
    struct deed deeds[DEEDS_MAX];
    size_t deed_count;
    struct request requests[REQUESTS_MAX];
    size_t request_count;
    struct fake_call calls[FAKE_CALLS_MAX];
    size_t call_count;
    const struct endpoints *endpoints;
    /* what tests by hand ask for */
    enum fake_commit next_commit, next_apply;
    enum http_end next_end;
    int32_t next_status;
    bool hold;
    size_t produce_max;
    int rebalance_after;    /* -1 = not */
    int64_t contact_age_ms; /* -1 = as it is */
    int64_t lag;            /* what a consumer believes of every input; -1 = it has heard nothing */
};

/* fake_world.c: processes, and time. */
struct fake_world *fake_world_bare(int32_t partitions);
struct fake_process *fake_process_start(struct fake_world *world, const struct service *service,
                                        const char *instance, int number);
/* Nothing that it does has an effect from now on. */
void fake_process_kill(struct fake_process *process);
/* It has been closed; its place may be used again. */
void fake_process_done(struct fake_process *process);
bool fake_enter(struct fake_process *process, enum port_call call);
void fake_leave(struct fake_process *process, enum port_call call);
/* False: no time passes here, or the process is dead. */
bool fake_wait(struct fake_process *process, int64_t ms);
/* What is due by now happens: markers, timeouts, late requests, evictions, deeds. */
void fake_advance(struct fake_world *world);

/* A copy, NUL-terminated; absent stays absent. */
struct str fake_keep(struct str s);
void fake_drop(struct str *s);

/* fake_topics.c: the logs themselves. Topics come into being when they are named. */
struct log *fake_log_of(struct fake_world *world, const char *name, int32_t partition);
struct stored *fake_append(struct log *log, enum record_state state);
void fake_fill(struct fake_world *world, struct stored *record, const struct kafka_output *from);
/* The first offset that a transaction still holds back. */
int64_t fake_stable_end(struct log *log);
/* The first record at *at or after it that read_committed shows; *at moves past it. */
bool fake_take(struct log *log, int64_t *at, struct kafka_record *out);
void fake_record_free(struct stored *record);
void fake_log_free(struct log *log);
/* As the cleaner: up to that offset, nothing that is still pending. */
void fake_log_compact(struct log *log, int64_t up_to);

/* fake_broker.c: the coordinator of transactions. */
struct txn *broker_txn(struct fake_world *world, const char *id);
enum broker_answer broker_init(struct fake_world *world, struct txn *txn, int32_t *out_epoch);
enum broker_answer broker_add(struct fake_world *world, struct txn *txn, int32_t epoch,
                              struct log *log);
enum broker_answer broker_add_offsets(struct fake_world *world, struct txn *txn, int32_t epoch,
                                      struct group *group, const struct kafka_partition *offsets,
                                      size_t count);
enum broker_answer broker_end(struct fake_world *world, struct txn *txn, int32_t epoch,
                              bool commits);
bool broker_holds_back(const struct fake_world *world, const struct group *group,
                       const struct kafka_partition *at);
void broker_advance(struct fake_world *world);

/* fake_group.c */
struct group *group_of(struct fake_world *world, const struct service *service);
void group_join(struct fake_process *process);
void group_rebalance(struct group *group, const char *why);
/* True when the assignment has changed just now. */
bool group_follow(struct fake_process *process);
bool group_knows(const struct fake_process *process, uint64_t generation);
void group_advance(struct group *group);

/* fake_consumer.c, fake_producer.c: the log's port, as one process has it. */
const char *fake_input_name(const struct fake_process *process, size_t input, char out[NAME]);
void fake_consumer_port(struct log_port *port);
void fake_producer_port(struct log_port *port);
void fake_producer_done(struct fake_process *process);

/* fake_store.c */
void fake_store_port(struct store_port *port);
void fake_redis_free(struct redis *redis);
void fake_redis_go_back(struct redis *redis, int32_t task, int writes);
void fake_redis_empty(struct redis *redis, int32_t task);

/* fake_outside.c */
void fake_outside_port(struct transports *transports);
void fake_outside_forget(struct fake_process *process);
void outside_advance(struct fake_world *world);

#endif
