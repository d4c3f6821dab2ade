/* Transactional and plain producing, with librdkafka's errors turned into what to do. */
#include "kafka/producer.h"
#include "kafka/client.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TOPICS_MAX = 256, BACKOFF_MS_MIN = 5, BACKOFF_MS_MAX = 200, QUEUE_FULL_POLL_MS = 20 };

struct kafka_producer {
    struct client client;
    bool transactional;
    int patience_ms; /* the transaction's timeout: how long retriable errors are retried */
    rd_kafka_topic_t *topics[TOPICS_MAX];
    size_t topic_count;
    size_t failed;    /* records that could not be written since begin or flush */
    char reason[160]; /* of the first of them */
    char denied[160]; /* the topic that one of them was not allowed to be written to; or empty */
    char id[128];     /* the transactional id, for messages; or empty */
};

static const struct client_setting defaults[] = {
    {"transaction.timeout.ms", "15000", false},
    {"retry.backoff.ms", "5", false}, /* 100 would cost that after many a commit */
    {"linger.ms", "5", false},
    {"compression.codec", "lz4", true},
    {"message.max.bytes", "4194304", false}, /* a dead letter holds a record that was too large */
    {"queue.buffering.max.kbytes", "262144", false},
    {"socket.nagle.disable", "true", false},
    {"partitioner", "murmur2_random", false},
    {0},
};

static const struct client_setting fixed[] = {
    {"enable.idempotence", "true", false},
    {0},
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct kafka_producer *producer = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->_private)
            *(int64_t *)message->_private = message->offset;
        return;
    }
    if (client_lacks_right(message->err) && !producer->denied[0])
        snprintf(producer->denied, sizeof(producer->denied), "%s",
                 rd_kafka_topic_name(message->rkt));
    if (producer->failed++ == 0)
        snprintf(producer->reason, sizeof(producer->reason), "%s: %s",
                 rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
}

static int patience_of(const rd_kafka_conf_t *conf)
{
    char text[16] = "";
    size_t size = sizeof(text);
    int64_t value = 0;
    if (rd_kafka_conf_get(conf, "transaction.timeout.ms", text, &size) != RD_KAFKA_CONF_OK ||
        !str_to_int64(str_from(text), &value))
        return KAFKA_TRANSACTION_TIMEOUT_MS;
    return (int)value; /* the client has checked its range */
}

int kafka_producer_open(struct kafka_producer **out, const struct kafka_settings *settings,
                        const char *transactional_id, struct error *err)
{
    struct kafka_producer *producer = calloc(1, sizeof(*producer));
    rd_kafka_conf_t *conf = NULL;
    if (!producer)
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka producer");
    producer->transactional = transactional_id != NULL;
    snprintf(producer->id, sizeof(producer->id), "%s", transactional_id ? transactional_id : "");
    if (client_configure(&producer->client, settings, defaults, fixed, &conf, err))
        goto refused;
    if (transactional_id && client_set(conf, "transactional.id", transactional_id, err)) {
        rd_kafka_conf_destroy(conf);
        goto refused;
    }
    producer->patience_ms = patience_of(conf);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (client_open(&producer->client, RD_KAFKA_PRODUCER, conf, err))
        goto refused;
    *out = producer;
    return 0;
refused:
    free(producer);
    return -1;
}

bool kafka_producer_close(struct kafka_producer *producer, int timeout_ms)
{
    if (!producer)
        return true;
    /* The last delivery reports come here, in the caller's thread. */
    rd_kafka_purge(producer->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client.rk, 0);
    for (size_t i = 0; i < producer->topic_count; i++)
        rd_kafka_topic_destroy(producer->topics[i]);
    if (!client_close(&producer->client, timeout_ms))
        return false;
    free(producer);
    return true;
}

/* Waits a little longer each time; false when the time is over. */
static bool back_off(int64_t until, int64_t *pause_ms)
{
    if (client_now_ms() + *pause_ms > until)
        return false;
    struct timespec pause = {*pause_ms / 1000, *pause_ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    *pause_ms = *pause_ms * 2 < BACKOFF_MS_MAX ? *pause_ms * 2 : BACKOFF_MS_MAX;
    return true;
}

/* What is left of the time, for a call that takes a timeout. With an endless one the client would
 * wait for a broker that hangs until it comes back. */
static int left_of(int64_t until)
{
    int64_t left = until - client_now_ms();
    return left > 1 ? (int)left : 1;
}

static const char *denied_topic(const struct kafka_producer *producer)
{
    if (producer->denied[0])
        return producer->denied;
    return atomic_load(&producer->client.denied_state) == DENIED_KNOWN
               ? producer->client.denied_topic
               : "(see waybill acls list)";
}

/* ERROR_DENIED if that is what the code says; else 0. */
static int look_at_denial(struct kafka_producer *producer, rd_kafka_resp_err_t code,
                          struct error *err)
{
    const struct client *client = &producer->client;
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        return client_refused(client, "Write", "transactional id", producer->id, err);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return client_refused(client, "Read", "group", "of its consumer", err);
    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return client_refused(client, "IdempotentWrite", "cluster", "or Write any topic", err);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || producer->denied[0])
        return client_refused(client, "Write", "topic", denied_topic(producer), err);
    return 0;
}

/* What to do: refused before abortable before retriable before fatal, and all else is fatal. Frees
 * error. */
static int transaction_error(struct kafka_producer *producer, const char *what,
                             rd_kafka_error_t *error, struct error *err)
{
    enum error_action action = ERROR_FATAL;
    if (rd_kafka_error_txn_requires_abort(error))
        action = ERROR_ABORT_BATCH;
    else if (rd_kafka_error_is_retriable(error))
        action = ERROR_RETRY;
    if (!look_at_denial(producer, rd_kafka_error_code(error), err))
        error_set(err, action, "Kafka %s: %s (%s)", what, rd_kafka_error_string(error),
                  rd_kafka_error_name(error));
    rd_kafka_error_destroy(error);
    return -1;
}

int kafka_producer_init(struct kafka_producer *producer, int timeout_ms, struct error *err)
{
    assert(producer->transactional);
    int64_t until = client_now_ms() + timeout_ms, pause_ms = BACKOFF_MS_MIN;
    struct error told = {0};
    do {
        rd_kafka_error_t *error = rd_kafka_init_transactions(producer->client.rk, left_of(until));
        if (!error)
            return 0;
        transaction_error(producer, "init", error, &told);
    } while (told.action == ERROR_RETRY && back_off(until, &pause_ms));
    return error_set(err, told.action, "%s", told.text);
}

int kafka_producer_begin(struct kafka_producer *producer, struct error *err)
{
    producer->failed = 0;
    producer->denied[0] = '\0';
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client.rk);
    return error ? transaction_error(producer, "begin", error, err) : 0;
}

static rd_kafka_topic_t *topic_of(struct kafka_producer *producer, const char *name)
{
    for (size_t i = 0; i < producer->topic_count; i++)
        if (strcmp(rd_kafka_topic_name(producer->topics[i]), name) == 0)
            return producer->topics[i];
    if (producer->topic_count == TOPICS_MAX)
        return NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->client.rk, name, NULL);
    if (topic)
        producer->topics[producer->topic_count++] = topic;
    return topic;
}

static rd_kafka_headers_t *headers_of(const struct kafka_output *output)
{
    if (output->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(output->header_count);
    for (size_t i = 0; i < output->header_count; i++) {
        const struct event_header *header = &output->headers[i];
        rd_kafka_header_add(headers, header->name.ptr, (ssize_t)header->name.len, header->value.ptr,
                            (ssize_t)header->value.len);
    }
    return headers;
}

/* One try. The headers are the client's when it returns no error, else still ours. */
static rd_kafka_resp_err_t enqueue(struct kafka_producer *producer, rd_kafka_topic_t *topic,
                                   const struct kafka_output *output, rd_kafka_headers_t *headers)
{
    /* The client's structure takes pointers to what it only reads. */
    rd_kafka_vu_t values[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = output->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)output->key.ptr, output->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)output->value.ptr, output->value.len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = output->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = output->out_offset},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof(values) / sizeof(values[0]) - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client.rk, values, count);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

static enum error_action produce_action(const struct kafka_producer *producer,
                                        rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return ERROR_SET_ASIDE;
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        return ERROR_FATAL;
    return producer->transactional ? ERROR_ABORT_BATCH : ERROR_RETRY;
}

int kafka_producer_produce(struct kafka_producer *producer, const struct kafka_output *output,
                           struct error *err)
{
    rd_kafka_topic_t *topic = topic_of(producer, output->topic);
    if (!topic)
        return error_set(err, ERROR_FATAL, "Kafka produce: no topic '%s', or more than %d topics",
                         output->topic, TOPICS_MAX);
    rd_kafka_headers_t *headers = headers_of(output);
    int64_t until = client_now_ms() + producer->patience_ms;
    rd_kafka_resp_err_t code = enqueue(producer, topic, output, headers);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && client_now_ms() < until) {
        rd_kafka_poll(producer->client.rk, QUEUE_FULL_POLL_MS);
        code = enqueue(producer, topic, output, headers);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(producer->client.rk, 0);
        return 0;
    }
    if (headers)
        rd_kafka_headers_destroy(headers);
    if (look_at_denial(producer, code, err))
        return -1;
    return error_set(err, produce_action(producer, code), "Kafka produce to %s/%d: %s",
                     output->topic, (int)output->partition, rd_kafka_err2str(code));
}

int kafka_producer_send_offsets(struct kafka_producer *producer, const struct kafka_offset *offsets,
                                size_t count, const struct kafka_group_metadata *metadata,
                                struct error *err)
{
    assert(count > 0); /* without an offset the transaction has no fence */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)->offset =
            offsets[i].offset;
    int64_t until = client_now_ms() + producer->patience_ms, pause_ms = BACKOFF_MS_MIN;
    struct error told = {0};
    rd_kafka_error_t *error;
    do {
        error = rd_kafka_send_offsets_to_transaction(
            producer->client.rk, list, (const rd_kafka_consumer_group_metadata_t *)metadata,
            left_of(until));
        if (error)
            transaction_error(producer, "offsets", error, &told);
    } while (error && told.action == ERROR_RETRY && back_off(until, &pause_ms));
    rd_kafka_topic_partition_list_destroy(list);
    if (!error)
        return 0;
    return error_set(err, told.action == ERROR_RETRY ? ERROR_ABORT_BATCH : told.action, "%s",
                     told.text);
}

enum kafka_commit kafka_producer_commit(struct kafka_producer *producer, struct error *err)
{
    int64_t until = client_now_ms() + producer->patience_ms, pause_ms = BACKOFF_MS_MIN;
    struct error told = {0};
    do {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->client.rk, left_of(until));
        if (!error)
            return KAFKA_COMMITTED;
        transaction_error(producer, "commit", error, &told);
    } while (told.action == ERROR_RETRY && back_off(until, &pause_ms));
    /* The client looks at the delivery reports before it asks the broker to end the transaction:
     * only then is a failure certain. */
    if (told.action == ERROR_ABORT_BATCH && producer->failed > 0) {
        error_set(err, ERROR_ABORT_BATCH, "%s: %zu records not written, first %s", told.text,
                  producer->failed, producer->reason);
        return KAFKA_NOT_COMMITTED;
    }
    error_set(err, told.action == ERROR_DENIED ? ERROR_DENIED : ERROR_FATAL, "%s", told.text);
    return KAFKA_COMMIT_UNKNOWN;
}

int kafka_producer_abort(struct kafka_producer *producer, struct error *err)
{
    int64_t until = client_now_ms() + producer->patience_ms, pause_ms = BACKOFF_MS_MIN;
    struct error told = {0};
    do {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->client.rk, left_of(until));
        if (!error) {
            producer->failed = 0;
            return 0;
        }
        transaction_error(producer, "abort", error, &told);
    } while (told.action == ERROR_RETRY && back_off(until, &pause_ms));
    return error_set(err, ERROR_FATAL, "%s", told.text);
}

int kafka_producer_flush(struct kafka_producer *producer, int timeout_ms, struct error *err)
{
    if (rd_kafka_flush(producer->client.rk, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(err, ERROR_RETRY, "Kafka flush: %d records not written yet%s%s",
                         rd_kafka_outq_len(producer->client.rk),
                         producer->client.has_error ? ": " : "", producer->client.error);
    size_t failed = producer->failed;
    producer->failed = 0;
    if (failed > 0 && producer->denied[0])
        return client_refused(&producer->client, "Write", "topic", producer->denied, err);
    if (failed > 0)
        return error_set(err, ERROR_ABORT_BATCH, "Kafka flush: %zu records not written, first %s",
                         failed, producer->reason);
    return 0;
}

void kafka_producer_poll(struct kafka_producer *producer)
{
    rd_kafka_poll(producer->client.rk, 0);
}
