#include "notifier/occasion.h"

#include "ids/uuid5.h"
#include "notifier/wording.h"

enum { PLAN_MESSAGES_MAX = 500, PLAN_PARCELS_MAX = 200 };

/* ---- the table: what is said when, and what it makes untrue (F79) ---- */

#define KIND(kind) (1u << MESSAGE_KIND_##kind)
#define EN_ROUTE   (KIND(DISPATCHED) | KIND(OUT_FOR_DELIVERY) | KIND(DELAYED))
#define EVERYTHING (~KIND(ORDER_CANCELLED))
#define NOTHING    MESSAGE_KIND_UNKNOWN

struct plan_rule {
    const struct record_type *on;
    bool (*when)(const struct occasion *occasion); /* NULL: always */
    enum message_kind says;
    unsigned withdraws; /* kinds that are untrue from now on, if they have not gone yet (F75) */
};

static bool was_accepted(const struct occasion *occasion)
{
    return occasion->was_accepted;
}

static bool sets_out(const struct occasion *occasion)
{
    return occasion->is_first && occasion->leg == SHIPMENT_LEG_FORWARD &&
           (occasion->status == SHIPMENT_STATUS_PICKED_UP ||
            occasion->status == SHIPMENT_STATUS_IN_TRANSIT);
}

static bool comes_today(const struct occasion *occasion)
{
    return occasion->is_first && occasion->leg == SHIPMENT_LEG_FORWARD &&
           occasion->status == SHIPMENT_STATUS_OUT_FOR_DELIVERY;
}

static bool is_lost(const struct occasion *occasion)
{
    return occasion->status == SHIPMENT_STATUS_LOST || occasion->status == SHIPMENT_STATUS_DAMAGED;
}

static const struct plan_rule rules[] = {
    {&order_accepted, NULL, MESSAGE_KIND_ORDER_CONFIRMED, 0},
    {&order_cancelled, was_accepted, MESSAGE_KIND_ORDER_CANCELLED, EVERYTHING},
    {&shipment_status_changed, sets_out, MESSAGE_KIND_DISPATCHED, 0},
    {&shipment_status_changed, comes_today, MESSAGE_KIND_OUT_FOR_DELIVERY,
     KIND(DISPATCHED) | KIND(DELAYED)},
    {&shipment_status_changed, is_lost, NOTHING, EN_ROUTE | KIND(FEEDBACK_REQUEST)},
    {&shipment_delay_predicted, NULL, MESSAGE_KIND_DELAYED, KIND(DELAYED)},
    {&shipment_delivered, NULL, MESSAGE_KIND_DELIVERED, EN_ROUTE},
    {&shipment_rto_started, NULL, NOTHING, EN_ROUTE | KIND(DELIVERED) | KIND(FEEDBACK_REQUEST)},
    {&delivery_disputed, NULL, NOTHING, KIND(DELIVERED) | KIND(FEEDBACK_REQUEST)},
    {&feedback_requested, NULL, MESSAGE_KIND_FEEDBACK_REQUEST, 0},
    {&feedback_received, NULL, NOTHING, KIND(FEEDBACK_REQUEST)},
};

/* What is not said any more of the same parcel (of the order, if it is about that) once this was.
 */
static const unsigned bars[MESSAGE_KINDS_MAX] = {
    [MESSAGE_KIND_ORDER_CANCELLED] = EVERYTHING,
    [MESSAGE_KIND_DELIVERED] = EN_ROUTE,
    [MESSAGE_KIND_OUT_FOR_DELIVERY] = KIND(DISPATCHED),
};

/* ---- the plan while a rule works on it ---- */

struct plan {
    struct message_plan state;
    struct str order_id;
    const struct context *ctx;
    struct effects *out;
    bool changed, full;
};

/* A list with room for one more; the state's own is never written to. */
static void *grow(struct plan *plan, const void *items, size_t count, size_t count_max,
                  size_t bytes)
{
    void *grown = count < count_max ? arena_alloc_array(plan->ctx->arena, count + 1, bytes) : NULL;
    if (grown && count > 0)
        memcpy(grown, items, count * bytes);
    plan->changed = true;
    plan->full |= !grown;
    return grown;
}

static struct plan_parcel *parcel_of(struct plan *plan, struct str shipment)
{
    struct plan_parcel_list *parcels = &plan->state.parcels;
    for (size_t i = 0; i < parcels->len; i++) {
        if (str_equal(parcels->ptr[i].shipment, shipment))
            return &parcels->ptr[i];
    }
    struct plan_parcel *grown =
        grow(plan, parcels->ptr, parcels->len, PLAN_PARCELS_MAX, sizeof(*grown));
    if (!grown)
        return NULL;
    grown[parcels->len] = (struct plan_parcel){.shipment = shipment};
    *parcels = (struct plan_parcel_list){grown, parcels->len + 1};
    return &grown[parcels->len - 1];
}

static bool same_subject(const struct plan_message *message, struct str shipment)
{
    return !message->shipment.ptr || !shipment.ptr || str_equal(message->shipment, shipment);
}

static bool is_known(const struct plan *plan, enum message_kind kind,
                     const struct occasion *occasion)
{
    for (size_t i = 0; i < plan->state.messages.len; i++) {
        const struct plan_message *message = &plan->state.messages.ptr[i];
        if (message->kind == kind && str_equal(message->shipment, occasion->shipment) &&
            message->number == occasion->number)
            return true;
    }
    return false;
}

static bool is_barred(const struct plan *plan, enum message_kind kind, struct str shipment)
{
    for (size_t i = 0; i < plan->state.messages.len; i++) {
        const struct plan_message *message = &plan->state.messages.ptr[i];
        if (same_subject(message, shipment) && bars[message->kind] >> kind & 1)
            return true;
    }
    for (size_t i = 0; i < plan->state.parcels.len; i++) {
        const struct plan_parcel *parcel = &plan->state.parcels.ptr[i];
        bool its_own = shipment.ptr && str_equal(parcel->shipment, shipment);
        unsigned barred = its_own ? EN_ROUTE | KIND(DELIVERED) : KIND(FEEDBACK_REQUEST);
        if (parcel->returning && barred >> kind & 1)
            return true;
    }
    return false;
}

static void withdraw_messages(struct plan *plan, unsigned kinds, struct str shipment)
{
    for (size_t i = 0; i < plan->state.messages.len; i++) {
        struct plan_message *message = &plan->state.messages.ptr[i];
        if (!(kinds >> message->kind & 1) || !same_subject(message, shipment))
            continue;
        if (message->status == MESSAGE_STATUS_PLANNED)
            emit_message_withdrawn(plan->out, message->contact_id,
                                   &(struct message_withdrawn){.message_id = message->message_id,
                                                               .contact_id = message->contact_id,
                                                               .order_id = plan->order_id,
                                                               .reason = STR("overtaken")});
        else if (message->status != MESSAGE_STATUS_HELD)
            continue;
        message->status = MESSAGE_STATUS_WITHDRAWN;
        plan->changed = true;
    }
}

static void add_message(struct plan *plan, enum message_kind kind, const struct occasion *occasion)
{
    struct plan_message_list *messages = &plan->state.messages;
    struct plan_message *grown =
        grow(plan, messages->ptr, messages->len, PLAN_MESSAGES_MAX, sizeof(*grown));
    if (!grown)
        return;
    grown[messages->len] = (struct plan_message){
        .kind = kind,
        .shipment = occasion->shipment,
        .number = occasion->number,
        .status = MESSAGE_STATUS_HELD,
        .message_id = policy_message_id(plan->ctx->arena, plan->order_id, kind, occasion->shipment,
                                        occasion->number),
        .occurred_at_ms = occasion->at_ms,
        .has_date = occasion->has_date,
        .date = occasion->date,
        .refund_due = occasion->refund_due};
    *messages = (struct plan_message_list){grown, messages->len + 1};
}

/* ---- from the plan to the contact ---- */

/* One way to write an address, so that it is one contact. */
static struct str lower(struct arena *arena, struct str address)
{
    struct str trimmed = str_trim(address);
    char *out = arena_alloc(arena, trimmed.len + 1);
    for (size_t i = 0; out && i < trimmed.len; i++)
        out[i] = trimmed.ptr[i] >= 'A' && trimmed.ptr[i] <= 'Z' ? (char)(trimmed.ptr[i] | 32)
                                                                : trimmed.ptr[i];
    return out ? (struct str){out, trimmed.len} : trimmed;
}

static struct str maybe(struct str text)
{
    return text.len > 0 ? text : (struct str){NULL, 0};
}

static void suppress(struct plan *plan, struct plan_message *message)
{
    emit_message_suppressed(plan->out, plan->order_id,
                            &(struct message_suppressed){.message_id = message->message_id,
                                                         .order_id = plan->order_id,
                                                         .contact_id = STR(""),
                                                         .kind = message->kind,
                                                         .reason = STR("no_channel")});
    message->status = MESSAGE_STATUS_SUPPRESSED;
}

static void hand_over(struct plan *plan, struct plan_message *message)
{
    const struct order *order = plan->state.order;
    struct arena *arena = plan->ctx->arena;
    struct message_policy policy = policy_of(plan->ctx->cfg, message->kind);
    struct str email = maybe(str_trim(order->customer.email));
    struct str phone = maybe(order->customer.phone);
    if (!phone.ptr)
        phone = maybe(order->ship_to.phone);
    if (!email.ptr && !phone.ptr) {
        suppress(plan, message);
        return;
    }
    struct message_planned planned = {
        .message_id = message->message_id,
        .contact_id =
            uuid5_of(arena, STR("contact"), order->store, email.ptr ? lower(arena, email) : phone),
        .order_id = plan->order_id,
        .kind = message->kind,
        .message_class = policy.message_class,
        .shipment = message->shipment,
        .email = email,
        .phone = phone,
        .time_zone = order->time_zone,
        .text = STR(""),
        .sms_text = STR(""),
        .expires_at_ms = message->occurred_at_ms + policy.expires_after_ms,
    };
    wording_write(&plan->state, message, plan->ctx, &planned);
    emit_message_planned(plan->out, planned.contact_id, &planned);
    message->contact_id = planned.contact_id;
    message->status = MESSAGE_STATUS_PLANNED;
}

/* ---- rules ---- */

/* Notes whose lines a parcel has; false if it had them already, as when an event is replayed. */
static bool add_source(struct plan *plan, struct plan_parcel *parcel, struct str fulfilment)
{
    struct str_list *known = &parcel->fulfilment_order_ids;
    for (size_t i = 0; i < known->len; i++)
        if (str_equal(known->ptr[i], fulfilment))
            return false;
    struct str *grown = grow(plan, known->ptr, known->len, PLAN_PARCELS_MAX, sizeof(*grown));
    if (!grown)
        return false;
    grown[known->len] = fulfilment;
    *known = (struct str_list){grown, known->len + 1};
    return true;
}

/* Fulfilment orders of one order may travel in one parcel; each tells what is in it of its own. */
static void add_lines(struct plan *plan, struct plan_parcel *parcel,
                      const struct shipment_created *created)
{
    const struct line_quantity_list *more = &created->lines;
    size_t count = parcel->lines.len;
    if (!add_source(plan, parcel, created->fulfilment_order_id))
        return;
    struct line_quantity *lines =
        arena_alloc_array(plan->ctx->arena, count + more->len + 1, sizeof(*lines));
    plan->changed = true;
    plan->full |= !lines;
    if (!lines)
        return;
    for (size_t i = 0; i < count; i++)
        lines[i] = parcel->lines.ptr[i];
    for (size_t i = 0; i < more->len; i++)
        lines[count++] = more->ptr[i];
    parcel->lines = (struct line_quantity_list){lines, count};
}

/* What the event changes in what is known of the order. */
static void learn(struct plan *plan, const struct event *ev, const struct occasion *occasion)
{
    if (ev->type == &order_accepted) {
        plan->state.order = &as_order_accepted(ev)->order;
        plan->changed = true;
    } else if (ev->type == &order_updated && plan->state.order) {
        plan->state.order = &as_order_updated(ev)->order;
        plan->changed = true;
    }
    struct plan_parcel *parcel =
        occasion->shipment.ptr ? parcel_of(plan, occasion->shipment) : NULL;
    if (!parcel)
        return;
    if (ev->type == &shipment_created) {
        add_lines(plan, parcel, as_shipment_created(ev));
        plan->state.parcels_complete |= as_shipment_created(ev)->order_complete;
        plan->changed = true;
    } else if (ev->type == &shipment_rto_started) {
        parcel->returning = true;
        plan->changed = true;
    }
}

static void apply(struct plan *plan, const struct plan_rule *row, const struct occasion *occasion)
{
    if (row->says != NOTHING && is_known(plan, row->says, occasion))
        return;
    withdraw_messages(plan, row->withdraws, occasion->shipment);
    if (row->says != NOTHING && !is_barred(plan, row->says, occasion->shipment))
        add_message(plan, row->says, occasion);
}

/* Lists that the rule changes in place are copies. */
static struct plan open_plan(const struct event *ev, const struct message_plan *state,
                             const struct context *ctx, struct effects *out)
{
    struct plan plan = {.order_id = ev->key, .ctx = ctx, .out = out};
    if (!state)
        return plan;
    plan.state = *state;
    plan.state.messages.ptr = grow(&plan, state->messages.ptr, state->messages.len, SIZE_MAX,
                                   sizeof(struct plan_message));
    plan.state.parcels.ptr =
        grow(&plan, state->parcels.ptr, state->parcels.len, SIZE_MAX, sizeof(struct plan_parcel));
    plan.changed = false;
    return plan;
}

enum verdict plan_event(const struct event *ev, const void *state, const struct context *ctx,
                        struct effects *out)
{
    const struct notifier_settings *cfg = ctx->cfg;
    struct occasion occasion;
    if (!occasion_read(ev, ctx->arena, &occasion))
        return set_aside(out, "the plan of an order knows no %s", ev->type->name);
    struct plan plan = open_plan(ev, state, ctx, out);
    learn(&plan, ev, &occasion);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].on == ev->type && (!rules[i].when || rules[i].when(&occasion)))
            apply(&plan, &rules[i], &occasion);
    }
    /* What came before the order was accepted has waited for it: topics have no common order. */
    for (size_t i = 0; plan.state.order && i < plan.state.messages.len; i++) {
        if (plan.state.messages.ptr[i].status == MESSAGE_STATUS_HELD)
            hand_over(&plan, &plan.state.messages.ptr[i]);
    }
    if (plan.full)
        return set_aside(out, "more than %d messages or %d parcels for one order",
                         PLAN_MESSAGES_MAX, PLAN_PARCELS_MAX);
    if (plan.changed) {
        put_state(out, &plan.state);
        set_timer(out, "forget", ctx->now_ms + cfg->keep_ms);
    }
    return DONE;
}

enum verdict plan_forget(const struct event *ev, const void *state, const struct context *ctx,
                         struct effects *out)
{
    (void)ev;
    (void)state;
    (void)ctx;
    drop_state(out);
    return DONE;
}
