/* One environment of Waybill, the same for its workers and for the tool: which Kafka and which
 * Redis, as whom, the prefix of all names, and the clock. */
#ifndef WAYBILL_ENVIRONMENT_H
#define WAYBILL_ENVIRONMENT_H

#include "config/settings.h"
#include "kafka/kafka.h"
#include "redis/redis.h"
#include "redis/store.h"

struct environment {
    struct str bootstrap_servers;
    struct str kafka_options; /* "name=value,name=value" */
    int kafka_protocol;       /* enum kafka_protocol */
    int sasl_mechanism;       /* enum sasl_mechanism */
    struct str sasl_username;
    struct secret sasl_password;
    struct str kafka_tls_ca, kafka_tls_certificate, kafka_tls_key; /* files */
    struct secret kafka_tls_key_password;
    struct str prefix;
    struct str redis_urls; /* one or more, separated by commas */
    struct redis_access redis;
    int64_t clock_epoch_ms, clock_start_wall_ms;
    double clock_rate;
};

extern const struct settings environment_settings;

enum { ENVIRONMENT_OPTIONS_MAX = 48, ENVIRONMENT_PRINCIPAL_BYTES = 300 };

/* Appends the client settings that open this Kafka to options, of which *count are used; secrets
 * are read from their files as they are now. Strings live in the arena. ERROR_DENIED: a certificate
 * is over; else ERROR_FATAL. */
MUST_CHECK int environment_kafka(const struct environment *environment, struct arena *arena,
                                 struct kafka_option *options, size_t *count, struct error *err);

/* As whom Kafka's rights are given to us: "User:intake", "User:CN=intake,O=Shop". */
void environment_principal(const struct environment *environment,
                           char out[ENVIRONMENT_PRINCIPAL_BYTES]);

enum { ENVIRONMENT_URLS_MAX = 64 };

/* Fills urls, access and prefix of the store's settings; the list lives in the arena, the rest in
 * the environment. */
MUST_CHECK int environment_redis(const struct environment *environment, struct arena *arena,
                                 struct store_settings *out, struct error *err);

/* The wall clock that is given, or, for a replay, one that began at clock.epoch and runs clock.rate
 * times as fast; Unix ms. */
int64_t environment_now_ms(const struct environment *environment, int64_t wall_ms);

#endif
