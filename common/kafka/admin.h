/* What topics there are, how long their logs are, and making new ones. */
#ifndef WAYBILL_KAFKA_ADMIN_H
#define WAYBILL_KAFKA_ADMIN_H

#include "base/arena.h"
#include "kafka/kafka.h"

struct kafka_admin;

MUST_CHECK int kafka_admin_open(struct kafka_admin **out, const struct kafka_settings *settings,
                                struct error *err);

/* As kafka_consumer_close. */
bool kafka_admin_close(struct kafka_admin *admin, int timeout_ms);

/* How many partitions the topic has; 0 = there is no such topic. A count above 0 is remembered.
 * ERROR_RETRY when Kafka is away. */
MUST_CHECK int kafka_admin_partitions(struct kafka_admin *admin, const char *topic, int timeout_ms,
                                      int32_t *out_count, struct error *err);

/* The first offset in the log, and the one after the last: the real end, open transactions
 * included. */
MUST_CHECK int kafka_admin_watermarks(struct kafka_admin *admin, const char *topic,
                                      int32_t partition, int timeout_ms, int64_t *out_low,
                                      int64_t *out_high, struct error *err);

/* The first offset of a record that came at that time (Unix ms) or later; the end of the log if
 * there is none. */
MUST_CHECK int kafka_admin_offset_at(struct kafka_admin *admin, const char *topic,
                                     int32_t partition, int64_t time_ms, int timeout_ms,
                                     int64_t *out_offset, struct error *err);

/* One configuration value of a topic ("delete.retention.ms") as text into out; ERROR_SET_ASIDE when
 * the name does not exist or size is too small; ERROR_RETRY when the broker does not know the topic
 * (yet). */
MUST_CHECK int kafka_admin_config(struct kafka_admin *admin, const char *topic, const char *name,
                                  int timeout_ms, char *out, size_t size, struct error *err);

struct kafka_new_topic {
    const char *name; /* full */
    int32_t partitions;
    int32_t replication; /* -1 = the broker's default */
    const struct kafka_option *configs;
    size_t config_count;
};

/* Creates what is missing and returns once the metadata has it; a topic that exists is left
 * as it is. ERROR_RETRY when Kafka is away (calling again is safe), ERROR_FATAL when the broker
 * refuses. */
MUST_CHECK int kafka_admin_create(struct kafka_admin *admin, const struct kafka_new_topic *topics,
                                  size_t count, int timeout_ms, struct error *err);

struct kafka_place {
    const char *topic;
    int32_t partition;
    int64_t offset; /* out of kafka_admin_group_offsets: KAFKA_NO_OFFSET = none */
};

struct kafka_member {
    struct str instance; /* group.instance.id; absent if it is no static member */
    struct str id, client_id, host;
    struct kafka_place *assigned;
    size_t assigned_count;
};

struct kafka_group {
    struct str state; /* "Stable", "PreparingRebalance", "Empty", "Dead" (there is none) */
    struct kafka_member *members;
    size_t member_count;
};

/* A consumer group and who is in it, in the arena. ERROR_RETRY when Kafka is away or the group's
 * coordinator is not found yet. */
MUST_CHECK int kafka_admin_group(struct kafka_admin *admin, const char *group, int timeout_ms,
                                 struct arena *arena, struct kafka_group *out, struct error *err);

/* What the group has committed for these places; what a pending transaction will commit is not
 * seen. */
MUST_CHECK int kafka_admin_group_offsets(struct kafka_admin *admin, const char *group,
                                         struct kafka_place *places, size_t count, int timeout_ms,
                                         struct error *err);

#endif
