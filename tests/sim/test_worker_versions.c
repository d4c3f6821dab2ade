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
