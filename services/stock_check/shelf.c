/* One SKU at one supplier: what is there, who holds it (F11-F13, F15).
 *
 *     available = level - sold since, never below 0; 0 without a level or while out of stock
 *     free      = available - soft holds
 *
 * A report is absolute, but nobody says which of our sales it knows of. So a sale goes on counting
 * against every report until one was made more than settle_ms after it: too little may be offered
 * meanwhile, never too much. */
#include "stock_check/stock_check.h"

#include <assert.h>

/* Beyond these a hold is answered with 0, a sale is added up, a mark is dropped: oldest first. */
enum { SOFT_MAX = 500, SOLD_MAX = 500, CLOSED_MAX = 200, STRETCHES = 24 };

struct shelf {
    struct stock_sku sku;
    struct stock_hold *holds;
    size_t count;
};

static void shelf_begin(struct shelf *shelf, const void *state, struct arena *arena)
{
    *shelf = (struct shelf){0};
    if (state)
        shelf->sku = *(const struct stock_sku *)state;
    shelf->count = shelf->sku.holds.len;
    shelf->holds = arena_alloc_array(arena, shelf->count + 1, sizeof(*shelf->holds));
    assert(shelf->holds);
    if (shelf->count)
        memcpy(shelf->holds, shelf->sku.holds.ptr, shelf->count * sizeof(*shelf->holds));
}

static size_t count_in(const struct shelf *shelf, enum stock_hold_phase phase)
{
    size_t count = 0;
    for (size_t i = 0; i < shelf->count; i++)
        count += shelf->holds[i].phase == phase;
    return count;
}

static int64_t quantity_in(const struct shelf *shelf, enum stock_hold_phase phase)
{
    int64_t sum = 0;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->holds[i].phase == phase)
            sum += shelf->holds[i].quantity;
    return sum;
}

static int32_t available(const struct shelf *shelf)
{
    int64_t sold = quantity_in(shelf, STOCK_HOLD_PHASE_SOLD);
    for (size_t i = 0; i < shelf->sku.sold.len; i++)
        sold += shelf->sku.sold.ptr[i].quantity;
    if (!shelf->sku.has_level || shelf->sku.out_of_stock || shelf->sku.level <= sold)
        return 0;
    return (int32_t)(shelf->sku.level - sold);
}

static int32_t free_quantity(const struct shelf *shelf)
{
    int64_t left = available(shelf) - quantity_in(shelf, STOCK_HOLD_PHASE_SOFT);
    return left > 0 ? (int32_t)left : 0;
}

static struct stock_hold *hold_find(const struct shelf *shelf, struct str order_id, int32_t attempt)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->holds[i].attempt == attempt && str_equal(shelf->holds[i].order_id, order_id))
            return &shelf->holds[i];
    return NULL;
}

/* At most one per event: shelf_begin has made room for it. */
static struct stock_hold *hold_add(struct shelf *shelf, struct str order_id, int32_t attempt)
{
    struct stock_hold *hold = &shelf->holds[shelf->count++];
    *hold = (struct stock_hold){.order_id = order_id, .attempt = attempt};
    return hold;
}

/* From now on nothing changes it: released, or taken in by the supplier's own count. */
static void hold_close(struct stock_hold *hold, int64_t now_ms)
{
    hold->phase = STOCK_HOLD_PHASE_CLOSED;
    hold->quantity = 0;
    hold->at_ms = now_ms;
}

static void hold_remove(struct shelf *shelf, size_t at)
{
    shelf->count--;
    memmove(&shelf->holds[at], &shelf->holds[at + 1], (shelf->count - at) * sizeof(*shelf->holds));
}

static size_t oldest_in(const struct shelf *shelf, enum stock_hold_phase phase)
{
    size_t at = 0;
    while (shelf->holds[at].phase != phase)
        at++;
    return at;
}

/* Adds a sale up with others of its time: each stretch, a STRETCHESth of the time that reports take
 * to know of a sale, ends by itself, so that a SKU which sells all day long is not held for ever.
 */
static void add_up(struct shelf *shelf, const struct stock_hold *sale, int64_t settle_ms,
                   struct arena *arena)
{
    struct stock_sold_list *sold = &shelf->sku.sold;
    struct stock_sold *list = arena_alloc_array(arena, sold->len + 1, sizeof(*list));
    assert(list);
    for (size_t i = 0; i < sold->len; i++)
        list[i] = sold->ptr[i];
    struct stock_sold *last = sold->len > 0 ? &list[sold->len - 1] : NULL;
    int64_t stretch_ms = settle_ms / STRETCHES + 1;
    bool same = last && (sale->at_ms / stretch_ms <= last->last_at_ms / stretch_ms ||
                         sold->len > 2 * STRETCHES);
    if (same) {
        last->quantity += sale->quantity;
        last->last_at_ms = sale->at_ms > last->last_at_ms ? sale->at_ms : last->last_at_ms;
    } else {
        list[sold->len] = (struct stock_sold){sale->at_ms, sale->quantity};
    }
    *sold = (struct stock_sold_list){list, sold->len + !same};
}

/* What a report as of then knows of. */
static void forget_sold(struct shelf *shelf, int64_t known_ms)
{
    struct stock_sold_list *sold = &shelf->sku.sold;
    while (sold->len > 0 && sold->ptr[0].last_at_ms < known_ms) {
        sold->ptr++;
        sold->len--;
    }
}

/* Keeps the state within its bounds. A sale that is only added up cannot be given back any more:
 * a report brings it. */
static void shelf_tidy(struct shelf *shelf, const struct stock_check_settings *cfg, int64_t now_ms,
                       struct arena *arena)
{
    if (count_in(shelf, STOCK_HOLD_PHASE_SOLD) > SOLD_MAX) {
        struct stock_hold *sale = &shelf->holds[oldest_in(shelf, STOCK_HOLD_PHASE_SOLD)];
        add_up(shelf, sale, cfg->settle_ms, arena);
        hold_close(sale, now_ms);
    }
    /* After this time no ask that the mark keeps out could still hold anything. */
    int64_t mark_ms = cfg->hold_ms + cfg->hold_grace_ms;
    for (size_t i = shelf->count; i-- > 0;)
        if (shelf->holds[i].phase == STOCK_HOLD_PHASE_CLOSED &&
            shelf->holds[i].at_ms + mark_ms <= now_ms)
            hold_remove(shelf, i);
    while (count_in(shelf, STOCK_HOLD_PHASE_CLOSED) > CLOSED_MAX)
        hold_remove(shelf, oldest_in(shelf, STOCK_HOLD_PHASE_CLOSED));
}

static void shelf_keep(struct shelf *shelf, const struct context *ctx, struct effects *out)
{
    const struct stock_check_settings *cfg = ctx->cfg;
    shelf_tidy(shelf, cfg, ctx->now_ms, ctx->arena);
    shelf->sku.holds = (struct stock_hold_list){shelf->holds, shelf->count};
    if (shelf->count == 0 && !shelf->sku.has_level && !shelf->sku.out_of_stock) {
        drop_state(out);
        return;
    }
    put_state(out, &shelf->sku);
    int64_t first_ms = INT64_MAX;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->holds[i].phase == STOCK_HOLD_PHASE_SOFT && shelf->holds[i].at_ms < first_ms)
            first_ms = shelf->holds[i].at_ms;
    if (first_ms == INT64_MAX)
        cancel_timer(out, "holds_expire");
    else
        set_timer(out, "holds_expire", first_ms + cfg->hold_grace_ms);
}

static bool is_key(const struct event *ev, struct str supplier_id, struct str sku,
                   struct arena *arena)
{
    return !str_is_empty(supplier_id) && !str_is_empty(sku) &&
           !memchr(supplier_id.ptr, '/', supplier_id.len) &&
           str_equal(ev->key, stock_check_key(arena, supplier_id, sku));
}

static enum verdict refuse_key(const struct event *ev, struct effects *out)
{
    return set_aside(out, "supplier and SKU are not those of the key %.*s", STR_ARG(ev->key));
}

/* F12: the supplier said that it has none after it had made the report, whichever came first. */
static bool is_contradicted(const struct stock_sku *sku)
{
    return sku->mismatch_at_ms > 0 && sku->mismatch_at_ms >= sku->as_of_ms;
}

/* A supplier's clock may be ahead: what we sold just now, its report cannot know. */
static int64_t made_at(const struct stock_level_reported *report, const struct event *ev,
                       const struct context *ctx)
{
    int64_t as_of_ms = report->as_of_ms > 0 ? report->as_of_ms : ev->time_ms;
    return as_of_ms < ctx->now_ms ? as_of_ms : ctx->now_ms;
}

enum verdict shelf_report(const struct event *ev, const void *state, const struct context *ctx,
                          struct effects *out)
{
    const struct stock_check_settings *cfg = ctx->cfg;
    const struct stock_level_reported *report = as_stock_level_reported(ev);
    struct shelf shelf;
    if (!is_key(ev, report->supplier_id, report->sku, ctx->arena))
        return refuse_key(ev, out);
    if (report->available < 0)
        return set_aside(out, "available is %d: a level is not negative", report->available);
    shelf_begin(&shelf, state, ctx->arena);
    /* F13: older reports, and repeats, are ignored. */
    if (shelf.sku.has_level && report->version <= shelf.sku.version)
        return DONE;
    shelf.sku.has_level = true;
    shelf.sku.level = report->available;
    shelf.sku.version = report->version;
    shelf.sku.as_of_ms = made_at(report, ev, ctx);
    shelf.sku.out_of_stock = is_contradicted(&shelf.sku);
    for (size_t i = 0; i < shelf.count; i++)
        if (shelf.holds[i].phase == STOCK_HOLD_PHASE_SOLD &&
            shelf.sku.as_of_ms > shelf.holds[i].at_ms + cfg->settle_ms)
            hold_close(&shelf.holds[i], ctx->now_ms);
    forget_sold(&shelf, shelf.sku.as_of_ms - cfg->settle_ms);
    shelf_keep(&shelf, ctx, out);
    return DONE;
}

static void answer(const struct shelf *shelf, const struct stock_hold_requested *ask, int32_t held,
                   struct effects *out)
{
    enum hold_outcome outcome = HOLD_OUTCOME_SHORT;
    if (held >= ask->quantity)
        outcome = HOLD_OUTCOME_HELD;
    else if (!shelf->sku.has_level)
        outcome = HOLD_OUTCOME_NO_LEVEL;
    emit_stock_hold_answered(out, ask->order_id,
                             &(struct stock_hold_answered){.supplier_id = ask->supplier_id,
                                                           .sku = ask->sku,
                                                           .order_id = ask->order_id,
                                                           .attempt = ask->attempt,
                                                           .outcome = outcome,
                                                           .quantity = held,
                                                           .available = available(shelf),
                                                           .revision = ask->revision});
}

/* What is answered without holding anything anew. */
static bool is_settled(const struct shelf *shelf, const struct stock_hold *hold,
                       const struct stock_hold_requested *ask, const struct context *ctx)
{
    const struct stock_check_settings *cfg = ctx->cfg;
    if (hold)
        return hold->phase != STOCK_HOLD_PHASE_SOFT || ask->revision <= hold->revision;
    return ask->expires_at_ms + cfg->hold_grace_ms <= ctx->now_ms ||
           count_in(shelf, STOCK_HOLD_PHASE_SOFT) >= SOFT_MAX;
}

enum verdict shelf_hold(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    const struct stock_hold_requested *ask = as_stock_hold_requested(ev);
    struct shelf shelf;
    if (!is_key(ev, ask->supplier_id, ask->sku, ctx->arena))
        return refuse_key(ev, out);
    if (ask->quantity < 0)
        return set_aside(out, "quantity is %d: a hold is not negative", ask->quantity);
    shelf_begin(&shelf, state, ctx->arena);
    struct stock_hold *hold = hold_find(&shelf, ask->order_id, ask->attempt);
    if (is_settled(&shelf, hold, ask, ctx)) {
        answer(&shelf, ask, hold ? hold->quantity : 0, out);
        return DONE;
    }
    if (!hold)
        hold = hold_add(&shelf, ask->order_id, ask->attempt);
    hold->quantity = 0;
    int32_t left = free_quantity(&shelf);
    hold->phase = STOCK_HOLD_PHASE_SOFT;
    hold->quantity = ask->quantity < left ? ask->quantity : left;
    hold->revision = ask->revision;
    hold->at_ms = ask->expires_at_ms;
    answer(&shelf, ask, hold->quantity, out);
    shelf_keep(&shelf, ctx, out);
    return DONE;
}

/* A confirmation is never refused, even of a hold that has expired: the supplier has been asked. */
enum verdict shelf_sell(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    const struct stock_hold_confirmed *sale = as_stock_hold_confirmed(ev);
    struct shelf shelf;
    if (!is_key(ev, sale->supplier_id, sale->sku, ctx->arena))
        return refuse_key(ev, out);
    if (sale->quantity < 1)
        return set_aside(out, "quantity is %d: nothing is sold", sale->quantity);
    shelf_begin(&shelf, state, ctx->arena);
    struct stock_hold *hold = hold_find(&shelf, sale->order_id, sale->attempt);
    if (hold && hold->phase != STOCK_HOLD_PHASE_SOFT)
        return DONE;
    if (!hold)
        hold = hold_add(&shelf, sale->order_id, sale->attempt);
    hold->phase = STOCK_HOLD_PHASE_SOLD;
    hold->quantity = sale->quantity;
    hold->at_ms = ctx->now_ms;
    shelf_keep(&shelf, ctx, out);
    return DONE;
}

/* Leaves a mark, so that an ask or a confirmation that comes later does nothing. What has shipped
 * stays sold, until a report must know of it. */
enum verdict shelf_release(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    const struct stock_hold_released *release = as_stock_hold_released(ev);
    struct shelf shelf;
    if (!is_key(ev, release->supplier_id, release->sku, ctx->arena))
        return refuse_key(ev, out);
    if (release->shipped < 0)
        return set_aside(out, "shipped is %d: no number of pieces", release->shipped);
    shelf_begin(&shelf, state, ctx->arena);
    struct stock_hold *hold = hold_find(&shelf, release->order_id, release->attempt);
    if (hold && hold->phase == STOCK_HOLD_PHASE_CLOSED)
        return DONE;
    if (!hold)
        hold = hold_add(&shelf, release->order_id, release->attempt);
    if (hold->phase == STOCK_HOLD_PHASE_SOLD && release->shipped > 0)
        hold->quantity = release->shipped < hold->quantity ? release->shipped : hold->quantity;
    else
        hold_close(hold, ctx->now_ms);
    shelf_keep(&shelf, ctx, out);
    return DONE;
}

enum verdict shelf_mismatch(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    const struct stock_mismatch_detected *mismatch = as_stock_mismatch_detected(ev);
    struct shelf shelf;
    if (!is_key(ev, mismatch->supplier_id, mismatch->sku, ctx->arena))
        return refuse_key(ev, out);
    int64_t said_at_ms = mismatch->said_at_ms > 0 ? mismatch->said_at_ms : ev->time_ms;
    shelf_begin(&shelf, state, ctx->arena);
    if (said_at_ms <= shelf.sku.mismatch_at_ms)
        return DONE;
    shelf.sku.mismatch_at_ms = said_at_ms;
    shelf.sku.out_of_stock = is_contradicted(&shelf.sku);
    shelf_keep(&shelf, ctx, out);
    return DONE;
}

enum verdict shelf_expire(const struct event *ev, const void *state, const struct context *ctx,
                          struct effects *out)
{
    (void)ev;
    const struct stock_check_settings *cfg = ctx->cfg;
    struct shelf shelf;
    shelf_begin(&shelf, state, ctx->arena);
    for (size_t i = shelf.count; i-- > 0;)
        if (shelf.holds[i].phase == STOCK_HOLD_PHASE_SOFT &&
            shelf.holds[i].at_ms + cfg->hold_grace_ms <= ctx->now_ms)
            hold_remove(&shelf, i);
    shelf_keep(&shelf, ctx, out);
    return DONE;
}
