/* Reading partitions without a group, on librdkafka's simple consumer: any partition starts and
 * stops by itself, and all of them share one queue. */
#include "kafka/reader.h"
#include "kafka/client.h"

#include <assert.h>
#include <stdlib.h>

struct started {
    int32_t topic, partition;
    int64_t position; /* the next offset to read */
    int64_t until;
};

struct kafka_reader {
    struct client client;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t **topics;
    size_t topic_count;
    struct started *started;
    size_t started_count, started_capacity;
    size_t last; /* where the last record's partition stood */
};

static const struct client_setting defaults[] = {
    {"socket.nagle.disable", "true", false},
    {"fetch.wait.max.ms", "100", false},
    /* Before 2.2.0 a full queue stops fetching for a second, so there it has to be a large one. */
    {"queued.min.messages", "1000000", false},
    {"queued.max.messages.kbytes", "65536", false},
    {"fetch.queue.backoff.ms", "5", true},
    {0},
};

static const struct client_setting
    fixed[] =
        {
            {"isolation.level", "read_committed", false},
            {"enable.partition.eof", "true", false}, /* how we know that only control records are
                                                        left */
            {"enable.auto.commit", "false", false},
            {"auto.offset.reset", "error", false},
            {0},
};

static void reader_free(struct kafka_reader *reader)
{
    free(reader->topics);
    free(reader->started);
    free(reader);
}

int kafka_reader_open(struct kafka_reader **out, const struct kafka_settings *settings,
                      const char *const *topics, size_t topic_count, struct error *err)
{
    struct kafka_reader *reader = calloc(1, sizeof(*reader));
    rd_kafka_conf_t *conf = NULL;
    if (!reader || !(reader->topics = calloc(topic_count + 1, sizeof(rd_kafka_topic_t *)))) {
        free(reader);
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka reader");
    }
    if (client_configure(&reader->client, settings, defaults, fixed, &conf, err) ||
        client_open(&reader->client, RD_KAFKA_CONSUMER, conf, err)) {
        reader_free(reader);
        return -1;
    }
    reader->queue = rd_kafka_queue_new(reader->client.rk);
    for (; reader->topic_count < topic_count; reader->topic_count++) {
        const char *name = topics[reader->topic_count];
        rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->client.rk, name, NULL);
        if (!topic) {
            kafka_reader_close(reader, 1000);
            return error_set(err, ERROR_FATAL, "Kafka reader: topic '%s': %s", name,
                             rd_kafka_err2str(rd_kafka_last_error()));
        }
        reader->topics[reader->topic_count] = topic;
    }
    *out = reader;
    return 0;
}

bool kafka_reader_close(struct kafka_reader *reader, int timeout_ms)
{
    if (!reader)
        return true;
    while (reader->started_count > 0)
        kafka_reader_stop(reader, reader->started[0].topic, reader->started[0].partition);
    rd_kafka_queue_destroy(reader->queue);
    for (size_t i = 0; i < reader->topic_count; i++)
        rd_kafka_topic_destroy(reader->topics[i]);
    if (!client_close(&reader->client, timeout_ms))
        return false;
    reader_free(reader);
    return true;
}

static struct started *find(const struct kafka_reader *reader, int32_t topic, int32_t partition)
{
    for (size_t n = 0; n < reader->started_count; n++) {
        size_t at = (reader->last + n) % reader->started_count;
        if (reader->started[at].partition == partition && reader->started[at].topic == topic)
            return &reader->started[at];
    }
    return NULL;
}

int kafka_reader_start(struct kafka_reader *reader, int32_t topic, int32_t partition, int64_t from,
                       int64_t until, struct error *err)
{
    assert((size_t)topic < reader->topic_count && !find(reader, topic, partition));
    if (reader->started_count == reader->started_capacity) {
        size_t capacity = reader->started_capacity * 2 + 8;
        struct started *grown = realloc(reader->started, capacity * sizeof(*grown));
        if (!grown)
            return error_set(err, ERROR_FATAL, "out of memory for a Kafka reader");
        reader->started = grown;
        reader->started_capacity = capacity;
    }
    int64_t start = from == KAFKA_FROM_BEGINNING ? RD_KAFKA_OFFSET_BEGINNING : from;
    if (rd_kafka_consume_start_queue(reader->topics[topic], partition, start, reader->queue) != 0)
        return error_set(err, ERROR_FATAL, "Kafka read %s/%d: %s",
                         rd_kafka_topic_name(reader->topics[topic]), (int)partition,
                         rd_kafka_err2str(rd_kafka_last_error()));
    reader->started[reader->started_count++] =
        (struct started){topic, partition, from >= 0 ? from : KAFKA_NO_OFFSET, until};
    return 0;
}

void kafka_reader_stop(struct kafka_reader *reader, int32_t topic, int32_t partition)
{
    struct started *started = find(reader, topic, partition);
    if (!started)
        return;
    rd_kafka_consume_stop(reader->topics[topic], partition);
    *started = reader->started[--reader->started_count];
    reader->last = 0;
}

static struct started *started_of(struct kafka_reader *reader, const rd_kafka_message_t *message)
{
    for (size_t i = 0; message->rkt && i < reader->topic_count; i++)
        if (reader->topics[i] == message->rkt ||
            strcmp(rd_kafka_topic_name(reader->topics[i]), rd_kafka_topic_name(message->rkt)) == 0)
            return find(reader, (int32_t)i, message->partition);
    return NULL;
}

static bool at_end(const struct started *started)
{
    return started->until == 0 || started->position >= started->until;
}

/* 1 = a record; 0 = nothing, go on; -1 = an error. Takes the message over. */
static int take(struct kafka_reader *reader, rd_kafka_message_t *message, bool *out_ended,
                struct kafka_record *out, struct error *err)
{
    struct started *started = started_of(reader, message);
    int result = 0;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (started && started->position < message->offset) {
            bool was_at_end = at_end(started);
            started->position = message->offset;
            *out_ended = !was_at_end && at_end(started);
        }
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (started)
            result = client_message_error(&reader->client, message, err);
    } else if (started && message->offset >= started->position) {
        started->position = message->offset + 1;
        reader->last = (size_t)(started - reader->started);
        return client_record(&reader->client, message, started->topic, out, err) ? -1 : 1;
    }
    rd_kafka_message_destroy(message);
    return result;
}

int kafka_reader_next(struct kafka_reader *reader, int timeout_ms, struct kafka_record *out,
                      struct error *err)
{
    int64_t until = client_now_ms() + timeout_ms;
    bool ended = false;
    while (!ended) {
        int64_t left = until - client_now_ms();
        rd_kafka_message_t *message =
            rd_kafka_consume_queue(reader->queue, left > 0 ? (int)left : 0);
        if (!message)
            break;
        int taken = take(reader, message, &ended, out, err);
        if (taken != 0)
            return taken;
    }
    rd_kafka_poll(reader->client.rk, 0);
    return client_take_error(&reader->client, err);
}

bool kafka_reader_at_end(const struct kafka_reader *reader, int32_t topic, int32_t partition)
{
    const struct started *started = find(reader, topic, partition);
    return started && at_end(started);
}

bool kafka_reader_all_at_end(const struct kafka_reader *reader)
{
    for (size_t i = 0; i < reader->started_count; i++)
        if (!at_end(&reader->started[i]))
            return false;
    return true;
}

int64_t kafka_reader_position(const struct kafka_reader *reader, int32_t topic, int32_t partition)
{
    const struct started *started = find(reader, topic, partition);
    return started ? started->position : KAFKA_NO_OFFSET;
}
