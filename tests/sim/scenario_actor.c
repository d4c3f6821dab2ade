/* A small service whose rule does all that a rule can do, as the event asks: timers, calls to each
 * kind of endpoint, withdrawals, a dropped state, a refusal, an event for another key of its own.
 */
#include "sim/run.h"

#include <inttypes.h>

enum { KEYS = 8, KEPT_KEYS = 6 /* the others may be dropped */, DAY_MS = 24 * 3600 * 1000 };
enum deed_kind {
    JUST_COUNTS,
    SETS_RING,
    SETS_CHIME,
    SETS_CHIME_FAR, /* it stands at rest, if nothing sets it nearer */
    CANCELS_RING,
    CALLS_REPEATING,
    CALLS_ASKING,
    CALLS_PARKING,
    CALLS_TWICE,
    WITHDRAWS_LAST,
    DROPS,
    REFUSES,
    FORWARDS,
    DEED_KINDS
};

static void tell(struct effects *out, struct str key, const struct context *ctx, const char *what,
                 int64_t count)
{
    struct order_cancelled told = {.order_id = key,
                                   .reason = arena_printf(ctx->arena, "%s %" PRId64, what, count)};
    emit_order_cancelled(out, key, &told);
}

/* Under the event's id, so that no other call of the key has it. */
static struct str ask(struct effects *out, const struct event *ev, const struct context *ctx,
                      const char *endpoint, const char *suffix)
{
    struct str id = arena_printf(ctx->arena, "%.*s%s", STR_ARG(ev->id), suffix);
    intend(out,
           &(struct intent){.id = id,
                            .name = "called",
                            .endpoint = str_from(endpoint),
                            .method = "POST",
                            .path = arena_printf(ctx->arena, "/do/%.*s", STR_ARG(ev->key)),
                            .body = STR("{}"),
                            .lookup_path = arena_printf(ctx->arena, "/look/%.*s", STR_ARG(id))});
    return id;
}

static void forward(struct effects *out, const struct event *ev, const struct context *ctx,
                    const struct payment_captured *paid)
{
    int64_t other = (paid->amount_minor / DEED_KINDS) % KEYS;
    struct str key = arena_printf(ctx->arena, "k%" PRId64, other);
    struct payment_captured next = {.order_id = key, .currency = STR("INR")};
    (void)ev;
    emit_payment_captured(out, key, &next);
}

static enum verdict on_payment(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    const struct payment_captured *paid = as_payment_captured(ev);
    struct lane_measured next = {.lane = STR("")};
    if (state)
        next = *(const struct lane_measured *)state;
    int64_t after_ms = 200 + paid->amount_minor / DEED_KINDS % 5000;
    next.samples++;
    tell(out, ev->key, ctx, "paid", next.samples);
    switch ((enum deed_kind)(paid->amount_minor % DEED_KINDS)) {
    case JUST_COUNTS:
    case DEED_KINDS:
        break;
    case SETS_RING:
        set_timer(out, "ring", ctx->now_ms + after_ms);
        break;
    case SETS_CHIME:
        set_timer(out, "chime", ctx->now_ms + after_ms);
        break;
    case SETS_CHIME_FAR:
        set_timer(out, "chime", ctx->now_ms + DAY_MS + after_ms);
        break;
    case CANCELS_RING:
        cancel_timer(out, "ring");
        break;
    case CALLS_REPEATING:
        next.lane = ask(out, ev, ctx, "repeat", "");
        break;
    case CALLS_ASKING:
        next.lane = ask(out, ev, ctx, "query", "");
        break;
    case CALLS_PARKING:
        next.lane = ask(out, ev, ctx, "park", "");
        break;
    case CALLS_TWICE:
        ask(out, ev, ctx, "query", "-first");
        next.lane = ask(out, ev, ctx, "repeat", "-second");
        break;
    case WITHDRAWS_LAST:
        withdraw(out, next.lane);
        break;
    case DROPS:
        drop_state(out);
        return DONE;
    case REFUSES:
        return set_aside(out, "this one is refused");
    case FORWARDS:
        forward(out, ev, ctx, paid);
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
    tell(out, ev->key, ctx, "rang", next.samples);
    if (next.samples % 3 == 0)
        set_timer(out, "chime", ctx->now_ms + 300);
    if (next.samples % 2 == 0)
        next.lane = ask(out, ev, ctx, "park", "-rang");
    put_state(out, &next);
    return DONE;
}

static enum verdict on_chime(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    struct lane_measured next = *(const struct lane_measured *)state;
    next.samples += 10;
    tell(out, ev->key, ctx, "chimed", next.samples);
    put_state(out, &next);
    return DONE;
}

static enum verdict on_called(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    struct lane_measured next = {.lane = STR("")};
    if (state)
        next = *(const struct lane_measured *)state;
    next.samples += 1000 * (1 + (int64_t)ev->reply->outcome);
    tell(out, ev->key, ctx, "called", next.samples);
    put_state(out, &next);
    return DONE;
}

/* Of an internal topic: it has no ring, only the position. */
static enum verdict on_told(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct stock_sku next = {.version = 0};
    (void)ev;
    (void)ctx;
    if (state)
        next = *(const struct stock_sku *)state;
    next.version++;
    put_state(out, &next);
    return DONE;
}

static const struct route routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = on_payment},
    {.on = &order_cancelled, .state = &stock_sku, .decide = on_told},
    {.on_timer = "ring", .state = &lane_measured, .decide = on_ring},
    {.on_timer = "chime", .state = &lane_measured, .decide = on_chime},
    {.on_reply = "called", .state = &lane_measured, .decide = on_called},
};
static const char *const inputs[] = {"inbound.orders", "orders", "actor.operator", NULL};
static const struct service actor = {.name = "actor",
                                     .inputs = inputs,
                                     .routes = routes,
                                     .route_count = sizeof(routes) / sizeof(routes[0])};

/* ---- what comes in ---- */

static void load(struct run *run)
{
    char key[8];
    int64_t number = fake_pick(&run->world->faults, KEYS);
    snprintf(key, sizeof(key), "k%d", (int)number);
    struct payment_captured paid = {.order_id = str_from(key),
                                    .amount_minor = fake_pick(&run->world->faults, 100000),
                                    .currency = STR("INR")};
    if (run->sleepers && number % 2 == 0)
        paid.amount_minor = CALLS_ASKING;
    if (paid.amount_minor % DEED_KINDS == DROPS && number < KEPT_KEYS)
        paid.amount_minor -= DROPS - JUST_COUNTS;
    run_send(run, &payment_captured, "inbound.orders", key, &paid, number < KEPT_KEYS);
}

static void begin(struct run *run)
{
    for (int i = 0; i < 3; i++)
        load(run);
}

static void touch(struct run *run, const char *key)
{
    struct payment_captured paid = {
        .order_id = str_from(key), .amount_minor = JUST_COUNTS, .currency = STR("INR")};
    run_send(run, &payment_captured, "inbound.orders", key, &paid, false);
}

static struct endpoint endpoint_list[] = {RUN_ENDPOINT("repeat", POLICY_REPEAT),
                                          RUN_ENDPOINT("query", POLICY_QUERY),
                                          RUN_ENDPOINT("park", POLICY_PARK)};
static struct endpoints endpoints = {endpoint_list, 3};

static struct witnessed services[] = {{.rules = &actor}};
const struct scenario scenario_actor = {.name = "actor",
                                        .services = services,
                                        .service_count = 1,
                                        .endpoints = &endpoints,
                                        .begin = begin,
                                        .load = load,
                                        .touch = touch};
