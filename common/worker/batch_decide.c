/* Step 4: every item of the batch meets its rule. */
#include "worker/decision.h"

#include "base/hash.h"
#include "base/partition.h"
#include "worker/answers.h"
#include "worker/guards.h"
#include "worker/last_words.h"
#include "worker/poison.h"
#include "worker/tables.h"

#include <inttypes.h>
#include <stdlib.h>

/* Calls the rule. 0 = kept or set aside (as a dead letter); -1 = the batch cannot go on. */
static int call_rule(struct decision *decision, const struct route *route, struct error *err)
{
    struct worker *worker = decision->worker;
    struct batch_item *item = decision->item;
    int tried = poison_try(worker, item, err);
    if (tried != 0)
        return tried < 0 ? -1 : batch_dead_letter(worker, item, POISON_REASON, err);
    struct context ctx = {.now_ms = decision->now_ms,
                          .cfg = worker->service_cfg,
                          .tables = tables_seen_by_rules(worker->tables),
                          .arena = &worker->arena};
    struct effects out = {.sink = &decision->sink};
    last_words_at(worker->service, item);
    enum verdict verdict = route->decide(&item->ev, decision->next.state, &ctx, &out);
    last_words_at(NULL, NULL);
    if (verdict == DONE && decision->failed.action == ERROR_NONE) {
        decision_keep(decision);
        counter_add(worker->meters.decided, 1);
        histogram_observe(worker->meters.event_age_seconds,
                          (double)(decision->now_ms - item->ev.time_ms) / 1000);
        return 0;
    }
    enum error_action failed = decision->failed.action;
    bool ours = failed != ERROR_NONE && failed != ERROR_SET_ASIDE && failed != ERROR_ABORT_BATCH;
    if (ours || (failed == ERROR_ABORT_BATCH && worker->batch->item_count > 1)) {
        *err = decision->failed;
        return -1;
    }
    const char *reason = failed != ERROR_NONE ? decision->failed.text : out.reason;
    decision_undo(decision);
    return batch_dead_letter(worker, item, reason, err);
}

/* What comes from outside may come twice: other systems', and a person's. */
static bool may_come_twice(const struct worker *worker, const struct batch_item *item)
{
    return strncmp(worker->service->inputs[item->record.topic], "inbound.", 8) == 0 ||
           batch_is_operators(worker, item);
}

/* Eight bytes that stand for an event's id (FNV-1a, 64 bits). */
static struct str hash_of_id(struct worker *worker, struct str id)
{
    uint64_t hash = hash_add(HASH_START, id);
    return arena_copy(&worker->arena, (struct str){(const char *)&hash, sizeof(hash)});
}

/* What was seen of this key lately, of what may come twice (design: the ring). */
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

const struct route *batch_timer_route(const struct worker *worker, const struct entry *entry,
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
static size_t due_timer(const struct worker *worker, const struct entry *entry, int64_t now_ms)
{
    size_t found = TIMERS_PER_KEY_MAX;
    for (size_t i = 0; i < entry->timer_count; i++)
        if (entry->timers[i].due_at_ms <= now_ms &&
            batch_timer_route(worker, entry, entry->timers[i].name) &&
            (found == TIMERS_PER_KEY_MAX ||
             entry->timers[i].due_at_ms < entry->timers[found].due_at_ms))
            found = i;
    return found;
}

/* The member was a hint; what counts is what the key itself holds. */
static int decide_timers(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct entry *entry = item->entry;
    int64_t now_ms = batch_task_now(worker, item->task);
    entry->rescored = true;
    for (int fired = 0; fired < TIMERS_PER_KEY_MAX; fired++) {
        size_t at = due_timer(worker, entry, now_ms);
        if (at == TIMERS_PER_KEY_MAX)
            return 0;
        struct key_timer timer = entry->timers[at];
        const struct route *route = batch_timer_route(worker, entry, timer.name);
        entry_remove_timer(entry, at);
        struct str due = arena_printf(&worker->arena, "%" PRId64, timer.due_at_ms);
        item->ev = (struct event){
            .timer = route->on_timer,
            .key = entry->key,
            .id = batch_id(worker, (const struct str[]){entry->field, timer.name, due}, 3),
            .time_ms = timer.due_at_ms};
        item->cause = item->ev.id;
        item->ce = (struct cloudevent){0};
        struct decision decision;
        decision_begin(&decision, worker, item);
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

static int decide_reply(struct worker *worker, struct batch_item *item, struct error *err)
{
    const struct task_intent *intent = item->finished->intent;
    struct str field = arena_copy(&worker->arena, item->finished->id);
    if (entry_intent_at(item->entry, field) == item->entry->intent_count)
        return 0; /* withdrawn, or answered before */
    const struct route *route = reply_route(worker, item);
    if (!route && item->kind == ITEM_RECORD)
        return batch_dead_letter(worker, item, "this version has no rule for that reply", err);
    if (!route)
        return 0; /* the intent stays for the version that knows what to do with the reply */
    struct str number = arena_printf(&worker->arena, "%" PRId64 "/%d", intent->sequence,
                                     item->finished->reply.parked ? 1 : 2);
    item->ev.id = batch_id(worker, (const struct str[]){field, number}, 2);
    item->cause = intent->cause_id;
    item->ce = (struct cloudevent){.traceparent = intent->traceparent};
    struct decision decision;
    decision_begin(&decision, worker, item);
    decision_take_reply(&decision, item->finished, field);
    if (decision.failed.action != ERROR_NONE)
        return error_set(err, ERROR_ABORT_BATCH, "%s", decision.failed.text);
    *item->entry = decision.next; /* whatever the rule says: the call has come to its end */
    decision_begin(&decision, worker, item);
    return call_rule(&decision, route, err);
}

static int decide_event(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct decision decision;
    decision_begin(&decision, worker, item);
    return call_rule(&decision, item->route, err);
}

/* A person's answer is a reply from here on. */
static int decide_answer(struct worker *worker, struct batch_item *item, struct error *err)
{
    int decided = answers_decide(worker, item, err);
    return decided == 0 ? decide_reply(worker, item, err) : decided < 0 ? -1 : 0;
}

static int decide_record(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct str hash = {NULL, 0};
    if (may_come_twice(worker, item)) {
        hash = hash_of_id(worker, item->ev.id); /* of source, key and id: see identify */
        if (guard(GUARD_RING) && seen_before(item->entry, hash)) {
            counter_add(worker->meters.duplicates, 1);
            return 0;
        }
    }
    size_t dead_before = worker->batch->dead_count;
    if (answers_has(worker, item) ? decide_answer(worker, item, err)
                                  : decide_event(worker, item, err))
        return -1;
    if (hash.ptr && worker->batch->dead_count == dead_before)
        remember(item->entry, hash);
    return 0;
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
    abort(); /* not an item */
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

static int decide_all(struct worker *worker, struct error *err)
{
    if (!worker->draining && mark_started(worker, err))
        return -1;
    for (size_t i = 0; i < worker->batch->item_count; i++)
        if (decide_item(worker, &worker->batch->items[i], err))
            return -1;
    return 0;
}

int batch_decide(struct worker *worker, struct error *err)
{
    struct error ignored;
    int failed = decide_all(worker, err);
    return poison_survived(worker, failed ? &ignored : err) || failed ? -1 : 0;
}
