/* The sink of a rule's effects. */
#include "worker/decision.h"

#include "base/partition.h"
#include "worker/backlog.h"
#include "worker/outlets.h"

#include <stdarg.h>
#include <stdio.h>

static bool went_wrong(struct decision *decision, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool went_wrong(struct decision *decision, const char *format, ...)
{
    if (decision->failed.action != ERROR_NONE)
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(decision->failed.text, sizeof(decision->failed.text), format, args);
    va_end(args);
    decision->failed.action = ERROR_SET_ASIDE;
    return false;
}

/* Not this event's fault, unless it is alone: fewer events fit. */
static bool no_room(struct decision *decision)
{
    if (decision->failed.action == ERROR_NONE)
        error_set(&decision->failed, ERROR_ABORT_BATCH, "no room left in the batch");
    return false;
}

/* Framed Avro in the arena; ptr NULL after a failure. */
static struct str encode(struct decision *decision, const struct record_type *type,
                         const void *record)
{
    struct worker *worker = decision->worker;
    struct error why = {0};
    if (worker_encode(worker, type, record, &why)) {
        went_wrong(decision, "%s", why.text);
        return (struct str){NULL, 0};
    }
    struct str bytes = arena_copy(&worker->arena, buffer_str(&worker->scratch));
    if (!bytes.ptr)
        no_room(decision);
    return bytes;
}

static void sink_emit(struct effects_sink *sink, const struct record_type *type, struct str key,
                      const void *body)
{
    struct decision *decision = (struct decision *)sink;
    struct worker *worker = decision->worker;
    if (decision->emit_count >= EMITS_MAX) {
        went_wrong(decision, "the rule emits more than %d events", EMITS_MAX);
        return;
    }
    const struct outlet *outlet = outlet_of(worker->outlets, type);
    struct str value = encode(decision, type, body);
    if (!outlet || !value.ptr || !batch_key_is_fit(key)) {
        went_wrong(decision, "%s: %s", type->name,
                   !outlet ? "no topic carries it" : "its key is empty, too long or no clean text");
        return;
    }
    char number[24];
    int digits = snprintf(number, sizeof(number), "%zu", decision->emit_count);
    struct output output = {.topic = outlet->topic,
                            .partition = partition_of(key, outlet->partition_count),
                            .key = arena_copy(&worker->arena, key),
                            .value = value};
    struct cloudevent ce = {
        .id = batch_id(worker,
                       (const struct str[]){decision->item->ev.id, {number, (size_t)digits}}, 2),
        .source = worker->source,
        .type = str_from(type->name),
        .subject = output.key,
        .cause = decision->item->cause,
        .traceparent = decision->item->ce.traceparent,
        .time_ms = decision->now_ms};
    struct error why = {0};
    if (batch_event_headers(worker, &ce, &output, &why) || batch_output(worker, &output, &why))
        no_room(decision);
    decision->emit_count++;
}

static void sink_put_state(struct effects_sink *sink, const void *state)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    next->changed = true;
    if (!state) {
        next->dropping = true;
        next->timer_count = 0;
        return;
    }
    struct str bytes = encode(decision, next->state_type, state);
    if (bytes.len > STATE_BYTES_MAX) {
        went_wrong(decision, "the state would grow to %zu bytes (limit %d)", bytes.len,
                   STATE_BYTES_MAX);
        return;
    }
    if (!bytes.ptr)
        return;
    const struct record_type *type;
    const void *body;
    struct error why = {0};
    if (avro_schemas_decode(decision->worker->schemas, bytes, &decision->worker->arena, &type,
                            &body, &why)) {
        no_room(decision); /* what we have just encoded cannot be wrong */
        return;
    }
    next->state_bytes = bytes;
    next->state = body;
    next->dropping = false;
}

static size_t timer_at(const struct entry *entry, const char *name)
{
    size_t at = 0;
    while (at < entry->timer_count && !str_equal(entry->timers[at].name, str_from(name)))
        at++;
    return at;
}

static void sink_set_timer(struct effects_sink *sink, const char *name, int64_t due_ms)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    size_t at = timer_at(next, name);
    if (at == TIMERS_PER_KEY_MAX) {
        went_wrong(decision, "more than %d timers on one key", TIMERS_PER_KEY_MAX);
        return;
    }
    if (at < next->timer_count && next->timers[at].due_at_ms == due_ms)
        return; /* it stands so already, and keeps its place among others that are late */
    /* What is set late is due at once, and yet after what has fired at that time: another event.
     * (As long as now does not run back meanwhile, see context.h.) */
    if (due_ms <= decision->now_ms)
        due_ms = decision->now_ms + 1;
    next->timers[at] = (struct key_timer){.name = str_from(name),
                                          .due_at_ms = due_ms < TIME_MS_MAX ? due_ms : TIME_MS_MAX};
    if (at == next->timer_count)
        next->timer_count++;
    next->changed = true;
}

void entry_remove_timer(struct entry *entry, size_t at)
{
    entry->timer_count--;
    memmove(&entry->timers[at], &entry->timers[at + 1],
            (entry->timer_count - at) * sizeof(entry->timers[0]));
    entry->changed = true;
}

static void sink_cancel_timer(struct effects_sink *sink, const char *name)
{
    struct entry *next = &((struct decision *)sink)->next;
    size_t at = timer_at(next, name);
    if (at < next->timer_count)
        entry_remove_timer(next, at);
}

size_t entry_intent_at(const struct entry *entry, struct str field)
{
    size_t at = 0;
    while (at < entry->intent_count && !str_equal(entry->intents[at], field))
        at++;
    return at;
}

static void remove_intent(struct entry *entry, size_t at)
{
    entry->intent_count--;
    memmove(&entry->intents[at], &entry->intents[at + 1],
            (entry->intent_count - at) * sizeof(entry->intents[0]));
    memmove(&entry->parked[at], &entry->parked[at + 1],
            (entry->intent_count - at) * sizeof(entry->parked[0]));
    entry->changed = true;
}

static bool add_intent_change(struct decision *decision, const struct intent_change *change)
{
    struct error why = {0};
    return batch_intent_change(decision->worker, change, &why) == 0 || no_room(decision);
}

struct str decision_intent_field(struct arena *arena, struct str state_type, struct str key,
                                 struct str id)
{
    return arena_printf(arena, "i:%.*s:%zu:%.*s:%.*s", STR_ARG(state_type), key.len, STR_ARG(key),
                        STR_ARG(id));
}

static struct str intent_field(struct decision *decision, struct str id)
{
    const struct entry *next = &decision->next;
    return decision_intent_field(&decision->worker->arena, str_from(next->state_type->name),
                                 next->key, id);
}

static struct str kept_copy(struct decision *decision, struct str s)
{
    return s.ptr ? arena_copy(&decision->worker->arena, s) : s;
}

/* A copy that lives in the arena, since it outlives the rule. */
static struct task_intent *copy_intent(struct decision *decision, const struct intent *intent)
{
    struct worker *worker = decision->worker;
    struct task_intent *copy = arena_alloc(&worker->arena, sizeof(*copy));
    struct header *headers =
        arena_alloc_array(&worker->arena, intent->header_count, sizeof(*headers));
    if (!copy || !headers)
        return NULL;
    for (size_t i = 0; i < intent->header_count; i++)
        headers[i] = (struct header){.name = kept_copy(decision, intent->headers[i].name),
                                     .value = kept_copy(decision, intent->headers[i].value)};
    struct str id = kept_copy(decision, intent->id);
    const struct endpoint *endpoint = endpoints_find(&worker->cfg->endpoints, intent->endpoint);
    *copy = (struct task_intent){
        .intent_id = id,
        .state_type = str_from(decision->next.state_type->name),
        .key = decision->next.key,
        .name = str_from(intent->name),
        .endpoint = kept_copy(decision, intent->endpoint),
        .status = INTENT_STATUS_PENDING,
        .sequence = batch_next_sequence(worker, decision->item->task),
        .created_at_ms = decision->item->ev.time_ms,
        /* Old topics on a first start: decided, but not carried out. */
        .expires_at_ms = decision->item->ev.time_ms < worker->cfg->effects_not_before_ms
                             ? 1
                             : intent->expires_ms,
        .method = str_from(intent->method),
        .path = kept_copy(decision, intent->path),
        .content_type = kept_copy(decision, intent->content_type),
        .body = kept_copy(decision, intent->body),
        .idempotency_key =
            intent->idempotency_key.ptr ? kept_copy(decision, intent->idempotency_key) : id,
        .lookup_path = kept_copy(decision, intent->lookup_path),
        .headers = {headers, intent->header_count},
        .mail_from = kept_copy(decision, intent->mail_from),
        .mail_to = kept_copy(decision, intent->mail_to),
        .held_back = batch_effects_are_off(worker, decision->item),
        .marks_first = !endpoint || endpoint->commit_started,
        .cause_id = decision->item->ev.id,
        .traceparent = decision->item->ce.traceparent};
    return copy;
}

static void sink_intend(struct effects_sink *sink, const struct intent *intent)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    struct str field = intent_field(decision, intent->id);
    size_t at = entry_intent_at(next, field);
    if (at < next->intent_count)
        return; /* the same intent, still pending */
    if (at == INTENTS_PER_KEY_MAX || !field.ptr ||
        decision->worker->batch->intent_sequence >= INTENTS_PER_BATCH_MAX) {
        went_wrong(decision, "more than %d calls pending on one key, or %d in one batch",
                   INTENTS_PER_KEY_MAX, INTENTS_PER_BATCH_MAX);
        return;
    }
    struct task_intent *copy = copy_intent(decision, intent);
    struct str value = copy ? encode(decision, &task_intent, copy) : (struct str){NULL, 0};
    if (!value.ptr) {
        no_room(decision);
        return;
    }
    next->parked[next->intent_count] = false;
    next->intents[next->intent_count++] = field;
    next->changed = true;
    add_intent_change(decision, &(struct intent_change){.step = INTENT_NEW,
                                                        .alone = next->intent_count == 1,
                                                        .task = next->task,
                                                        .field = field,
                                                        .intent = copy,
                                                        .value = value});
}

/* Made by this batch, so that nobody can have sent it. */
static bool is_new(const struct batch *batch, struct str field)
{
    for (const struct intent_change *change = batch->first_intent; change; change = change->next)
        if (change->step == INTENT_NEW && str_equal(change->field, field))
            return true;
    return false;
}

/* False also when the store cannot be asked: then the batch fails. */
static bool may_withdraw(struct decision *decision, struct str field)
{
    struct worker *worker = decision->worker;
    struct calls *calls = worker->calls;
    if (is_new(worker->batch, field))
        return true;
    if (calls_holds(calls, field))
        return !calls_has_started(calls, field);
    struct error why = {0};
    bool unsent;
    if (backlog_is_unsent(worker, decision->next.task, field, &unsent, &why) == 0)
        return unsent;
    if (decision->failed.action == ERROR_NONE)
        decision->failed = why;
    return false;
}

static void sink_withdraw(struct effects_sink *sink, struct str intent_id)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    struct str field = intent_field(decision, intent_id);
    size_t at = entry_intent_at(next, field);
    if (!field.ptr || at == next->intent_count ||
        !(next->parked[at] || may_withdraw(decision, field)))
        return;
    remove_intent(next, at);
    add_intent_change(decision, &(struct intent_change){
                                    .step = INTENT_WITHDRAWN, .task = next->task, .field = field});
}

void decision_begin(struct decision *decision, struct worker *worker, struct batch_item *item)
{
    *decision = (struct decision){.sink = {.emit = sink_emit,
                                           .put_state = sink_put_state,
                                           .set_timer = sink_set_timer,
                                           .cancel_timer = sink_cancel_timer,
                                           .intend = sink_intend,
                                           .withdraw = sink_withdraw},
                                  .worker = worker,
                                  .item = item,
                                  .next = *item->entry,
                                  .output_mark = worker->batch->last_output,
                                  .intent_mark = worker->batch->last_intent,
                                  .now_ms = batch_task_now(worker, item->task)};
}

void decision_undo(struct decision *decision)
{
    struct batch *batch = decision->worker->batch;
    batch->last_output = decision->output_mark;
    if (batch->last_output)
        batch->last_output->next = NULL;
    else
        batch->first_output = NULL;
    batch->last_intent = decision->intent_mark;
    if (batch->last_intent)
        batch->last_intent->next = NULL;
    else
        batch->first_intent = NULL;
}

void decision_keep(struct decision *decision)
{
    struct entry *next = &decision->next;
    if (!next->state)
        next->timer_count = 0; /* timers live with a state */
    if (next->dropping && next->intent_count == 0) {
        next->state = NULL;
        next->state_bytes = (struct str){NULL, 0};
        next->seen_count = next->timer_count = 0;
        next->dropping = false;
    }
    *decision->item->entry = *next;
}

void decision_take_reply(struct decision *decision, const struct calls_reply *finished,
                         struct str field)
{
    struct entry *next = &decision->next;
    struct intent_change change = {.step = INTENT_ANSWERED, .task = next->task, .field = field};
    next->changed = true;
    size_t at = entry_intent_at(next, field);
    if (!finished->reply.parked) {
        remove_intent(next, at);
        add_intent_change(decision, &change);
        return;
    }
    next->parked[at] = true;
    struct task_intent *parked = arena_alloc(&decision->worker->arena, sizeof(*parked));
    if (!parked) {
        no_room(decision);
        return;
    }
    *parked = *finished->intent;
    parked->status = INTENT_STATUS_PARKED;
    change.intent = parked;
    change.value = encode(decision, &task_intent, parked);
    add_intent_change(decision, &change);
}
