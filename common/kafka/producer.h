/* A producer: transactional (the worker's commit) or plain idempotent (tools, the schemas topic).
 *
 * A transaction: begin, produce ..., send_offsets, commit. What to do about an error:
 *   ERROR_RETRY        (open, init, flush) Kafka is away: the same call again later;
 *   ERROR_SET_ASIDE    (produce) this record can never be written, too large: nothing happened;
 *   ERROR_ABORT_BATCH  kafka_producer_abort, then take over;
 *   ERROR_FATAL        this producer is finished (fenced, or its state unknown): close, open with
 *                      the same transactional id, init, take over.
 * Retriable errors are retried inside, until the transaction's timeout. */
#ifndef WAYBILL_KAFKA_PRODUCER_H
#define WAYBILL_KAFKA_PRODUCER_H

#include "kafka/consumer.h"

struct kafka_producer;

enum { KAFKA_TRANSACTION_TIMEOUT_MS = 15000 }; /* option transaction.timeout.ms overrides it */

/* transactional_id NULL = plain: only produce, flush and close may be called. */
MUST_CHECK int kafka_producer_open(struct kafka_producer **out,
                                   const struct kafka_settings *settings,
                                   const char *transactional_id, struct error *err);

/* Drops what was not sent; false and timeout_ms as kafka_consumer_close. An open transaction is
 * aborted by the next init with the same id, or by the broker at its timeout. After it no pointer
 * given to produce is used any more. */
bool kafka_producer_close(struct kafka_producer *producer, int timeout_ms);

/* Fences every earlier producer with this id and waits until their transactions have ended.
 * ERROR_RETRY after timeout_ms; calling again goes on. */
MUST_CHECK int kafka_producer_init(struct kafka_producer *producer, int timeout_ms,
                                   struct error *err);

MUST_CHECK int kafka_producer_begin(struct kafka_producer *producer, struct error *err);

struct kafka_output {
    const char *topic; /* full name */
    int32_t partition; /* -1 = by murmur2 of the key */
    struct str key;    /* ptr NULL = none */
    struct str value;  /* ptr NULL = tombstone */
    const struct event_header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* 0 = now */
    /* NULL, or where the record's offset goes, not before commit or flush has succeeded. Must stay
     * valid until then, or until abort or close returns. */
    int64_t *out_offset;
};

/* Queues a copy. When the queue is full it waits for room. Delivery errors show at commit or flush.
 */
MUST_CHECK int kafka_producer_produce(struct kafka_producer *producer,
                                      const struct kafka_output *output, struct error *err);

struct kafka_offset {
    const char *topic; /* full name */
    int32_t partition;
    int64_t offset; /* the next to read */
};

/* Adds the group's next offsets to the transaction, at least one: they are the fence.
 * ERROR_ABORT_BATCH when the group has moved on (stale metadata). */
MUST_CHECK int kafka_producer_send_offsets(struct kafka_producer *producer,
                                           const struct kafka_offset *offsets, size_t count,
                                           const struct kafka_group_metadata *metadata,
                                           struct error *err);

enum kafka_commit {
    KAFKA_COMMITTED,
    KAFKA_NOT_COMMITTED,  /* certainly not; err says why: ABORT_BATCH or FATAL, as above */
    KAFKA_COMMIT_UNKNOWN, /* it may have happened; err is ERROR_FATAL: new producer, take over */
};

/* Waits for every record of the transaction to be written, then ends it. One record that could not
 * be written means KAFKA_NOT_COMMITTED. */
MUST_CHECK enum kafka_commit kafka_producer_commit(struct kafka_producer *producer,
                                                   struct error *err);

/* After it returned 0, begin may follow. -1 is always ERROR_FATAL. */
MUST_CHECK int kafka_producer_abort(struct kafka_producer *producer, struct error *err);

/* Plain: waits until everything is written. ERROR_RETRY when some is not after timeout_ms;
 * ERROR_ABORT_BATCH when some could not be written (once; the count starts anew). */
MUST_CHECK int kafka_producer_flush(struct kafka_producer *producer, int timeout_ms,
                                    struct error *err);

/* Serves delivery reports of a producer that is idle; never blocks. */
void kafka_producer_poll(struct kafka_producer *producer);

#endif
