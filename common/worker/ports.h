/* The runtime's outside world as tables of functions: the log (Kafka), the store (Redis), the
 * clock. Real in production (ports_real.c); in tests/sim a fake world. Calls have a table of their
 * own: struct transports in calls.h.
 *
 * What each function does, and which errors it tells, stands where the real one is declared:
 * kafka/consumer.h, producer.h, reader.h, admin.h, redis/store.h. Names are the same. */
#ifndef WAYBILL_WORKER_PORTS_H
#define WAYBILL_WORKER_PORTS_H

#include "kafka/producer.h"
#include "redis/store.h"

struct log_port {
    void *self;

    /* kafka/consumer.h; kafka_partition.topic is the index into the service's inputs */
    int (*poll)(void *self, int timeout_ms, struct kafka_record *out, struct error *err);
    void (*release)(void *self, struct kafka_record *record);
    uint64_t (*epoch)(void *self);
    size_t (*assignment)(void *self, const struct kafka_partition **out);
    int (*seek)(void *self, const struct kafka_partition *at, size_t count, struct error *err);
    int (*pause)(void *self, const struct kafka_partition *at, size_t count, struct error *err);
    int (*resume)(void *self, const struct kafka_partition *at, size_t count, struct error *err);
    int (*committed)(void *self, struct kafka_partition *at, size_t count, struct error *err);
    struct kafka_group_metadata *(*membership)(void *self);
    void (*membership_free)(void *self, struct kafka_group_metadata *membership);
    int64_t (*contact_age_ms)(void *self);
    int64_t (*lag)(void *self, int32_t input, int32_t partition);

    /* kafka/producer.h */
    int (*begin)(void *self, struct error *err);
    int (*produce)(void *self, const struct kafka_output *output, struct error *err);
    int (*send_offsets)(void *self, const struct kafka_offset *offsets, size_t count,
                        const struct kafka_group_metadata *membership, struct error *err);
    enum kafka_commit (*commit)(void *self, struct error *err);
    /* A new producer with the same transactional id, initialised: what was open is aborted, what
     * comes late is refused. */
    int (*reopen)(void *self, struct error *err);

    /* Records outside any transaction, for the schemas topic; waits until they are written. */
    int (*publish)(void *self, const struct kafka_output *outputs, size_t count, struct error *err);

    /* kafka/admin.h */
    int (*partitions)(void *self, const char *topic, int32_t *out, struct error *err);
    int (*watermarks)(void *self, const char *topic, int32_t partition, int64_t *out_low,
                      int64_t *out_high, struct error *err);

    /* kafka/reader.h, over the service's changelog */
    int (*changelog_start)(void *self, int32_t partition, int64_t from, int64_t until,
                           struct error *err);
    int (*changelog_next)(void *self, int timeout_ms, struct kafka_record *out, struct error *err);
    bool (*changelog_at_end)(void *self, int32_t partition);
    void (*changelog_stop)(void *self, int32_t partition);

    /* kafka/reader.h, over the tables' topics from their beginning; kafka_record.topic is the index
     * into worker->tables */
    int (*tables_next)(void *self, int timeout_ms, struct kafka_record *out, struct error *err);
    bool (*tables_at_end)(void *self);
};

/* redis/store.h */
struct store_port {
    void *self;
    int (*load)(void *self, struct store_load *loads, size_t count, struct arena *arena,
                struct error *err);
    int (*apply)(void *self, struct store_batch *batches, size_t count, struct error *err);
    int (*wipe)(void *self, int32_t task, struct error *err);
    int (*due)(void *self, int32_t task, int64_t up_to, size_t limit, struct arena *arena,
               struct store_due_list *out, struct error *err);
    int (*pending)(void *self, int32_t task, size_t limit, struct arena *arena,
                   struct store_due_list *out, struct error *err);
    int (*earliest)(void *self, int32_t task, int64_t *out, struct error *err);
    int (*take_token)(void *self, struct str bucket, double rate_per_s, double burst,
                      int64_t now_ms, int64_t *out_wait_ms, struct error *err);
};

struct clock_port {
    void *self;
    int64_t (*now_ms)(void *self);  /* Unix ms; may be set fast for a replay */
    int64_t (*wall_ms)(void *self); /* Unix ms, real, the same on all machines */
    int64_t (*mono_ms)(void *self); /* never runs back; for timeouts */
};

struct ports {
    struct log_port log;
    struct store_port store;
    struct clock_port clock;
};

#endif
