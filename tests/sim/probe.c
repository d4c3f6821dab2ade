#include "sim/probe.h"

#include "base/partition.h"
#include "log/log.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct fake_world *world;
struct worker worker;
struct endpoint endpoints[ENDPOINTS];
struct runtime_settings cfg;
jmp_buf bomb;

static const struct service *running;
static struct metrics *metrics;

/* ---- the service ---- */

static void emit_text(struct effects *out, struct str key, struct str text)
{
    emit_order_cancelled(out, key, &(struct order_cancelled){.order_id = key, .reason = text});
}

void probe_say(struct effects *out, const struct event *ev, const struct context *ctx,
               const char *what, int64_t count)
{
    emit_text(out, ev->key, arena_printf(ctx->arena, "%s %" PRId64, what, count));
}

static void call(struct effects *out, const struct event *ev, const struct context *ctx,
                 struct str endpoint, int64_t count)
{
    intend(out, &(struct intent){.id = arena_printf(ctx->arena, "call-%" PRId64, count),
                                 .name = "called",
                                 .endpoint = endpoint,
                                 .method = "POST",
                                 .path = arena_printf(ctx->arena, "/do/%.*s", STR_ARG(ev->key)),
                                 .body = STR("{}")});
}

enum verdict probe_on_payment(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct payment_captured *paid = as_payment_captured(ev);
    struct lane_measured next = {.lane = ev->key};
    if (state)
        next = *(const struct lane_measured *)state;
    next.samples++;
    probe_say(out, ev, ctx, "paid", next.samples);
    switch ((enum amount)paid->amount_minor) {
    case PLAIN:
        break;
    case SETS_TIMER:
        set_timer(out, "ring", ctx->now_ms + 60000);
        break;
    case SETS_TWO_TIMERS:
        set_timer(out, "chime", ctx->now_ms + 120000);
        set_timer(out, "ring", ctx->now_ms + 60000);
        break;
    case SETS_BOTH_AT_70_S:
        set_timer(out, "ring", FAKE_WORLD_BEGAN_MS + 80000);
        set_timer(out, "chime", FAKE_WORLD_BEGAN_MS + 70000);
        break;
    case SETS_TIMER_AT_70_S:
        set_timer(out, "ring", FAKE_WORLD_BEGAN_MS + 70000);
        break;
    case TELLS_TIME:
        probe_say(out, ev, ctx, "at", ctx->now_ms - FAKE_WORLD_BEGAN_MS);
        break;
    case CALLS:
        call(out, ev, ctx, STR("there"), next.samples);
        break;
    case CALLS_ELSEWHERE:
        call(out, ev, ctx, STR("elsewhere"), next.samples);
        break;
    case CALLS_AGAIN:
        call(out, ev, ctx, STR("there"), 1);
        break;
    case CALLS_BUT_IS_REFUSED:
        call(out, ev, ctx, STR("there"), next.samples);
        return set_aside(out, "this one is refused");
    case SET_ASIDE_AFTER_EMITTING:
        put_state(out, &next);
        return set_aside(out, "this one is refused");
    case WITHDRAWS:
        withdraw(out, STR("call-1"));
        break;
    case DROPS_STATE:
        drop_state(out);
        return DONE;
    case GROWS:
        next.lane = arena_printf(ctx->arena, "%*s", STATE_BYTES_MAX + 1, "x");
        break;
    case FAT_STATE:
        next.lane = arena_printf(ctx->arena, "%*s", 200000, "x");
        break;
    case EMITS_LARGE:
        emit_text(out, ev->key, arena_printf(ctx->arena, "%*s", 1500000, "x"));
        break;
    case EMITS_MUCH:
        for (int i = 0; i < 100; i++)
            emit_text(out, STR("other"), arena_printf(ctx->arena, "%*s", 10000, "x"));
        break;
    case EXPLODES:
        longjmp(bomb, 1);
    case SETS_BOMB:
        set_timer(out, "bomb", ctx->now_ms + 60000);
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
    probe_say(out, ev, ctx, "rang", next.samples);
    put_state(out, &next);
    return DONE;
}

static enum verdict on_chime(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    struct lane_measured next = *(const struct lane_measured *)state;
    next.samples += 10;
    probe_say(out, ev, ctx, "chimed", next.samples);
    put_state(out, &next);
    return DONE;
}

static enum verdict on_bomb(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    (void)ev, (void)state, (void)ctx, (void)out;
    longjmp(bomb, 1);
}

static const char *outcome_text(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_OK:
        return "called";
    case OUTCOME_REFUSED:
        return "refused";
    case OUTCOME_NOT_SENT:
        return "not sent";
    case OUTCOME_UNKNOWN:
        break;
    }
    return "unknown";
}

static enum verdict on_called(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    struct lane_measured next = {.lane = ev->key};
    if (state)
        next = *(const struct lane_measured *)state;
    next.samples += 1000;
    probe_say(out, ev, ctx, outcome_text(ev->reply->outcome), next.samples);
    if (ev->reply->status == 451)
        longjmp(bomb, 1);
    if (ev->reply->status == 418)
        return set_aside(out, "this reply is refused");
    if (ev->reply->status != 422)
        put_state(out, &next);
    return DONE;
}

static const struct route routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = probe_on_payment},
    {.on_timer = "ring", .state = &lane_measured, .decide = on_ring},
    {.on_timer = "chime", .state = &lane_measured, .decide = on_chime},
    {.on_timer = "bomb", .state = &lane_measured, .decide = on_bomb},
    {.on_reply = "called", .state = &lane_measured, .decide = on_called},
};
static const char *const inputs[] = {"inbound.orders", "orders", "probe.operator", NULL};
const struct service probe = {.name = "probe",
                              .inputs = inputs,
                              .routes = routes,
                              .route_count = sizeof(routes) / sizeof(routes[0])};

/* ---- the worker's life ---- */

int open_worker(const struct service *service, struct error *err)
{
    struct worker_parts parts = {.service = service,
                                 .cfg = &cfg,
                                 .ports = fake_world_ports(world),
                                 .transports = fake_world_transports(world),
                                 .metrics = metrics,
                                 .seed = 1};
    running = service;
    return worker_open(&worker, &parts, err);
}

static void start(const struct service *service)
{
    struct error err = {0};
    CU_ASSERT_EQUAL_FATAL(open_worker(service, &err), 0);
}

void begin_in(enum endpoint_policy policy)
{
    log_setup(&(struct log_options){.service = "probe", .level = LOG_ERROR, .fd = STDERR_FILENO});
    endpoints[THERE] = (struct endpoint){.name = STR("there"),
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
    endpoints[ELSEWHERE] = endpoints[THERE];
    endpoints[ELSEWHERE].name = STR("elsewhere");
    cfg = (struct runtime_settings){.batch_bytes_max = 8 * 1024 * 1024,
                                    .records_max = 100,
                                    .work_ms = 1000,
                                    .event_bytes_max = 100000,
                                    .future_max_ms = 300000,
                                    .changelog_retention_ms = 86400000,
                                    .session_timeout_ms = 10000,
                                    .environment.prefix = STR("t."),
                                    .unknown_schema_wait_ms = 5000,
                                    .endpoints = {endpoints, ENDPOINTS}};
    world = fake_world_new(&probe, PARTITIONS);
    metrics = metrics_new();
    start(&probe);
}

void begin(void)
{
    begin_in(POLICY_REPEAT);
}

void finish(void)
{
    worker_close(&worker);
    fake_world_free(world);
    metrics_free(metrics);
}

void turn(int times)
{
    struct error err = {0};
    for (int i = 0; i < times; i++)
        CU_ASSERT_EQUAL_FATAL(loop_turn(&worker, &err), 0);
}

void settle(void)
{
    for (int i = 0; i < 30; i++) {
        turn(3);
        fake_world_pass(world, 400);
    }
}

void crash_into(const struct service *version)
{
    worker_close(&worker);
    fake_world_crash(world);
    start(version);
}

void crash(void)
{
    crash_into(running);
}

/* ---- what comes in ---- */

int32_t home_of(const char *key)
{
    return partition_of(str_from(key), PARTITIONS);
}

const char *neighbour_of(const char *key, int i)
{
    static char other[16];
    for (int n = 0, found = -1; found < i; n++) {
        snprintf(other, sizeof(other), "k%d", n);
        found += home_of(other) == home_of(key);
    }
    return other;
}

struct str framed(const struct record_type *type, const void *body, struct buffer *buffer)
{
    struct error err = {0};
    buffer_init(buffer, 1000000);
    CU_ASSERT_EQUAL_FATAL(avro_encode_framed(type, body, buffer, &err), 0);
    return buffer_str(buffer);
}

void pay_with(const char *key, int32_t partition, enum amount amount,
              const struct event_header *headers, size_t header_count)
{
    struct buffer buffer;
    struct payment_captured paid = {
        .order_id = str_from(key), .amount_minor = amount, .currency = STR("INR")};
    fake_world_write(world, "inbound.orders", partition, key,
                     framed(&payment_captured, &paid, &buffer), headers, header_count);
    buffer_done(&buffer);
}

void pay_at(const char *key, int32_t partition, enum amount amount, const char *id)
{
    pay_with(key, partition, amount, &(struct event_header){STR("ce_id"), str_from(id)}, 1);
}

void pay(const char *key, enum amount amount, const char *id)
{
    pay_at(key, home_of(key), amount, id);
}

/* ---- what comes out ---- */

const char *said(const char *key)
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

const char *dead(size_t i)
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

size_t calls_made(void)
{
    const struct fake_call *calls;
    return fake_world_calls(world, &calls);
}
