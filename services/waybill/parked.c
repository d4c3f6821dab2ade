#include "waybill/parked.h"

#include "base/utf8.h"
#include "events.h"
#include "log/mask.h"
#include "topics/event_key.h"

#include <ctype.h>
#include <stdio.h>

enum { WORD_BYTES = 64 };

static bool is_story(const struct decoded *event)
{
    return event->type == &message_planned || event->type == &message_outcome_unknown ||
           event->type == &fulfilment_outcome_unknown;
}

/* What the event tells about: a call's intent begins with it. Absent if it is nothing of ours. */
static struct str subject_of(const struct decoded *event)
{
    if (!event->type)
        return (struct str){NULL, 0};
    struct str message = event_field(event->type, event->body, "message_id");
    return message.ptr ? message : event_field(event->type, event->body, "fulfilment_order_id");
}

static bool is_cancel(const struct task_intent *intent)
{
    static const struct str word = STR_INIT(":cancel:");
    struct str id = intent->intent_id;
    return id.len > word.len && memmem(id.ptr, id.len, word.ptr, word.len);
}

/* Does the event say what became of the call, from another side? */
static bool settles(const struct decoded *event, const struct task_intent *intent)
{
    const struct record_type *type = event->type;
    if (event->time_ms < intent->created_at_ms) /* the word on an earlier call */
        return false;
    if (type == &message_delivered || type == &fulfilment_cancelled)
        return true;
    if (is_cancel(intent)) /* not a shipment: it may be a part, and the rest still be cancelled */
        return type == &fulfilment_cancel_refused;
    return type == &shipment_created || type == &fulfilment_submitted ||
           type == &fulfilment_accepted || type == &fulfilment_rejected;
}

/* "<message id>/email/1", "<fulfilment order id>:submit:1" */
static bool is_about(const struct decoded *event, const struct task_intent *intent)
{
    struct str subject = subject_of(event), id = intent->intent_id;
    return subject.len > 0 && id.len > subject.len && str_starts_with(id, subject) &&
           (id.ptr[subject.len] == '/' || id.ptr[subject.len] == ':');
}

bool parked_is_about(const struct parked_call *call, const struct decoded *event)
{
    return is_about(event, call->intent.body);
}

void parked_learn(struct parked_call *call, const struct decoded *event)
{
    if (!is_about(event, call->intent.body))
        return;
    if (settles(event, call->intent.body))
        call->settled = *event;
    bool tells_less = call->story.topic && event->type == &message_planned;
    if (is_story(event) && !tells_less)
        call->story = *event;
}

/* "a:1/2:submit:1" -> "a:1/2"; absent if the intent's id is of another shape. */
static struct str fulfilment_of(const struct task_intent *intent)
{
    struct str id = intent->intent_id;
    for (size_t i = 0; i + 1 < id.len; i++)
        if (id.ptr[i] == ':' &&
            (str_starts_with((struct str){id.ptr + i, id.len - i}, STR(":submit:")) ||
             str_starts_with((struct str){id.ptr + i, id.len - i}, STR(":cancel:"))))
            return (struct str){id.ptr, i};
    return (struct str){NULL, 0};
}

/* "ORDER_CONFIRMED" -> "order confirmed" */
static const char *word(const char *symbol, char out[WORD_BYTES])
{
    size_t len = 0;
    for (; symbol[len] && len + 1 < WORD_BYTES; len++)
        out[len] = symbol[len] == '_' ? ' ' : (char)tolower((unsigned char)symbol[len]);
    out[len] = '\0';
    return out;
}

/* What it was: a message of a kind, or what was asked of a supplier. */
static struct str what(const struct parked_call *call, struct arena *arena)
{
    const struct task_intent *intent = call->intent.body;
    char kind[WORD_BYTES];
    if (call->story.type == &message_planned)
        return arena_printf(
            arena, "message: %s",
            word(message_kind_name(((const struct message_planned *)call->story.body)->kind),
                 kind));
    if (call->story.type == &message_outcome_unknown)
        return arena_printf(
            arena, "message: %s",
            word(
                message_kind_name(((const struct message_outcome_unknown *)call->story.body)->kind),
                kind));
    struct str fulfilment = fulfilment_of(intent);
    if (fulfilment.ptr)
        return arena_printf(arena, "%s of %.*s",
                            intent->intent_id.ptr[fulfilment.len + 1] == 's' ? "submit" : "cancel",
                            STR_ARG(fulfilment));
    return arena_printf(arena, "%.*s, key %.*s", STR_ARG(intent->name), STR_ARG(intent->key));
}

static struct str order_of(const struct parked_call *call)
{
    const struct task_intent *intent = call->intent.body;
    if (call->story.topic)
        return event_field(call->story.type, call->story.body, "order_id");
    return fulfilment_of(intent).ptr ? intent->key : (struct str){NULL, 0};
}

static struct str what_happened(const struct parked_call *call)
{
    struct str detail = {NULL, 0};
    if (((const struct task_intent *)call->intent.body)->held_back)
        return STR("not called: it was asked for with effects off");
    if (call->story.topic)
        detail = event_field(call->story.type, call->story.body, "detail");
    return detail.len ? detail : STR("no word of what happened");
}

static void since(const struct parked_call *call, char out[RFC3339_BYTES])
{
    const struct task_intent *intent = call->intent.body;
    int64_t since_ms = intent->started_at_ms ? intent->started_at_ms : intent->created_at_ms;
    if (call->story.topic && call->story.type != &message_planned)
        since_ms = call->story.time_ms;
    rfc3339_format(since_ms, out);
}

struct str parked_service(const struct parked_call *call)
{
    return (struct str){call->intent.topic->name.ptr,
                        call->intent.topic->name.len - sizeof(".changelog") + 1};
}

/* "" when nothing is known of it. */
static struct str settled_line(const struct parked_call *call, const char *before,
                               struct arena *arena)
{
    char at[RFC3339_BYTES];
    if (!call->settled.topic)
        return STR("");
    rfc3339_format(call->settled.time_ms, at);
    return arena_printf(arena, "%ssettled meanwhile: %s at %.19s; resolving it changes nothing\n",
                        before, call->settled.type->name, at);
}

struct str parked_lines(const struct parked_call *call, struct arena *arena)
{
    const struct task_intent *intent = call->intent.body;
    char at[RFC3339_BYTES];
    struct str order = order_of(call), about = what(call, arena);
    struct str service = parked_service(call), settled = settled_line(call, "    ", arena);
    since(call, at);
    return arena_printf(arena,
                        "%.10s %.8s  %.*s  order %.*s  %.*s  at endpoint %.*s\n"
                        "    %.*s; intent %.*s\n%.*s",
                        at, at + 11, STR_ARG(service), STR_ARG(order.ptr ? order : STR("?")),
                        STR_ARG(about), STR_ARG(intent->endpoint), STR_ARG(what_happened(call)),
                        STR_ARG(intent->intent_id), STR_ARG(settled));
}

/* One line of the page, if there is something to say. */
static void add_line(struct buffer *out, const char *name, struct str value)
{
    if (value.len > 0)
        buffer_printf(out, "%-16s %.*s\n", name, STR_ARG(value));
}

static void add_time(struct buffer *out, const char *name, int64_t time_ms)
{
    char at[RFC3339_BYTES];
    rfc3339_format(time_ms, at);
    if (time_ms > 0)
        add_line(out, name, str_from(at));
}

/* The request as it went, or would go. */
static void add_request(struct buffer *out, const struct task_intent *intent, bool personal)
{
    char mail[MASK_BYTES];
    if (intent->mail_to.ptr) {
        add_line(out, "mail from", intent->mail_from);
        add_line(out, "mail to",
                 personal ? intent->mail_to : str_from(mask_email(intent->mail_to, mail)));
    } else {
        buffer_printf(out, "%-16s %.*s %.*s\n", "call",
                      STR_ARG(intent->method.ptr ? intent->method : STR("POST")),
                      STR_ARG(intent->path));
    }
    add_line(out, "idempotency key",
             intent->idempotency_key.ptr ? intent->idempotency_key : intent->intent_id);
    add_line(out, "look-up", intent->lookup_path);
    add_line(out, "content", intent->content_type);
    if (personal && intent->body.ptr && utf8_is_valid(intent->body))
        buffer_printf(out, "body\n%.*s\n", STR_ARG(intent->body));
    else if (intent->body.ptr)
        buffer_printf(out, "%-16s %zu bytes; --personal shows them\n", "body", intent->body.len);
}

/* What to ask, and whom. */
static void add_question(struct buffer *out, const struct task_intent *intent, const char *at)
{
    if (intent->held_back)
        buffer_printf(out, "\nA replayed event asked for it, so it has probably happened long ago: "
                           "then --ok.\n");
    else if (intent->mail_to.ptr)
        buffer_printf(out,
                      "\nAsk the mail server's log at about %.19s for the Message-ID that begins "
                      "with\n%.*s (up to the /): was it taken?\n",
                      at, STR_ARG(intent->intent_id));
    else
        buffer_printf(out,
                      "\nAsk %.*s: did a request with the Idempotency-Key above come at about "
                      "%.19s, and what became of it?\n",
                      STR_ARG(intent->endpoint), at);
}

void parked_page(const struct parked_call *call, bool personal, struct arena *arena,
                 struct buffer *out)
{
    const struct task_intent *intent = call->intent.body;
    char at[RFC3339_BYTES];
    struct str order = order_of(call);
    since(call, at);
    add_line(out, "intent", intent->intent_id);
    add_line(out, "service", parked_service(call));
    buffer_printf(out, "%-16s %.*s, key %.*s\n", "waits for it", STR_ARG(intent->state_type),
                  STR_ARG(intent->key));
    if (order.ptr)
        buffer_printf(out, "%-16s %.*s (waybill order show %.*s)\n", "order", STR_ARG(order),
                      STR_ARG(order));
    add_line(out, "what", what(call, arena));
    add_line(out, "endpoint", intent->endpoint);
    add_line(out, "parked since", str_from(at));
    add_time(out, "asked for", intent->created_at_ms);
    add_time(out, "sent", intent->started_at_ms);
    add_time(out, "not to be sent after", intent->expires_at_ms);
    add_line(out, "what happened", what_happened(call));
    if (intent->retried)
        add_line(out, "made again", STR("by a person, after it was parked before"));
    add_request(out, intent, personal);
    struct str settled = settled_line(call, "\n", arena);
    buffer_add_str(out, settled);
    add_question(out, intent, at);
}
