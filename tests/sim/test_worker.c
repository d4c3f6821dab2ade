/* The runtime's promises, one by one, in a world in memory: what is decided is decided once,
 * whatever fails. */
/* links: fake_world waybill_worker */
#include "sim/fake_world.h"

#include "base/partition.h"
#include "log/log.h"
#include "worker/loop.h"
#include "worker/poison.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A service that counts payments per key; the amount says what else the rule does. */
enum amount {
    PLAIN = 0,
    SETS_TIMER,
    CALLS,
    SET_ASIDE_AFTER_EMITTING,
    WITHDRAWS,
    DROPS_STATE,
    GROWS,
    EXPLODES
};

enum { PARTITIONS = 4, RECORDS_MAX = 1000 };

static jmp_buf bomb; /* where a rule that kills its worker ends */

static void say(struct effects *out, const struct event *ev, const struct context *ctx,
                const char *what, int64_t count)
{
    struct str reason = arena_printf(ctx->arena, "%s %" PRId64, what, count);
    emit_order_cancelled(out, ev->key,
                         &(struct order_cancelled){.order_id = ev->key, .reason = reason});
}

static enum verdict on_payment(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    const struct payment_captured *paid = as_payment_captured(ev);
    struct lane_measured next = {.lane = ev->key};
    if (state)
        next = *(const struct lane_measured *)state;
    next.samples++;
    say(out, ev, ctx, "paid", next.samples);
    switch ((enum amount)paid->amount_minor) {
    case PLAIN:
        break;
    case SETS_TIMER:
        set_timer(out, "ring", ctx->now_ms + 60000);
        break;
    case CALLS:
        intend(out, &(struct intent){.id = arena_printf(ctx->arena, "call-%" PRId64, next.samples),
                                     .name = "called",
                                     .endpoint = STR("there"),
                                     .method = "POST",
                                     .path = STR("/do"),
                                     .body = STR("{}")});
        break;
    case SET_ASIDE_AFTER_EMITTING:
        put_state(out, &next);
        return set_aside(out, "this one is refused");
    case WITHDRAWS:
        withdraw(out, STR("call-1"));
        break;
    case DROPS_STATE:
        drop_state(out);
        return DONE;
    case EXPLODES:
        longjmp(bomb, 1);
    case GROWS:
        next.lane = arena_printf(ctx->arena, "%*s", STATE_BYTES_MAX + 1, "x");
        break;
    }
    put_state(out, &next);
    return DONE;
}

static enum verdict on_ring(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct lane_measured next = *(const struct lane_measured *)state;
    next.samples += 100;
    say(out, ev, ctx, "rang", next.samples);
    put_state(out, &next);
    return DONE;
}

static enum verdict on_called(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    struct lane_measured next = *(const struct lane_measured *)state;
    next.samples += 1000;
    say(out, ev, ctx, ev->reply->outcome == OUTCOME_OK ? "called" : "not called", next.samples);
    put_state(out, &next);
    return DONE;
}

static const struct route routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = on_payment},
    {.on_timer = "ring", .state = &lane_measured, .decide = on_ring},
    {.on_reply = "called", .state = &lane_measured, .decide = on_called},
};
static const char *const inputs[] = {"inbound.orders", "orders", NULL};
static const struct service probe = {.name = "probe",
                                     .inputs = inputs,
                                     .routes = routes,
                                     .route_count = sizeof(routes) / sizeof(routes[0])};

/* The world, the worker in it, and its settings. */
static struct fake_world *world;
static struct worker worker;
static struct metrics *metrics;
static struct endpoint endpoint;
static struct runtime_settings cfg;

static void start(void)
{
    struct error err = {0};
    struct worker_parts parts = {.service = &probe,
                                 .cfg = &cfg,
                                 .ports = fake_world_ports(world),
                                 .transports = fake_world_transports(world),
                                 .metrics = metrics,
                                 .seed = 1};
    CU_ASSERT_EQUAL_FATAL(worker_open(&worker, &parts, &err), 0);
}

static void begin_in(enum endpoint_policy policy)
{
    log_setup(&(struct log_options){.service = "probe", .level = LOG_ERROR, .fd = STDERR_FILENO});
    endpoint = (struct endpoint){.name = STR("there"),
                                 .kind = ENDPOINT_HTTP,
                                 .url = STR("http://127.0.0.1:9/there"),
                                 .policy = policy,
                                 .honours_keys = true,
                                 .commit_started = policy != POLICY_REPEAT,
                                 .timeout_ms = 1000,
                                 .connect_timeout_ms = 1000,
                                 .body_bytes_max = 1000,
                                 .in_flight_max = 10,
                                 .queue_max = 100,
                                 .attempts_max = 100,
                                 .give_up_after_ms = 1000000,
                                 .backoff_ms = 100,
                                 .backoff_max_ms = 1000};
    cfg = (struct runtime_settings){.batch_bytes_max = 64 * 1024 * 1024,
                                    .records_max = 100,
                                    .work_ms = 1000,
                                    .event_bytes_max = 100000,
                                    .changelog_retention_ms = 86400000,
                                    .session_timeout_ms = 10000,
                                    .prefix = STR("t."),
                                    .unknown_schema_wait_ms = 5000,
                                    .endpoints = {&endpoint, 1}};
    world = fake_world_new(&probe, PARTITIONS);
    metrics = metrics_new();
    start();
}

static void begin(void)
{
    begin_in(POLICY_REPEAT);
}

static void finish(void)
{
    worker_close(&worker);
    fake_world_free(world);
    metrics_free(metrics);
}

static void turn(int times)
{
    struct error err = {0};
    for (int i = 0; i < times; i++)
        CU_ASSERT_EQUAL_FATAL(loop_turn(&worker, &err), 0);
}

/* Long enough for anything that is due or waits for its next try. */
static void settle(void)
{
    for (int i = 0; i < 30; i++) {
        turn(3);
        fake_world_pass(world, 400);
    }
}

static void crash(void)
{
    worker_close(&worker);
    fake_world_crash(world);
    start();
}

static struct str encoded(const struct record_type *type, const void *body, struct buffer *buffer)
{
    struct error err = {0};
    buffer_init(buffer, 1000000);
    CU_ASSERT_EQUAL_FATAL(avro_encode_framed(type, body, buffer, &err), 0);
    return buffer_str(buffer);
}

static void pay_at(const char *key, int32_t partition, enum amount amount, const char *id)
{
    struct buffer buffer;
    struct payment_captured paid = {
        .order_id = str_from(key), .amount_minor = amount, .currency = STR("INR")};
    struct event_header headers[] = {{STR("ce_id"), str_from(id)}};
    fake_world_write(world, "inbound.orders", partition, key,
                     encoded(&payment_captured, &paid, &buffer), headers, 1);
    buffer_done(&buffer);
}

static void pay(const char *key, enum amount amount, const char *id)
{
    pay_at(key, partition_of(str_from(key), PARTITIONS), amount, id);
}

/* What was said of that key, in order, as "paid 1, paid 2". */
static const char *said(const char *key)
{
    static char text[2000];
    struct fake_record records[RECORDS_MAX];
    struct arena arena;
    arena_init(&arena, 10000000);
    text[0] = '\0';
    size_t count = fake_world_read(world, "orders", records, RECORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        const void *body;
        struct str rest;
        int32_t id;
        if (!str_equal(records[i].key, str_from(key)))
            continue;
        CU_ASSERT_EQUAL_FATAL(framing_split(records[i].value, &id, &rest, &err), 0);
        CU_ASSERT_EQUAL_FATAL(avro_decode(&order_cancelled, rest, &arena, &body, &err), 0);
        struct str reason = ((const struct order_cancelled *)body)->reason;
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%.*s", used ? ", " : "", STR_ARG(reason));
    }
    arena_done(&arena);
    return text;
}

static const char *dead(size_t i)
{
    static char reason[300];
    struct fake_record records[RECORDS_MAX];
    size_t count = fake_world_read(world, "probe.dlq", records, RECORDS_MAX);
    reason[0] = '\0';
    if (i < count) {
        struct str text =
            event_header_find(records[i].headers, records[i].header_count, "waybill_error_reason");
        snprintf(reason, sizeof(reason), "%.*s", STR_ARG(text));
    }
    return reason;
}

static size_t calls_made(void)
{
    const struct fake_call *calls;
    return fake_world_calls(world, &calls);
}

static void test_decides_each_event_once_in_order(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("b", PLAIN, "2");
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    finish();
}

static void test_drops_an_inbound_event_that_comes_again(void)
{
    begin();
    pay("a", PLAIN, "same");
    pay("a", PLAIN, "same");
    settle();
    pay("a", PLAIN, "same");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_goes_on_after_a_crash(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    crash();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_brings_up_a_store_that_lost_the_last_batch(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_remember(world);
    pay("a", PLAIN, "2");
    settle();
    fake_world_store_go_back(world);
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3");
    finish();
}

static void test_rebuilds_a_store_that_was_emptied(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_store_wipe(world);
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_rebuilds_from_a_compacted_changelog(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        pay("a", PLAIN, id);
        pay("b", PLAIN, id);
        turn(3);
    }
    settle();
    fake_world_compact(world, "probe.changelog");
    fake_world_store_wipe(world);
    crash();
    pay("a", PLAIN, "last");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 3, paid 4, paid 5, paid 6, paid 7, "
                                      "paid 8, paid 9, paid 10, paid 11");
    finish();
}

static void test_decides_again_when_the_commit_was_refused(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REFUSES);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_does_not_decide_again_when_only_the_answer_was_lost(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_ANSWER_LOST);
    pay("a", PLAIN, "1");
    settle();
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_decides_again_when_the_commit_request_was_lost(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REQUEST_LOST);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_same_work_done_twice_has_the_same_ids(void)
{
    struct fake_record before[RECORDS_MAX], after[RECORDS_MAX];
    begin();
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", before, RECORDS_MAX), 1);
    struct str id = event_header_find(before[0].headers, before[0].header_count, "ce_id");
    char kept[64];
    snprintf(kept, sizeof(kept), "%.*s", STR_ARG(id));
    finish();
    begin();
    fake_world_next_commit(world, FAKE_REFUSES);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_EQUAL_FATAL(fake_world_read(world, "orders", after, RECORDS_MAX), 1);
    id = event_header_find(after[0].headers, after[0].header_count, "ce_id");
    CU_ASSERT(str_equal(id, str_from(kept)));
    CU_ASSERT_EQUAL(id.len, 36);
    finish();
}

static void test_waits_while_the_store_is_away_and_goes_on(void)
{
    begin();
    settle();
    fake_world_store_away(world, 7);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    finish();
}

static void test_goes_on_after_a_rebalance(void)
{
    begin();
    pay("a", PLAIN, "1");
    settle();
    fake_world_rebalance(world);
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_a_timer_fires_once_and_not_before_it_is_due(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    crash();
    fake_world_pass(world, 600000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

static void test_a_timer_survives_a_crash_and_an_emptied_store(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    settle();
    fake_world_store_wipe(world);
    crash();
    fake_world_pass(world, 60000);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, rang 101");
    finish();
}

static void test_a_rule_that_sets_aside_leaves_nothing_but_a_dead_letter(void)
{
    begin();
    pay("a", SET_ASIDE_AFTER_EMITTING, "1");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "this one is refused");
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_a_state_that_grows_past_its_limit_sets_the_event_aside(void)
{
    begin();
    pay("a", GROWS, "1");
    pay("a", PLAIN, "2");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "limit 262144"));
    finish();
}

static void test_bad_records_become_dead_letters_and_the_partition_goes_on(void)
{
    begin();
    int32_t home = partition_of(STR("a"), PARTITIONS);
    fake_world_write(world, "inbound.orders", home, "a", STR("no avro"), NULL, 0);
    fake_world_write(world, "inbound.orders", home, NULL, STR("no key"), NULL, 0);
    char huge[200000];
    memset(huge, 'x', sizeof(huge));
    fake_world_write(world, "inbound.orders", home, "a", (struct str){huge, sizeof(huge)}, NULL, 0);
    pay("a", PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "undecodable"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(1), "no key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(2), "oversize"));
    finish();
}

static void test_an_unknown_schema_holds_its_partition_up_then_becomes_a_dead_letter(void)
{
    begin();
    int32_t home = partition_of(STR("a"), PARTITIONS);
    settle();
    fake_world_write(world, "inbound.orders", home, "a", (struct str){"\0\0\0\x77\x77zz", 7}, NULL,
                     0);
    pay("a", PLAIN, "1");
    turn(20);
    CU_ASSERT_STRING_EQUAL(said("a"), "");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "schema with id 30583"));
    finish();
}

static void test_an_unknown_schema_that_is_published_in_time_is_read(void)
{
    begin();
    int32_t home = partition_of(STR("a"), PARTITIONS);
    settle();
    struct buffer buffer;
    struct payment_captured paid = {.order_id = STR("a"), .currency = STR("INR")};
    struct str value = encoded(&payment_captured, &paid, &buffer);
    buffer.ptr[3] = 0x77; /* id 0x7767 or the like: the same schema under an id nobody knows */
    fake_world_write(world, "inbound.orders", home, "a", value, NULL, 0);
    turn(20);
    char id[16];
    snprintf(id, sizeof(id), "%d", 0x7700 | (unsigned char)buffer.ptr[4]);
    fake_world_write(world, "schemas", 0, id, str_from(payment_captured.schema_json), NULL, 0);
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    buffer_done(&buffer);
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
    struct worker_parts parts = {.service = &probe,
                                 .cfg = &cfg,
                                 .ports = fake_world_ports(world),
                                 .transports = fake_world_transports(world),
                                 .metrics = metrics,
                                 .seed = 1};
    CU_ASSERT_EQUAL(worker_open(&worker, &parts, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "payment.captured"));
    finish();
}

static void test_a_record_on_the_wrong_partition_is_sent_to_the_right_one_once(void)
{
    begin();
    int32_t home = partition_of(STR("a"), PARTITIONS);
    pay_at("a", (home + 1) % PARTITIONS, PLAIN, "1");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    struct fake_record records[RECORDS_MAX];
    CU_ASSERT_EQUAL(fake_world_read(world, "inbound.orders", records, RECORDS_MAX), 2);
    finish();
}

static void test_a_call_is_made_only_after_its_intent_has_committed(void)
{
    begin();
    settle();
    fake_world_next_commit(world, FAKE_REQUEST_LOST);
    pay("a", CALLS, "1");
    turn(1);
    CU_ASSERT_EQUAL(calls_made(), 0);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_call_cut_by_a_crash_is_made_again_with_the_same_key(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    const struct fake_call *calls;
    CU_ASSERT_EQUAL_FATAL(fake_world_calls(world, &calls), 2);
    CU_ASSERT_STRING_EQUAL(calls[0].key, calls[1].key);
    CU_ASSERT_STRING_EQUAL(calls[0].key, "\"call-1\"");
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_a_reply_is_told_again_when_the_batch_that_took_it_fails(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    fake_world_next_commit(world, FAKE_REFUSES);
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, called 1001");
    finish();
}

static void test_an_endpoint_that_parks_is_never_called_twice(void)
{
    begin_in(POLICY_PARK);
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    crash();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, not called 1001");
    crash();
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    finish();
}

static void test_a_call_is_withdrawn_in_the_batch_that_asked_for_it(void)
{
    begin();
    settle();
    pay("a", CALLS, "1");
    pay("a", WITHDRAWS, "2");
    settle();
    CU_ASSERT_EQUAL(calls_made(), 0);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    finish();
}

static void test_a_call_on_its_way_is_not_withdrawn_and_its_reply_is_told(void)
{
    begin();
    fake_world_hold_calls(world, true);
    pay("a", CALLS, "1");
    settle();
    pay("a", WITHDRAWS, "2");
    settle();
    fake_world_hold_calls(world, false);
    settle();
    CU_ASSERT_EQUAL(calls_made(), 1);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, called 1002");
    finish();
}

static void test_a_record_that_kills_its_worker_becomes_a_dead_letter_and_nothing_else_does(void)
{
    begin();
    pay("a", PLAIN, "1");
    pay("a", EXPLODES, "2");
    pay("a", PLAIN, "3");
    pay("b", PLAIN, "4");
    volatile int deaths = 0;
    while (setjmp(bomb) != 0) {
        deaths++;
        CU_ASSERT_FATAL(deaths < 20);
        crash();
    }
    settle();
    CU_ASSERT(deaths >= POISON_STARTS - 1 + POISON_TRIES);
    CU_ASSERT(deaths <= 2 * POISON_STARTS + POISON_TRIES);
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2");
    CU_ASSERT_STRING_EQUAL(said("b"), "paid 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(dead(0), "crashed"));
    CU_ASSERT_STRING_EQUAL(dead(1), "");
    finish();
}

static void test_kafka_being_away_is_no_reason_to_suspect_a_record(void)
{
    begin();
    settle();
    pay("a", PLAIN, "1");
    for (int i = 0; i < 20; i++) {
        fake_world_next_commit(world, FAKE_REQUEST_LOST);
        turn(5);
        fake_world_pass(world, 6000);
    }
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1");
    CU_ASSERT_STRING_EQUAL(dead(0), "");
    finish();
}

static void test_a_dropped_state_is_forgotten_with_its_timers(void)
{
    begin();
    pay("a", SETS_TIMER, "1");
    pay("a", DROPS_STATE, "2");
    settle();
    fake_world_pass(world, 120000);
    pay("a", PLAIN, "3");
    settle();
    CU_ASSERT_STRING_EQUAL(said("a"), "paid 1, paid 2, paid 1");
    finish();
}
