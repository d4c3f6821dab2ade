/* The Kafka door while its broker hangs or dies: nothing waits for ever, and what is not known is
 * said to be unknown. Stops a broker of its own, which CTest has started. */
/* links: waybill_kafka */
#include "doors_kit.h"

#include <signal.h>
#include <unistd.h>

enum { TRANSACTION_TIMEOUT_MS = 3000 };

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define LEAKS_ALLOWED(yes) ((yes) ? __lsan_disable() : __lsan_enable())
#else
#define LEAKS_ALLOWED(yes) ((void)(yes))
#endif

static pid_t broker_pid(void)
{
    FILE *file = fopen(KAFKA_PID_FILE, "r");
    int pid = 0;
    if (!file || fscanf(file, "%d", &pid) != 1 || pid <= 1) {
        fprintf(stderr, "doors_hang_test: no broker of its own: run it by ctest\n");
        exit(1);
    }
    fclose(file);
    return pid;
}

static struct kafka_producer *an_impatient_producer(const char *id)
{
    struct kafka_option quick = {"transaction.timeout.ms", "3000"};
    struct kafka_settings settings = broker();
    settings.options = &quick;
    settings.option_count = 1;
    struct kafka_producer *producer = NULL;
    struct error err;
    must(kafka_producer_open(&producer, &settings, id, &err), &err);
    must(kafka_producer_init(producer, WAIT_MS, &err), &err);
    return producer;
}

static void test_a_commit_is_unknown_when_the_broker_hangs_in_it(void)
{
    const char *topic = a_topic("hang", 1), *id = fresh("txn");
    struct kafka_producer *producer = an_impatient_producer(id);
    struct error err = {0};
    begin(producer);
    put(producer, topic, 0, "perhaps");
    must(kafka_producer_flush(producer, WAIT_MS, &err), &err);
    kill(broker_pid(), SIGSTOP);
    int64_t began = now_ms();
    CU_ASSERT_EQUAL(kafka_producer_commit(producer, &err), KAFKA_COMMIT_UNKNOWN);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_TRUE(now_ms() - began < 2 * TRANSACTION_TIMEOUT_MS);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    kill(broker_pid(), SIGCONT);
    /* a new one with its id knows that the old transaction has ended, one way or the other */
    producer = an_impatient_producer(id);
    int64_t high = high_of(topic, 0);
    CU_ASSERT_TRUE(high >= 2); /* the record, a marker; sometimes the broker repeats the marker */
    struct kafka_reader *reader = a_reader(topic);
    start(reader, 0, 0, high);
    CU_ASSERT_TRUE(read_to_the_end(reader, WAIT_MS) <= 1);
    CU_ASSERT_TRUE(kafka_reader_at_end(reader, 0, 0));
    CU_ASSERT_TRUE(kafka_reader_close(reader, WAIT_MS));
    begin(producer);
    put(producer, topic, 0, "yes");
    commit(producer);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
}

static void test_offsets_and_abort_do_not_wait_for_ever(void)
{
    const char *topic = a_topic("hang.offsets", 1);
    struct kafka_producer *producer = an_impatient_producer(fresh("txn"));
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    struct kafka_offset offset = {topic, 0, 1};
    struct error err = {0};
    wait_for_assignment(consumer, 0, 1);
    struct kafka_group_metadata *metadata = kafka_group_metadata_new(consumer);
    begin(producer);
    kill(broker_pid(), SIGSTOP);
    int64_t began = now_ms();
    CU_ASSERT_EQUAL(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_ABORT_BATCH);
    CU_ASSERT_EQUAL(kafka_producer_abort(producer, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_TRUE(now_ms() - began < 3 * TRANSACTION_TIMEOUT_MS);
    kill(broker_pid(), SIGCONT);
    kafka_group_metadata_free(metadata);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_contact_grows_old_while_the_broker_hangs_and_young_again_after(void)
{
    const char *topic = a_topic("hang.contact", 1);
    struct kafka_consumer *consumer = a_consumer(fresh("group"), NULL, topic);
    wait_for_assignment(consumer, 0, 1);
    CU_ASSERT_EQUAL(next_offset(consumer, 200), -1);
    CU_ASSERT_TRUE(kafka_consumer_contact_age_ms(consumer) < 2500);
    kill(broker_pid(), SIGSTOP);
    CU_ASSERT_EQUAL(next_offset(consumer, 5500), -1);
    CU_ASSERT_TRUE(kafka_consumer_contact_age_ms(consumer) > 5000);
    kill(broker_pid(), SIGCONT);
    int64_t until = now_ms() + 2 * WAIT_MS;
    while (kafka_consumer_contact_age_ms(consumer) > 2500 && now_ms() < until)
        CU_ASSERT_EQUAL(next_offset(consumer, 100), -1);
    CU_ASSERT_TRUE(kafka_consumer_contact_age_ms(consumer) <= 2500);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
}

static void test_close_does_not_wait_for_a_broker_that_hangs(void)
{
    const char *topic = a_topic("hang.close", 1);
    const char *group = fresh("group");
    LEAKS_ALLOWED(
        true); /* a client that does not end in time is left behind: see kafka_consumer_close */
    struct kafka_consumer *consumer = a_consumer(group, NULL, topic);
    LEAKS_ALLOWED(false);
    wait_for_assignment(consumer, 0, 1);
    kill(broker_pid(), SIGSTOP);
    int64_t began = now_ms();
    kafka_consumer_close(consumer, 2000); /* in time or left behind: both are fine */
    CU_ASSERT_TRUE(now_ms() - began < 3000);
    kill(broker_pid(), SIGCONT);
}
