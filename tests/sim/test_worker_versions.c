/* Another version of the service ran before, or will after. */
/* links: fake_world */
#include "sim/probe.h"

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
