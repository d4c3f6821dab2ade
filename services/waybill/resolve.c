/* waybill parked resolve: a person's answer to a call whose outcome nobody knows. */
#include "avro/codec.h"
#include "config/values.h"
#include "events.h"
#include "ids/uuid5.h"
#include "topics/operator.h"
#include "waybill/commands.h"
#include "waybill/parking.h"
#include "waybill/sender.h"

#include <stdio.h>

enum { BODY_BYTES_MAX = 1024 * 1024, VALUE_BYTES_MAX = 1900 * 1024 };

struct resolve {
    struct tool *tool;
    enum call_answer answer;
    int64_t status;
    struct str body; /* absent = none */
    const char *why, *by, *key;
    int64_t now_ms;
};

/* The same answer to the same parking has the same id, so that sent twice it is one. */
static struct str id_of(const struct resolve *r, const struct parked_call *call)
{
    const struct task_intent *intent = call->intent.body;
    struct arena *arena = &r->tool->arena;
    struct str parking = arena_printf(arena, "%.*s/%lld", STR_ARG(parked_service(call)),
                                      (long long)intent->sequence);
    struct str answer =
        arena_printf(arena, "%s/%lld", call_answer_name(r->answer), (long long)r->status);
    return uuid5_of(arena, STR("answer"), parking, call->intent.key, answer,
                    r->body.ptr ? r->body : STR(""));
}

static int send_answer(struct resolve *r, const struct parked_call *call, struct error *err)
{
    enum { OURS = 4 };
    const struct task_intent *intent = call->intent.body;
    struct tool *tool = r->tool;
    struct sender sender = {0};
    struct buffer value;
    struct cloudevent_headers ce_headers;
    struct event_header headers[CLOUDEVENT_HEADERS_MAX + OURS];
    char trace[TRACEPARENT_BYTES + 1], at[RFC3339_BYTES];
    struct str service = arena_copy(&tool->arena, parked_service(call));
    const struct topic *topic = tool_service_topic(tool, service.ptr, OPERATOR_SUFFIX, err);
    const struct call_answered body = {.state_type = intent->state_type,
                                       .intent_id = intent->intent_id,
                                       .sequence = intent->sequence,
                                       .answer = r->answer,
                                       .status = (int32_t)r->status,
                                       .body = r->body,
                                       .why = str_from(r->why),
                                       .by = str_from(r->by),
                                       .answered_at_ms = r->now_ms};
    struct str id = id_of(r, call);
    traceparent_next(intent->traceparent, id, trace);
    rfc3339_format(r->now_ms, at);
    const struct cloudevent ce = {.id = id,
                                  .source = STR("waybill/cli"),
                                  .type = STR("call.answered"),
                                  .subject = intent->key,
                                  .cause = intent->cause_id,
                                  .traceparent = str_from(trace),
                                  .time_ms = r->now_ms};
    cloudevent_write(&ce, &ce_headers);
    size_t count = ce_headers.count;
    memcpy(headers, ce_headers.rows, count * sizeof(headers[0]));
    headers[count++] = (struct event_header){STR(OPERATOR_WHAT_HEADER), STR("answer")};
    headers[count++] = (struct event_header){STR(OPERATOR_BY_HEADER), str_from(r->by)};
    headers[count++] = (struct event_header){STR(OPERATOR_AT_HEADER), str_from(at)};
    headers[count++] = (struct event_header){STR(OPERATOR_WHY_HEADER), str_from(r->why)};
    buffer_init(&value, VALUE_BYTES_MAX);
    int failed =
        !topic || avro_encode_framed(&call_answered, &body, &value, err) ||
        sender_open(&sender, tool, err) ||
        sender_send(&sender, topic, intent->key, buffer_str(&value), headers, count, err) ||
        sender_settle(&sender, err);
    sender_close(&sender);
    buffer_done(&value);
    return failed;
}

/* What cannot do what the person wants. */
static int check(const struct resolve *r, const struct task_intent *intent, struct error *err)
{
    char at[RFC3339_BYTES];
    rfc3339_format(intent->expires_at_ms, at);
    if (r->answer == CALL_ANSWER_RETRY && intent->expires_at_ms > 0 &&
        intent->expires_at_ms < tool_now_ms(r->tool))
        return error_set(
            err, ERROR_FATAL,
            "it was not to be sent after %.19s, so it would not be: answer it otherwise", at);
    return 0;
}

static int resolve(struct resolve *r)
{
    static struct parking parking;
    struct tool *tool = r->tool;
    struct error err = {0};
    int failed = parking_open(&parking, tool, &err);
    const struct parked_call *call =
        failed ? NULL : parking_find(&parking, tool->given.arguments[0], r->key, &err);
    failed = !call || check(r, call->intent.body, &err) || send_answer(r, call, &err);
    if (!failed) {
        arena_reset(&parking.arena);
        struct str lines = parked_lines(call, &parking.arena);
        printf(
            "%.*sanswered: %s. The service takes it within seconds, and waybill parked list does "
            "not show it any more%s.\nIf it could not be taken, waybill dlq list says why.\n",
            STR_ARG(lines), call_answer_name(r->answer),
            r->answer == CALL_ANSWER_RETRY ? ", unless nobody knows again" : "");
    }
    parking_close(&parking);
    return failed ? tool_fail(tool, &err) : TOOL_OK;
}

static const char details[] =
    "Ask the other side first: waybill parked show INTENT says what. The service is told as if\n"
    "the other side had answered so; what a callback has settled meanwhile stays as it is.\n"
    "  --ok        it has happened. --body FILE is the answer it would have sent:\n"
    "              {\"supplier_order_id\": \"A-77\"}\n"
    "  --refused   a definite no: a supplier's order goes to another one, a message to another\n"
    "              channel\n"
    "  --not-sent  it certainly did not happen: the service asks anew. A supplier's order stays\n"
    "              at that supplier; only --refused sends it to another one\n"
    "  --retry     call again, with the same idempotency key. If the first call did happen and "
    "the\n"
    "              other side does not honour the key (mail, some SMS providers), it happens "
    "twice;\n"
    "              and its no to the second call is then none to the first: parked again. So is\n"
    "              what cannot be sent now\n"
    "Who, when and why stay in the event call.answered on <service>.operator. The same answer "
    "twice\n"
    "is one; another answer to a call that was answered is refused.\n\n"
    "example: waybill parked resolve demo:1001/1:submit:1 --ok --why 'Ann at Acme sees it as "
    "A-77'\n";

int parked_resolve_main(int argc, char **argv)
{
    static struct tool tool;
    bool ok, refused, not_sent, retry;
    const char *body, *by, *status_text;
    struct resolve r = {.tool = &tool};
    struct error err = {0};
    const struct config_flag flags[] = {
        {.name = "body",
         .hint = "FILE",
         .value = &body,
         .text = "what the other side's answer would have been"},
        {.name = "by",
         .hint = "NAME",
         .value = &by,
         .text = "who says so (default: the login's name)"},
        {.name = "key",
         .hint = "KEY",
         .value = &r.key,
         .text = "of the state that waits, if several have that intent"},
        {.name = "not-sent", .on = &not_sent, .text = "it did not happen"},
        {.name = "ok", .on = &ok, .text = "it has happened"},
        {.name = "refused", .on = &refused, .text = "the other side said no"},
        {.name = "retry", .on = &retry, .text = "call again with the same key"},
        {.name = "status",
         .hint = "N",
         .value = &status_text,
         .text = "the HTTP status of that answer: 404"},
        {.name = "why", .hint = "TEXT", .value = &r.why, .text = "how one knows (needed)"}};
    const struct tool_command command = {
        .name = "waybill parked resolve",
        .text = "answers a parked call, so that what waits for it goes on",
        .usage = "INTENT --ok | --refused | --not-sent | --retry  --why TEXT",
        .details = details,
        TOOL_FLAGS(flags)};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && tool.given.argument_count != 1)
        status = tool_misuse(&tool, "one INTENT is needed; see waybill parked list");
    if (status == CONFIG_RUN && ok + refused + not_sent + retry != 1)
        status = tool_misuse(&tool, "one of --ok, --refused, --not-sent, --retry is needed");
    if (status == CONFIG_RUN && (!r.why || !*r.why))
        status = tool_misuse(&tool, "--why TEXT is needed: somebody will ask");
    if (status == CONFIG_RUN && retry && (body || status_text))
        status = tool_misuse(&tool, "--retry brings an answer of its own: no --body, no --status");
    if (status == CONFIG_RUN &&
        ((status_text && value_to_int(str_from(status_text), 100, 599, &r.status, &err)) ||
         (body && value_read_file(body, BODY_BYTES_MAX, &tool.arena, &r.body, &err))))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN) {
        r.answer = ok         ? CALL_ANSWER_OK
                   : refused  ? CALL_ANSWER_REFUSED
                   : not_sent ? CALL_ANSWER_NOT_SENT
                              : CALL_ANSWER_RETRY;
        r.by = tool_user(by);
        r.now_ms = tool_now_ms(&tool);
        status = resolve(&r);
    }
    tool_close(&tool);
    return status;
}
