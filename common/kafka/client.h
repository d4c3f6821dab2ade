/* What consumer, producer, reader and admin share inside the door: one librdkafka handle with its
 * settings, log, last error, records and end. */
#ifndef WAYBILL_KAFKA_CLIENT_H
#define WAYBILL_KAFKA_CLIENT_H

#include "kafka/kafka.h"

#include <librdkafka/rdkafka.h>

/* The first member of each of the door's objects, and librdkafka's opaque. */
struct client {
    rd_kafka_t *rk;
    void (*log)(int level, const char *text);
    size_t records; /* given out and not freed yet */
    bool has_error; /* what librdkafka told since the last client_take_error */
    bool is_denied; /* and it was that we are not let in */
    char error[248];
    char principal[100]; /* who we are, for messages */
    char group[128];     /* a consumer's, for messages */
    /* The topic that a transaction was refused for: only the log tells. Written once by the
     * client's thread, then DENIED_KNOWN. */
    char denied_topic[200];
    _Atomic int denied_state;
};

enum { DENIED_NONE, DENIED_BEING_WRITTEN, DENIED_KNOWN };

struct client_setting {
    const char *name, *value;
    bool if_known; /* a setting or value that not every librdkafka has */
};

/* A configuration of `defaults`, the caller's options and what they may not change, `fixed`, in
 * that order; both lists end with a NULL name. */
MUST_CHECK int client_configure(struct client *client, const struct kafka_settings *settings,
                                const struct client_setting *defaults,
                                const struct client_setting *fixed, rd_kafka_conf_t **out,
                                struct error *err);

/* ERROR_FATAL, naming the setting, if librdkafka refuses. */
MUST_CHECK int client_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                          struct error *err);

/* Takes conf over, also when it fails. */
MUST_CHECK int client_open(struct client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                           struct error *err);

/* Ends the handle; false when it did not end in time, and then the object must not be freed. */
bool client_close(struct client *client, int timeout_ms);

/* -1 with ERROR_FATAL if the handle is finished, with ERROR_RETRY if it told of trouble since the
 * last call; else 0. */
MUST_CHECK int client_take_error(struct client *client, struct error *err);

/* What a code means that is neither of a transaction nor of one record. */
enum error_action client_action(rd_kafka_resp_err_t code);

/* Is it a right that is missing? */
bool client_lacks_right(rd_kafka_resp_err_t code);

/* ERROR_DENIED: "Kafka does not let User:intake Read topic waybill.orders". */
int client_refused(const struct client *client, const char *operation, const char *kind,
                   const char *name, struct error *err);

/* -1, with what an error message from the broker or the client means; the message stays the
 * caller's. */
int client_message_error(const struct client *client, const rd_kafka_message_t *message,
                         struct error *err);

/* Takes the message over. */
MUST_CHECK int client_record(struct client *client, rd_kafka_message_t *message, int32_t topic,
                             struct kafka_record *out, struct error *err);

/* A copy of the names and of the list, NULL when out of memory; and its end. */
const char **client_copy_names(const char *const *names, size_t count);
void client_free_names(const char **names, size_t count);

/* A clock that counts while the machine sleeps; ms. */
int64_t client_now_ms(void);

#endif
