#include "notifier/contact.h"

#include "json/json.h"

enum { CONTACT_MESSAGES_MAX = 500, HELD_BYTES_MAX = 128 * 1024, TRIES_MAX = 10 };

/* ---- shared with dispatch.c ---- */

bool contact_may_use(const struct contact_state *state, const struct contact_message *message,
                     enum message_channel channel)
{
    switch (channel) {
    case MESSAGE_CHANNEL_EMAIL:
        return message->email.ptr && !message->email_refused && !state->email_opted_out;
    case MESSAGE_CHANNEL_SMS:
        return message->phone.ptr && !message->sms_refused && !state->sms_opted_out;
    case MESSAGE_CHANNEL_UNKNOWN:
        break;
    }
    return false;
}

void contact_end(const struct contact *contact, struct contact_message *message,
                 enum message_status status)
{
    message->status = status;
    message->changed_at_ms = contact->ctx->now_ms;
    message->subject = message->text = message->sms_text = message->detail = STR("");
    message->email = message->phone = (struct str){NULL, 0};
}

void contact_suppress(const struct contact *contact, struct contact_message *message,
                      const char *reason)
{
    emit_message_suppressed(contact->out, message->order_id,
                            &(struct message_suppressed){.message_id = message->message_id,
                                                         .order_id = message->order_id,
                                                         .contact_id = contact->id,
                                                         .kind = message->kind,
                                                         .channel = message->channel,
                                                         .reason = str_from(reason)});
    contact_end(contact, message, MESSAGE_STATUS_SUPPRESSED);
}

void contact_fail(const struct contact *contact, struct contact_message *message)
{
    emit_message_failed(contact->out, message->order_id,
                        &(struct message_failed){.message_id = message->message_id,
                                                 .order_id = message->order_id,
                                                 .contact_id = contact->id,
                                                 .kind = message->kind,
                                                 .channel = message->channel,
                                                 .detail = message->detail});
    contact_end(contact, message, MESSAGE_STATUS_FAILED);
}

/* ---- the list ---- */

static struct contact open_contact(const struct event *ev, const struct contact_state *state,
                                   const struct context *ctx, struct effects *out)
{
    struct contact contact = {.id = ev->key, .cfg = ctx->cfg, .ctx = ctx, .out = out};
    if (state)
        contact.state = *state;
    /* A copy with room for one more. */
    struct contact_message_list *messages = &contact.state.messages;
    struct contact_message *copy = arena_alloc_array(ctx->arena, messages->len + 1, sizeof(*copy));
    if (copy && messages->len > 0)
        memcpy(copy, messages->ptr, messages->len * sizeof(*copy));
    *messages = (struct contact_message_list){copy, copy ? messages->len : 0};
    return contact;
}

static bool is_open(const struct contact_message *message)
{
    return message->status == MESSAGE_STATUS_HELD || message->status == MESSAGE_STATUS_SENDING;
}

static struct contact_message *find(struct contact *contact, struct str message_id)
{
    for (size_t i = 0; i < contact->state.messages.len; i++) {
        if (str_equal(contact->state.messages.ptr[i].message_id, message_id))
            return &contact->state.messages.ptr[i];
    }
    return NULL;
}

static void remove_at(struct contact_message_list *messages, size_t at)
{
    memmove(&messages->ptr[at], &messages->ptr[at + 1],
            (messages->len - at - 1) * sizeof(*messages->ptr));
    messages->len--;
}

/* Forgets what ended longer ago than that, and the oldest when there are too many. */
static void forget_old(struct contact *contact, int64_t ended_before_ms)
{
    struct contact_message_list *messages = &contact->state.messages;
    for (size_t i = 0; i < messages->len;) {
        const struct contact_message *message = &messages->ptr[i];
        bool is_old =
            message->changed_at_ms <= ended_before_ms || messages->len > CONTACT_MESSAGES_MAX;
        if (is_old && !is_open(message))
            remove_at(messages, i);
        else
            i++;
    }
}

/* The state stays small: of too many held texts the oldest are given up. */
static void bound_held(struct contact *contact)
{
    size_t bytes = 0;
    for (size_t i = contact->state.messages.len; i-- > 0;) {
        struct contact_message *message = &contact->state.messages.ptr[i];
        bytes += message->subject.len + message->text.len + message->sms_text.len;
        if (bytes > HELD_BYTES_MAX && message->status == MESSAGE_STATUS_HELD)
            contact_suppress(contact, message, "cap");
    }
}

/* Keeps the state as long as there is something to remember: an opt-out for ever. */
static void close_contact(struct contact *contact)
{
    const struct contact_state *state = &contact->state;
    forget_old(contact, contact->ctx->now_ms - contact->cfg->keep_ms);
    bound_held(contact);
    dispatch(contact);
    if (state->messages.len == 0 && !state->email_opted_out && !state->sms_opted_out) {
        drop_state(contact->out);
        return;
    }
    put_state(contact->out, state);
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < state->messages.len; i++) {
        const struct contact_message *message = &state->messages.ptr[i];
        if (!is_open(message) && message->changed_at_ms < oldest_ms)
            oldest_ms = message->changed_at_ms;
    }
    if (oldest_ms != INT64_MAX)
        set_timer(contact->out, "forget", oldest_ms + contact->cfg->keep_ms);
    else
        cancel_timer(contact->out, "forget");
}

/* ---- rules: what comes from the plan ---- */

enum verdict contact_planned(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    const struct message_planned *planned = as_message_planned(ev);
    struct contact contact = open_contact(ev, state, ctx, out);
    if (!contact.state.messages.ptr || find(&contact, planned->message_id))
        return DONE;
    contact.state.messages.ptr[contact.state.messages.len++] =
        (struct contact_message){.message_id = planned->message_id,
                                 .order_id = planned->order_id,
                                 .kind = planned->kind,
                                 .message_class = planned->message_class,
                                 .email = planned->email,
                                 .phone = planned->phone,
                                 .time_zone = planned->time_zone,
                                 .subject = planned->subject,
                                 .text = planned->text,
                                 .sms_text = planned->sms_text,
                                 .not_before_ms = planned->not_before_ms,
                                 .expires_at_ms = planned->expires_at_ms,
                                 .status = MESSAGE_STATUS_HELD,
                                 .detail = STR("")};
    close_contact(&contact);
    return DONE;
}

/* Stops it if it has not started. If it has, its outcome is told all the same. */
static void stop(struct contact *contact, struct contact_message *message, const char *reason)
{
    if (message->status == MESSAGE_STATUS_SENDING)
        withdraw(contact->out, send_intent_id(contact, message));
    contact_suppress(contact, message, reason);
}

/* F75: overtaken by a newer state. */
enum verdict contact_withdrawn(const struct event *ev, const void *state, const struct context *ctx,
                               struct effects *out)
{
    struct contact contact = open_contact(ev, state, ctx, out);
    struct contact_message *message = find(&contact, as_message_withdrawn(ev)->message_id);
    if (message && message->status == MESSAGE_STATUS_PARKED)
        message->expires_at_ms =
            ctx->now_ms; /* not to be sent if a person says that it did not go */
    else if (message && is_open(message))
        stop(&contact, message, "overtaken");
    else
        return DONE;
    close_contact(&contact);
    return DONE;
}

/* ---- rules: what comes from outside ---- */

/* F73: nothing more by that channel, of whatever class. */
enum verdict contact_opted(const struct event *ev, const void *state, const struct context *ctx,
                           struct effects *out)
{
    const struct contact_opted_out *opted = as_contact_opted_out(ev);
    if (!str_equal(opted->contact_id, ev->key))
        return set_aside(out, "contact_id \"%.*s\" is not the record's key",
                         STR_ARG(opted->contact_id));
    struct contact contact = open_contact(ev, state, ctx, out);
    contact.state.email_opted_out |= opted->channel != MESSAGE_CHANNEL_SMS;
    contact.state.sms_opted_out |= opted->channel != MESSAGE_CHANNEL_EMAIL;
    for (size_t i = 0; i < contact.state.messages.len; i++) {
        struct contact_message *message = &contact.state.messages.ptr[i];
        if (message->status == MESSAGE_STATUS_SENDING &&
            !contact_may_use(&contact.state, message, message->channel))
            stop(&contact, message, "opted_out");
    }
    close_contact(&contact);
    return DONE;
}

static void tell_delivered(const struct contact *contact, const struct contact_message *message,
                           int64_t at_ms)
{
    emit_message_delivered(contact->out, message->order_id,
                           &(struct message_delivered){.message_id = message->message_id,
                                                       .order_id = message->order_id,
                                                       .contact_id = contact->id,
                                                       .kind = message->kind,
                                                       .channel = message->channel,
                                                       .occurred_at_ms = at_ms});
}

/* The last word counts, and each is told once: DELIVERED, READ and FAILED come in any order. */
enum verdict contact_reported(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out)
{
    const struct message_reported *reported = as_message_reported(ev);
    struct contact contact = open_contact(ev, state, ctx, out);
    struct contact_message *message = find(&contact, reported->message_id);
    if (!message)
        return set_aside(out, "no message \"%.*s\" of this contact", STR_ARG(reported->message_id));
    if (message->status == MESSAGE_STATUS_HELD)
        return set_aside(out, "message \"%.*s\" has not been sent", STR_ARG(reported->message_id));
    bool arrives =
        reported->outcome == REPORT_OUTCOME_DELIVERED || reported->outcome == REPORT_OUTCOME_READ;
    bool arrived =
        message->reported == REPORT_OUTCOME_DELIVERED || message->reported == REPORT_OUTCOME_READ;
    if (reported->outcome == REPORT_OUTCOME_UNKNOWN || arrived ||
        (!arrives && message->reported == REPORT_OUTCOME_FAILED))
        return DONE;
    message->reported = reported->outcome;
    if (arrives) {
        tell_delivered(&contact, message,
                       reported->occurred_at_ms ? reported->occurred_at_ms : ev->time_ms);
    } else {
        message->detail = reported->detail.ptr ? reported->detail : STR("the provider says so");
        emit_message_failed(out, message->order_id,
                            &(struct message_failed){.message_id = message->message_id,
                                                     .order_id = message->order_id,
                                                     .contact_id = contact.id,
                                                     .kind = message->kind,
                                                     .channel = message->channel,
                                                     .detail = message->detail});
    }
    close_contact(&contact);
    return DONE;
}

/* ---- rules: how a call ended ---- */

/* What the provider calls it: {"id": "…"}. */
static struct str provider_id(struct arena *arena, const struct call_reply *reply)
{
    return json_text(json_member(json_parse(arena, reply->body, NULL), STR("id")));
}

static void take_ok(const struct contact *contact, struct contact_message *message,
                    const struct call_reply *reply)
{
    struct str id = message->channel == MESSAGE_CHANNEL_SMS
                        ? provider_id(contact->ctx->arena, reply)
                        : (struct str){NULL, 0};
    emit_message_sent(contact->out, message->order_id,
                      &(struct message_sent){.message_id = message->message_id,
                                             .order_id = message->order_id,
                                             .contact_id = contact->id,
                                             .kind = message->kind,
                                             .channel = message->channel,
                                             .provider_message_id = id,
                                             .sent_at_ms = contact->ctx->now_ms});
    contact_end(contact, message, MESSAGE_STATUS_SENT);
}

/* F71: another channel only after a definite no. */
static void take_refused(const struct contact *contact, struct contact_message *message)
{
    if (message->channel == MESSAGE_CHANNEL_EMAIL)
        message->email_refused = true;
    else
        message->sms_refused = true;
    if (contact_may_use(&contact->state, message, MESSAGE_CHANNEL_EMAIL) ||
        contact_may_use(&contact->state, message, MESSAGE_CHANNEL_SMS))
        message->status = MESSAGE_STATUS_HELD;
    else
        contact_fail(contact, message);
}

static void take_not_sent(const struct contact *contact, struct contact_message *message)
{
    if (message->tries >= TRIES_MAX) {
        contact_fail(contact, message);
        return;
    }
    message->status = MESSAGE_STATUS_HELD;
    message->not_before_ms = contact->ctx->now_ms + contact->cfg->retry_after_ms;
}

static void take_unknown(const struct contact *contact, struct contact_message *message)
{
    emit_message_outcome_unknown(
        contact->out, message->order_id,
        &(struct message_outcome_unknown){.message_id = message->message_id,
                                          .order_id = message->order_id,
                                          .contact_id = contact->id,
                                          .kind = message->kind,
                                          .channel = message->channel,
                                          .detail = message->detail});
    message->status = MESSAGE_STATUS_PARKED;
    message->changed_at_ms = contact->ctx->now_ms;
}

/* A message that was stopped too late is SUPPRESSED here: that it went out, or may have, is told;
 * that it did not is no news. */
enum verdict contact_replied(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    const struct call_reply *reply = ev->reply;
    struct contact contact = open_contact(ev, state, ctx, out);
    struct str message_id, way;
    str_split(reply->intent_id, '/', &message_id, &way);
    struct contact_message *message = find(&contact, message_id);
    if (!message || message->status == MESSAGE_STATUS_SENT ||
        !str_equal(send_intent_id(&contact, message), reply->intent_id))
        return DONE;
    bool is_waited_for =
        message->status == MESSAGE_STATUS_SENDING || message->status == MESSAGE_STATUS_PARKED;
    message->detail = reply->detail;
    switch (reply->outcome) {
    case OUTCOME_OK:
        take_ok(&contact, message, reply);
        break;
    case OUTCOME_REFUSED:
        if (is_waited_for)
            take_refused(&contact, message);
        break;
    case OUTCOME_NOT_SENT:
        if (is_waited_for)
            take_not_sent(&contact, message);
        break;
    case OUTCOME_UNKNOWN:
        if (message->status != MESSAGE_STATUS_PARKED)
            take_unknown(&contact, message);
        break;
    }
    close_contact(&contact);
    return DONE;
}

/* ---- rules: timers ---- */

enum verdict contact_release(const struct event *ev, const void *state, const struct context *ctx,
                             struct effects *out)
{
    struct contact contact = open_contact(ev, state, ctx, out);
    close_contact(&contact);
    return DONE;
}

enum verdict contact_forget(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    struct contact contact = open_contact(ev, state, ctx, out);
    close_contact(&contact);
    return DONE;
}
