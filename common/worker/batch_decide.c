/* Step 4: the rules. Each call of a rule works on a copy of its key and is kept whole or not at
 * all. */
#include "worker/batch.h"

#include "base/partition.h"
#include "worker/outlets.h"
#include "worker/tables.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One call of a rule: where its effects go until it is known whether they are kept. */
struct decision {
    struct effects_sink sink; /* first: the sink is the decision */
    struct worker *worker;
    struct batch_item *item;
    struct entry next; /* the key as it will be */
    struct output *output_mark;
    struct intent_change *intent_mark;
    size_t emit_count;
    int64_t now_ms;
    struct error failed; /* the first thing that went wrong */
};

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
        went_wrong(decision, "%s: no room left in the batch", type->name);
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
        .cause = decision->item->ev.id,
        .traceparent = decision->item->ce.traceparent,
        .time_ms = decision->now_ms};
    struct error why = {0};
    if (batch_event_headers(worker, &ce, &output, &why) || batch_output(worker, &output, &why))
        went_wrong(decision, "%s", why.text);
    decision->emit_count++;
}

static void sink_put_state(struct effects_sink *sink, const void *state)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    next->changed = true;
    if (!state) {
        next->state = NULL;
        next->state_bytes = (struct str){NULL, 0};
        next->timer_count = 0;
        next->seen_count = 0;
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
        went_wrong(decision, "%s", why.text);
        return;
    }
    next->state_bytes = bytes;
    next->state = body;
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
    next->timers[at] =
        (struct key_timer){.name = str_from(name), .due_at_ms = due_ms > 0 ? due_ms : 1};
    if (at == next->timer_count)
        next->timer_count++;
    next->changed = true;
}

static void remove_timer(struct entry *entry, size_t at)
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
        remove_timer(next, at);
}

static size_t intent_at(const struct entry *entry, struct str field)
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
    entry->changed = true;
}

static bool add_intent_change(struct decision *decision, const struct intent_change *change)
{
    struct error why = {0};
    return batch_intent_change(decision->worker, change, &why) == 0 ||
           went_wrong(decision, "%s", why.text);
}

/* The intent of a field: "i:<state type>:<key>:<id>". */
static struct str intent_field(struct decision *decision, struct str id)
{
    const struct entry *next = &decision->next;
    return arena_printf(&decision->worker->arena, "i:%s:%.*s:%.*s", next->state_type->name,
                        STR_ARG(next->key), STR_ARG(id));
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
    *copy = (struct task_intent){
        .intent_id = id,
        .state_type = str_from(decision->next.state_type->name),
        .key = decision->next.key,
        .name = str_from(intent->name),
        .endpoint = kept_copy(decision, intent->endpoint),
        .status = INTENT_STATUS_PENDING,
        .sequence = (decision->item->task->batch + 1) * INTENTS_PER_BATCH_MAX +
                    worker->batch->intent_sequence++,
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
        .cause_id = decision->item->ev.id,
        .traceparent = decision->item->ce.traceparent};
    return copy;
}

static void sink_intend(struct effects_sink *sink, const struct intent *intent)
{
    struct decision *decision = (struct decision *)sink;
    struct entry *next = &decision->next;
    struct str field = intent_field(decision, intent->id);
    size_t at = intent_at(next, field);
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
        went_wrong(decision, "no room left in the batch for an intent");
        return;
    }
    next->intents[next->intent_count++] = field;
    next->changed = true;
    add_intent_change(decision, &(struct intent_change){.step = INTENT_NEW,
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

/* One that waits in the store, since the calls are full, may have been sent by an earlier owner. */
static bool may_withdraw(const struct calls *calls, struct str field)
{
    return calls_holds(calls, field) && !calls_has_started(calls, field);
}

static void sink_withdraw(struct effects_sink *sink, struct str intent_id)
{
    struct decision *decision = (struct decision *)sink;
    struct worker *worker = decision->worker;
    struct entry *next = &decision->next;
    struct str field = intent_field(decision, intent_id);
    size_t at = intent_at(next, field);
    if (!field.ptr || at == next->intent_count ||
        !(is_new(worker->batch, field) || may_withdraw(worker->calls, field)))
        return;
    remove_intent(next, at);
    add_intent_change(decision, &(struct intent_change){
                                    .step = INTENT_WITHDRAWN, .task = next->task, .field = field});
}

static void begin(struct decision *decision, struct worker *worker, struct batch_item *item)
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

static void undo(struct decision *decision)
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

static void keep(struct decision *decision)
{
    *decision->item->entry = decision->next;
}

/* Calls the rule. 0 = kept or set aside (as a dead letter); -1 = the batch cannot go on. */
static int call_rule(struct decision *decision, const struct route *route, struct error *err)
{
    struct worker *worker = decision->worker;
    struct batch_item *item = decision->item;
    struct context ctx = {.now_ms = decision->now_ms,
                          .cfg = worker->service_cfg,
                          .tables = tables_seen_by_rules(worker->tables),
                          .arena = &worker->arena};
    struct effects out = {.sink = &decision->sink};
    enum verdict verdict = route->decide(&item->ev, decision->next.state, &ctx, &out);
    if (verdict == DONE && decision->failed.action == ERROR_NONE) {
        if (!decision->next.state && decision->next.timer_count > 0)
            decision->next.timer_count = 0; /* timers live with a state */
        keep(decision);
        counter_add(worker->meters.decided, 1);
        histogram_observe(worker->meters.event_age_seconds,
                          (double)(decision->now_ms - item->ev.time_ms) / 1000);
        return 0;
    }
    const char *reason = decision->failed.action != ERROR_NONE ? decision->failed.text : out.reason;
    undo(decision);
    return batch_dead_letter(worker, item, reason, err);
}

static bool is_inbound(const struct worker *worker, const struct batch_item *item)
{
    return strncmp(worker->service->inputs[item->record.topic], "inbound.", 8) == 0;
}

/* Eight bytes that stand for an event's id (FNV-1a, 64 bits). */
static struct str hash_of_id(struct worker *worker, struct str id)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.ptr[i]) * 1099511628211u;
    return arena_copy(&worker->arena, (struct str){(const char *)&hash, sizeof(hash)});
}

/* What was seen of this key lately, inbound topics only (design: the ring). */
static bool seen_before(const struct entry *entry, struct str hash)
{
    for (size_t i = 0; i < entry->seen_count; i++)
        if (str_equal(entry->seen[i], hash))
            return true;
    return false;
}

static void remember(struct entry *entry, struct str hash)
{
    if (!entry->state)
        return; /* a key without state remembers nothing */
    if (entry->seen_count == SEEN_MAX) {
        memmove(&entry->seen[0], &entry->seen[1], (SEEN_MAX - 1) * sizeof(entry->seen[0]));
        entry->seen_count--;
    }
    entry->seen[entry->seen_count++] = hash;
    entry->changed = true;
}

static int decide_record(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct str hash = {NULL, 0};
    if (is_inbound(worker, item)) {
        hash = hash_of_id(worker, item->ev.id);
        if (seen_before(item->entry, hash)) {
            counter_add(worker->meters.duplicates, 1);
            return 0;
        }
    }
    struct decision decision;
    begin(&decision, worker, item);
    size_t dead_before = worker->batch->dead_count;
    if (call_rule(&decision, item->route, err))
        return -1;
    if (hash.ptr && worker->batch->dead_count == dead_before)
        remember(item->entry, hash);
    return 0;
}

static const struct route *timer_route(const struct worker *worker, const struct entry *entry,
                                       struct str name)
{
    for (size_t i = 0; i < worker->service->route_count; i++) {
        const struct route *route = &worker->service->routes[i];
        if (route->on_timer && route->state == entry->state_type &&
            str_equal(str_from(route->on_timer), name))
            return route;
    }
    return NULL;
}

/* The earliest timer that is due; TIMERS_PER_KEY_MAX if none is. */
static size_t due_timer(const struct entry *entry, int64_t now_ms)
{
    size_t found = TIMERS_PER_KEY_MAX;
    for (size_t i = 0; i < entry->timer_count; i++)
        if (entry->timers[i].due_at_ms <= now_ms &&
            (found == TIMERS_PER_KEY_MAX ||
             entry->timers[i].due_at_ms < entry->timers[found].due_at_ms))
            found = i;
    return found;
}

/* The member was a hint; what counts is what the key itself holds. A rule may set a timer again, in
 * the past too: bounded. */
static int decide_timers(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct entry *entry = item->entry;
    int64_t now_ms = batch_task_now(worker, item->task);
    entry->rescored = true;
    for (int fired = 0; fired < TIMERS_PER_KEY_MAX; fired++) {
        size_t at = due_timer(entry, now_ms);
        if (at == TIMERS_PER_KEY_MAX)
            return 0;
        struct key_timer timer = entry->timers[at];
        const struct route *route = timer_route(worker, entry, timer.name);
        remove_timer(entry, at);
        if (!route)
            continue; /* of another version of this service */
        struct str due = arena_printf(&worker->arena, "%" PRId64, timer.due_at_ms);
        item->ev = (struct event){
            .timer = route->on_timer,
            .key = entry->key,
            .id = batch_id(worker, (const struct str[]){entry->field, timer.name, due}, 3),
            .time_ms = timer.due_at_ms};
        item->ce = (struct cloudevent){0};
        struct decision decision;
        begin(&decision, worker, item);
        if (call_rule(&decision, route, err))
            return -1;
    }
    return 0;
}

static const struct route *reply_route(const struct worker *worker, const struct batch_item *item)
{
    for (size_t i = 0; i < worker->service->route_count; i++) {
        const struct route *route = &worker->service->routes[i];
        if (route->on_reply && route->state == item->entry->state_type &&
            str_equal(str_from(route->on_reply), item->finished->intent->name))
            return route;
    }
    return NULL;
}

/* The intent is done with, unless it is parked: then a person decides, and one more reply comes. */
static void take_off(struct decision *decision, const struct calls_reply *finished,
                     struct str field)
{
    struct entry *next = &decision->next;
    struct intent_change change = {.step = INTENT_ANSWERED, .task = next->task, .field = field};
    next->changed = true;
    if (!finished->reply.parked) {
        remove_intent(next, intent_at(next, field));
        add_intent_change(decision, &change);
        return;
    }
    struct task_intent *parked = arena_alloc(&decision->worker->arena, sizeof(*parked));
    if (!parked) {
        went_wrong(decision, "no room left in the batch");
        return;
    }
    *parked = *finished->intent;
    parked->status = INTENT_STATUS_PARKED;
    change.intent = parked;
    change.value = encode(decision, &task_intent, parked);
    add_intent_change(decision, &change);
}

static int decide_reply(struct worker *worker, struct batch_item *item, struct error *err)
{
    const struct task_intent *intent = item->finished->intent;
    struct str field = arena_copy(&worker->arena, item->finished->id);
    if (intent_at(item->entry, field) == item->entry->intent_count)
        return 0; /* withdrawn, or answered before */
    const struct route *route = reply_route(worker, item);
    struct str number = arena_printf(&worker->arena, "%" PRId64 "/%d", intent->sequence,
                                     item->finished->reply.parked ? 1 : 2);
    item->ev.id = batch_id(worker, (const struct str[]){field, number}, 2);
    item->ce = (struct cloudevent){.traceparent = intent->traceparent};
    struct decision decision;
    begin(&decision, worker, item);
    take_off(&decision, item->finished, field);
    if (decision.failed.action != ERROR_NONE)
        return error_set(err, ERROR_ABORT_BATCH, "%s", decision.failed.text);
    keep(&decision); /* whatever the rule says: it has come to its end */
    if (!route)
        return 0; /* of another version of this service */
    begin(&decision, worker, item);
    return call_rule(&decision, route, err);
}

/* To where it belongs, in the same transaction, under the same id. */
static int rekey(struct worker *worker, struct batch_item *item, struct error *err)
{
    const struct kafka_record *record = &item->record;
    struct output output = {.topic = worker->inputs[record->topic],
                            .partition = partition_of(record->key, worker->partition_count),
                            .time_ms = record->timestamp_ms,
                            .key = record->key,
                            .value = record->value,
                            .header_count = record->header_count + 1};
    output.headers =
        arena_alloc_array(&worker->arena, output.header_count, sizeof(struct event_header));
    if (!output.headers)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    if (record->header_count)
        memcpy(output.headers, record->headers, record->header_count * sizeof(output.headers[0]));
    output.headers[record->header_count] = (struct event_header){STR(HOP_HEADER), STR("1")};
    counter_add(worker->meters.rekeyed, 1);
    return batch_output(worker, &output, err);
}

static int decide_item(struct worker *worker, struct batch_item *item, struct error *err)
{
    switch (item->fate) {
    case FATE_IGNORE:
        return 0;
    case FATE_DEAD:
        return batch_dead_letter(worker, item, item->reason, err);
    case FATE_REKEY:
        return rekey(worker, item, err);
    case FATE_DECIDE:
        break;
    }
    switch (item->kind) {
    case ITEM_RECORD:
        return decide_record(worker, item, err);
    case ITEM_TIMERS:
        return decide_timers(worker, item, err);
    case ITEM_REPLY:
        return decide_reply(worker, item, err);
    }
    abort();
}

/* Calls that wait for their `started` to be committed get it with this batch. */
static int mark_started(struct worker *worker, struct error *err)
{
    struct calls_mark held;
    size_t cursor = 0;
    while (calls_next_mark(worker->calls, &cursor, &held)) {
        struct task *task = &worker->tasks[held.task];
        struct task_intent *marked = arena_alloc(&worker->arena, sizeof(*marked));
        if (!marked)
            return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
        *marked = *held.intent;
        marked->status = INTENT_STATUS_STARTED;
        marked->started_at_ms = worker->batch->now_ms;
        struct intent_change change = {.step = INTENT_MARKED,
                                       .task = task,
                                       .field = arena_copy(&worker->arena, held.id),
                                       .intent = marked};
        if (worker_encode(worker, &task_intent, marked, err))
            return -1;
        change.value = arena_copy(&worker->arena, buffer_str(&worker->scratch));
        if (!change.value.ptr || !change.field.ptr)
            return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
        task->in_batch = true;
        if (batch_intent_change(worker, &change, err))
            return -1;
    }
    return 0;
}

int batch_decide(struct worker *worker, struct error *err)
{
    if (mark_started(worker, err))
        return -1;
    for (size_t i = 0; i < worker->batch->item_count; i++)
        if (decide_item(worker, &worker->batch->items[i], err))
            return -1;
    return 0;
}
