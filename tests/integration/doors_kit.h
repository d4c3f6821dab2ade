/* What the tests of the Kafka door share: topics, producers, consumers and readers in one line. */
#ifndef WAYBILL_TESTS_DOORS_KIT_H
#define WAYBILL_TESTS_DOORS_KIT_H

#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "kafka/reader.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 15000 };

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Stops the program: what follows would make no sense. */
static inline void must(int result, const struct error *err)
{
    if (result >= 0)
        return;
    fprintf(stderr, "doors_test: %s\n", err->text);
    exit(1);
}

static inline struct kafka_settings broker(void)
{
    static char address[64];
    const char *given = getenv("WAYBILL_TEST_KAFKA");
    if (!given && !address[0]) {
        FILE *file = fopen(KAFKA_ADDRESS_FILE, "r");
        if (!file || fscanf(file, "%63s", address) != 1) {
            fprintf(stderr, "doors_test: set WAYBILL_TEST_KAFKA to a broker's host:port\n");
            exit(1);
        }
        fclose(file);
    }
    return (struct kafka_settings){.bootstrap_servers = given ? given : address,
                                   .client_id = "doors_test"};
}

/* A name that no other run has used. */
static inline const char *fresh(const char *what)
{
    static char names[32][64];
    static unsigned used;
    char *name = names[used++ % 32];
    snprintf(name, sizeof(names[0]), "doors.%s.%d.%u.%" PRIx64, what, (int)getpid(), used,
             (uint64_t)time(NULL));
    return name;
}

static inline struct kafka_admin *open_admin(void)
{
    struct kafka_settings settings = broker();
    struct kafka_admin *admin = NULL;
    struct error err;
    must(kafka_admin_open(&admin, &settings, &err), &err);
    return admin;
}

static inline const char *a_topic(const char *what, int32_t partitions)
{
    struct kafka_new_topic topic = {
        .name = fresh(what), .partitions = partitions, .replication = -1};
    struct kafka_admin *admin = open_admin();
    struct error err;
    must(kafka_admin_create(admin, &topic, 1, WAIT_MS, &err), &err);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
    return topic.name;
}

static inline int64_t high_of(const char *topic, int32_t partition)
{
    struct kafka_admin *admin = open_admin();
    struct error err;
    int64_t low = 0, high = 0;
    must(kafka_admin_watermarks(admin, topic, partition, WAIT_MS, &low, &high, &err), &err);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
    return high;
}

static inline struct kafka_producer *a_producer(const char *id)
{
    struct kafka_settings settings = broker();
    struct kafka_producer *producer = NULL;
    struct error err;
    must(kafka_producer_open(&producer, &settings, id, &err), &err);
    if (id)
        must(kafka_producer_init(producer, WAIT_MS, &err), &err);
    return producer;
}

static inline void put(struct kafka_producer *producer, const char *topic, int32_t partition,
                       const char *value)
{
    struct kafka_output output = {
        .topic = topic, .partition = partition, .key = STR("k"), .value = str_from(value)};
    struct error err;
    must(kafka_producer_produce(producer, &output, &err), &err);
}

static inline void begin(struct kafka_producer *producer)
{
    struct error err;
    must(kafka_producer_begin(producer, &err), &err);
}

static inline void commit(struct kafka_producer *producer)
{
    struct error err = {0};
    must(kafka_producer_commit(producer, &err) == KAFKA_COMMITTED ? 0 : -1, &err);
}

/* Writes value0, value1, ... as one transaction. */
static inline void put_committed(const char *topic, int32_t partition, int count)
{
    struct kafka_producer *producer = a_producer(fresh("txn"));
    begin(producer);
    for (int i = 0; i < count; i++) {
        char value[32];
        snprintf(value, sizeof(value), "value%d", i);
        put(producer, topic, partition, value);
    }
    commit(producer);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static inline struct kafka_consumer *a_consumer(const char *group, const char *instance,
                                                const char *topic)
{
    struct kafka_settings settings = broker();
    struct kafka_consumer_settings cfg = {group, instance, &topic, 1};
    struct kafka_consumer *consumer = NULL;
    struct error err;
    must(kafka_consumer_open(&consumer, &settings, &cfg, &err), &err);
    return consumer;
}

/* Polls until the epoch is past `epoch` and the consumer has `count` partitions; no record may
 * come. */
static inline void wait_for_assignment(struct kafka_consumer *consumer, uint64_t epoch,
                                       size_t count)
{
    const struct kafka_partition *assigned;
    int64_t until = now_ms() + 2 * WAIT_MS;
    struct kafka_record record = {0};
    struct error err;
    while (now_ms() < until && (kafka_consumer_epoch(consumer) <= epoch ||
                                kafka_consumer_assignment(consumer, &assigned) != count))
        CU_ASSERT_NOT_EQUAL(kafka_consumer_poll(consumer, 50, &record, &err), 1);
    CU_ASSERT_EQUAL(kafka_consumer_assignment(consumer, &assigned), count);
}

/* The next record's offset; -1 = none within wait_ms. */
static inline int64_t next_offset(struct kafka_consumer *consumer, int wait_ms)
{
    int64_t until = now_ms() + wait_ms;
    struct error err;
    do {
        struct kafka_record record = {0};
        if (kafka_consumer_poll(consumer, 20, &record, &err) == 1) {
            int64_t offset = record.offset;
            kafka_record_free(&record);
            return offset;
        }
    } while (now_ms() < until);
    return -1;
}

static inline void seek_to(struct kafka_consumer *consumer, int64_t offset)
{
    struct kafka_partition at = {0, 0, offset};
    struct error err;
    must(kafka_consumer_seek(consumer, &at, 1, &err), &err);
}

static inline void pause_it(struct kafka_consumer *consumer)
{
    struct kafka_partition at = {0, 0, 0};
    struct error err;
    must(kafka_consumer_pause(consumer, &at, 1, &err), &err);
}

static inline void resume_it(struct kafka_consumer *consumer)
{
    struct kafka_partition at = {0, 0, 0};
    struct error err;
    must(kafka_consumer_resume(consumer, &at, 1, &err), &err);
}

static inline struct kafka_reader *a_reader(const char *topic)
{
    struct kafka_settings settings = broker();
    struct kafka_reader *reader = NULL;
    struct error err;
    must(kafka_reader_open(&reader, &settings, &topic, 1, &err), &err);
    return reader;
}

static inline void start(struct kafka_reader *reader, int32_t partition, int64_t from,
                         int64_t until)
{
    struct error err;
    must(kafka_reader_start(reader, 0, partition, from, until, &err), &err);
}

/* Reads until every end is reached or wait_ms are over; how many records came. */
static inline int read_to_the_end(struct kafka_reader *reader, int wait_ms)
{
    int64_t until = now_ms() + wait_ms;
    int count = 0;
    struct error err;
    while (!kafka_reader_all_at_end(reader) && now_ms() < until) {
        struct kafka_record record = {0};
        if (kafka_reader_next(reader, 50, &record, &err) == 1)
            count++;
        kafka_record_free(&record);
    }
    return count;
}

#endif
