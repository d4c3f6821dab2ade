/* For tests only: a worker in intake's place whose rules die, hang and grow on request. What a
 * payment asks for stands in its amount; all others say "paid 1", "paid 2", … on `orders`. */
#include "events.h"
#include "worker/service.h"

#include <inttypes.h>
#include <stdlib.h>

enum amount {
    PLAIN,
    FAULTS,      /* SIGSEGV */
    ABORTS,      /* a failed assertion */
    HANGS,       /* never returns */
    OVERFLOWS,   /* the stack */
    FAULTS_SOON, /* by a timer, one second later */
    CALLS,       /* and dies of the reply */
    GROWS,       /* by 60 kB each time */
    SPREADS      /* one event per line of a list that is too long */
};

static struct lane_measured next_of(const struct event *ev, const void *state)
{
    struct lane_measured next = {.lane = ev->key};
    if (state)
        next = *(const struct lane_measured *)state;
    next.samples++;
    return next;
}

static void say(struct effects *out, const struct event *ev, const struct context *ctx,
                int64_t count)
{
    emit_order_cancelled(
        out, ev->key,
        &(struct order_cancelled){.order_id = ev->key,
                                  .reason = arena_printf(ctx->arena, "paid %" PRId64, count)});
}

__attribute__((no_sanitize("undefined"))) static void fault(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

static int64_t overflow(volatile char *above)
{
    volatile char more[4096];
    more[0] = above[0];
    if (more[0] == 1) /* it never is */
        return 0;
    return overflow(more) + more[0];
}

static void hang(void)
{
    for (volatile unsigned turn = 0;; turn = turn + 1)
        ;
}

static void call(const struct event *ev, struct effects *out)
{
    intend(out, &(struct intent){.id = STR("call"),
                                 .name = "called",
                                 .endpoint = STR("there"),
                                 .method = "POST",
                                 .path = STR("/do"),
                                 .body = ev->key});
}

static enum verdict on_payment(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    struct lane_measured next = next_of(ev, state);
    volatile char here = 0;
    switch ((enum amount)as_payment_captured(ev)->amount_minor) {
    case PLAIN:
        break;
    case FAULTS:
        fault();
        break;
    case ABORTS:
        abort();
    case HANGS:
        hang();
        break;
    case OVERFLOWS:
        next.samples += overflow(&here);
        break;
    case FAULTS_SOON:
        set_timer(out, "bomb", ctx->now_ms + 1000);
        break;
    case CALLS:
        call(ev, out);
        break;
    case GROWS:
        next.lane = arena_printf(ctx->arena, "%.*s%60000s", STR_ARG(next.lane), "x");
        break;
    case SPREADS:
        for (int i = 0; i <= EMITS_MAX; i++)
            say(out, ev, ctx, i);
        break;
    }
    say(out, ev, ctx, next.samples);
    put_state(out, &next);
    return DONE;
}

static enum verdict dies(const struct event *ev, const void *state, const struct context *ctx,
                         struct effects *out)
{
    (void)ev, (void)state, (void)ctx, (void)out;
    fault();
    return DONE;
}

static const char *const inputs[] = {"inbound.orders", "fulfilment", "intake.operator", NULL};

static const struct route routes[] = {
    {.on = &payment_captured, .state = &lane_measured, .decide = on_payment},
    {.on_timer = "bomb", .state = &lane_measured, .decide = dies},
    {.on_reply = "called", .state = &lane_measured, .decide = dies},
};

static const struct settings settings = {.component = "poison", .bytes = 1};

static const struct service poison = {.name = "intake",
                                      .text = "Dies, hangs and grows on request: for tests only.",
                                      .inputs = inputs,
                                      .routes = routes,
                                      .route_count = sizeof(routes) / sizeof(routes[0]),
                                      .settings = &settings};

int main(int argc, char **argv)
{
    return worker_main(&poison, argc, argv);
}
