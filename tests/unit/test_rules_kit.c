/* The rules kit itself: states, timers, intents and emitted records as a rule would meet them. */
/* links: rules_kit */
#include "rules_kit.h"

#include <CUnit/CUnit.h>

struct counter {
    struct str note;
    int64_t count;
};

static const struct field counter_fields[] = {
    {.name = "note", .type = {.kind = FIELD_STRING}, .offset = offsetof(struct counter, note)},
    {.name = "count", .type = {.kind = FIELD_LONG}, .offset = offsetof(struct counter, count)},
};
#define COUNTER_SCHEMA(name)                                                                       \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[{\"name\":\"note\",\"type\":"          \
    "\"string\"},{\"name\":\"count\",\"type\":\"long\"}]}"
static const struct record_type counter = {.name = "counter",
                                           .schema_id = 9001,
                                           .state_major = 1,
                                           .bytes = sizeof(struct counter),
                                           .fields = counter_fields,
                                           .field_count = 2,
                                           .schema_json = COUNTER_SCHEMA("counter")};
static const struct record_type added = {.name = "added",
                                         .topic = "adds",
                                         .schema_id = 9002,
                                         .bytes = sizeof(struct counter),
                                         .fields = counter_fields,
                                         .field_count = 2,
                                         .schema_json = COUNTER_SCHEMA("added")};

/* Adds; at ten it asks for a call; over a hundred it refuses; each add moves a timer. */
static enum verdict add(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    struct counter next = state ? *(const struct counter *)state : (struct counter){0};
    const struct counter *by = ev->body;
    next.count += by->count;
    next.note = by->note;
    put_state(out, &next);
    set_timer(out, "forget", ctx->now_ms + HOUR_MS);
    if (by->count > 1)
        effects_emit(out, &added, ev->key, &(struct counter){STR("half"), by->count / 2});
    if (next.count == 10)
        intend(out, &(struct intent){.id = STR("ten"),
                                     .name = "told",
                                     .endpoint = STR("somebody"),
                                     .method = "POST",
                                     .body = by->note});
    if (next.count > 10)
        withdraw(out, STR("ten"));
    return next.count > 100 ? set_aside(out, "too much: %lld", (long long)next.count) : DONE;
}

static enum verdict forget(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)state;
    effects_emit(out, &added, ev->key, &(struct counter){STR("forgotten"), ctx->now_ms});
    drop_state(out);
    return DONE;
}

static enum verdict told(const struct event *ev, const void *state, const struct context *ctx,
                         struct effects *out)
{
    (void)ctx;
    struct counter next = *(const struct counter *)state;
    next.note = ev->reply->body;
    put_state(out, &next);
    return DONE;
}

static const struct route routes[] = {
    {.on = &added, .state = &counter, .decide = add},
    {.on_timer = "forget", .state = &counter, .decide = forget},
    {.on_reply = "told", .state = &counter, .decide = told},
};

static struct kit kit;

static void start(void)
{
    kit_init(&kit, routes, sizeof(routes) / sizeof(routes[0]), NULL);
}

static enum verdict give(const char *key, int64_t count)
{
    return kit_event(&kit, &added, str_from(key), &(struct counter){STR("a note"), count});
}

static int64_t count_of(const char *key)
{
    const struct counter *state = kit_state(&kit, &counter, str_from(key));
    return state ? state->count : -1;
}

static void test_nothing_stays_when_the_rule_sets_aside(void)
{
    start();
    give("a", 10);
    kit_forget(&kit);
    CU_ASSERT_EQUAL(give("a", 99), SET_ASIDE);
    CU_ASSERT_STRING_EQUAL(kit.effects.reason, "too much: 109");
    CU_ASSERT_EQUAL(count_of("a"), 10);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    kit_done(&kit);
}

static void test_state_is_carried_per_key_when_events_follow(void)
{
    start();
    give("a", 1);
    give("b", 5);
    give("a", 1);
    CU_ASSERT_EQUAL(count_of("a"), 2);
    CU_ASSERT_EQUAL(count_of("b"), 5);
    CU_ASSERT_EQUAL(count_of("c"), -1);
    CU_ASSERT(kit_state_bytes(&kit, &counter, STR("a")) > 0);
    kit_done(&kit);
}

static void test_timers_fire_once_in_order_when_time_moves_on(void)
{
    start();
    give("a", 1);
    kit_advance(&kit, 10 * MINUTE_MS);
    give("b", 1);
    CU_ASSERT_EQUAL(kit_timer_due(&kit, &counter, STR("a"), "forget"), KIT_START_MS + HOUR_MS);
    CU_ASSERT_EQUAL(kit_advance(&kit, 49 * MINUTE_MS), 0);
    CU_ASSERT_EQUAL(kit_advance(&kit, DAY_MS), 2);
    const struct counter *first = kit_emitted(&kit, &added, 0);
    CU_ASSERT_EQUAL(first->count, KIT_START_MS + HOUR_MS);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &added, 1), STR("b")));
    CU_ASSERT_EQUAL(count_of("a"), -1);
    CU_ASSERT_EQUAL(kit_timer_count(&kit, &counter, STR("a")), 0);
    kit_done(&kit);
}

static void test_what_is_read_back_comes_once_when_pumped(void)
{
    start();
    give("a", 4); /* 4, then 2, then 1 */
    CU_ASSERT_EQUAL(kit_pump(&kit), 2);
    CU_ASSERT_EQUAL(count_of("a"), 7);
    CU_ASSERT_EQUAL(kit_pump(&kit), 0);
    kit_done(&kit);
}

static void test_intents_are_kept_until_withdrawn_or_answered(void)
{
    start();
    give("a", 10);
    give("b", 10);
    const struct kit_intent *pending = kit_intent_pending(&kit, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pending);
    CU_ASSERT(str_equal(pending->intent.body, STR("a note")));
    CU_ASSERT(str_equal(pending->key, STR("a")));
    give("a", 1);
    CU_ASSERT(str_equal(kit_intent_pending(&kit, 0)->key, STR("b")));
    struct call_reply reply = {
        .intent_id = STR("ten"), .outcome = OUTCOME_OK, .body = STR("thanks")};
    CU_ASSERT_EQUAL(kit_reply(&kit, &counter, STR("b"), &reply), DONE);
    const struct counter *state = kit_state(&kit, &counter, STR("b"));
    CU_ASSERT(str_equal(state->note, STR("thanks")));
    CU_ASSERT_PTR_NULL(kit_intent_pending(&kit, 0));
    CU_ASSERT(kit_intent_find(&kit, STR("ten"))->withdrawn);
    kit_done(&kit);
}

static void test_a_table_record_is_found_when_put(void)
{
    start();
    kit_table_put(&kit, &added, STR("s"), &(struct counter){STR("old"), 1});
    kit_table_put(&kit, &added, STR("s"), &(struct counter){STR("new"), 2});
    const struct counter *found = context_find(&kit.ctx, &added, STR("s"));
    CU_ASSERT_EQUAL(found->count, 2);
    CU_ASSERT_PTR_NULL(context_find(&kit.ctx, &added, STR("t")));
    kit_done(&kit);
}
