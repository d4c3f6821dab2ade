/* A Kafka, a Redis per service, an outside and a time in memory, for any number of processes, with
 * faults on request or at random.
 *
 * The log knows producers with epochs, transactions whose markers come later, the last stable
 * offset, timeouts and compaction; the group knows generations, static members and members that do
 * not know yet that they were replaced. The store loses or forgets what it is told to. The outside
 * keeps a ledger. Nothing here knows how the worker does its work.
 *
 * What stands in this file is for tests that turn one worker by hand: nothing happens by itself,
 * everything at once. For several at a time see crew.h. */
#ifndef WAYBILL_SIM_FAKE_WORLD_H
#define WAYBILL_SIM_FAKE_WORLD_H

#include "worker/calls.h"
#include "worker/ports.h"
#include "worker/service.h"

enum fake_commit {
    FAKE_COMMITS,
    FAKE_REFUSES,      /* not committed, and it says so */
    FAKE_ANSWER_LOST,  /* committed, but the answer is lost */
    FAKE_REQUEST_LOST, /* not committed, and nobody knows */
    FAKE_COMES_LATE    /* nobody knows; committed, but shown only by fake_world_late_comes */
};

#define FAKE_WORLD_BEGAN_MS INT64_C(1700000000000)

struct fake_world;

/* With one process of that service. */
struct fake_world *fake_world_new(const struct service *service, int32_t partitions);
void fake_world_free(struct fake_world *world);

struct ports *fake_world_ports(struct fake_world *world);
const struct transports *fake_world_transports(struct fake_world *world);

/* The process is gone, and another one begins with its names: the open transaction is aborted, what
 * was fetched is forgotten, calls on their way are cut. */
void fake_world_crash(struct fake_world *world);

/* A new assignment: now, or as soon as that many more records were polled. */
void fake_world_rebalance(struct fake_world *world);
void fake_world_rebalance_after(struct fake_world *world, int records);
/* From the next assignment on. */
void fake_world_hide_input(struct fake_world *world, int32_t input, bool hide);
void fake_world_hide_partition(struct fake_world *world, int32_t partition, bool hide);
void fake_world_contact_age(struct fake_world *world, int64_t ms); /* of the group */
void fake_world_lag(struct fake_world *world, int64_t records);    /* as a consumer believes */

void fake_world_next_commit(struct fake_world *world, enum fake_commit what);
/* What was committed with FAKE_COMES_LATE is shown now. Until then the group's offsets are held
 * back, and the log ends before it. */
void fake_world_late_comes(struct fake_world *world);
/* The group's next offset; KAFKA_NO_OFFSET = none. */
int64_t fake_world_committed(const struct fake_world *world, int32_t input, int32_t partition);
/* Nobody has read that input for offsets.retention.minutes. */
void fake_world_forget_committed(struct fake_world *world, int32_t input);

void fake_world_store_away(struct fake_world *world, int answers); /* that many calls fail */
void fake_world_next_apply(struct fake_world *world, enum fake_commit what); /* what is lost */
/* Of the applies to that task from now on, the n-th is answered as done, and lost: by a replica
 * that takes the master's place. */
void fake_world_lose_apply(struct fake_world *world, int32_t task, int nth);
void fake_world_store_wipe(struct fake_world *world);
/* Every value whose field begins so is bytes of no meaning. */
void fake_world_store_spoil(struct fake_world *world, const char *kind);
void fake_world_store_occupy(struct fake_world *world); /* its sorted sets are of another kind */
/* The store as it was when this was called comes back with fake_world_store_go_back. */
void fake_world_store_remember(struct fake_world *world);
void fake_world_store_go_back(struct fake_world *world);
void fake_world_compact(struct fake_world *world, const char *topic);
/* Deletions go, and what they deleted; all else stays. */
void fake_world_forget_deletions(struct fake_world *world, const char *topic);
void fake_world_expire(struct fake_world *world, const char *topic);    /* all that is in it now */
void fake_world_make_anew(struct fake_world *world, const char *topic); /* empty, from offset 0 */
void fake_world_set_partitions(struct fake_world *world, int32_t count);
void fake_world_pass(struct fake_world *world, int64_t ms);

void fake_world_produce_max(struct fake_world *world, size_t bytes); /* larger ones are refused */

/* A committed record, as from a producer outside. key NULL = none. */
void fake_world_write(struct fake_world *world, const char *topic, int32_t partition,
                      const char *key, struct str value, const struct event_header *headers,
                      size_t header_count);

/* What read_committed shows of a topic without its prefix, all partitions, partition by partition.
 */
struct fake_record {
    int32_t partition;
    int64_t offset;
    struct str key, value;
    const struct event_header *headers;
    size_t header_count;
};
size_t fake_world_read(struct fake_world *world, const char *topic, struct fake_record *out,
                       size_t most);

/* Calls: how many requests came, with which key, and how the next ones end. */
enum { FAKE_CALLS_MAX = 256 };
struct fake_call {
    char key[128], path[128];
};
size_t fake_world_calls(const struct fake_world *world, const struct fake_call **out);
void fake_world_next_call(struct fake_world *world, enum http_end end, int32_t status);
void fake_world_hold_calls(struct fake_world *world, bool hold); /* no answer while true */

#endif
