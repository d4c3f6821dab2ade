/* The Kafka door against a real broker: what the takeover protocol rests on.
 *
 * WAYBILL_TEST_KAFKA names the broker; without it, the one that CTest has started. */
/* links: waybill_kafka */
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

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Stops the program: what follows would make no sense. */
static void must(int result, const struct error *err)
{
    if (result >= 0)
        return;
    fprintf(stderr, "doors_test: %s\n", err->text);
    exit(1);
}

static struct kafka_settings broker(void)
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
static const char *fresh(const char *what)
{
    static char names[32][64];
    static unsigned used;
    char *name = names[used++ % 32];
    snprintf(name, sizeof(names[0]), "doors.%s.%d.%u.%" PRIx64, what, (int)getpid(), used,
             (uint64_t)time(NULL));
    return name;
}

static struct kafka_admin *open_admin(void)
{
    struct kafka_settings settings = broker();
    struct kafka_admin *admin = NULL;
    struct error err;
    must(kafka_admin_open(&admin, &settings, &err), &err);
    return admin;
}

static const char *a_topic(const char *what, int32_t partitions)
{
    struct kafka_new_topic topic = {
        .name = fresh(what), .partitions = partitions, .replication = -1};
    struct kafka_admin *admin = open_admin();
    struct error err;
    must(kafka_admin_create(admin, &topic, 1, WAIT_MS, &err), &err);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
    return topic.name;
}

static int64_t high_of(const char *topic, int32_t partition)
{
    struct kafka_admin *admin = open_admin();
    struct error err;
    int64_t low = 0, high = 0;
    must(kafka_admin_watermarks(admin, topic, partition, WAIT_MS, &low, &high, &err), &err);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
    return high;
}

static struct kafka_producer *a_producer(const char *id)
{
    struct kafka_settings settings = broker();
    struct kafka_producer *producer = NULL;
    struct error err;
    must(kafka_producer_open(&producer, &settings, id, &err), &err);
    if (id)
        must(kafka_producer_init(producer, WAIT_MS, &err), &err);
    return producer;
}

static void put(struct kafka_producer *producer, const char *topic, int32_t partition,
                const char *value)
{
    struct kafka_output output = {
        .topic = topic, .partition = partition, .key = STR("k"), .value = str_from(value)};
    struct error err;
    must(kafka_producer_produce(producer, &output, &err), &err);
}

static void begin(struct kafka_producer *producer)
{
    struct error err;
    must(kafka_producer_begin(producer, &err), &err);
}

static void commit(struct kafka_producer *producer)
{
    struct error err = {0};
    must(kafka_producer_commit(producer, &err) == KAFKA_COMMITTED ? 0 : -1, &err);
}

/* Writes value0, value1, ... as one transaction. */
static void put_committed(const char *topic, int32_t partition, int count)
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

static struct kafka_consumer *a_consumer(const char *group, const char *instance, const char *topic)
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
static void wait_for_assignment(struct kafka_consumer *consumer, uint64_t epoch, size_t count)
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
static int64_t next_offset(struct kafka_consumer *consumer, int wait_ms)
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

static void seek_to(struct kafka_consumer *consumer, int64_t offset)
{
    struct kafka_partition at = {0, 0, offset};
    struct error err;
    must(kafka_consumer_seek(consumer, &at, 1, &err), &err);
}

static void pause_it(struct kafka_consumer *consumer)
{
    struct kafka_partition at = {0, 0, 0};
    struct error err;
    must(kafka_consumer_pause(consumer, &at, 1, &err), &err);
}

static void resume_it(struct kafka_consumer *consumer)
{
    struct kafka_partition at = {0, 0, 0};
    struct error err;
    must(kafka_consumer_resume(consumer, &at, 1, &err), &err);
}

static struct kafka_reader *a_reader(const char *topic)
{
    struct kafka_settings settings = broker();
    struct kafka_reader *reader = NULL;
    struct error err;
    must(kafka_reader_open(&reader, &settings, &topic, 1, &err), &err);
    return reader;
}

static void start(struct kafka_reader *reader, int32_t partition, int64_t from, int64_t until)
{
    struct error err;
    must(kafka_reader_start(reader, 0, partition, from, until, &err), &err);
}

/* Reads until every end is reached or wait_ms are over; how many records came. */
static int read_to_the_end(struct kafka_reader *reader, int wait_ms)
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

/* ---- reader, transactions ---- */

static void test_reader_hides_aborted_records_and_gets_past_them_to_the_end(void)
{
    const char *topic = a_topic("aborted", 1);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct error err;
    begin(producer);
    put(producer, topic, 0, "a");
    put(producer, topic, 0, "b");
    commit(producer);
    begin(producer);
    for (int i = 0; i < 3; i++)
        put(producer, topic, 0, "never");
    must(kafka_producer_flush(producer, WAIT_MS, &err), &err);
    must(kafka_producer_abort(producer, &err), &err);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    /* 2 records, a marker, 3 aborted, a marker */
    int64_t high = high_of(topic, 0);
    CU_ASSERT_EQUAL(high, 7);

    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, KAFKA_FROM_BEGINNING, high);
    CU_ASSERT_FALSE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 2);
    CU_ASSERT_TRUE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_EQUAL(kafka_reader_position(reader, 0, 0), high);
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

static void test_reader_is_not_at_the_end_while_a_transaction_is_open_below_it(void)
{
    const char *topic = a_topic("pending", 1);
    put_committed(topic, 0, 3);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct error err;
    begin(producer);
    put(producer, topic, 0, "late");
    must(kafka_producer_flush(producer, WAIT_MS, &err), &err);
    int64_t high = high_of(topic, 0); /* 3, a marker, the open one */
    CU_ASSERT_EQUAL(high, 5);

    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, KAFKA_FROM_BEGINNING, high);
    CU_ASSERT_EQUAL(read_to_the_end(reader, 1000), 3);
    CU_ASSERT_FALSE(kafka_reader_at_end(reader, 0, 0));
    commit(producer);
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 1);
    CU_ASSERT_TRUE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static void test_reader_reaches_the_end_when_the_open_transaction_is_aborted(void)
{
    const char *topic = a_topic("pending.aborted", 1);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct error err;
    begin(producer);
    put(producer, topic, 0, "never");
    must(kafka_producer_flush(producer, WAIT_MS, &err), &err);
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, 0, high_of(topic, 0));
    CU_ASSERT_EQUAL(read_to_the_end(reader, 500), 0);
    CU_ASSERT_FALSE(kafka_reader_at_end(reader, 0, 0));
    must(kafka_producer_abort(producer, &err), &err);
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 0);
    CU_ASSERT_TRUE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static void test_reader_is_at_the_end_of_an_empty_partition(void)
{
    const char *topic = a_topic("empty", 1);
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, KAFKA_FROM_BEGINNING, 0);
    CU_ASSERT_TRUE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_FALSE(kafka_reader_at_end(reader, 0, 1));
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

static void test_reader_follows_several_partitions_and_forgets_a_stopped_one(void)
{
    const char *topic = a_topic("several", 3);
    for (int32_t i = 0; i < 3; i++)
        put_committed(topic, i, 5);
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, KAFKA_FROM_BEGINNING, high_of(topic, 0));
    start(reader, 1, 3, high_of(topic, 1));
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 5 + 2);
    start(reader, 2, KAFKA_FROM_BEGINNING, high_of(topic, 2));
    CU_ASSERT_FALSE(kafka_reader_all_at_end(reader));
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 5);
    kafka_reader_stop(reader, 0, 0);
    put_committed(topic, 0, 1);
    put_committed(topic, 1, 1);
    struct kafka_record record = {0};
    struct error err;
    int seen = 0;
    for (int64_t until = now_ms() + 1500; now_ms() < until;)
        if (kafka_reader_next(reader, 50, &record, &err) == 1) {
            CU_ASSERT_EQUAL(record.partition, 1);
            seen++;
            kafka_record_free(&record);
        }
    CU_ASSERT_EQUAL(seen, 1);
    /* and once more from the start, with nothing left over from before */
    start(reader, 0, 2, high_of(topic, 0));
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 4);
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

static void test_reader_tells_when_the_start_is_not_in_the_log(void)
{
    const char *topic = a_topic("range", 1);
    put_committed(topic, 0, 2);
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, 1000, 1001);
    struct kafka_record record = {0};
    struct error err = {0};
    int result = 0;
    for (int64_t until = now_ms() + WAIT_MS; result == 0 && now_ms() < until;)
        result = kafka_reader_next(reader, 50, &record, &err);
    CU_ASSERT_EQUAL(result, -1);
    CU_ASSERT_EQUAL(err.action, ERROR_ABORT_BATCH);
    kafka_reader_stop(reader, 0, 0);
    start(reader, 0, KAFKA_FROM_BEGINNING, 3);
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 2);
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

static void test_record_comes_back_as_it_was_written(void)
{
    const char *topic = a_topic("record", 1);
    struct kafka_producer *producer = a_producer(NULL);
    struct event_header headers[] = {{STR("ce_id"), STR("1")}, {STR("empty"), STR("")}};
    int64_t offsets[3] = {-1, -1, -1};
    struct kafka_output outputs[] = {
        {.topic = topic,
         .key = STR("key"),
         .value = STR("value"),
         .headers = headers,
         .header_count = 2,
         .timestamp_ms = 1700000000123,
         .out_offset = &offsets[0]},
        {.topic = topic, .key = STR("gone"), .out_offset = &offsets[1]},
        {.topic = topic, .key = STR(""), .value = STR(""), .out_offset = &offsets[2]},
    };
    struct error err;
    for (int i = 0; i < 3; i++)
        must(kafka_producer_produce(producer, &outputs[i], &err), &err);
    must(kafka_producer_flush(producer, WAIT_MS, &err), &err);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(offsets[i], i);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));

    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, 0, 3);
    struct kafka_record records[3] = {0};
    for (int i = 0; i < 3;)
        i += kafka_reader_next(reader, 100, &records[i], &err) == 1;
    CU_ASSERT_TRUE(str_equal(records[0].key, STR("key")));
    CU_ASSERT_TRUE(str_equal(records[0].value, STR("value")));
    CU_ASSERT_EQUAL(records[0].timestamp_ms, 1700000000123);
    CU_ASSERT_EQUAL_FATAL(records[0].header_count, 2);
    CU_ASSERT_TRUE(str_equal(records[0].headers[0].name, STR("ce_id")));
    CU_ASSERT_TRUE(str_equal(records[0].headers[0].value, STR("1")));
    CU_ASSERT_EQUAL(records[0].headers[1].value.len, 0);
    CU_ASSERT_PTR_NULL(records[1].value.ptr);
    CU_ASSERT_EQUAL(records[1].header_count, 0);
    CU_ASSERT_PTR_NOT_NULL(records[2].value.ptr);
    CU_ASSERT_PTR_NOT_NULL(records[2].key.ptr);
    CU_ASSERT_EQUAL(records[2].value.len, 0);
    for (int i = 0; i < 3; i++)
        kafka_record_free(&records[i]);
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

/* ---- consumer ---- */

static void test_nothing_is_delivered_before_seek_and_resume(void)
{
    const char *topic = a_topic("early", 1);
    put_committed(topic, 0, 10);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    CU_ASSERT_EQUAL(kafka_consumer_epoch(consumer), 0);
    wait_for_assignment(consumer, 0, 1);
    CU_ASSERT_EQUAL(next_offset(consumer, 1000), -1);
    seek_to(consumer, 4);
    CU_ASSERT_EQUAL(next_offset(consumer, 500), -1);
    resume_it(consumer);
    CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), 4);
    CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), 5);
    pause_it(consumer);
    CU_ASSERT_EQUAL(next_offset(consumer, 500), -1);
    resume_it(consumer);
    CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), 6);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_seek_while_paused_outlives_another_pause(void)
{
    const char *topic = a_topic("paused", 1);
    put_committed(topic, 0, 10);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    wait_for_assignment(consumer, 0, 1);
    seek_to(consumer, 0);
    resume_it(consumer);
    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), i);
    pause_it(consumer);
    seek_to(consumer, 3);
    pause_it(consumer);
    resume_it(consumer);
    pause_it(consumer);
    resume_it(consumer);
    CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), 3);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_seek_in_full_flow_drops_what_was_fetched(void)
{
    enum { RECORDS = 20000, SEEKS = 200 };
    const char *topic = a_topic("flow", 1);
    put_committed(topic, 0, RECORDS);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    wait_for_assignment(consumer, 0, 1);
    seek_to(consumer, 0);
    resume_it(consumer);
    unsigned seed = 7;
    for (int i = 0; i < SEEKS; i++) {
        int64_t target = rand_r(&seed) % (RECORDS - 100);
        seek_to(consumer, target);
        for (int n = rand_r(&seed) % 50; n >= 0; n--)
            CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), target++);
    }
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_position_that_is_not_in_the_log_is_told(void)
{
    const char *topic = a_topic("gone", 1);
    put_committed(topic, 0, 2);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    wait_for_assignment(consumer, 0, 1);
    seek_to(consumer, 5000);
    resume_it(consumer);
    struct kafka_record record = {0};
    struct error err = {0};
    int result = 0;
    for (int64_t until = now_ms() + WAIT_MS; result == 0 && now_ms() < until;)
        result = kafka_consumer_poll(consumer, 50, &record, &err);
    CU_ASSERT_EQUAL(result, -1);
    CU_ASSERT_EQUAL(err.action, ERROR_ABORT_BATCH);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_lag_is_nothing_when_only_a_marker_is_left(void)
{
    const char *topic = a_topic("lag", 1);
    put_committed(topic, 0, 5);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    wait_for_assignment(consumer, 0, 1);
    CU_ASSERT_EQUAL(kafka_consumer_lag(consumer, 0, 0), -1);
    seek_to(consumer, 0);
    resume_it(consumer);
    CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), 0);
    CU_ASSERT_EQUAL(kafka_consumer_lag(consumer, 0, 0), 5); /* 4 records, a marker */
    for (int i = 1; i < 5; i++)
        CU_ASSERT_EQUAL(next_offset(consumer, WAIT_MS), i);
    CU_ASSERT_EQUAL(next_offset(consumer, 500), -1);
    CU_ASSERT_EQUAL(kafka_consumer_lag(consumer, 0, 0), 0);
    const struct kafka_partition *assigned;
    CU_ASSERT_EQUAL(kafka_consumer_assignment(consumer, &assigned), 1);
    CU_ASSERT_EQUAL(assigned[0].offset, 6);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_member_without_partitions_knows_that_it_has_none(void)
{
    const char *topic = a_topic("none", 1), *group = fresh("group");
    struct kafka_consumer *first = a_consumer(group, NULL, topic);
    wait_for_assignment(first, 0, 1);
    uint64_t epoch = kafka_consumer_epoch(first);
    struct kafka_consumer *second = a_consumer(group, NULL, topic);
    struct kafka_record record;
    struct error err;
    const struct kafka_partition *assigned;
    for (int64_t until = now_ms() + WAIT_MS; now_ms() < until;) {
        CU_ASSERT_EQUAL(kafka_consumer_poll(first, 20, &record, &err), 0);
        CU_ASSERT_EQUAL(kafka_consumer_poll(second, 20, &record, &err), 0);
        if (kafka_consumer_epoch(second) > 0 && kafka_consumer_epoch(first) >= epoch + 2)
            break;
    }
    CU_ASSERT_EQUAL(kafka_consumer_assignment(first, &assigned) +
                        kafka_consumer_assignment(second, &assigned),
                    1);
    CU_ASSERT_TRUE(kafka_consumer_epoch(second) > 0);
    CU_ASSERT_EQUAL(kafka_consumer_epoch(first), epoch + 2);
    CU_ASSERT_TRUE(kafka_consumer_close(first, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(second, WAIT_MS));
}

static void test_contact_is_young_in_a_living_group_and_none_before(void)
{
    const char *topic = a_topic("contact", 1);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    CU_ASSERT_EQUAL(kafka_consumer_contact_age_ms(consumer), INT64_MAX);
    wait_for_assignment(consumer, 0, 1);
    CU_ASSERT_EQUAL(next_offset(consumer, 200), -1);
    int64_t oldest = 0;
    for (int64_t until = now_ms() + 4000; now_ms() < until;) {
        CU_ASSERT_EQUAL(next_offset(consumer, 20), -1);
        int64_t age = kafka_consumer_contact_age_ms(consumer);
        oldest = age > oldest ? age : oldest;
    }
    CU_ASSERT_TRUE(oldest >= 500);
    CU_ASSERT_TRUE(oldest < 2500);
    usleep(100 * 1000); /* not polled: what is known grows old */
    CU_ASSERT_TRUE(kafka_consumer_contact_age_ms(consumer) >= 50);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_second_member_with_the_same_instance_id_fences_the_first(void)
{
    const char *topic = a_topic("static", 1), *group = fresh("group");
    struct kafka_consumer *first = a_consumer(group, "one", topic);
    wait_for_assignment(first, 0, 1);
    struct kafka_consumer *second = a_consumer(group, "one", topic);
    wait_for_assignment(second, 0, 1);
    struct kafka_record record;
    struct error err = {0};
    for (int64_t until = now_ms() + WAIT_MS; err.action != ERROR_FATAL && now_ms() < until;)
        if (kafka_consumer_poll(first, 50, &record, &err) == 0)
            err.action = ERROR_NONE;
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_EQUAL(kafka_consumer_contact_age_ms(first), INT64_MAX);
    CU_ASSERT_TRUE(kafka_consumer_close(first, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(second, WAIT_MS));
}

/* ---- offsets in transactions ---- */

static int64_t committed(struct kafka_consumer *consumer)
{
    struct kafka_partition at = {0, 0, 77};
    struct error err;
    must(kafka_consumer_committed(consumer, &at, 1, WAIT_MS, &err), &err);
    return at.offset;
}

static void test_offsets_are_committed_with_the_transaction_or_not_at_all(void)
{
    const char *topic = a_topic("offsets", 1);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct kafka_offset offset = {topic, 0, 5};
    struct error err;
    wait_for_assignment(consumer, 0, 1);
    struct kafka_group_metadata *metadata = kafka_group_metadata_new(consumer);
    CU_ASSERT_EQUAL(committed(consumer), KAFKA_NO_OFFSET);
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), &err);
    must(kafka_producer_abort(producer, &err), &err);
    CU_ASSERT_EQUAL(committed(consumer), KAFKA_NO_OFFSET);
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), &err);
    commit(producer);
    CU_ASSERT_EQUAL(committed(consumer), 5);
    kafka_group_metadata_free(metadata);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_committed_offsets_are_held_back_while_a_transaction_is_pending(void)
{
    const char *topic = a_topic("held", 1);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct kafka_offset offset = {topic, 0, 9};
    struct error err = {0};
    wait_for_assignment(consumer, 0, 1);
    struct kafka_group_metadata *metadata = kafka_group_metadata_new(consumer);
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), &err);
    struct kafka_partition at = {0, 0, 77};
    int64_t began = now_ms();
    CU_ASSERT_EQUAL(kafka_consumer_committed(consumer, &at, 1, 500, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_EQUAL(at.offset, 77);
    CU_ASSERT_TRUE(now_ms() - began < 3000);
    commit(producer);
    CU_ASSERT_EQUAL(committed(consumer), 9);
    kafka_group_metadata_free(metadata);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_a_stale_generation_is_refused(void)
{
    const char *topic = a_topic("stale", 2), *group = fresh("group");
    struct kafka_consumer *first = a_consumer(group, NULL, topic);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct kafka_offset offset = {topic, 0, 3};
    struct error err = {0};
    wait_for_assignment(first, 0, 2);
    struct kafka_group_metadata *old = kafka_group_metadata_new(first);
    struct kafka_consumer *second = a_consumer(group, NULL, topic);
    struct kafka_record record;
    const struct kafka_partition *assigned;
    for (int64_t until = now_ms() + WAIT_MS; now_ms() < until;) {
        CU_ASSERT_EQUAL(kafka_consumer_poll(first, 20, &record, &err), 0);
        CU_ASSERT_EQUAL(kafka_consumer_poll(second, 20, &record, &err), 0);
        if (kafka_consumer_assignment(second, &assigned) == 1)
            break;
    }
    begin(producer);
    CU_ASSERT_EQUAL(kafka_producer_send_offsets(producer, &offset, 1, old, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_ABORT_BATCH);
    must(kafka_producer_abort(producer, &err), &err);
    CU_ASSERT_EQUAL(committed(second), KAFKA_NO_OFFSET);
    kafka_group_metadata_free(old);
    /* the same producer goes on with the new generation */
    struct kafka_group_metadata *fresh_one = kafka_group_metadata_new(second);
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, fresh_one, &err), &err);
    commit(producer);
    CU_ASSERT_EQUAL(committed(second), 3);
    kafka_group_metadata_free(fresh_one);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(first, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(second, WAIT_MS));
}

/* ---- producer ---- */

static void test_a_producer_is_finished_when_another_takes_its_id(void)
{
    const char *topic = a_topic("fenced", 1), *id = fresh("txn");
    struct kafka_producer *old = a_producer(id);
    struct error err = {0};
    begin(old);
    put(old, topic, 0, "never");
    must(kafka_producer_flush(old, WAIT_MS, &err), &err);
    struct kafka_producer *young = a_producer(id);
    CU_ASSERT_EQUAL(kafka_producer_commit(old, &err), KAFKA_COMMIT_UNKNOWN);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_TRUE(kafka_producer_close(old, WAIT_MS));
    begin(young);
    put(young, topic, 0, "yes");
    commit(young);
    CU_ASSERT_TRUE(kafka_producer_close(young, WAIT_MS));
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, 0, high_of(topic, 0));
    CU_ASSERT_EQUAL(read_to_the_end(reader, WAIT_MS), 1);
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
}

static void test_a_record_that_cannot_be_written_fails_the_commit(void)
{
    const char *topic = a_topic("undelivered", 1);
    struct kafka_option quick = {"transaction.timeout.ms", "3000"};
    struct kafka_settings settings = broker();
    settings.options = &quick;
    settings.option_count = 1;
    struct kafka_producer *producer = NULL;
    struct error err = {0};
    must(kafka_producer_open(&producer, &settings, fresh("txn"), &err), &err);
    must(kafka_producer_init(producer, WAIT_MS, &err), &err);
    begin(producer);
    put(producer, topic, 0, "never");
    put(producer, topic, 99, "there is no partition 99");
    CU_ASSERT_NOT_EQUAL(kafka_producer_commit(producer, &err), KAFKA_COMMITTED);
    CU_ASSERT_NOT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static void test_a_record_that_is_too_large_is_set_aside_and_the_transaction_goes_on(void)
{
    const char *topic = a_topic("large", 1);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    char *large = calloc(1, 3000000);
    struct kafka_output output = {.topic = topic, .value = {large, 3000000}};
    struct error err = {0};
    begin(producer);
    CU_ASSERT_EQUAL(kafka_producer_produce(producer, &output, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    put(producer, topic, 0, "small");
    commit(producer);
    CU_ASSERT_EQUAL(high_of(topic, 0), 2);
    free(large);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static void test_a_full_queue_waits_for_room(void)
{
    const char *topic = a_topic("full", 1);
    struct kafka_option narrow = {"queue.buffering.max.messages", "100"};
    struct kafka_settings settings = broker();
    settings.options = &narrow;
    settings.option_count = 1;
    struct kafka_producer *producer = NULL;
    struct error err;
    must(kafka_producer_open(&producer, &settings, fresh("txn"), &err), &err);
    must(kafka_producer_init(producer, WAIT_MS, &err), &err);
    begin(producer);
    for (int i = 0; i < 1000; i++)
        put(producer, topic, 0, "x");
    commit(producer);
    CU_ASSERT_EQUAL(high_of(topic, 0), 1001);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

/* ---- admin, trouble ---- */

static void test_admin_knows_topics_and_their_configuration(void)
{
    const char *name = fresh("admin");
    struct kafka_option compact = {"cleanup.policy", "compact"};
    struct kafka_new_topic topic = {name, 3, -1, &compact, 1};
    struct kafka_admin *admin = open_admin();
    struct error err = {0};
    int32_t count = -1;
    char value[32] = "";
    must(kafka_admin_partitions(admin, name, WAIT_MS, &count, &err), &err);
    CU_ASSERT_EQUAL(count, 0);
    must(kafka_admin_create(admin, &topic, 1, WAIT_MS, &err), &err);
    must(kafka_admin_create(admin, &topic, 1, WAIT_MS, &err), &err);
    must(kafka_admin_partitions(admin, name, WAIT_MS, &count, &err), &err);
    CU_ASSERT_EQUAL(count, 3);
    must(kafka_admin_config(admin, name, "cleanup.policy", WAIT_MS, value, sizeof(value), &err),
         &err);
    CU_ASSERT_STRING_EQUAL(value, "compact");
    CU_ASSERT_EQUAL(kafka_admin_config(admin, name, "no.such", WAIT_MS, value, sizeof(value), &err),
                    -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    struct kafka_option wrong = {"cleanup.policy", "sometimes"};
    struct kafka_new_topic refused = {fresh("refused"), 1, -1, &wrong, 1};
    CU_ASSERT_EQUAL(kafka_admin_create(admin, &refused, 1, WAIT_MS, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
}

static void test_a_broker_that_is_away_is_a_reason_to_retry(void)
{
    struct kafka_settings settings = {.bootstrap_servers = "127.0.0.1:1"};
    struct kafka_consumer_settings cfg = {"g", NULL, (const char *[]){"t"}, 1};
    struct kafka_admin *admin = NULL;
    struct kafka_producer *producer = NULL;
    struct kafka_consumer *consumer = NULL;
    struct kafka_record record;
    struct error err = {0};
    int32_t count = 0;
    must(kafka_admin_open(&admin, &settings, &err), &err);
    CU_ASSERT_EQUAL(kafka_admin_partitions(admin, "t", 500, &count, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    must(kafka_producer_open(&producer, &settings, "id", &err), &err);
    CU_ASSERT_EQUAL(kafka_producer_init(producer, 500, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    must(kafka_consumer_open(&consumer, &settings, &cfg, &err), &err);
    CU_ASSERT_EQUAL(kafka_consumer_poll(consumer, 1000, &record, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    int64_t began = now_ms();
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
    CU_ASSERT_TRUE(now_ms() - began < 5000);
}

static void test_a_wrong_client_setting_is_named(void)
{
    struct kafka_option wrong = {"no.such.setting", "1"};
    struct kafka_settings settings = {
        .bootstrap_servers = "127.0.0.1:1", .options = &wrong, .option_count = 1};
    struct kafka_admin *admin = NULL;
    struct error err = {0};
    CU_ASSERT_EQUAL(kafka_admin_open(&admin, &settings, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no.such.setting"));
}
