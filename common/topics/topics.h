/* Which topics there are and how each is configured: making them, and saying what differs.
 *
 * The names come from schemas/topics.json (generated: topics[], service_names[]); each service has
 * a <service>.changelog, a <service>.dlq and a <service>.operator beside them. The configuration is
 * one table, in topics.c, with the reason for each line. */
#ifndef WAYBILL_TOPICS_H
#define WAYBILL_TOPICS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "kafka/admin.h"

enum { TOPICS_MAX = 128, TOPIC_NAME_BYTES = 250, TOPIC_CONFIGS_MAX = 16, TOPICS_PARTITIONS = 24 };

enum topic_use {
    TOPIC_EVENTS = 1,       /* events, kept for a time */
    TOPIC_TABLE = 2,        /* the last record of a key counts: suppliers, lanes, schemas */
    TOPIC_CHANGELOG = 4,    /* a service's states, intents and positions */
    TOPIC_DEAD_LETTERS = 8, /* what a service could not take */
    TOPIC_OPERATOR = 16     /* what a person sends to one service: topics/operator.h */
};

struct topic {
    struct str name; /* without prefix; NUL-terminated */
    enum topic_use use;
    int32_t partitions; /* fixed; 0 = as all the others */
    const char *key;    /* for a person: "order id" */
};

/* Every topic, in the order of topics.json, then the services'. NULL when the arena is full. */
const struct topic *topics_all(struct arena *arena, size_t *out_count);

/* The one of that name (without prefix); NULL if there is none. */
const struct topic *topics_find(const struct topic *topics, size_t count, struct str name);

struct topic_config {
    const char *name, *value;
    unsigned uses; /* enum topic_use, or-ed */
    const char *why;
};
extern const struct topic_config topic_configs[];
extern const size_t topic_config_count;

struct topics_plan {
    struct str prefix;   /* "waybill." */
    int32_t partitions;  /* of every topic without a fixed number; 0 = as those that are there,
                            TOPICS_PARTITIONS if none is */
    int32_t replication; /* -1 = the broker's default */
};

/* Creates what is missing; what exists stays as it is (topics_check tells how it differs).
 * ERROR_FATAL when those that exist have another number of partitions than the plan.
 * ERROR_RETRY when Kafka is away: calling again is safe. */
MUST_CHECK int topics_create(struct kafka_admin *admin, const struct topics_plan *plan,
                             struct arena *arena, size_t *out_created, struct error *err);

/* Compares with what there is, and appends one line per difference to out:
 *   waybill.orders: cleanup.policy is compact, should be delete (events are kept for a time, all of
 * them) waybill.stock: has 8 partitions, waybill.inbound.orders has 24: all must have the same
 * number waybill.suppliers: is missing names: without prefix, NULL at the end; NULL = all.
 * partitions: what they should have; 0 = just the same everywhere. The worker calls this at its
 * start with its own topics. */
MUST_CHECK int topics_check(struct kafka_admin *admin, struct str prefix, const char *const *names,
                            int32_t partitions, struct arena *arena, struct buffer *out,
                            size_t *out_differences, struct error *err);

#endif
