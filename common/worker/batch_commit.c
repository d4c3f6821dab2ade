/* Steps 5 to 7: one transaction with everything, then the store follows, then the calls learn of
 * it. */
#include "worker/batch.h"

#include "base/utf8.h"
#include "log/log.h"
#include "worker/backlog.h"
#include "worker/guards.h"
#include "worker/task.h"

#include <inttypes.h>

struct str batch_id(struct worker *worker, const struct str *parts, size_t count)
{
    struct str all[4] = {str_from(worker->service->name)};
    for (size_t i = 0; i < count && i < 3; i++)
        all[i + 1] = parts[i];
    return uuid5(&worker->arena, all, count + 1);
}

bool batch_key_is_fit(struct str key)
{
    return key.len > 0 && key.len <= KEY_BYTES_MAX && !memchr(key.ptr, '\0', key.len) &&
           utf8_is_valid(key);
}

int64_t batch_task_now(const struct worker *worker, const struct task *task)
{
    int64_t now_ms = worker->batch->now_ms;
    return now_ms > task->event_time_ms ? now_ms : task->event_time_ms;
}

int batch_output(struct worker *worker, const struct output *output, struct error *err)
{
    struct batch *batch = worker->batch;
    struct output *kept = arena_alloc(&worker->arena, sizeof(*kept));
    if (!kept || !output->key.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    *kept = *output;
    kept->next = NULL;
    if (batch->last_output)
        batch->last_output->next = kept;
    else
        batch->first_output = kept;
    batch->last_output = kept;
    return 0;
}

int batch_event_headers(struct worker *worker, struct cloudevent *ce, struct output *output,
                        struct error *err)
{
    char trace[TRACEPARENT_BYTES + 1];
    traceparent_next(ce->traceparent, ce->id, trace);
    ce->traceparent = arena_copy(&worker->arena, str_from(trace));
    struct cloudevent_headers *headers = arena_alloc(&worker->arena, sizeof(*headers));
    if (!headers || !ce->id.ptr || !ce->traceparent.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    cloudevent_write(ce, headers);
    output->headers = headers->rows;
    output->header_count = headers->count;
    return 0;
}

/* A timer or a reply, for a person: it has no bytes that could be shown. */
static struct str describe(struct worker *worker, const struct batch_item *item)
{
    static const char *const outcomes[] = {[OUTCOME_OK] = "ok",
                                           [OUTCOME_REFUSED] = "refused",
                                           [OUTCOME_UNKNOWN] = "unknown",
                                           [OUTCOME_NOT_SENT] = "not sent"};
    char due[RFC3339_BYTES];
    rfc3339_format(item->ev.time_ms, due);
    if (item->kind == ITEM_TIMERS)
        return arena_printf(&worker->arena, "timer %s, due %s", item->ev.timer, due);
    const struct call_reply *reply = &item->finished->reply;
    return arena_printf(&worker->arena, "reply to call %.*s (%.*s) at %.*s: %s, status %" PRId32,
                        STR_ARG(reply->intent_id), STR_ARG(reply->name), STR_ARG(reply->endpoint),
                        outcomes[reply->outcome], reply->status);
}

int batch_dead_letter(struct worker *worker, struct batch_item *item, const char *reason,
                      struct error *err)
{
    enum { ERROR_HEADERS = 7 };
    const struct kafka_record *record = &item->record;
    bool from_topic = item->kind == ITEM_RECORD;
    const char *topic = from_topic                 ? worker->service->inputs[record->topic]
                        : item->kind == ITEM_REPLY ? "reply"
                                                   : "timer";
    size_t old =
        from_topic && batch_header_bytes(record) <= HEADER_BYTES_MAX ? record->header_count : 0;
    struct event_header *rows =
        arena_alloc_array(&worker->arena, old + ERROR_HEADERS, sizeof(*rows));
    if (!rows)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    if (old)
        memcpy(rows, record->headers, old * sizeof(*rows));
    struct event_header *errors = rows + old;
    errors[0] = (struct event_header){STR("waybill_error_reason"),
                                      arena_copy(&worker->arena, str_from(reason))};
    errors[1] =
        (struct event_header){STR("waybill_error_service"), str_from(worker->service->name)};
    errors[2] = (struct event_header){STR("waybill_error_topic"), str_from(topic)};
    errors[3] =
        (struct event_header){STR("waybill_error_partition"),
                              arena_printf(&worker->arena, "%" PRId32, item->task->partition)};
    errors[4] = (struct event_header){
        STR("waybill_error_offset"),
        arena_printf(&worker->arena, "%" PRId64, from_topic ? record->offset : -1)};
    struct str value = from_topic && record->value.ptr ? record->value : STR("");
    errors[5] = (struct event_header){STR("waybill_error_value_bytes"),
                                      arena_printf(&worker->arena, "%zu", value.len)};
    if (value.len > DEAD_LETTER_BYTES_MAX)
        value.len = DEAD_LETTER_BYTES_MAX; /* what the topic takes */
    struct str key = item->ev.key.ptr ? item->ev.key : STR("");
    if (key.len > KEY_BYTES_MAX)
        key.len = KEY_BYTES_MAX;
    size_t error_count = ERROR_HEADERS - from_topic;
    if (!from_topic)
        errors[6] = (struct event_header){STR("waybill_error_what"), describe(worker, item)};
    struct output output = {.topic = worker->dead_letters,
                            .partition = item->task->partition,
                            .key = key,
                            .value = value,
                            .headers = rows,
                            .header_count = old + error_count};
    worker->batch->dead_count++;
    counter_add(worker->meters.dead_letters, 1);
    log_warning("dead letter", LOG_TEXT("reason", reason), LOG_TEXT("topic", topic),
                LOG_INT("partition", item->task->partition),
                LOG_INT("offset", from_topic ? record->offset : -1));
    return batch_output(worker, &output, err);
}

/* A due key of a state type that this version does not have. */
static bool is_stranger(const struct batch_item *item, const struct task *task)
{
    return item->task == task && item->kind == ITEM_TIMERS && item->fate == FATE_IGNORE;
}

bool batch_has_effects(const struct worker *worker)
{
    const struct batch *batch = worker->batch;
    if (batch->first_output || batch->first_intent)
        return true;
    for (size_t i = 0; i < batch->item_count; i++)
        if (is_stranger(&batch->items[i], batch->items[i].task))
            return true;
    for (const struct entry *entry = batch->first_entry; entry; entry = entry->next)
        if (entry->changed || entry->rescored)
            return true;
    return false;
}

static int send_changelog(struct worker *worker, const struct task *task, struct str key,
                          struct str value, int64_t *offset, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    struct kafka_output record = {.topic = worker->changelog,
                                  .partition = task->partition,
                                  .key = key,
                                  .value = value,
                                  .out_offset = offset};
    return log->produce(log->self, &record, err);
}

/* What is kept of a key; ptr NULL (a tombstone) when nothing is left to keep. */
static int pack(struct worker *worker, struct entry *entry, struct error *err)
{
    entry->value = (struct str){NULL, 0};
    if (entry->intent_count == 0 && (!entry->state_bytes.ptr || entry->dropping))
        return 0;
    struct str parked[INTENTS_PER_KEY_MAX];
    size_t parked_count = 0;
    for (size_t i = 0; i < entry->intent_count; i++)
        if (entry->parked[i])
            parked[parked_count++] = entry->intents[i];
    struct key_entry kept = {.state = entry->state_bytes,
                             .timers = {entry->timers, entry->timer_count},
                             .intents = {entry->intents, entry->intent_count},
                             .seen = {entry->seen, entry->seen_count},
                             .dropping = entry->dropping,
                             .parked = {parked, parked_count}};
    if (worker_encode(worker, &key_entry, &kept, err))
        return -1;
    entry->value = arena_copy(&worker->arena, buffer_str(&worker->scratch));
    return entry->value.ptr ? 0 : error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
}

int batch_pack(struct worker *worker, struct error *err)
{
    for (struct entry *entry = worker->batch->first_entry; entry; entry = entry->next)
        if (entry->changed && pack(worker, entry, err))
            return -1;
    return 0;
}

static int send_everything(struct worker *worker, struct error *err)
{
    struct batch *batch = worker->batch;
    struct log_port *log = &worker->ports->log;
    for (struct output *output = batch->first_output; output; output = output->next) {
        struct kafka_output record = {.topic = output->topic,
                                      .partition = output->partition,
                                      .timestamp_ms = output->time_ms,
                                      .key = output->key,
                                      .value = output->value,
                                      .headers = output->headers,
                                      .header_count = output->header_count};
        if (log->produce(log->self, &record, err))
            return -1;
        counter_add(worker->meters.emitted, 1);
    }
    for (struct entry *entry = batch->first_entry; entry; entry = entry->next)
        if (entry->changed &&
            send_changelog(worker, entry->task, entry->field, entry->value, NULL, err))
            return -1;
    for (struct intent_change *change = batch->first_intent; change; change = change->next)
        if (send_changelog(worker, change->task, change->field, change->value, NULL, err))
            return -1;
    return 0;
}

/* The offsets that moved, and always the anchor's: that is the fence. */
static size_t add_offsets(const struct worker *worker, const struct task *task,
                          struct kafka_offset *offsets)
{
    size_t count = 0;
    for (size_t input = 0; input < worker->input_count; input++)
        if ((input == 0 && guard(GUARD_ANCHOR)) || task->next[input] != task->told[input])
            offsets[count++] =
                (struct kafka_offset){worker->inputs[input], task->partition, task->next[input]};
    return count;
}

static void remember_time(struct worker *worker)
{
    struct batch *batch = worker->batch;
    int64_t latest_ms = batch->now_ms + worker->cfg->future_max_ms;
    for (size_t i = 0; i < batch->item_count; i++) {
        struct batch_item *item = &batch->items[i];
        int64_t time_ms = item->ev.time_ms < latest_ms ? item->ev.time_ms : latest_ms;
        if (item->kind == ITEM_RECORD && time_ms > item->task->event_time_ms)
            item->task->event_time_ms = time_ms;
    }
}

/* The position records and offsets of every task that the batch touched or that has moved on. */
static int send_positions(struct worker *worker, struct error *err)
{
    size_t offsets_max = (size_t)worker->partition_count * worker->input_count;
    struct kafka_offset *offsets =
        arena_alloc_array(&worker->arena, offsets_max, sizeof(struct kafka_offset));
    if (!offsets)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    size_t count = 0;
    for (int32_t i = 0; i < worker->partition_count; i++) {
        struct task *task = &worker->tasks[i];
        if (!task->in_batch && !(task->phase == TASK_READY && task->ahead))
            continue;
        task->in_batch = true;
        if (task_next_position(worker, task, err) ||
            send_changelog(worker, task, STR(POSITION_KEY), task->position, &task->position_offset,
                           err))
            return -1;
        count += add_offsets(worker, task, offsets + count);
    }
    struct log_port *log = &worker->ports->log;
    return log->send_offsets(log->self, offsets, guard(GUARD_FENCE) ? count : 0,
                             worker->batch->membership, err);
}

int batch_commit(struct worker *worker, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    struct clock_port *clock = &worker->ports->clock;
    int64_t began_ms = clock->mono_ms(clock->self);
    remember_time(worker);
    if (log->begin(log->self, err) || send_everything(worker, err) || send_positions(worker, err) ||
        log->commit(log->self, err) != KAFKA_COMMITTED)
        return -1;
    histogram_observe(worker->meters.commit_seconds,
                      (double)(clock->mono_ms(clock->self) - began_ms) / 1000);
    counter_add(worker->meters.batches, 1);
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].in_batch)
            task_committed(&worker->tasks[i]);
    return 0;
}

int64_t batch_next_sequence(struct worker *worker, const struct task *task)
{
    return (task->batch + 1) * INTENTS_PER_BATCH_MAX + worker->batch->intent_sequence++;
}

int batch_intent_change(struct worker *worker, const struct intent_change *change,
                        struct error *err)
{
    struct batch *batch = worker->batch;
    struct intent_change *kept = arena_alloc(&worker->arena, sizeof(*kept));
    if (!kept)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    *kept = *change;
    kept->next = NULL;
    if (batch->last_intent)
        batch->last_intent->next = kept;
    else
        batch->first_intent = kept;
    batch->last_intent = kept;
    return 0;
}

/* What only another version knows waits for it, and does not stand before all others meanwhile. */
static int64_t stranger_due_ms(const struct worker *worker, int64_t due_ms)
{
    int64_t again_ms = worker->batch->now_ms + STRANGER_RETRY_MS;
    return due_ms > again_ms ? due_ms : again_ms;
}

/* A key's place in the sorted set: its earliest timer; 0 = none. */
static int64_t score_of(const struct worker *worker, const struct entry *entry)
{
    int64_t earliest = 0;
    for (size_t i = 0; i < entry->timer_count; i++) {
        int64_t due_ms = entry->timers[i].due_at_ms;
        if (!batch_timer_route(worker, entry, entry->timers[i].name))
            due_ms = stranger_due_ms(worker, due_ms);
        if (earliest == 0 || due_ms < earliest)
            earliest = due_ms;
    }
    return earliest;
}

static bool waits_for_call(const struct intent_change *change)
{
    return change->intent && change->intent->status != INTENT_STATUS_PARKED;
}

/* What the store gets for one task. */
static int gather(struct worker *worker, struct task *task, struct store_batch *out)
{
    struct batch *batch = worker->batch;
    size_t most = 1;
    for (struct entry *entry = batch->first_entry; entry; entry = entry->next)
        most += entry->task == task;
    for (struct intent_change *change = batch->first_intent; change; change = change->next)
        most += change->task == task;
    for (size_t i = 0; i < batch->item_count; i++)
        most += is_stranger(&batch->items[i], task);
    struct store_change *changes = arena_alloc_array(&worker->arena, most, sizeof(*changes));
    struct store_due *due = arena_alloc_array(&worker->arena, most, sizeof(*due));
    task_stored_position(worker, task, &worker->scratch);
    *out =
        (struct store_batch){.task = task->partition,
                             .expected = buffer_str(&task->base),
                             .position = arena_copy(&worker->arena, buffer_str(&worker->scratch)),
                             .changes = changes,
                             .due = due};
    if (!changes || !due || !out->position.ptr)
        return -1;
    for (struct entry *entry = batch->first_entry; entry; entry = entry->next) {
        if (entry->task != task || !(entry->changed || entry->rescored))
            continue;
        if (entry->changed)
            changes[out->change_count++] = (struct store_change){entry->field, entry->value};
        int64_t score = score_of(worker, entry);
        due[out->due_count++] = (struct store_due){entry->field, score};
        if (score != 0 && score < task->earliest_ms)
            task->earliest_ms = score;
    }
    for (size_t i = 0; i < batch->item_count; i++)
        if (is_stranger(&batch->items[i], task))
            due[out->due_count++] =
                (struct store_due){batch->items[i].field, stranger_due_ms(worker, 0)};
    for (struct intent_change *change = batch->first_intent; change; change = change->next) {
        if (change->task != task)
            continue;
        changes[out->change_count++] = (struct store_change){change->field, change->value};
        due[out->due_count++] = (struct store_due){
            change->field, waits_for_call(change) ? score_of_intent(change->intent->sequence) : 0};
    }
    return 0;
}

/* The store may be away or elsewhere: what is committed is safe, the take-over brings the store up
 * again. */
void batch_apply(struct worker *worker)
{
    size_t count = 0;
    struct store_batch *batches = arena_alloc_array(
        &worker->arena, (size_t)worker->partition_count + 1, sizeof(struct store_batch));
    for (int32_t i = 0; i < worker->partition_count; i++) {
        struct task *task = &worker->tasks[i];
        if (!task->in_batch)
            continue;
        if (!batches || gather(worker, task, &batches[count]))
            task_begin_restore(worker, task, "no memory to bring the store up");
        else
            count++;
    }
    struct store_port *store = &worker->ports->store;
    struct error err = {0};
    bool failed = count > 0 && store->apply(store->self, batches, count, &err);
    for (size_t i = 0; i < count; i++) {
        struct task *task = &worker->tasks[batches[i].task];
        if (failed || batches[i].moved) {
            task_begin_restore(
                worker, task, failed ? err.text : "the store does not stand where the batch began");
            continue;
        }
        buffer_reset(&task->base);
        buffer_add_str(&task->base, batches[i].position);
    }
}

void batch_offer_intents(struct worker *worker)
{
    for (struct intent_change *change = worker->batch->first_intent; change; change = change->next)
        if (change->step == INTENT_NEW && change->task->phase == TASK_READY)
            backlog_offer(worker, change->task, change->field, change->intent, change->alone);
}

void batch_hand_over(struct worker *worker)
{
    struct batch *batch = worker->batch;
    for (struct intent_change *change = batch->first_intent; change; change = change->next) {
        if (change->task->phase != TASK_READY)
            continue; /* to be read anew: its calls were dropped */
        switch (change->step) {
        case INTENT_NEW:
        case INTENT_AGAIN:
            backlog_offer(worker, change->task, change->field, change->intent, change->alone);
            break;
        case INTENT_MARKED:
            calls_started_committed(worker->calls, change->field);
            break;
        case INTENT_WITHDRAWN:
            calls_withdraw(worker->calls, change->field);
            break;
        case INTENT_ANSWERED:
            break;
        }
    }
    for (size_t i = 0; i < batch->item_count; i++)
        if (batch->items[i].kind == ITEM_REPLY && batch->items[i].task->phase == TASK_READY)
            calls_forget(worker->calls, batch->items[i].finished->id);
}
