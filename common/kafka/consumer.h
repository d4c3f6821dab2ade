/* A member of a consumer group: which partitions are ours, and their records, read_committed.
 *
 * Nothing is delivered from a partition before the caller has called kafka_consumer_seek and
 * kafka_consumer_resume for it: whatever is assigned is paused at once. Offsets are never committed
 * here (the transaction does it). The member is static when it has an instance id: after a restart
 * within the session timeout it gets its partitions back without a rebalance. */
#ifndef WAYBILL_KAFKA_CONSUMER_H
#define WAYBILL_KAFKA_CONSUMER_H

#include "kafka/kafka.h"

struct kafka_consumer;
struct kafka_group_metadata;

enum { KAFKA_SESSION_TIMEOUT_MS = 10000 }; /* option session.timeout.ms overrides it */

struct kafka_consumer_settings {
    const char *group_id;
    const char *instance_id;   /* group.instance.id; NULL = a dynamic member */
    const char *const *topics; /* full names; the index here is kafka_record.topic */
    size_t topic_count;
};

/* Joins the group; the first assignment comes through polling. ERROR_FATAL names the setting that
 * the client refuses. */
MUST_CHECK int kafka_consumer_open(struct kafka_consumer **out,
                                   const struct kafka_settings *settings,
                                   const struct kafka_consumer_settings *cfg, struct error *err);

/* Leaves within timeout_ms; NULL is fine. A client that does not end in time is left behind (its
 * memory and threads stay; exit soon) and false is returned. A static member stays in the group
 * until its session times out. All records and group metadata must have been freed before. */
bool kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms);

/* Serves the group and takes one record: 1 = *out is one, to be freed; 0 = nothing within
 * timeout_ms; -1 = err, *out untouched:
 *   ERROR_RETRY        something is away (text says what); the client goes on by itself: log, poll;
 *   ERROR_ABORT_BATCH  a position is not in the log any more: take over that task again;
 *   ERROR_FATAL        this member is finished (fenced by another with its instance id).
 * A rebalance shows as a new kafka_consumer_epoch. Poll at least every few seconds, also while
 * everything is paused. */
MUST_CHECK int kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms,
                                   struct kafka_record *out, struct error *err);

/* 0 = not assigned yet; grows with every assignment (even to nothing) and every revocation. Records
 * that were taken in an earlier epoch must be dropped. Changes only inside kafka_consumer_poll. */
uint64_t kafka_consumer_epoch(const struct kafka_consumer *consumer);

/* What is ours now, sorted by topic and partition; borrowed until the next poll. offset = the next
 * to be delivered, KAFKA_NO_OFFSET before the first seek. */
size_t kafka_consumer_assignment(const struct kafka_consumer *consumer,
                                 const struct kafka_partition **out);

/* The next record of each partition shall be the one at .offset (>= 0) or the first after it. What
 * was fetched before is dropped; paused stays paused. ERROR_ABORT_BATCH when a partition is no
 * longer ours: poll, look at the epoch, take over. */
MUST_CHECK int kafka_consumer_seek(struct kafka_consumer *consumer,
                                   const struct kafka_partition *partitions, size_t count,
                                   struct error *err);

/* Both drop nothing that the caller has not got: after a resume delivery goes on where it stood.
 * offset is not used. Errors as kafka_consumer_seek. */
MUST_CHECK int kafka_consumer_pause(struct kafka_consumer *consumer,
                                    const struct kafka_partition *partitions, size_t count,
                                    struct error *err);
MUST_CHECK int kafka_consumer_resume(struct kafka_consumer *consumer,
                                     const struct kafka_partition *partitions, size_t count,
                                     struct error *err);

/* Fills in each .offset with the group's committed next offset, KAFKA_NO_OFFSET = none. The broker
 * holds the answer back while a transaction with offsets of the partition is pending; ERROR_RETRY
 * when that, or a broker that is away, takes longer than timeout_ms. All or nothing. */
MUST_CHECK int kafka_consumer_committed(struct kafka_consumer *consumer,
                                        struct kafka_partition *partitions, size_t count,
                                        int timeout_ms, struct error *err);

/* Who we are in the group now: to be taken BEFORE a batch is read, and handed to
 * kafka_producer_send_offsets for that batch, so that the broker refuses it if we have been
 * replaced meanwhile. NULL when out of memory. */
struct kafka_group_metadata *kafka_group_metadata_new(struct kafka_consumer *consumer);
void kafka_group_metadata_free(struct kafka_group_metadata *metadata);

/* How long ago, in ms, the group's coordinator is known to have counted us as alive: since the last
 * answered heartbeat (or join) was sent, if a poll after it brought no rebalance. INT64_MAX =
 * never, or not a member. */
int64_t kafka_consumer_contact_age_ms(const struct kafka_consumer *consumer);

/* How many offsets of that partition are still to be read, as known from the last fetch; 0 = at the
 * end; -1 = not known (not ours, or nothing fetched yet). */
int64_t kafka_consumer_lag(const struct kafka_consumer *consumer, int32_t topic, int32_t partition);

#endif
