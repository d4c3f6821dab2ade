/* Who is in a group and what it has committed, asked from outside. */
/* links: waybill_kafka */
#include "doors_kit.h"

static struct arena arena;

static struct kafka_group ask(struct kafka_admin *admin, const char *name)
{
    struct kafka_group group = {0};
    struct error err;
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    must(kafka_admin_group(admin, name, WAIT_MS, &arena, &group, &err), &err);
    return group;
}

static void test_a_group_names_its_members_and_what_they_have(void)
{
    const char *topic = a_topic("members", 3), *name = fresh("group");
    struct kafka_consumer *consumer = a_consumer(name, "north", topic);
    struct kafka_admin *admin = open_admin();
    wait_for_assignment(consumer, 0, 3);
    struct kafka_group group = ask(admin, name);
    CU_ASSERT_TRUE(str_equal(group.state, STR("Stable")));
    CU_ASSERT_EQUAL_FATAL(group.member_count, 1);
    const struct kafka_member *member = &group.members[0];
    CU_ASSERT_TRUE(str_equal(member->instance, STR("north")));
    CU_ASSERT_TRUE(str_equal(member->client_id, STR("doors_test")));
    CU_ASSERT_TRUE(member->host.len > 0);
    CU_ASSERT_EQUAL_FATAL(member->assigned_count, 3);
    unsigned seen = 0;
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_STRING_EQUAL(member->assigned[i].topic, topic);
        seen |= 1U << member->assigned[i].partition;
    }
    CU_ASSERT_EQUAL(seen, 7);
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
}

static void test_a_group_that_never_was_has_no_members_and_no_offsets(void)
{
    struct kafka_admin *admin = open_admin();
    const char *topic = a_topic("nobody", 1), *name = fresh("group");
    struct kafka_place place = {topic, 0, 77};
    struct error err;
    CU_ASSERT_EQUAL(ask(admin, name).member_count, 0);
    must(kafka_admin_group_offsets(admin, name, &place, 1, WAIT_MS, &err), &err);
    CU_ASSERT_EQUAL(place.offset, KAFKA_NO_OFFSET);
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
}

static void test_offsets_are_those_committed_and_not_those_pending(void)
{
    const char *topic = a_topic("group_offsets", 2), *name = fresh("group");
    struct kafka_consumer *consumer = a_consumer(name, NULL, topic);
    struct kafka_producer *producer = a_producer(fresh("txn"));
    struct kafka_admin *admin = open_admin();
    struct kafka_offset offset = {topic, 1, 5};
    struct kafka_place places[] = {{topic, 0, 77}, {topic, 1, 77}};
    struct error err;
    wait_for_assignment(consumer, 0, 2);
    struct kafka_group_metadata *metadata = kafka_group_metadata_new(consumer);
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), &err);
    commit(producer);
    offset.offset = 9;
    begin(producer);
    must(kafka_producer_send_offsets(producer, &offset, 1, metadata, &err), &err);
    must(kafka_admin_group_offsets(admin, name, places, 2, WAIT_MS, &err), &err);
    CU_ASSERT_EQUAL(places[0].offset, KAFKA_NO_OFFSET);
    CU_ASSERT_EQUAL(places[1].offset, 5);
    commit(producer);
    int64_t until = now_ms() + WAIT_MS; /* the marker comes a moment later */
    while (places[1].offset != 9 && now_ms() < until)
        must(kafka_admin_group_offsets(admin, name, places, 2, WAIT_MS, &err), &err);
    CU_ASSERT_EQUAL(places[1].offset, 9);
    kafka_group_metadata_free(metadata);
    CU_ASSERT_TRUE(kafka_producer_close(producer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_consumer_close(consumer, WAIT_MS));
    CU_ASSERT_TRUE(kafka_admin_close(admin, WAIT_MS));
}
