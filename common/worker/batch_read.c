/* Steps 1 and 2: what there is to decide, read and decoded. */
#include "worker/batch.h"

#include "base/partition.h"
#include "topics/operator.h"
#include "worker/answers.h"
#include "worker/last_words.h"
#include "worker/poison.h"
#include "worker/task.h"
#include "worker/versions.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const struct route *route_of(const struct service *service, const struct record_type *type)
{
    for (size_t i = 0; i < service->route_count; i++)
        if (service->routes[i].on == type)
            return &service->routes[i];
    return NULL;
}

static void dead(struct batch_item *item, const char *reason)
{
    item->fate = FATE_DEAD;
    item->reason = reason;
}

static void dead_for(struct worker *worker, struct batch_item *item, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void dead_for(struct worker *worker, struct batch_item *item, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct str kept = arena_copy(&worker->arena, str_from(text));
    dead(item, kept.ptr ? kept.ptr : "out of memory for the reason");
}

/* A foreign producer with another partitioner: the record belongs to another task. */
static bool misplaced(const struct worker *worker, const struct batch_item *item)
{
    return partition_of(item->record.key, worker->partition_count) != item->record.partition;
}

bool batch_is_operators(const struct worker *worker, const struct batch_item *item)
{
    return item->kind == ITEM_RECORD && item->record.topic == worker->operator_input;
}

static struct str header_of(const struct batch_item *item, const char *name)
{
    return event_header_find(item->record.headers, item->record.header_count, name);
}

bool batch_effects_are_off(const struct worker *worker, const struct batch_item *item)
{
    return batch_is_operators(worker, item) &&
           str_equal(header_of(item, OPERATOR_EFFECTS_HEADER), STR("off"));
}

/* Where the record first stood: "topic/partition/offset", as it would have been named there. */
static struct str place_of(struct worker *worker, const struct batch_item *item, struct str topic)
{
    const struct kafka_record *record = &item->record;
    struct str partition = header_of(item, OPERATOR_PARTITION_HEADER);
    struct str offset = header_of(item, OPERATOR_OFFSET_HEADER);
    if (batch_is_operators(worker, item) && partition.ptr && offset.ptr)
        return arena_printf(&worker->arena, "%.*s/%.*s/%.*s", STR_ARG(topic), STR_ARG(partition),
                            STR_ARG(offset));
    return arena_printf(&worker->arena, "%.*s/%" PRId32 "/%" PRId64, STR_ARG(topic),
                        record->partition, record->offset);
}

/* The event's own id and time, or what stands in for them: deterministic, too. What a person sends
 * again is the event that it was, unless it is to be another. */
static void identify(struct worker *worker, struct batch_item *item)
{
    const struct kafka_record *record = &item->record;
    struct str topic = str_from(worker->service->inputs[record->topic]);
    struct str again = {NULL, 0};
    if (batch_is_operators(worker, item)) {
        struct str first = header_of(item, OPERATOR_TOPIC_HEADER);
        topic = first.ptr ? first : topic;
        again = header_of(item, OPERATOR_AGAIN_HEADER);
    }
    cloudevent_read(record->headers, record->header_count, &item->ce);
    if (str_is_empty(item->ce.id))
        item->ce.id =
            batch_id(worker, (const struct str[]){STR("record"), place_of(worker, item, topic)}, 2);
    item->cause = item->ce.id;
    /* Ids of foreign events are unique per source only (CloudEvents 1.0, "id"). */
    item->ev.id =
        str_starts_with(topic, STR("inbound."))
            ? batch_id(worker,
                       (const struct str[]){item->ce.source.ptr ? item->ce.source : STR(""),
                                            record->key.ptr ? record->key : STR(""), item->ce.id},
                       3)
            : item->ce.id;
    if (again.ptr)
        item->ev.id = batch_id(worker, (const struct str[]){STR("again"), again, item->ev.id}, 3);
    item->ev.key = record->key;
    item->ev.time_ms = item->ce.has_time ? item->ce.time_ms : record->timestamp_ms;
}

size_t batch_header_bytes(const struct kafka_record *record)
{
    size_t bytes = 0;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += record->headers[i].name.len + record->headers[i].value.len;
    return bytes;
}

/* No rule wants it. What a person put back for this service must not vanish without a word. */
static void pass_over(const struct worker *worker, struct batch_item *item)
{
    item->fate = FATE_IGNORE;
    if (batch_is_operators(worker, item) &&
        !str_equal(header_of(item, OPERATOR_WHAT_HEADER), STR("replay")))
        dead(item, "this service has no rule for such an event");
}

/* 0, -1 (dead), AVRO_UNKNOWN_ID or AVRO_UNKNOWN_TYPE. A bomb, few bytes that become many structs,
 * is kept small. */
static int decode_value(struct worker *worker, struct batch_item *item)
{
    struct arena *arena = &worker->arena;
    struct arena_place mark = arena_mark(arena);
    size_t bytes_max = arena->bytes_max, most = bytes_max / EVENT_ARENA_SHARE;
    struct error why = {0};
    if (arena->bytes_used + most < bytes_max)
        arena->bytes_max = arena->bytes_used + most;
    last_words_at(worker->service, item);
    int known = avro_schemas_decode(worker->schemas, item->record.value, arena, &item->ev.type,
                                    &item->ev.body, &why);
    last_words_at(NULL, NULL);
    bool full = arena->full;
    arena->bytes_max = bytes_max;
    if (known != 0)
        arena_rewind(arena, mark);
    if (known < 0 && full)
        dead_for(worker, item,
                 "oversize: %zu bytes that would take more than %zu in memory (a quarter of "
                 "setting batch.bytes)",
                 item->record.value.len, most);
    else if (known < 0)
        dead_for(worker, item, "undecodable: %s", why.text);
    return known;
}

/* Decides the fate of a record and decodes it. Returns 1 when its schema is not known (yet). */
static int decode(struct worker *worker, struct batch_item *item)
{
    const struct kafka_record *record = &item->record;
    identify(worker, item);
    if (!record->value.ptr) {
        item->fate = FATE_IGNORE; /* a tombstone says nothing in an input */
        return 0;
    }
    if (str_is_empty(record->key)) {
        dead(item, "the record has no key, so nobody can tell whose it is");
        return 0;
    }
    if ((int64_t)record->value.len > worker->cfg->event_bytes_max ||
        record->key.len > KEY_BYTES_MAX) {
        dead_for(worker, item,
                 "oversize: key of %zu bytes (limit %d), value of %zu bytes (limit %" PRId64 ")",
                 record->key.len, KEY_BYTES_MAX, record->value.len, worker->cfg->event_bytes_max);
        return 0;
    }
    bool sent_again = batch_is_operators(worker, item); /* with the tool's headers beside its own */
    if (record->header_count > RECORD_HEADERS_MAX + (sent_again ? OPERATOR_HEADERS_MAX : 0)) {
        dead_for(worker, item, "oversize: more than %d headers", RECORD_HEADERS_MAX);
        return 0;
    }
    if (batch_header_bytes(record) >
        HEADER_BYTES_MAX + (sent_again ? OPERATOR_HEADER_BYTES_MAX : 0)) {
        dead_for(worker, item, "oversize: headers of %zu bytes (limit %d)",
                 batch_header_bytes(record), HEADER_BYTES_MAX);
        return 0;
    }
    if (!batch_key_is_fit(record->key)) {
        dead(item, "the key is no clean UTF-8 text");
        return 0;
    }
    if (misplaced(worker, item)) {
        bool hopped = event_header_find(record->headers, record->header_count, HOP_HEADER).ptr;
        if (hopped)
            dead(item, "on the wrong partition again after it was sent to the right one: do the "
                       "input topics have different partition counts?");
        else
            item->fate = FATE_REKEY;
        return 0;
    }
    int known = decode_value(worker, item);
    if (known == AVRO_UNKNOWN_ID)
        return 1;
    if (known == AVRO_UNKNOWN_TYPE) { /* of a newer producer: none of our routes can want it */
        versions_event_unknown(worker, item);
        pass_over(worker, item);
    }
    if (known != 0)
        return 0;
    item->route = route_of(worker->service, item->ev.type);
    if (!item->route && !answers_has(worker, item))
        pass_over(worker, item);
    return 0;
}

/* The partition stops at this record until its schema is known or we stop waiting. */
static int await_schema(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct task *task = item->task;
    int32_t input = item->record.topic;
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    if (task->unknown_offset[input] != item->record.offset) {
        task->unknown_offset[input] = item->record.offset;
        task->unknown_since_mono_ms[input] = mono_ms;
    } else if (mono_ms - task->unknown_since_mono_ms[input] > worker->cfg->unknown_schema_wait_ms) {
        task->unknown_offset[input] = -1;
        int32_t id = 0;
        struct str rest;
        if (framing_split(item->record.value, &id, &rest, NULL))
            id = 0;
        dead_for(worker, item,
                 "undecodable: nobody published the schema with id %" PRId32 " within %" PRId64
                 " s (setting unknown_schema.wait)",
                 id, worker->cfg->unknown_schema_wait_ms / 1000);
        return 0;
    }
    task->unknown_retry_mono_ms[input] = mono_ms + UNKNOWN_SCHEMA_RETRY_MS;
    struct kafka_partition at = {.topic = input, .partition = task->partition};
    if (worker->ports->log.pause(worker->ports->log.self, &at, 1, err))
        return -1;
    return 1;
}

/* Alone in its batch, and there was no room for it all the same. */
static bool is_too_large(const struct worker *worker, const struct batch_item *item)
{
    return worker->too_large.task == item->task && worker->too_large.input == item->record.topic &&
           worker->too_large.offset == item->record.offset;
}

/* 1 = taken into the batch, 0 = passed over. */
static int take_record(struct worker *worker, struct kafka_record *record, struct error *err)
{
    struct batch *batch = worker->batch;
    struct log_port *log = &worker->ports->log;
    struct task *task =
        record->partition < worker->partition_count ? &worker->tasks[record->partition] : NULL;
    int64_t waits = task ? task->unknown_offset[record->topic] : -1;
    bool wanted = task && task->phase == TASK_READY &&
                  record->offset >= task->next[record->topic] &&
                  (waits < 0 || record->offset >= waits);
    if (!wanted) {
        log->release(log->self, record);
        return 0;
    }
    struct batch_item *item = &batch->items[batch->item_count];
    *item = (struct batch_item){.kind = ITEM_RECORD, .task = task, .record = *record};
    int tried = poison_try(worker, item, err);
    if (tried < 0) {
        log->release(log->self, record);
        return -1;
    }
    if (tried > 0 || is_too_large(worker, item)) {
        item->ev.key = record->key;
        dead(item, tried > 0 ? POISON_REASON : TOO_LARGE_REASON);
    } else if (decode(worker, item) > 0) {
        int waiting = await_schema(worker, item, err);
        if (waiting != 0) {
            log->release(log->self, record);
            return waiting < 0 ? -1 : 0;
        }
    } else if (waits >= 0) {
        task->unknown_offset[record->topic] = -1;
    }
    batch->item_count++;
    task->next[record->topic] = record->offset + 1;
    task->ahead = true;
    return 1;
}

/* Up to records_max records or work_ms of them; waits at most idle_ms for the first. */
static int read_records(struct worker *worker, int idle_ms, struct error *err)
{
    struct batch *batch = worker->batch;
    struct ports *ports = worker->ports;
    int64_t until = ports->clock.mono_ms(ports->clock.self) + worker->cfg->work_ms;
    batch->full = true;
    while (batch->item_count < (size_t)worker->records_limit) {
        struct kafka_record record;
        bool first = batch->item_count == 0;
        int got = ports->log.poll(ports->log.self, first ? idle_ms : 0, &record, err);
        if (got < 0)
            return -1;
        if (ports->log.epoch(ports->log.self) != worker->epoch) {
            if (got == 1)
                ports->log.release(ports->log.self, &record);
            return 1;
        }
        if (got == 0) {
            batch->full = false;
            return 0;
        }
        if (take_record(worker, &record, err) < 0)
            return -1;
        if (ports->clock.mono_ms(ports->clock.self) >= until && batch->item_count > 0)
            return 0;
        if (worker->arena.bytes_used > worker->arena.bytes_max / 8)
            return 0;
    }
    return 0;
}

/* What does not fit into a batch is tried again as less: so are replies and timers, and in the end
 * one thing alone. */
static size_t room_for(const struct worker *worker, int most)
{
    if (worker->records_limit <= 1 && worker->failures > 0)
        return worker->batch->item_count == 0 ? 1 : 0;
    bool cut = worker->records_limit < worker->cfg->records_max;
    return cut && worker->records_limit < most ? (size_t)worker->records_limit : (size_t)most;
}

static void take_replies(struct worker *worker)
{
    struct batch *batch = worker->batch;
    struct calls_reply *finished;
    for (size_t left = room_for(worker, REPLIES_PER_BATCH_MAX);
         left > 0 && (finished = calls_next_reply(worker->calls)) != NULL; left--) {
        struct batch_item *item = &batch->items[batch->item_count++];
        *item = (struct batch_item){
            .kind = ITEM_REPLY, .task = &worker->tasks[finished->task], .finished = finished};
        item->ev = (struct event){
            .key = finished->intent->key, .reply = &finished->reply, .time_ms = batch->now_ms};
        counter_add(worker->meters.replies, 1);
    }
}

/* Whether the task has read what its inputs held when it was taken over, or has tried for long
 * enough. */
static bool caught_up(const struct worker *worker, struct task *task, int64_t mono_ms)
{
    struct log_port *log = &worker->ports->log;
    bool heard = true, behind = false;
    for (size_t i = 0; !task->caught_up && i < worker->input_count; i++) {
        int64_t lag = log->lag(log->self, (int32_t)i, task->partition);
        heard = heard && lag >= 0;
        behind = behind || lag > 0;
    }
    if (task->caught_up)
        return true;
    if (heard && task->heard_mono_ms < 0)
        task->heard_mono_ms = mono_ms;
    task->caught_up = !heard   ? mono_ms - task->ready_mono_ms >= TIMERS_UNHEARD_MOST_MS
                      : behind ? mono_ms - task->heard_mono_ms >= TIMERS_WAIT_MOST_MS
                               : true;
    return task->caught_up;
}

/* Due timers wait, but not for ever, while there is more to read: what is known already comes
 * before what has not happened. */
static bool may_fire(const struct worker *worker, struct task *task, int64_t mono_ms)
{
    return task->phase == TASK_READY && task->earliest_ms <= batch_task_now(worker, task) &&
           mono_ms - task->ready_mono_ms >= TIMERS_HOLD_MS && caught_up(worker, task, mono_ms);
}

static int take_timers(struct worker *worker, struct error *err)
{
    struct batch *batch = worker->batch;
    struct store_port *store = &worker->ports->store;
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    if (batch->full && mono_ms - worker->timers_mono_ms < TIMERS_WAIT_MOST_MS)
        return 0;
    size_t left = room_for(worker, TIMERS_PER_BATCH_MAX);
    if (left == 0)
        return 0;
    worker->timers_mono_ms = mono_ms;
    worker->timers_first = (worker->timers_first + 1) % worker->partition_count;
    for (int32_t n = 0; n < worker->partition_count; n++) {
        int32_t i = (worker->timers_first + n) % worker->partition_count;
        struct task *task = &worker->tasks[i];
        if (task->phase == TASK_READY && batch->item_count == 0 &&
            mono_ms - task->looked_mono_ms >= STORE_LOOK_MS) {
            task->looked_mono_ms = mono_ms;
            task->in_batch = true; /* so that a loss is noticed while nothing happens, too */
        }
        if (!may_fire(worker, task, mono_ms))
            continue;
        struct store_due_list due;
        if (store->due(store->self, i, batch_task_now(worker, task), TIMERS_PER_TASK_MAX,
                       &worker->arena, &due, err) ||
            (due.len == 0 && store->earliest(store->self, i, &task->earliest_ms, err)))
            return err->action == ERROR_SET_ASIDE ? task_give_store_up(worker, task, err) : -1;
        task->in_batch = true; /* that nothing is due counts only if the store has lost nothing */
        for (size_t m = 0; m < due.len && left > 0; m++, left--) {
            struct batch_item *item = &batch->items[batch->item_count++];
            *item =
                (struct batch_item){.kind = ITEM_TIMERS, .task = task, .field = due.ptr[m].member};
            counter_add(worker->meters.timers, 1);
        }
    }
    return 0;
}

int batch_read(struct worker *worker, int idle_ms, struct error *err)
{
    struct ports *ports = worker->ports;
    struct batch *batch = arena_alloc(&worker->arena, sizeof(*batch));
    if (!batch)
        return error_set(err, ERROR_FATAL, "no memory for a batch");
    batch->items = worker->items;
    worker->batch = batch;
    batch->membership = ports->log.membership(ports->log.self);
    int changed = read_records(worker, idle_ms, err);
    struct error ignored;
    if (poison_survived(worker, changed < 0 ? &ignored : err) || changed < 0)
        return -1;
    if (changed > 0)
        return 1;
    counter_add(worker->meters.read, batch->item_count);
    batch->now_ms = ports->clock.now_ms(ports->clock.self);
    take_replies(worker);
    return take_timers(worker, err);
}

void batch_drop(struct worker *worker)
{
    struct batch *batch = worker->batch;
    struct log_port *log = &worker->ports->log;
    if (batch) {
        for (size_t i = 0; i < batch->item_count; i++)
            if (batch->items[i].kind == ITEM_RECORD)
                log->release(log->self, &batch->items[i].record);
        if (batch->membership)
            log->membership_free(log->self, batch->membership);
    }
    for (int32_t i = 0; i < worker->partition_count; i++)
        worker->tasks[i].in_batch = false;
    worker->batch = NULL;
    arena_reset(&worker->arena);
}
