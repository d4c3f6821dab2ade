/* Which topics there are, that each has one value per setting, and the key under which each event
 * travels. */
/* links: waybill_topics */
#include "events.h"
#include "topics/event_key.h"
#include "topics/topics.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;

static void begin(void)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
}

static bool key_is(const struct record_type *type, const void *body, const char *expected)
{
    return str_equal(event_key(type, body, &arena), str_from(expected));
}

static void test_has_no_key_when_a_part_of_it_is_missing(void)
{
    begin();
    struct order_submitted no_id = {.store = STR("demo")};
    struct order_submitted colon = {.store = STR("a:b"), .external_id = STR("1")};
    struct stock_level_reported no_sku = {.supplier_id = STR("north"), .sku = STR("")};
    struct cancel_submitted empty = {.order_id = STR("")};
    struct payload_received payload = {.source = STR("shopify")};
    CU_ASSERT_PTR_NULL(event_key(&order_submitted, &no_id, &arena).ptr);
    CU_ASSERT_PTR_NULL(event_key(&order_submitted, &colon, &arena).ptr);
    CU_ASSERT_PTR_NULL(event_key(&stock_level_reported, &no_sku, &arena).ptr);
    CU_ASSERT_PTR_NULL(event_key(&cancel_submitted, &empty, &arena).ptr);
    CU_ASSERT_PTR_NULL(event_key(&payload_received, &payload, &arena).ptr);
    CU_ASSERT_PTR_NULL(event_key(&task_position, &(struct task_position){0}, &arena).ptr);
}

static void test_keys_are_what_the_topic_says(void)
{
    begin();
    struct order_submitted submitted = {.store = STR("demo"), .external_id = STR("1001")};
    struct cancel_submitted cancel = {.order_id = STR("demo:1001")};
    struct order_accepted accepted = {.order = {.order_id = STR("demo:1001")}};
    struct stock_level_reported level = {.supplier_id = STR("north"), .sku = STR("A")};
    struct stock_hold_answered answered = {
        .supplier_id = STR("north"), .sku = STR("A"), .order_id = STR("demo:1001")};
    struct scan_reported scan = {.carrier = STR("dhl"), .tracking_number = STR("T1")};
    struct shipment_delivered delivered = {
        .order_id = STR("demo:1001"), .carrier = STR("dhl"), .tracking_number = STR("T1")};
    struct message_planned planned = {.contact_id = STR("c1"), .order_id = STR("demo:1001")};
    struct observation_recorded fact = {.subject = STR("supplier:north")};
    struct supplier_scored scored = {.supplier_id = STR("north")};
    CU_ASSERT_TRUE(key_is(&order_submitted, &submitted, "demo:1001"));
    CU_ASSERT_TRUE(key_is(&cancel_submitted, &cancel, "demo:1001"));
    CU_ASSERT_TRUE(key_is(&order_accepted, &accepted, "demo:1001"));
    CU_ASSERT_TRUE(key_is(&stock_level_reported, &level, "north/A"));
    CU_ASSERT_TRUE(key_is(&stock_hold_answered, &answered, "demo:1001"));
    CU_ASSERT_TRUE(key_is(&scan_reported, &scan, "dhl/T1"));
    CU_ASSERT_TRUE(key_is(&shipment_delivered, &delivered, "demo:1001"));
    CU_ASSERT_TRUE(key_is(&message_planned, &planned, "c1"));
    CU_ASSERT_TRUE(key_is(&observation_recorded, &fact, "supplier:north"));
    CU_ASSERT_TRUE(key_is(&supplier_scored, &scored, "north"));
}

/* Every event with a topic of its own has fields to make the key of. */
static void test_every_event_has_fields_for_its_key(void)
{
    static _Alignas(max_align_t) char body[4096];
    begin();
    for (size_t i = 0; i < record_type_count; i++) {
        const struct record_type *type = record_types[i];
        if (!type->topic)
            continue;
        CU_ASSERT_FATAL(type->bytes <= sizeof(body));
        memset(body, 0, sizeof(body));
        for (size_t f = 0; f < type->field_count; f++) {
            const struct field *field = &type->fields[f];
            struct str x = STR("x");
            if (field->type.kind == FIELD_STRING)
                memcpy(body + field->offset, &x, sizeof(x));
            if (field->type.kind == FIELD_RECORD && !field->type.nullable &&
                strcmp(field->name, "order") == 0)
                ((struct order *)(void *)(body + field->offset))->order_id = x;
        }
        if (event_key(type, body, &arena).len == 0)
            printf("\n  no key: %s\n", type->name);
        CU_ASSERT_NOT_EQUAL(event_key(type, body, &arena).len, 0);
    }
}

static void test_every_service_has_topics_of_its_own(void)
{
    size_t count;
    begin();
    const struct topic *all = topics_all(&arena, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("intake.changelog"))->use, TOPIC_CHANGELOG);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("feedback.dlq"))->use, TOPIC_DEAD_LETTERS);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("notifier.operator"))->use, TOPIC_OPERATOR);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("orders"))->use, TOPIC_EVENTS);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("suppliers"))->use, TOPIC_TABLE);
    CU_ASSERT_EQUAL(topics_find(all, count, STR("schemas"))->partitions, 1);
    CU_ASSERT_PTR_NULL(topics_find(all, count, STR("waybill.orders")));
    CU_ASSERT_TRUE(count <= TOPICS_MAX);
}

static void test_each_use_has_one_value_per_setting(void)
{
    for (size_t i = 0; i < topic_config_count; i++) {
        CU_ASSERT_TRUE(strlen(topic_configs[i].why) > 0);
        for (size_t j = i + 1; j < topic_config_count; j++)
            if (strcmp(topic_configs[i].name, topic_configs[j].name) == 0)
                CU_ASSERT_EQUAL(topic_configs[i].uses & topic_configs[j].uses, 0);
    }
}
