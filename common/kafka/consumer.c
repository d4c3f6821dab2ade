/* A member of a consumer group, on librdkafka's high-level consumer with eager rebalancing. */
#include "kafka/consumer.h"
#include "kafka/client.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SETTLE_MS = 50, /* how long the client may take to act on what an answer says */
    API_JOIN_GROUP = 11,
    API_HEARTBEAT = 12,
    API_SYNC_GROUP = 14,
};

struct kafka_consumer {
    struct client client;
    const char **topics; /* copies */
    size_t topic_count;
    uint64_t epoch;
    bool member; /* between an assignment and the next revocation */
    struct kafka_partition *assigned;
    bool *flowing; /* resumed; beside each of `assigned` */
    size_t assigned_count;
    /* Set by the client's threads: when the last answer of the coordinator came, and when what it
     * answered had been sent. */
    _Atomic int64_t answered_ms, asked_ms;
    int64_t contact_ms; /* 0 = none */
};

static const struct client_setting defaults[] = {
    {"session.timeout.ms", "10000", false},
    {"heartbeat.interval.ms", "1000", false},
    {"socket.nagle.disable", "true", false},
    {"fetch.wait.max.ms", "100", false},
    /* Before 2.2.0 a full queue stops fetching for a second, so there it has to be a large one. */
    {"queued.min.messages", "200000", false},
    {"queued.max.messages.kbytes", "65536", false},
    {"fetch.queue.backoff.ms", "5", true},
    {0},
};

static const struct client_setting fixed[] = {
    {"isolation.level", "read_committed", false},
    {"enable.auto.commit", "false", false},
    {"enable.auto.offset.store", "false", false},
    {"enable.partition.eof", "true", false}, /* how we know that only control records are left */
    {"auto.offset.reset", "error", false},   /* where to go on is never guessed */
    {"partition.assignment.strategy", "range", false},
    {0},
};

static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int socket, const char *broker,
                                       int32_t broker_id, int16_t api, int16_t version,
                                       int32_t correlation, size_t size, int64_t round_trip_us,
                                       rd_kafka_resp_err_t code, void *opaque)
{
    (void)rk, (void)socket, (void)broker, (void)broker_id, (void)version, (void)correlation;
    (void)size;
    struct kafka_consumer *consumer = opaque;
    bool of_group = api == API_HEARTBEAT || api == API_JOIN_GROUP || api == API_SYNC_GROUP;
    if (of_group && code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        int64_t now = client_now_ms();
        int64_t round_trip_ms = round_trip_us > 0 ? round_trip_us / 1000 : 0;
        atomic_store(&consumer->asked_ms, now - round_trip_ms);
        atomic_store(&consumer->answered_ms, now);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    return rd_kafka_interceptor_add_on_response_received(rk, "waybill", on_response, opaque);
}

static int32_t topic_index(const struct kafka_consumer *consumer, const char *name)
{
    for (size_t i = 0; i < consumer->topic_count; i++)
        if (strcmp(consumer->topics[i], name) == 0)
            return (int32_t)i;
    return -1;
}

static int compare(const void *a, const void *b)
{
    const struct kafka_partition *x = a, *y = b;
    if (x->topic != y->topic)
        return x->topic < y->topic ? -1 : 1;
    return x->partition < y->partition ? -1 : x->partition > y->partition;
}

/* Where the partition stands in `assigned`; -1 = it is not ours. */
static ptrdiff_t find(const struct kafka_consumer *consumer, int32_t topic, int32_t partition)
{
    struct kafka_partition wanted = {topic, partition, 0};
    if (consumer->assigned_count == 0)
        return -1;
    const struct kafka_partition *found =
        bsearch(&wanted, consumer->assigned, consumer->assigned_count, sizeof(wanted), compare);
    return found ? found - consumer->assigned : -1;
}

static void forget_assignment(struct kafka_consumer *consumer)
{
    free(consumer->assigned);
    free(consumer->flowing);
    consumer->assigned = NULL;
    consumer->flowing = NULL;
    consumer->assigned_count = 0;
    consumer->member = false;
    consumer->contact_ms = 0;
}

static void remember_assignment(struct kafka_consumer *consumer,
                                const rd_kafka_topic_partition_list_t *partitions)
{
    forget_assignment(consumer);
    size_t count = (size_t)partitions->cnt;
    consumer->assigned = calloc(count + 1, sizeof(*consumer->assigned));
    consumer->flowing = calloc(count + 1, sizeof(*consumer->flowing));
    assert(consumer->assigned && consumer->flowing);
    for (size_t i = 0; i < count; i++)
        consumer->assigned[i] =
            (struct kafka_partition){topic_index(consumer, partitions->elems[i].topic),
                                     partitions->elems[i].partition, KAFKA_NO_OFFSET};
    consumer->assigned_count = count;
    qsort(consumer->assigned, count, sizeof(*consumer->assigned), compare);
    consumer->member = true;
}

/* Runs inside rd_kafka_consumer_poll, or at the end inside rd_kafka_destroy. */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    consumer->epoch++;
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        forget_assignment(consumer);
        rd_kafka_assign(rk, NULL);
        return;
    }
    remember_assignment(consumer, partitions);
    /* Paused before and after, it fetches nothing and waits for its seek. The place must be a
     * number: a logical one (END) is looked up, and in 2.0.2 a look-up that pause or seek has made
     * outdated is done again 500 ms later and then overrides the seek: records would be skipped. */
    for (int i = 0; i < partitions->cnt; i++)
        partitions->elems[i].offset = 0;
    rd_kafka_pause_partitions(rk, partitions);
    rd_kafka_assign(rk, partitions);
    rd_kafka_pause_partitions(rk, partitions);
}

static int subscribe(struct kafka_consumer *consumer, struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consumer->topic_count);
    for (size_t i = 0; i < consumer->topic_count; i++)
        rd_kafka_topic_partition_list_add(list, consumer->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(err, ERROR_FATAL, "Kafka subscribe: %s", rd_kafka_err2str(code));
    return 0;
}

static void consumer_free(struct kafka_consumer *consumer)
{
    forget_assignment(consumer);
    client_free_names(consumer->topics, consumer->topic_count);
    free(consumer);
}

int kafka_consumer_open(struct kafka_consumer **out, const struct kafka_settings *settings,
                        const struct kafka_consumer_settings *cfg, struct error *err)
{
    struct kafka_consumer *consumer = calloc(1, sizeof(*consumer));
    rd_kafka_conf_t *conf = NULL;
    if (!consumer || !(consumer->topics = client_copy_names(cfg->topics, cfg->topic_count))) {
        free(consumer);
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka consumer");
    }
    consumer->topic_count = cfg->topic_count;
    snprintf(consumer->client.group, sizeof(consumer->client.group), "%s", cfg->group_id);
    if (client_configure(&consumer->client, settings, defaults, fixed, &conf, err))
        goto refused;
    if (client_set(conf, "group.id", cfg->group_id, err) ||
        (cfg->instance_id && client_set(conf, "group.instance.id", cfg->instance_id, err))) {
        rd_kafka_conf_destroy(conf);
        goto refused;
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_interceptor_add_on_new(conf, "waybill", on_new, consumer);
    if (client_open(&consumer->client, RD_KAFKA_CONSUMER, conf, err))
        goto refused;
    rd_kafka_poll_set_consumer(consumer->client.rk);
    if (subscribe(consumer, err)) {
        kafka_consumer_close(consumer, KAFKA_SESSION_TIMEOUT_MS);
        return -1;
    }
    *out = consumer;
    return 0;
refused:
    consumer_free(consumer);
    return -1;
}

bool kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms)
{
    if (!consumer)
        return true;
    if (!client_close(&consumer->client, timeout_ms))
        return false;
    consumer_free(consumer);
    return true;
}

/* An answer of the coordinator counts only when the client has had time to act on bad news in it.
 */
static void note_contact(struct kafka_consumer *consumer, int64_t now)
{
    int64_t answered = atomic_load(&consumer->answered_ms);
    if (consumer->member && answered != 0 && now - answered >= SETTLE_MS)
        consumer->contact_ms = atomic_load(&consumer->asked_ms);
}

/* 1 = a record; 0 = nothing that the caller sees; -1 = an error. Takes the message over. */
static int take(struct kafka_consumer *consumer, rd_kafka_message_t *message,
                struct kafka_record *out, struct error *err)
{
    int32_t topic = -1;
    ptrdiff_t at = -1;
    if (message->rkt) {
        topic = topic_index(consumer, rd_kafka_topic_name(message->rkt));
        at = find(consumer, topic, message->partition);
    }
    int result = 0;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (at >= 0 && consumer->flowing[at] && consumer->assigned[at].offset < message->offset)
            consumer->assigned[at].offset = message->offset;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        result = client_message_error(&consumer->client, message, err);
    } else if (at >= 0 && consumer->flowing[at] &&
               message->offset >= consumer->assigned[at].offset) {
        consumer->assigned[at].offset = message->offset + 1;
        return client_record(&consumer->client, message, topic, out, err) ? -1 : 1;
    }
    rd_kafka_message_destroy(message);
    return result;
}

int kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms, struct kafka_record *out,
                        struct error *err)
{
    int64_t until = client_now_ms() + timeout_ms;
    note_contact(consumer, until - timeout_ms);
    for (;;) {
        int64_t left = until - client_now_ms();
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(consumer->client.rk, left > 0 ? (int)left : 0);
        if (!message)
            break;
        int taken = take(consumer, message, out, err);
        if (taken != 0)
            return taken;
    }
    return client_take_error(&consumer->client, err);
}

uint64_t kafka_consumer_epoch(const struct kafka_consumer *consumer)
{
    return consumer->epoch;
}

size_t kafka_consumer_assignment(const struct kafka_consumer *consumer,
                                 const struct kafka_partition **out)
{
    *out = consumer->assigned;
    return consumer->assigned_count;
}

static rd_kafka_topic_partition_list_t *list_of(const struct kafka_consumer *consumer,
                                                const struct kafka_partition *partitions,
                                                size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        assert((size_t)partitions[i].topic < consumer->topic_count);
        rd_kafka_topic_partition_list_add(list, consumer->topics[partitions[i].topic],
                                          partitions[i].partition)
            ->offset = partitions[i].offset;
    }
    return list;
}

/* Frees the list; -1 if the call, or any partition in it, failed. */
static int list_result(const struct kafka_consumer *consumer, const char *what,
                       rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
                       enum error_action action, struct error *err)
{
    int result = 0;
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        result = client_refused(&consumer->client, "Read", "group", consumer->client.group, err);
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        result = error_set(err, action, "Kafka %s: %s", what, rd_kafka_err2str(code));
    for (int i = 0; result == 0 && i < list->cnt; i++)
        if (client_lacks_right(list->elems[i].err))
            result = client_refused(&consumer->client, "Read", "topic", list->elems[i].topic, err);
        else if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            result = error_set(err, action, "Kafka %s %s/%d: %s", what, list->elems[i].topic,
                               (int)list->elems[i].partition, rd_kafka_err2str(list->elems[i].err));
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

/* Drops what was fetched; the next record is the one at .offset or the first after it. */
static int seek(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
                size_t count, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(consumer, partitions, count);
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->client.rk, list, -1);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error)
        rd_kafka_error_destroy(error);
    return list_result(consumer, "seek", list, code, ERROR_ABORT_BATCH, err);
}

/* -1 unless all of them are ours. */
static int check_ours(const struct kafka_consumer *consumer,
                      const struct kafka_partition *partitions, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (find(consumer, partitions[i].topic, partitions[i].partition) < 0)
            return error_set(err, ERROR_ABORT_BATCH, "Kafka partition %d of topic %d is not ours",
                             (int)partitions[i].partition, (int)partitions[i].topic);
    return 0;
}

int kafka_consumer_seek(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
                        size_t count, struct error *err)
{
    if (count == 0)
        return 0;
    if (check_ours(consumer, partitions, count, err) || seek(consumer, partitions, count, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        consumer->assigned[find(consumer, partitions[i].topic, partitions[i].partition)].offset =
            partitions[i].offset;
    return 0;
}

/* All of them flow from now on, or none. */
static int set_flowing(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
                       size_t count, bool flowing, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(consumer, partitions, count);
    rd_kafka_resp_err_t code = flowing ? rd_kafka_resume_partitions(consumer->client.rk, list)
                                       : rd_kafka_pause_partitions(consumer->client.rk, list);
    if (list_result(consumer, flowing ? "resume" : "pause", list, code, ERROR_ABORT_BATCH, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        consumer->flowing[find(consumer, partitions[i].topic, partitions[i].partition)] = flowing;
    return 0;
}

int kafka_consumer_pause(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
                         size_t count, struct error *err)
{
    if (count == 0)
        return 0;
    if (check_ours(consumer, partitions, count, err))
        return -1;
    return set_flowing(consumer, partitions, count, false, err);
}

int kafka_consumer_resume(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
                          size_t count, struct error *err)
{
    if (count == 0)
        return 0;
    if (check_ours(consumer, partitions, count, err))
        return -1;
    /* The client's own idea of where a paused partition goes on does not know of a seek made while
     * it was paused and paused again; ours does. */
    struct kafka_partition *from = calloc(count, sizeof(*from));
    if (!from)
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka seek");
    for (size_t i = 0; i < count; i++) {
        from[i] = consumer->assigned[find(consumer, partitions[i].topic, partitions[i].partition)];
        assert(from[i].offset != KAFKA_NO_OFFSET); /* a seek comes first */
    }
    int result = seek(consumer, from, count, err);
    free(from);
    return result ? -1 : set_flowing(consumer, partitions, count, true, err);
}

int kafka_consumer_committed(struct kafka_consumer *consumer, struct kafka_partition *partitions,
                             size_t count, int timeout_ms, struct error *err)
{
    if (count == 0)
        return 0;
    rd_kafka_topic_partition_list_t *list = list_of(consumer, partitions, count);
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client.rk, list, timeout_ms);
    int64_t *offsets = code == RD_KAFKA_RESP_ERR_NO_ERROR ? calloc(count, sizeof(*offsets)) : NULL;
    for (size_t i = 0; offsets && i < count; i++)
        offsets[i] = list->elems[i].offset;
    int result = list_result(consumer, "committed offsets", list, code, client_action(code), err);
    for (size_t i = 0; offsets && result == 0 && i < count; i++)
        partitions[i].offset = offsets[i] >= 0 ? offsets[i] : KAFKA_NO_OFFSET;
    free(offsets);
    return result;
}

struct kafka_group_metadata *kafka_group_metadata_new(struct kafka_consumer *consumer)
{
    return (struct kafka_group_metadata *)rd_kafka_consumer_group_metadata(consumer->client.rk);
}

void kafka_group_metadata_free(struct kafka_group_metadata *metadata)
{
    if (metadata)
        rd_kafka_consumer_group_metadata_destroy((rd_kafka_consumer_group_metadata_t *)metadata);
}

int64_t kafka_consumer_contact_age_ms(const struct kafka_consumer *consumer)
{
    bool lost = rd_kafka_assignment_lost(consumer->client.rk) ||
                rd_kafka_fatal_error(consumer->client.rk, NULL, 0);
    return lost || consumer->contact_ms == 0 ? INT64_MAX : client_now_ms() - consumer->contact_ms;
}

int64_t kafka_consumer_lag(const struct kafka_consumer *consumer, int32_t topic, int32_t partition)
{
    ptrdiff_t at = find(consumer, topic, partition);
    int64_t low = 0, high = 0;
    if (at < 0 || consumer->assigned[at].offset == KAFKA_NO_OFFSET ||
        rd_kafka_get_watermark_offsets(consumer->client.rk, consumer->topics[topic], partition,
                                       &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        high < 0)
        return -1;
    int64_t lag = high - consumer->assigned[at].offset;
    return lag > 0 ? lag : 0;
}
