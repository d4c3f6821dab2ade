/* One order's reservation: asks every supplier that lists what it needs, and keeps all or nothing
 * (F10, F11, F14). */
#include "base/partition.h"
#include "retry/retry.h"
#include "stock_check/catalogue.h"
#include "stock_check/stock_check.h"

#include <assert.h>

/* What one attempt asks, and what an order may have claimed in all of them; together below
 * EMITS_MAX, so that a cancel gives back everything at once. */
enum { ASKS_MAX = 500, CLAIMS_MAX = 490 };

/* The order whose turn it is. */
struct reservation {
    struct stock_order next;
    struct str order_id;
    const struct context *ctx;
    const struct stock_check_settings *cfg;
    struct effects *out;
};

static struct reservation begin(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    return (struct reservation){.next = state ? *(const struct stock_order *)state
                                              : (struct stock_order){0},
                                .order_id = ev->key,
                                .ctx = ctx,
                                .cfg = ctx->cfg,
                                .out = out};
}

/* Every change ends here, with the timer that its phase waits for. */
static void keep(struct reservation *r, enum stock_phase phase, const char *timer, int64_t due_ms)
{
    static const char *const timers[] = {"answers_due", "try_again"};
    r->next.phase = phase;
    put_state(r->out, &r->next);
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        cancel_timer(r->out, timers[i]);
    if (timer)
        set_timer(r->out, timer, due_ms);
    set_timer(r->out, "forget", r->ctx->now_ms + r->cfg->keep_ms);
}

static void ask(struct reservation *r, const struct stock_ask *whom, int32_t quantity)
{
    emit_stock_hold_requested(r->out, stock_check_key(r->ctx->arena, whom->supplier_id, whom->sku),
                              &(struct stock_hold_requested){.supplier_id = whom->supplier_id,
                                                             .sku = whom->sku,
                                                             .order_id = r->order_id,
                                                             .attempt = r->next.attempt,
                                                             .quantity = quantity,
                                                             .expires_at_ms = r->next.expires_at_ms,
                                                             .revision = r->next.revision});
}

static void release(struct reservation *r, struct str supplier_id, struct str sku, int32_t attempt,
                    const char *reason)
{
    emit_stock_hold_released(r->out, stock_check_key(r->ctx->arena, supplier_id, sku),
                             &(struct stock_hold_released){.supplier_id = supplier_id,
                                                           .sku = sku,
                                                           .order_id = r->order_id,
                                                           .attempt = attempt,
                                                           .reason = str_from(reason)});
}

static bool is_open(const struct reservation *r)
{
    return r->next.phase == STOCK_PHASE_ASKING || r->next.phase == STOCK_PHASE_WAITING;
}

/* Of this attempt: what holds something, or will when its answer comes. */
static void release_asked(struct reservation *r, const char *reason, bool unanswered_only)
{
    for (size_t i = 0; i < r->next.asks.len; i++) {
        const struct stock_ask *whom = &r->next.asks.ptr[i];
        if (!whom->answered || (whom->held > 0 && !unanswered_only))
            release(r, whom->supplier_id, whom->sku, r->next.attempt, reason);
    }
}

static int32_t wanted_of(const struct reservation *r, struct str sku)
{
    for (size_t i = 0; i < r->next.wanted.len; i++)
        if (str_equal(r->next.wanted.ptr[i].sku, sku))
            return r->next.wanted.ptr[i].quantity;
    return 0;
}

static int64_t held_of(const struct reservation *r, struct str sku)
{
    int64_t held = 0;
    for (size_t i = 0; i < r->next.asks.len; i++)
        if (str_equal(r->next.asks.ptr[i].sku, sku))
            held += r->next.asks.ptr[i].held;
    return held;
}

/* One more try: everybody is asked anew, each for all that is wanted of its SKU. */
static void ask_all(struct reservation *r)
{
    struct stock_order *next = &r->next;
    struct stock_ask *asks = arena_alloc_array(r->ctx->arena, next->asks.len, sizeof(*asks));
    assert(asks);
    next->tries++;
    next->revision++;
    next->expires_at_ms = r->ctx->now_ms + r->cfg->hold_ms;
    for (size_t i = 0; i < next->asks.len; i++) {
        asks[i] = (struct stock_ask){.supplier_id = next->asks.ptr[i].supplier_id,
                                     .sku = next->asks.ptr[i].sku};
        ask(r, &asks[i], wanted_of(r, asks[i].sku));
    }
    next->asks.ptr = asks;
    keep(r, STOCK_PHASE_ASKING, "answers_due", r->ctx->now_ms + r->cfg->answer_wait_ms);
}

static void end_short(struct reservation *r)
{
    struct short_sku *shortages =
        arena_alloc_array(r->ctx->arena, r->next.wanted.len, sizeof(*shortages));
    assert(shortages);
    size_t count = 0;
    for (size_t i = 0; i < r->next.wanted.len; i++) {
        const struct sku_quantity *wanted = &r->next.wanted.ptr[i];
        int64_t held = held_of(r, wanted->sku);
        if (held < wanted->quantity)
            shortages[count++] = (struct short_sku){
                .sku = wanted->sku, .wanted = wanted->quantity, .held = (int32_t)held};
    }
    release_asked(r, "short", false);
    emit_stock_short(r->out, r->order_id,
                     &(struct stock_short){.order_id = r->order_id,
                                           .attempt = r->next.attempt,
                                           .shortages = {shortages, count}});
    r->next.asks.len = 0;
    keep(r, STOCK_PHASE_SHORT, NULL, 0);
}

static void end_reserved(struct reservation *r)
{
    const struct stock_ask_list asks = r->next.asks;
    size_t claimed = r->next.claims.len, count = 0;
    struct hold *holds = arena_alloc_array(r->ctx->arena, asks.len, sizeof(*holds));
    struct stock_claim *claims =
        arena_alloc_array(r->ctx->arena, claimed + asks.len, sizeof(*claims));
    assert(holds && claims);
    if (claimed)
        memcpy(claims, r->next.claims.ptr, claimed * sizeof(*claims));
    for (size_t i = 0; i < asks.len; i++) {
        if (asks.ptr[i].held <= 0)
            continue;
        struct str supplier_id = asks.ptr[i].supplier_id, sku = asks.ptr[i].sku;
        holds[count++] = (struct hold){supplier_id, sku, asks.ptr[i].held};
        claims[claimed++] = (struct stock_claim){supplier_id, sku, r->next.attempt};
    }
    release_asked(r, "not_needed", true);
    emit_stock_reserved(r->out, r->order_id,
                        &(struct stock_reserved){.order_id = r->order_id,
                                                 .attempt = r->next.attempt,
                                                 .holds = {holds, count},
                                                 .expires_at_ms = r->next.expires_at_ms});
    r->next.claims = (struct stock_claim_list){claims, claimed};
    r->next.asks.len = 0;
    keep(r, STOCK_PHASE_RESERVED, NULL, 0);
}

/* Whether what is short may be had a little later: only soft holds stand in the way, or somebody
 * has not reported or answered yet. */
static bool may_come(const struct reservation *r, const struct sku_quantity *wanted)
{
    int64_t available = 0;
    for (size_t i = 0; i < r->next.asks.len; i++) {
        const struct stock_ask *whom = &r->next.asks.ptr[i];
        if (!str_equal(whom->sku, wanted->sku))
            continue;
        if (!whom->answered || whom->outcome == HOLD_OUTCOME_NO_LEVEL)
            return true;
        available += whom->available;
    }
    return available >= wanted->quantity;
}

/* Lets go of all at once, so that of two orders that wait for each other one can go on; each waits
 * a time of its own. */
static void wait_and_try_again(struct reservation *r)
{
    r->next.revision++;
    for (size_t i = 0; i < r->next.asks.len; i++)
        if (!r->next.asks.ptr[i].answered || r->next.asks.ptr[i].held > 0)
            ask(r, &r->next.asks.ptr[i], 0);
    struct backoff backoff = {.base_ms = r->cfg->try_again_ms, .max_ms = r->cfg->try_again_max_ms};
    uint64_t seed =
        (uint64_t)partition_of(r->order_id, INT32_MAX) * 1000 + (uint64_t)r->next.revision;
    keep(r, STOCK_PHASE_WAITING, "try_again",
         r->ctx->now_ms + backoff_wait_ms(&backoff, r->next.tries, &seed));
}

static void conclude(struct reservation *r)
{
    bool covered = true, hope = r->next.tries < r->cfg->tries_max;
    for (size_t i = 0; i < r->next.wanted.len; i++) {
        const struct sku_quantity *wanted = &r->next.wanted.ptr[i];
        if (held_of(r, wanted->sku) >= wanted->quantity)
            continue;
        covered = false;
        hope = hope && may_come(r, wanted);
    }
    if (covered)
        end_reserved(r);
    else if (hope)
        wait_and_try_again(r);
    else
        end_short(r);
}

static struct sku_quantity_list no_demand(struct arena *arena, size_t lines)
{
    struct sku_quantity *room = arena_alloc_array(arena, lines + 1, sizeof(*room));
    assert(room);
    return (struct sku_quantity_list){room, 0};
}

/* F11: two lines of one SKU are one demand. False if there is none, or too much. */
static bool add_demand(struct sku_quantity_list *wanted, struct str sku, int32_t quantity)
{
    if (quantity < 1 || str_is_empty(sku))
        return false;
    for (size_t i = 0; i < wanted->len; i++)
        if (str_equal(wanted->ptr[i].sku, sku))
            return !__builtin_add_overflow(wanted->ptr[i].quantity, quantity,
                                           &wanted->ptr[i].quantity);
    wanted->ptr[wanted->len++] = (struct sku_quantity){sku, quantity};
    return true;
}

static enum verdict refuse_line(struct effects *out, size_t at)
{
    return set_aside(out, "lines[%zu]: no SKU, or no quantity that one can hold", at);
}

static bool is_excluded(const struct exclusion_list *excluded, const struct listing *listing)
{
    for (size_t i = 0; i < excluded->len; i++) {
        const struct exclusion *exclusion = &excluded->ptr[i];
        if (str_equal(exclusion->supplier_id, listing->supplier_id) &&
            (!exclusion->sku.ptr || str_equal(exclusion->sku, listing->sku)))
            return true;
    }
    return false;
}

/* The n-th supplier of every SKU before the next one of any, so that the limit cuts off choice
 * first. */
static void choose_whom_to_ask(struct reservation *r, const struct exclusion_list *excluded)
{
    struct stock_ask *asks = arena_alloc_array(r->ctx->arena, ASKS_MAX, sizeof(*asks));
    assert(asks);
    size_t claims = r->next.claims.len, room = claims < CLAIMS_MAX ? CLAIMS_MAX - claims : 0;
    size_t count = 0, most = room < ASKS_MAX ? room : ASKS_MAX;
    bool more = true;
    for (size_t rank = 0; more; rank++) {
        more = false;
        for (size_t i = 0; i < r->next.wanted.len; i++) {
            struct listings listings = catalogue_find(r->cfg, r->next.wanted.ptr[i].sku);
            if (rank >= listings.len)
                continue;
            more = true;
            const struct listing *listing = &listings.ptr[rank];
            if (count < most && !is_excluded(excluded, listing))
                asks[count++] =
                    (struct stock_ask){.supplier_id = listing->supplier_id, .sku = listing->sku};
        }
    }
    r->next.asks = (struct stock_ask_list){asks, count};
}

static bool everything_is_listed(const struct reservation *r)
{
    for (size_t i = 0; i < r->next.wanted.len; i++) {
        bool listed = false;
        for (size_t a = 0; a < r->next.asks.len && !listed; a++)
            listed = str_equal(r->next.asks.ptr[a].sku, r->next.wanted.ptr[i].sku);
        if (!listed)
            return false;
    }
    return true;
}

/* For what is wanted, except where it is excluded. */
static void open_attempt(struct reservation *r, int32_t attempt,
                         const struct exclusion_list *excluded)
{
    r->next.attempt = attempt;
    r->next.tries = 0;
    r->next.revision = 0;
    choose_whom_to_ask(r, excluded);
    if (everything_is_listed(r)) {
        ask_all(r);
        return;
    }
    r->next.asks.len = 0;
    end_short(r);
}

enum verdict reservation_open(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct order_line_list *lines = &as_order_accepted(ev)->order.lines;
    struct reservation r = begin(ev, state, ctx, out);
    if (state)
        return DONE;
    if (lines->len == 0)
        return set_aside(out, "no lines");
    r.next.wanted = no_demand(ctx->arena, lines->len);
    for (size_t i = 0; i < lines->len; i++)
        if (!add_demand(&r.next.wanted, lines->ptr[i].sku, lines->ptr[i].quantity))
            return refuse_line(out, i);
    open_attempt(&r, 1, &(struct exclusion_list){0});
    return DONE;
}

enum verdict reservation_reopen(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    const struct fulfilment_stock_requested *request = as_fulfilment_stock_requested(ev);
    struct reservation r = begin(ev, state, ctx, out);
    if (r.next.phase == STOCK_PHASE_CANCELLED || request->attempt <= r.next.attempt)
        return DONE;
    if (request->lines.len == 0)
        return set_aside(out, "no lines");
    if (is_open(&r))
        release_asked(&r, "superseded", false);
    r.next.wanted = no_demand(ctx->arena, request->lines.len);
    for (size_t i = 0; i < request->lines.len; i++)
        if (!add_demand(&r.next.wanted, request->lines.ptr[i].sku, request->lines.ptr[i].quantity))
            return refuse_line(out, i);
    open_attempt(&r, request->attempt, &request->excluded);
    return DONE;
}

enum verdict reservation_answer(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    const struct stock_hold_answered *answer = as_stock_hold_answered(ev);
    struct reservation r = begin(ev, state, ctx, out);
    if (r.next.phase != STOCK_PHASE_ASKING || answer->attempt != r.next.attempt ||
        answer->revision != r.next.revision)
        return DONE;
    size_t len = r.next.asks.len, open = 0;
    struct stock_ask *asks = arena_alloc_array(ctx->arena, len, sizeof(*asks));
    assert(asks);
    memcpy(asks, r.next.asks.ptr, len * sizeof(*asks));
    r.next.asks.ptr = asks;
    bool news = false;
    for (size_t i = 0; i < len; i++) {
        if (!asks[i].answered && str_equal(asks[i].supplier_id, answer->supplier_id) &&
            str_equal(asks[i].sku, answer->sku)) {
            asks[i].answered = news = true;
            asks[i].outcome = answer->outcome;
            asks[i].held = answer->quantity;
            asks[i].available = answer->available;
        }
        open += !asks[i].answered;
    }
    if (news && open == 0)
        conclude(&r);
    else if (news)
        put_state(out, &r.next);
    return DONE;
}

enum verdict reservation_conclude(const struct event *ev, const void *state,
                                  const struct context *ctx, struct effects *out)
{
    struct reservation r = begin(ev, state, ctx, out);
    if (r.next.phase == STOCK_PHASE_ASKING)
        conclude(&r);
    return DONE;
}

enum verdict reservation_try_again(const struct event *ev, const void *state,
                                   const struct context *ctx, struct effects *out)
{
    struct reservation r = begin(ev, state, ctx, out);
    if (r.next.phase == STOCK_PHASE_WAITING)
        ask_all(&r);
    return DONE;
}

enum verdict reservation_cancel(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    struct reservation r = begin(ev, state, ctx, out);
    if (!state || r.next.phase == STOCK_PHASE_CANCELLED)
        return DONE;
    if (is_open(&r))
        release_asked(&r, "cancelled", false);
    for (size_t i = 0; i < r.next.claims.len; i++)
        release(&r, r.next.claims.ptr[i].supplier_id, r.next.claims.ptr[i].sku,
                r.next.claims.ptr[i].attempt, "cancelled");
    emit_stock_released(out, ev->key,
                        &(struct stock_released){.order_id = ev->key,
                                                 .attempt = r.next.attempt,
                                                 .reason = STR("cancelled")});
    r.next.wanted.len = r.next.asks.len = r.next.claims.len = 0;
    keep(&r, STOCK_PHASE_CANCELLED, NULL, 0);
    return DONE;
}

enum verdict reservation_forget(const struct event *ev, const void *state,
                                const struct context *ctx, struct effects *out)
{
    (void)ev;
    (void)state;
    (void)ctx;
    drop_state(out);
    return DONE;
}
