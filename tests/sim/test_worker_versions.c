/* Another version of the service ran before, or will after. */
/* links: fake_world */
#include "sim/probe.h"
#include "worker/task.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static const char *const inputs[] = {"inbound.orders", "orders", "probe.operator", NULL};

/* Knows no timers and no replies. */
static const struct route earlier_routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = probe_on_payment}};
static const struct service earlier = {
    .name = "probe", .inputs = inputs, .routes = earlier_routes, .route_count = 1};

/* Keeps another state, under the same keys. */
static enum verdict on_payment_later(const struct event *ev, const void *state,
                                     const struct context *ctx, struct effects *out)
{
    (void)state;
    probe_say(out, ev, ctx, "paid later", 1);
    put_state(out, &(struct order_cancelled){.order_id = ev->key, .reason = STR("x")});
    set_timer(out, "ring", ctx->now_ms + 60000);
    return DONE;
}

static enum verdict on_ring_later(const struct event *ev, const void *state,
                                  const struct context *ctx, struct effects *out)
{
    (void)state;
    probe_say(out, ev, ctx, "rang later", 1);
    return DONE;
}

static const struct route later_routes[] = {
    {.on = &payment_captured, .state = &order_cancelled, .decide = on_payment_later},
    {.on_timer = "ring", .state = &order_cancelled, .decide = on_ring_later},
};
static const struct service later = {
    .name = "probe", .inputs = inputs, .routes = later_routes, .route_count = 2};

/* Does not read `orders`, as the one that it was before; and decides what comes there "once". */
static const char *const fewer_inputs[] = {"inbound.orders", NULL};
static const struct service narrower = {
    .name = "probe", .inputs = fewer_inputs, .routes = earlier_routes, .route_count = 1};

static enum verdict on_cancelled(const struct event *ev, const void *state,
                                 const struct context *ctx, struct effects *out)
{
    (void)state;
    if (str_equal(as_order_cancelled(ev)->reason, STR("once")))
        probe_say(out, ev, ctx, "saw", 1);
    return DONE;
}

static const struct route wider_routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = probe_on_payment},
    {.on = &order_cancelled, .state = &lane_measured, .decide = on_cancelled},
};
static const struct service wider = {
    .name = "probe", .inputs = inputs, .routes = wider_routes, .route_count = 2};

static void cancel_once(const char *key)
{
    struct buffer buffer;
    struct order_cancelled cancelled = {.order_id = str_from(key), .reason = STR("once")};
    fake_world_write(world, "orders", home_of(key), key,
                     framed(&order_cancelled, &cancelled, &buffer), NULL, 0);
    buffer_done(&buffer);
}

static void become(const struct service *version)
{
    for (int32_t input = 1; probe.inputs[input]; input++)
        fake_world_hide_input(world, input, version == &narrower);
    crash_into(version);
    settle();
    CU_ASSERT_EQUAL(tasks_in_phase(&worker, TASK_READY), PARTITIONS);
}

static void test_an_input_that_the_version_between_does_not_have_is_not_decided_again(void)
{
    begin();
    become(&wider);
    cancel_once("a");
    settle();
    become(&narrower);
    pay("a", PLAIN, "1");
    settle();
    cancel_once("b"); /* while nobody reads it */
    fake_world_forget_committed(world, 1);
    become(&wider);
    CU_ASSERT_STRING_EQUAL(said("a"), "once, saw 1, paid 1");
    CU_ASSERT_STRING_EQUAL(said("b"), "once, saw 1");
    finish();
}

/* One that was released before positions kept what it does not know: it leaves only what the group
 * knows. */
static void test_an_input_that_the_position_has_lost_goes_on_where_the_group_stood(void)
{
    begin();
    become(&wider);
    cancel_once("a");
    settle();
    become(&narrower);
    for (int32_t i = 0; i < worker.partition_count; i++)
        worker.tasks[i].other_count = 0;
    pay("a", PLAIN, "1");
    settle();
    become(&wider);
    CU_ASSERT_STRING_EQUAL(said("a"), "once, saw 1, paid 1");
    finish();
}

static void test_a_new_input_is_read_from_its_beginning(void)
{
    begin();
    become(&narrower);
    pay("a", PLAIN, "1");
    cancel_once("b");
    settle();
    become(&wider);
    CU_ASSERT_STRING_EQUAL(said("b"), "once, saw 1");
    finish();
}

/* What a version wrote whose state has schema id 9301, of major 1; ours has none. */
enum { NEWER_ID = 9301 };

static void write_newer_state(const char *key)
{
    char field[64], bytes[500];
    struct buffer buffer;
    struct lane_measured state = {.lane = STR("x")};
    struct str text = framed(&lane_measured, &state, &buffer);
    memcpy(bytes, text.ptr, text.len);
    bytes[1] = bytes[2] = 0;
    bytes[3] = (char)(NEWER_ID >> 8);
    bytes[4] = (char)(NEWER_ID & 0xff);
    struct key_entry entry = {.state = {bytes, text.len}};
    buffer_done(&buffer);
    snprintf(field, sizeof(field), "s:%s:%s", lane_measured.name, key);
    fake_world_write(world, "probe.changelog", home_of(key), field,
                     framed(&key_entry, &entry, &buffer), NULL, 0);
    buffer_done(&buffer);
}

static void publish_newer_schema(int major)
{
    char text[300];
    snprintf(text, sizeof(text),
             "{\"type\":\"record\",\"name\":\"lane_measured\",\"namespace\":\"waybill\","
             "\"waybill.state\":{\"id\":%d,\"major\":%d},\"fields\":[{\"name\":\"more\","
             "\"type\":\"string\"}]}",
             NEWER_ID, major);
    fake_world_write(world, "schemas", 0, "9301", str_from(text), NULL, 0);
}

/* One key of another task than that of "a". */
static const char *key_elsewhere(void)
{
    static char key[16];
    for (int n = 0; n == 0 || home_of(key) == home_of("a"); n++)
        snprintf(key, sizeof(key), "e%d", n);
    return key;
}

/* Payment 1 of "a" was decided; its task cannot be read any more, and the others go on. */
static void crash_and_expect_one_refused(void)
{
    crash();
    pay("a", PLAIN, "2");
    pay(key_elsewhere(), PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(said(key_elsewhere()), "paid 1");
    CU_ASSERT_EQUAL(gauge_value(worker.meters.tasks_refused), 1);
}

static void test_a_task_with_states_of_a_newer_major_is_refused_and_the_others_go_on(void)
{
    char why[200];
    begin();
    pay("a", PLAIN, "1");
    settle();
    write_newer_state("a");
    publish_newer_schema(1);
    crash_and_expect_one_refused();
    CU_ASSERT_FALSE(loop_is_ready(&worker, why, sizeof(why)));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "1 refused"));
    finish();
}

/* The others are not taken over each time that it is looked at again, which is done less and less
 * often. */
static void test_a_refused_task_is_no_trouble_for_its_neighbours(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    write_newer_state("a");
    publish_newer_schema(1);
    fake_world_rebalance(world);
    settle();
    uint64_t before = counter_value(worker.meters.takeovers);
    pay("a", PLAIN, "2");
    for (int i = 0; i < 25; i++) { /* 1050 s: looked at after 30, 90, 210, 450 and 930 s */
        settle();
        fake_world_pass(world, 30000);
    }
    uint64_t times = counter_value(worker.meters.takeovers) - before;
    CU_ASSERT(times >= 4 && times <= 6);
    CU_ASSERT_EQUAL(gauge_value(worker.meters.tasks_refused), 1);
    for (int32_t i = 0; i < PARTITIONS; i++)
        CU_ASSERT_FALSE(worker.tasks[i].suspected);
    pay(key_elsewhere(), PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said(key_elsewhere()), "paid 1");
    finish();
}

/* In a task's changelog, which a rebuild reads whole. */
static void write_unreadable(const char *field)
{
    fake_world_write(world, "probe.changelog", home_of("a"), field, STR("garbage"), NULL, 0);
}

static void test_a_task_whose_changelog_cannot_be_read_is_refused_and_the_others_go_on(void)
{
    static const char *const fields[] = {"s:lane.measured:a", POSITION_KEY};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        begin();
        pay("a", PLAIN, "1");
        settle();
        write_unreadable(fields[i]);
        fake_world_store_wipe(world);
        crash_and_expect_one_refused();
        finish();
    }
}

/* The schemas topic is read on the side: what one writes may be there before its schema is seen. */
static void test_a_task_waits_for_the_schema_of_a_state_and_the_others_go_on(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    write_newer_state("a");
    crash_and_expect_one_refused();
    fake_world_write(world, "schemas", 0, "9301", str_from(lane_measured.schema_json), NULL, 0);
    settle();
    CU_ASSERT_EQUAL(counter_value(worker.meters.states_of_others), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 1"); /* counts on from the other's state */
    CU_ASSERT_EQUAL(gauge_value(worker.meters.tasks_refused), 0);
    finish();
}

/* Consumers go before producers; here they did not. */
static void test_an_event_of_a_newer_type_is_passed_over_and_counted(void)
{
    char bytes[] = {0, 0, 0, (char)(NEWER_ID >> 8), (char)(NEWER_ID & 0xff)};
    begin();
    fake_world_write(world, "schemas", 0, "9301",
                     STR("{\"type\":\"record\",\"name\":\"order_audited\",\"namespace\":"
                         "\"waybill\",\"fields\":[]}"),
                     NULL, 0);
    settle();
    for (int i = 0; i < 2; i++)
        fake_world_write(world, "inbound.orders", home_of("a"), "a",
                         (struct str){bytes, sizeof(bytes)}, NULL, 0);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_EQUAL(counter_value(worker.meters.events_unknown), 2);
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

/* Back to settings without an endpoint that the newer ones have. */
static void test_a_call_to_an_endpoint_that_the_settings_lack_waits_for_settings_that_have_it(void)
{
    struct endpoint_stats stats;
    begin();
    cfg.endpoints.len = ELSEWHERE;
    crash();
    pay("a", CALLS_ELSEWHERE, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_TRUE_FATAL(calls_stats(worker.calls, ELSEWHERE, 0, &stats));
    CU_ASSERT_EQUAL(stats.waiting, 1);
    CU_ASSERT_STRING_EQUAL(stats.trouble, "elsewhere");
    cfg.endpoints.len = ENDPOINTS;
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_timer_that_this_version_does_not_know_waits_for_one_that_does(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    crash_into(&earlier);
    fake_world_pass(world, 120000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    crash_into(&probe);
    fake_world_pass(world, STRANGER_RETRY_MS);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

static void test_timers_of_a_state_type_that_is_gone_do_not_starve_the_others(void)
{
    begin();
    for (int i = 0; i <= TIMERS_PER_TASK_MAX; i++) {
        const char *key = neighbour_of("a", i);
        pay(key, SETS_TIMER, key);
    }
    settle();
    crash_into(&later);
    pay("a", PLAIN, "1");
    settle();
    fake_world_pass(world, 120000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid later 1, rang later 1");
    finish();
}

static void test_a_worker_whose_schema_id_means_something_else_refuses_to_start(void)
{
    struct error err = {0};
    begin();
    worker_close(&worker);
    fake_world_crash(world);
    char id[16];
    snprintf(id, sizeof(id), "%d", payment_captured.schema_id);
    fake_world_write(world, "schemas", 0, id,
                     STR("{\"type\":\"record\",\"name\":\"payment_captured\",\"namespace\":"
                         "\"waybill\",\"fields\":[{\"name\":\"order_id\",\"type\":\"long\"}]}"),
                     NULL, 0);
    CU_ASSERT_EQUAL(open_worker(&probe, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "payment.captured"));
    finish();
}

static void test_a_reply_that_this_version_does_not_know_waits_for_one_that_does(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    crash_into(&earlier);
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    crash_into(&probe);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}
