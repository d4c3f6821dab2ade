/* When an order's customer is asked how it was, and what they answer (F91, F92). */
#include "feedback/feedback.h"

enum { PARCELS_MAX = 200, RATING_MAX = 5 };

/* The order while a rule works on it. */
struct order_work {
    struct feedback_order state;
    struct str order_id;
    const struct feedback_settings *cfg;
    const struct context *ctx;
    struct effects *out;
    bool full;
};

static struct order_work open_order(const struct event *ev, const struct feedback_order *state,
                                    const struct context *ctx, struct effects *out)
{
    struct order_work work = {.order_id = ev->key, .cfg = ctx->cfg, .ctx = ctx, .out = out};
    if (state)
        work.state = *state;
    /* Copies with room for one more: the state itself is never written to. */
    struct feedback_parcel_list *parcels = &work.state.parcels;
    struct str_list *rated = &work.state.rated_suppliers;
    struct feedback_parcel *parcel_copy =
        arena_alloc_array(ctx->arena, parcels->len + 1, sizeof(*parcel_copy));
    struct str *rated_copy =
        arena_alloc_array(ctx->arena, rated->len + parcels->len + 1, sizeof(*rated_copy));
    work.full = !parcel_copy || !rated_copy;
    if (work.full)
        return work;
    if (parcels->len > 0)
        memcpy(parcel_copy, parcels->ptr, parcels->len * sizeof(*parcel_copy));
    if (rated->len > 0)
        memcpy(rated_copy, rated->ptr, rated->len * sizeof(*rated_copy));
    parcels->ptr = parcel_copy;
    rated->ptr = rated_copy;
    return work;
}

/* The parcel, a new one if nobody spoke of it yet; NULL if there are too many. At most once per
 * rule. */
static struct feedback_parcel *parcel_of(struct order_work *work, struct str carrier,
                                         struct str number, struct str fulfilment_order_id,
                                         struct str supplier_id)
{
    struct feedback_parcel_list *parcels = &work->state.parcels;
    struct str shipment =
        arena_printf(work->ctx->arena, "%.*s/%.*s", STR_ARG(carrier), STR_ARG(number));
    for (size_t i = 0; !work->full && i < parcels->len; i++) {
        if (str_equal(parcels->ptr[i].shipment, shipment))
            return &parcels->ptr[i];
    }
    work->full |= parcels->len >= PARCELS_MAX;
    if (work->full)
        return NULL;
    parcels->ptr[parcels->len] =
        (struct feedback_parcel){.shipment = shipment,
                                 .fulfilment_order_id = fulfilment_order_id,
                                 .supplier_id = supplier_id};
    return &parcels->ptr[parcels->len++];
}

static struct str subject_of(const struct order_work *work, struct str supplier_id)
{
    return arena_printf(work->ctx->arena, "supplier:%.*s", STR_ARG(supplier_id));
}

static void observe(const struct order_work *work, const struct feedback_parcel *parcel,
                    enum observation_kind kind, double value, int64_t occurred_at_ms)
{
    struct str subject = subject_of(work, parcel->supplier_id);
    emit_observation_recorded(
        work->out, subject,
        &(struct observation_recorded){.subject = subject,
                                       .kind = kind,
                                       .order_id = work->order_id,
                                       .fulfilment_order_id = parcel->fulfilment_order_id,
                                       .value = value,
                                       .occurred_at_ms = occurred_at_ms});
}

/* ---- the answer ---- */

static bool is_rated(const struct order_work *work, struct str supplier_id)
{
    for (size_t i = 0; i < work->state.rated_suppliers.len; i++) {
        if (str_equal(work->state.rated_suppliers.ptr[i], supplier_id))
            return true;
    }
    return false;
}

static void emit_answer(struct order_work *work, const struct feedback_answer *answer)
{
    emit_feedback_received(work->out, work->order_id,
                           &(struct feedback_received){.order_id = work->order_id,
                                                       .rating = answer->rating,
                                                       .text = answer->text,
                                                       .reasons = answer->reasons,
                                                       .answered_at_ms = answer->answered_at_ms});
    work->state.answered = true;
}

/* Tells the answer once the order is known, and every supplier of it once, also one whose parcel
 * comes to light later: topics have no common order. */
static void tell_answer(struct order_work *work)
{
    const struct feedback_answer *answer = work->state.answer;
    struct str_list *rated = &work->state.rated_suppliers;
    if (!answer || !work->state.accepted)
        return;
    if (!work->state.answered)
        emit_answer(work, answer);
    for (size_t i = 0; i < work->state.parcels.len; i++) {
        const struct feedback_parcel *parcel = &work->state.parcels.ptr[i];
        if (str_is_empty(parcel->supplier_id) || is_rated(work, parcel->supplier_id))
            continue;
        observe(work, parcel, OBSERVATION_KIND_RATING, answer->rating, answer->answered_at_ms);
        rated->ptr[rated->len++] = parcel->supplier_id;
    }
}

/* ---- the question ---- */

/* When to ask; 0 = not now, perhaps never: only after every parcel has arrived, none of them was
 * returned, lost or disputed, and nothing is missing. */
static int64_t ask_at(const struct order_work *work)
{
    const struct feedback_order *order = &work->state;
    int64_t last_ms = 0;
    if (!order->accepted || order->cancelled || order->exhausted || order->asked || order->answer ||
        !order->parcels_complete)
        return 0;
    for (size_t i = 0; i < order->parcels.len; i++) {
        const struct feedback_parcel *parcel = &order->parcels.ptr[i];
        if (!parcel->delivered_at_ms || parcel->returned || parcel->lost || parcel->disputed)
            return 0;
        if (parcel->delivered_at_ms > last_ms)
            last_ms = parcel->delivered_at_ms;
    }
    return last_ms ? last_ms + work->cfg->delay_ms : 0;
}

/* The last thing every rule does: what follows from what is known now. */
static enum verdict close_order(struct order_work *work)
{
    if (work->full)
        return set_aside(work->out, "more than %d parcels in one order", PARCELS_MAX);
    tell_answer(work);
    int64_t due_ms = ask_at(work);
    struct feedback_answer rating_only = {0};
    if (work->state.answered) { /* the words have been told */
        rating_only.rating = work->state.answer->rating;
        rating_only.answered_at_ms = work->state.answer->answered_at_ms;
        work->state.answer = &rating_only;
    }
    put_state(work->out, &work->state);
    if (due_ms)
        set_timer(work->out, "ask", due_ms);
    else
        cancel_timer(work->out, "ask");
    set_timer(work->out, "forget", work->ctx->now_ms + work->cfg->keep_ms);
    return DONE;
}

enum verdict asking_due(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    struct order_work work = open_order(ev, state, ctx, out);
    if (!ask_at(&work))
        return DONE;
    emit_feedback_requested(
        out, ev->key,
        &(struct feedback_requested){.order_id = ev->key, .requested_at_ms = ctx->now_ms});
    work.state.asked = true;
    return close_order(&work);
}

enum verdict asking_forget(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    (void)ev;
    (void)state;
    (void)ctx;
    drop_state(out);
    return DONE;
}

/* ---- what happens to the order ---- */

enum verdict asking_accepted(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    struct order_work work = open_order(ev, state, ctx, out);
    work.state.accepted = true;
    return close_order(&work);
}

enum verdict asking_cancelled(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    if (!state)
        return DONE;
    struct order_work work = open_order(ev, state, ctx, out);
    work.state.cancelled = true;
    return close_order(&work);
}

/* The last parcel may come all the same: it is the last that ever will. */
enum verdict asking_exhausted(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    struct order_work work = open_order(ev, state, ctx, out);
    work.state.exhausted = true;
    return close_order(&work);
}

/* A customer may answer without having been asked: the shop's page is always open. The first valid
 * answer of an order is its answer. */
enum verdict asking_rated(const struct event *ev, const void *state, const struct context *ctx,
                          struct effects *out)
{
    const struct feedback_rated *rated = as_feedback_rated(ev);
    const struct feedback_order *order = state;
    if (!str_equal(rated->order_id, ev->key))
        return set_aside(out, "order_id \"%.*s\" is not the record's key",
                         STR_ARG(rated->order_id));
    if (rated->rating < 1 || rated->rating > RATING_MAX)
        return set_aside(out, "rating %d is not 1..%d", rated->rating, RATING_MAX);
    if (order && order->answer)
        return DONE;
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_answer answer = {.rating = rated->rating,
                                     .text = rated->text,
                                     .reasons = rated->reasons,
                                     .answered_at_ms = rated->answered_at_ms ? rated->answered_at_ms
                                                                             : ev->time_ms};
    work.state.answer = &answer;
    return close_order(&work);
}

/* ---- what happens to its parcels ---- */

enum verdict asking_shipped(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    const struct shipment_created *created = as_shipment_created(ev);
    struct order_work work = open_order(ev, state, ctx, out);
    parcel_of(&work, created->carrier, created->tracking_number, created->fulfilment_order_id,
              created->supplier_id);
    work.state.parcels_complete |= created->order_complete;
    return close_order(&work);
}

/* F91, F98: delivered on the way to the customer; the first time counts for the supplier. */
enum verdict asking_delivered(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct shipment_delivered *delivered = as_shipment_delivered(ev);
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_parcel *parcel =
        parcel_of(&work, delivered->carrier, delivered->tracking_number,
                  delivered->fulfilment_order_id, delivered->supplier_id);
    if (!parcel)
        return close_order(&work);
    if (!parcel->delivered_at_ms && !parcel->returned && delivered->has_promise_met)
        observe(&work, parcel, OBSERVATION_KIND_DELIVERY_ON_TIME, delivered->promise_met ? 1 : 0,
                delivered->delivered_at_ms);
    parcel->delivered_at_ms = delivered->delivered_at_ms;
    parcel->lost = false; /* it was found */
    return close_order(&work);
}

enum verdict asking_status(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    const struct shipment_status_changed *changed = as_shipment_status_changed(ev);
    if (changed->status != SHIPMENT_STATUS_LOST && changed->status != SHIPMENT_STATUS_DAMAGED)
        return DONE;
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_parcel *parcel = parcel_of(&work, changed->carrier, changed->tracking_number,
                                               changed->fulfilment_order_id, changed->supplier_id);
    if (parcel && changed->status == SHIPMENT_STATUS_LOST)
        parcel->lost = true;
    else if (parcel)
        parcel->disputed = true; /* damaged: somebody must look, even if it is delivered */
    return close_order(&work);
}

enum verdict asking_returning(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct shipment_rto_started *rto = as_shipment_rto_started(ev);
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_parcel *parcel = parcel_of(&work, rto->carrier, rto->tracking_number,
                                               rto->fulfilment_order_id, rto->supplier_id);
    if (parcel)
        parcel->returned = true;
    return close_order(&work);
}

enum verdict asking_returned(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    const struct shipment_rto_delivered *rto = as_shipment_rto_delivered(ev);
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_parcel *parcel = parcel_of(&work, rto->carrier, rto->tracking_number,
                                               rto->fulfilment_order_id, rto->supplier_id);
    if (parcel) {
        parcel->returned = true;
        if (!parcel->return_counted) /* told again by a replay: it came back once */
            observe(&work, parcel, OBSERVATION_KIND_RETURNED_TO_ORIGIN, 1, rto->occurred_at_ms);
        parcel->return_counted = true;
    }
    return close_order(&work);
}

enum verdict asking_disputed(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    const struct delivery_disputed *disputed = as_delivery_disputed(ev);
    struct order_work work = open_order(ev, state, ctx, out);
    struct feedback_parcel *parcel =
        parcel_of(&work, disputed->carrier, disputed->tracking_number,
                  disputed->fulfilment_order_id, disputed->supplier_id);
    if (parcel)
        parcel->disputed = true;
    return close_order(&work);
}
