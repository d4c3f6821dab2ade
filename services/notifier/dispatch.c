/* When a message goes, and by which channel. Decided again each time something happened to the
 * contact, so what was held is looked at afresh before it goes (F72, F75). */
#include "calendar/calendar.h"
#include "notifier/contact.h"

enum { IN_FLIGHT_MAX = 8, MINUTE_MS = 60 * 1000 };

static enum message_channel choose_channel(const struct contact *contact,
                                           const struct contact_message *message)
{
    enum message_channel first = policy_of(contact->cfg, message->kind).first;
    enum message_channel second =
        first == MESSAGE_CHANNEL_SMS ? MESSAGE_CHANNEL_EMAIL : MESSAGE_CHANNEL_SMS;
    if (contact_may_use(&contact->state, message, first))
        return first;
    return contact_may_use(&contact->state, message, second) ? second : MESSAGE_CHANNEL_UNKNOWN;
}

static bool is_quiet(const struct notifier_settings *cfg, int64_t minutes)
{
    int64_t from = cfg->quiet_from_minutes, until = cfg->quiet_until_minutes;
    if (from <= until)
        return from <= minutes && minutes < until;
    return minutes >= from || minutes < until; /* over midnight */
}

/* The end of the quiet hours that now lies in, by the recipient's clock; now, if it lies in none.
 */
static int64_t quiet_until(const struct contact *contact, struct str zone)
{
    int64_t now_ms = contact->ctx->now_ms;
    int32_t minutes = calendar_local_minutes(zone, now_ms);
    int32_t until = (int32_t)contact->cfg->quiet_until_minutes;
    if (!is_quiet(contact->cfg, minutes))
        return now_ms;
    int32_t date = calendar_local_date(zone, now_ms) + (minutes >= until);
    int64_t end_ms = calendar_instant(zone, date, until);
    /* The second pass of an hour that the clocks repeat: the first had that reading already. */
    return end_ms > now_ms ? end_ms : now_ms + (int64_t)(until - minutes) * MINUTE_MS;
}

/* Now, or the next local midnight if the contact had enough today. */
static int64_t cap_until(const struct contact *contact, struct str zone)
{
    int64_t now_ms = contact->ctx->now_ms, sent = 0;
    int32_t today = calendar_local_date(zone, now_ms);
    int64_t midnight_ms = calendar_instant(zone, today, 0);
    for (size_t i = 0; i < contact->state.messages.len; i++) {
        const struct contact_message *message = &contact->state.messages.ptr[i];
        bool went = message->status == MESSAGE_STATUS_SENDING ||
                    message->status == MESSAGE_STATUS_SENT ||
                    message->status == MESSAGE_STATUS_PARKED;
        sent += went && message->message_class != MESSAGE_CLASS_CRITICAL &&
                message->changed_at_ms >= midnight_ms;
    }
    return sent < contact->cfg->cap_per_day ? now_ms : calendar_instant(zone, today + 1, 0);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When it may go by that channel; not in the future means now. */
static int64_t may_go_at(const struct contact *contact, const struct contact_message *message,
                         enum message_channel channel)
{
    struct message_policy policy = policy_of(contact->cfg, message->kind);
    if (message->message_class == MESSAGE_CLASS_CRITICAL)
        return message->not_before_ms;
    /* F60: nobody should wait for a confirmation; an e-mail wakes nobody up, an SMS does. */
    if (policy.immediate && channel == MESSAGE_CHANNEL_EMAIL)
        return message->not_before_ms;
    return later(message->not_before_ms, later(quiet_until(contact, message->time_zone),
                                               cap_until(contact, message->time_zone)));
}

/* Why it will not go at all; NULL if it may. */
static const char *why_not(const struct contact *contact, const struct contact_message *message,
                           enum message_channel channel)
{
    if (message->expires_at_ms > 0 && message->expires_at_ms <= contact->ctx->now_ms)
        return "expired";
    if (channel != MESSAGE_CHANNEL_UNKNOWN)
        return NULL;
    bool had_one = (message->email.ptr && contact->state.email_opted_out) ||
                   (message->phone.ptr && contact->state.sms_opted_out);
    return had_one ? "opted_out" : "no_channel";
}

static void begin(const struct contact *contact, struct contact_message *message,
                  enum message_channel channel)
{
    message->channel = channel;
    message->tries++;
    message->status = MESSAGE_STATUS_SENDING;
    message->changed_at_ms = contact->ctx->now_ms;
    if (send_message(contact, message))
        return;
    message->detail = STR("the address cannot be used");
    message->status = MESSAGE_STATUS_HELD;
    if (channel == MESSAGE_CHANNEL_EMAIL)
        message->email_refused = true;
    else
        message->sms_refused = true;
    if (choose_channel(contact, message) == MESSAGE_CHANNEL_UNKNOWN)
        contact_fail(contact, message);
}

/* Decides about one held message. Returns when to look at it again: never if it is done with. */
static int64_t decide(const struct contact *contact, struct contact_message *message,
                      size_t *in_flight)
{
    while (message->status == MESSAGE_STATUS_HELD) {
        enum message_channel channel = choose_channel(contact, message);
        const char *reason = why_not(contact, message, channel);
        if (reason) {
            contact_suppress(contact, message, reason);
            break;
        }
        int64_t at_ms = may_go_at(contact, message, channel);
        if (at_ms > contact->ctx->now_ms)
            return at_ms;
        if (*in_flight >= IN_FLIGHT_MAX)
            break; /* the next reply comes back here */
        begin(contact, message, channel);
        *in_flight += message->status == MESSAGE_STATUS_SENDING;
    }
    return INT64_MAX;
}

void dispatch(struct contact *contact)
{
    struct contact_message_list *messages = &contact->state.messages;
    int64_t next_ms = INT64_MAX;
    size_t in_flight = 0;
    for (size_t i = 0; i < messages->len; i++)
        in_flight += messages->ptr[i].status == MESSAGE_STATUS_SENDING;
    for (size_t i = 0; i < messages->len; i++) {
        int64_t at_ms = decide(contact, &messages->ptr[i], &in_flight);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    if (next_ms != INT64_MAX)
        set_timer(contact->out, "release", next_ms);
    else
        cancel_timer(contact->out, "release");
}
