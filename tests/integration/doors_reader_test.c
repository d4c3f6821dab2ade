/* The reader against a real broker: what it shows, and when it is at the end.
 *
 * WAYBILL_TEST_KAFKA names the broker; without it, the one that CTest has started. */
/* links: waybill_kafka */
#include "doors_kit.h"

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
