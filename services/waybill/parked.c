/* waybill parked list: calls whose outcome nobody knows, and that a person has to look at. */
#include "waybill/parked.h"

#include "events.h"
#include "topics/event_key.h"
#include "waybill/commands.h"
#include "waybill/scan.h"

#include <ctype.h>
#include <stdio.h>

enum { PARKED_MAX = 10000, RECORD_ARENA_BYTES_MAX = 64 << 20, WORD_BYTES = 64 };

static const char what_to_do[] =
    "\nWhat to do: look on the other side whether it happened: a mail server's log has the "
    "intent's "
    "id up to the / in\nthe Message-ID, all others have the Idempotency-Key. No command settles a "
    "parked call: it is not repeated, and it\nstays on this list.\n"
    "A message: the order's life goes on, and message.outcome_unknown stays in it (waybill order "
    "show ORDER).\nA supplier's order: it waits for the supplier's callback; what the supplier "
    "tells "
    "you otherwise goes in by\nwaybill produce --event supplier.order_accepted or "
    "supplier.order_rejected.\n";

/* Of each intent the changelog's last record counts. */
struct parking {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena; /* of one record */
    struct parked_call calls[PARKED_MAX];
    size_t count;
    bool overflow;
};

/* The index of that intent; count if it is not parked as far as we have read. */
static size_t find_call(const struct parking *parking, const struct topic *topic, struct str key)
{
    size_t at = 0;
    while (at < parking->count && !(parking->calls[at].intent.topic == topic &&
                                    str_equal(parking->calls[at].intent.key, key)))
        at++;
    return at;
}

static bool take_intent(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct parking *parking = self;
    struct decoded decoded;
    size_t at = find_call(parking, topic, record->key);
    arena_reset(&parking->arena);
    decoder_read(&parking->decoder, topic, record, &parking->arena, &decoded);
    bool is_parked = decoded.type == &task_intent &&
                     ((const struct task_intent *)decoded.body)->status == INTENT_STATUS_PARKED;
    if (!is_parked && at < parking->count)
        parking->calls[at] = parking->calls[--parking->count];
    if (!is_parked)
        return true;
    parking->overflow =
        at == PARKED_MAX || !decoder_keep(&parking->decoder, topic, record, &parking->tool->arena,
                                          &parking->calls[at].intent);
    if (!parking->overflow && at == parking->count)
        parking->count++;
    return !parking->overflow;
}

/* What the event tells about: a call's intent begins with it. Absent if it is none of them. */
static struct str subject_of(const struct decoded *event)
{
    if (event->type == &message_planned || event->type == &message_outcome_unknown)
        return event_field(event->type, event->body, "message_id");
    if (event->type == &fulfilment_outcome_unknown)
        return event_field(event->type, event->body, "fulfilment_order_id");
    return (struct str){NULL, 0};
}

/* "<message id>/email/1", "<fulfilment order id>:submit:1" */
static bool is_about(const struct decoded *event, const struct task_intent *intent)
{
    struct str subject = subject_of(event), id = intent->intent_id;
    return subject.len > 0 && id.len > subject.len && str_starts_with(id, subject) &&
           (id.ptr[subject.len] == '/' || id.ptr[subject.len] == ':');
}

void parked_learn(struct parked_call *call, const struct decoded *event)
{
    bool tells_less = call->story.topic && event->type == &message_planned;
    if (!tells_less && is_about(event, call->intent.body))
        call->story = *event;
}

static bool take_story(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct parking *parking = self;
    struct decoded event;
    arena_reset(&parking->arena);
    decoder_read(&parking->decoder, topic, record, &parking->arena, &event);
    for (size_t i = 0; i < parking->count; i++) {
        if (!is_about(&event, parking->calls[i].intent.body))
            continue;
        parking->overflow =
            !decoder_keep(&parking->decoder, topic, record, &parking->tool->arena, &event);
        if (!parking->overflow)
            parked_learn(&parking->calls[i], &event);
    }
    return !parking->overflow;
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

struct str parked_lines(const struct parked_call *call, struct arena *arena)
{
    const struct task_intent *intent = call->intent.body;
    const struct decoded *story = &call->story;
    char since[RFC3339_BYTES];
    struct str order = STR("?"), detail = STR(""), about = what(call, arena);
    int64_t since_ms = intent->started_at_ms ? intent->started_at_ms : intent->created_at_ms;
    if (story->topic) {
        order = event_field(story->type, story->body, "order_id");
        detail = event_field(story->type, story->body, "detail");
    } else if (fulfilment_of(intent).ptr)
        order = intent->key;
    if (story->topic && story->type != &message_planned)
        since_ms = story->time_ms;
    rfc3339_format(since_ms, since);
    return arena_printf(
        arena,
        "%.10s %.8s  %.*s  order %.*s  %.*s  at endpoint %.*s\n"
        "    %.*s; intent %.*s\n",
        since, since + 11, (int)(call->intent.topic->name.len - sizeof(".changelog") + 1),
        call->intent.topic->name.ptr, STR_ARG(order), STR_ARG(about), STR_ARG(intent->endpoint),
        STR_ARG(detail.len ? detail : STR("no word of what happened")), STR_ARG(intent->intent_id));
}

/* First the intents, then what the orders' lives say of those that are parked. */
static int read_all(struct parking *parking, struct error *err)
{
    static const char *const stories[] = {"messages", "notifications", "fulfilment"};
    struct tool *tool = parking->tool;
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    struct scan scan = {
        .topics = wanted, .skip_missing = true, .take = take_intent, .self = parking};
    for (size_t i = 0; i < tool->topic_count; i++)
        if (tool->topics[i].use == TOPIC_CHANGELOG)
            wanted[scan.topic_count++] =
                (struct scan_topic){.topic = &tool->topics[i], .partition = SCAN_EVERY_PARTITION};
    if (decoder_open(&parking->decoder, tool, err) || scan_run(tool, &scan, err))
        return -1;
    if (parking->count == 0)
        return 0;
    scan.take = take_story;
    scan.topic_count = sizeof(stories) / sizeof(stories[0]);
    for (size_t i = 0; i < scan.topic_count; i++)
        wanted[i] = (struct scan_topic){
            .topic = topics_find(tool->topics, tool->topic_count, str_from(stories[i])),
            .partition = SCAN_EVERY_PARTITION};
    return scan_run(tool, &scan, err);
}

static int list(struct parking *parking)
{
    struct error err = {0};
    struct tool *tool = parking->tool;
    arena_init(&parking->arena, RECORD_ARENA_BYTES_MAX);
    int failed = read_all(parking, &err);
    for (size_t i = 0; i < parking->count && !failed; i++) {
        arena_reset(&parking->arena);
        struct str lines = parked_lines(&parking->calls[i], &parking->arena);
        printf("%.*s", STR_ARG(lines));
    }
    decoder_close(&parking->decoder);
    arena_done(&parking->arena);
    if (failed)
        return tool_fail(tool, &err);
    printf("%s", parking->count ? what_to_do : "nothing is parked\n");
    if (parking->overflow)
        fprintf(stderr, "%s: more than %d, or too large; the rest is not shown\n", tool->name,
                PARKED_MAX);
    return TOOL_OK;
}

int parked_list_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill parked list",
        .text = "calls whose outcome nobody knows: sent, no answer, and not to be repeated blindly",
        .usage = "",
        .details =
            "Reads the services' changelogs, and what the orders' lives say of the calls. Each: "
            "since when (UTC), service,\norder, what it was, endpoint; what happened, and the "
            "intent's id.\n\n"
            "example: waybill parked list\n"};
    static struct tool tool;
    static struct parking parking;
    int status = tool_open(&tool, &command, argc, argv);
    parking.tool = &tool;
    if (status == CONFIG_RUN)
        status = list(&parking);
    tool_close(&tool);
    return status;
}
