/* What every part of the Kafka door shares: where the cluster is, and what a record looks like.
 *
 * One thread uses an object at a time; different objects may be used by different threads. Nothing
 * survives fork(). */
#ifndef WAYBILL_KAFKA_KAFKA_H
#define WAYBILL_KAFKA_KAFKA_H

#include "base/error.h"
#include "base/str.h"
#include "cloudevents/cloudevents.h"

struct kafka_option {
    const char *name, *value; /* a client setting of librdkafka, "sasl.username" */
};

/* All strings are copied or used up before an open returns. Options come last and win over what the
 * door sets itself, except for what a guarantee rests on (isolation, commits, transactions). */
struct kafka_settings {
    const char *bootstrap_servers; /* "host:port,host:port" */
    const char *client_id;         /* NULL = librdkafka's default */
    const char *principal;         /* who we are, for messages: "User:intake"; NULL = unknown */
    const struct kafka_option *options;
    size_t option_count;
    /* Where the client's own log lines go: level as in syslog (0-7). Called from the client's
     * threads. NULL = nowhere. */
    void (*log)(int level, const char *text);
};

enum { KAFKA_HEADERS_MAX = 1024 }; /* of one record; what comes after is not seen */

/* A record that was read. Borrows from its owner until kafka_record_free. */
struct kafka_record {
    int32_t topic; /* index in the list of names that the consumer or reader was opened with */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* Unix ms; -1 = none */
    struct str key;       /* ptr NULL = none */
    struct str value;     /* ptr NULL = tombstone */
    const struct event_header *headers;
    size_t header_count;
    void *owner;
};

/* Gives the record's memory back and zeroes it; does nothing to a zeroed one. Every record must be
 * freed before its consumer or reader is closed. */
void kafka_record_free(struct kafka_record *record);

/* One partition of the list of names that the consumer was opened with. */
struct kafka_partition {
    int32_t topic;
    int32_t partition;
    int64_t offset; /* where a function says what it means */
};

enum { KAFKA_NO_OFFSET = -1 };

/* librdkafka's version as a person reads it: "2.0.2". Static. */
const char *kafka_version(void);

#endif
