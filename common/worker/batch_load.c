/* Step 3: the states of the batch's keys, and whether the store stands where we think. */
#include "worker/batch.h"

#include "base/hash.h"
#include "worker/answers.h"
#include "worker/guards.h"
#include "worker/task.h"
#include "worker/versions.h"

/* The route that tells the state type of a timer's or reply's key. */
static const struct route *route_with_state(const struct service *service, struct str state_type)
{
    for (size_t i = 0; i < service->route_count; i++)
        if (str_equal(str_from(service->routes[i].state->name), state_type))
            return &service->routes[i];
    return NULL;
}

static struct entry *find_or_add(struct worker *worker, struct task *task,
                                 const struct record_type *state_type, struct str field,
                                 struct str key)
{
    struct batch *batch = worker->batch;
    struct entry **bucket = &batch->buckets[hash_add(HASH_START, field) % ENTRY_BUCKETS];
    for (struct entry *entry = *bucket; entry; entry = entry->next_bucket)
        if (str_equal(entry->field, field))
            return entry;
    struct entry *entry = arena_alloc(&worker->arena, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->task = task;
    entry->state_type = state_type;
    entry->field = field;
    entry->key = key;
    entry->next_bucket = *bucket;
    *bucket = entry;
    if (batch->last_entry)
        batch->last_entry->next = entry;
    else
        batch->first_entry = entry;
    batch->last_entry = entry;
    batch->entry_count++;
    return entry;
}

/* "s:<state type>:<key>" of a timer's member, taken apart. */
static void split_field(struct str field, struct str *out_type, struct str *out_key)
{
    struct str prefix, rest;
    str_split(field, ':', &prefix, &rest);
    str_split(rest, ':', out_type, out_key);
}

static int attach_entry(struct worker *worker, struct batch_item *item, struct error *err)
{
    struct str type, key = item->ev.key;
    if (item->kind == ITEM_TIMERS)
        split_field(item->field, &type, &key);
    else if (item->kind == ITEM_REPLY)
        type = item->finished->intent->state_type;
    else if (answers_has(worker, item))
        type = ((const struct call_answered *)item->ev.body)->state_type;
    else
        type = str_from(item->route->state->name);
    const struct route *route = route_with_state(worker->service, type);
    if (!route) { /* of a service that is older or newer than we */
        item->fate = item->kind == ITEM_RECORD ? FATE_DEAD : FATE_IGNORE;
        item->reason = "it answers a call of a state that this version does not keep";
        return 0;
    }
    item->ev.key = key;
    if (item->kind != ITEM_TIMERS)
        item->field = arena_printf(&worker->arena, "s:%.*s:%.*s", STR_ARG(type), STR_ARG(key));
    item->entry = find_or_add(worker, item->task, route->state, item->field, key);
    if (!item->entry || !item->field.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "out of memory for the batch's keys");
    return 0;
}

static bool names(const struct str_list *list, struct str name)
{
    for (size_t i = 0; i < list->len; i++)
        if (str_equal(list->ptr[i], name))
            return true;
    return false;
}

/* What the runtime kept for the key: state, timers, intents, seen ids. ERROR_SET_ASIDE: these bytes
 * were never written by any version. */
static int unpack(struct worker *worker, struct entry *entry, struct str value, struct error *err)
{
    const char *no_room = "no room left in the batch for its states";
    const struct record_type *type;
    const void *body;
    int readable = avro_schemas_decode(worker->schemas, value, &worker->arena, &type, &body, err);
    if (readable > 0) /* by a version that we do not know yet */
        err->action = ERROR_RETRY;
    if (readable == 0 && type != &key_entry)
        error_set(err, ERROR_SET_ASIDE, "a %s", type->name);
    if (readable != 0 || type != &key_entry)
        return worker->arena.full ? error_set(err, ERROR_ABORT_BATCH, "%s", no_room)
                                  : error_prefix(err, "state %.*s", STR_ARG(entry->field));
    const struct key_entry *kept = body;
    if (kept->timers.len > TIMERS_PER_KEY_MAX || kept->intents.len > INTENTS_PER_KEY_MAX)
        return error_set(err, ERROR_FATAL, "state %.*s: more timers or intents than the limit",
                         STR_ARG(entry->field));
    entry->timer_count = kept->timers.len;
    for (size_t i = 0; i < kept->timers.len; i++)
        entry->timers[i] = kept->timers.ptr[i];
    entry->intent_count = kept->intents.len;
    for (size_t i = 0; i < kept->intents.len; i++) {
        entry->intents[i] = kept->intents.ptr[i];
        entry->parked[i] = names(&kept->parked, kept->intents.ptr[i]);
    }
    size_t skip = kept->seen.len > SEEN_MAX ? kept->seen.len - SEEN_MAX : 0;
    entry->seen_count = kept->seen.len - skip;
    for (size_t i = 0; i < entry->seen_count; i++)
        entry->seen[i] = kept->seen.ptr[skip + i];
    entry->dropping = kept->dropping;
    if (!kept->state.ptr)
        return 0;
    entry->state_bytes = kept->state;
    struct error why = {0};
    int known =
        avro_schemas_decode(worker->schemas, kept->state, &worker->arena, &type, &body, &why);
    if (known < 0 && worker->arena.full)
        return error_set(err, ERROR_ABORT_BATCH, "%s", no_room);
    if (known == AVRO_UNKNOWN_ID) /* the schemas topic is read on the side */
        return error_set(err, ERROR_RETRY,
                         "state %.*s: its schema is not on the schemas topic, or not yet: does the "
                         "version that wrote it use the same topics?",
                         STR_ARG(entry->field));
    if (known < 0)
        return error_set(err, ERROR_FATAL, "state %.*s: %s", STR_ARG(entry->field), why.text);
    if (known != 0 || type != entry->state_type)
        return error_set(err, ERROR_FATAL,
                         "state %.*s is of a kind that this version does not have; start the one "
                         "that wrote it",
                         STR_ARG(entry->field));
    entry->state = body;
    versions_state_read(worker, type, kept->state);
    return 0;
}

/* What one task is asked for; `entries` gets whose fields these are, in order. */
static int ask_for(struct worker *worker, struct task *task, struct store_load *load,
                   struct entry ***out_entries, struct error *err)
{
    size_t most = worker->batch->entry_count + 1;
    struct entry **entries = arena_alloc_array(&worker->arena, most, sizeof(struct entry *));
    struct str *fields = arena_alloc_array(&worker->arena, most, sizeof(struct str));
    struct str *values = arena_alloc_array(&worker->arena, most, sizeof(struct str));
    if (!entries || !fields || !values)
        return error_set(err, ERROR_ABORT_BATCH, "out of memory for the batch's states");
    size_t count = 0;
    for (struct entry *entry = worker->batch->first_entry; entry; entry = entry->next) {
        if (entry->task != task)
            continue;
        entries[count] = entry;
        fields[count++] = entry->field;
    }
    *load = (struct store_load){
        .task = task->partition, .fields = fields, .field_count = count, .values = values};
    *out_entries = entries;
    return 0;
}

/* 1 = the task is refused, since we cannot read its states. */
static int take_values(struct worker *worker, struct store_load *load, struct entry **entries,
                       struct error *err)
{
    for (size_t f = 0; f < load->field_count; f++) {
        struct error why = {0};
        if (!load->values[f].ptr || unpack(worker, entries[f], load->values[f], &why) == 0)
            continue;
        *err = why;
        return task_cannot_read(worker, &worker->tasks[load->task], err);
    }
    return 0;
}

static int take_loaded(struct worker *worker, struct store_load *loads, struct entry ***entries,
                       size_t count, struct error *err)
{
    int moved = 0;
    for (size_t i = 0; i < count; i++) {
        struct task *task = &worker->tasks[loads[i].task];
        if (guard(GUARD_POSITION_AT_LOAD) &&
            !str_equal(loads[i].position, buffer_str(&task->base))) {
            task_begin_restore(worker, task, "the store does not stand where the task does");
            moved = 1;
            continue;
        }
        int taken = take_values(worker, &loads[i], entries[i], err);
        if (taken < 0)
            return -1;
        moved = moved || taken == 1;
    }
    return moved;
}

int batch_load(struct worker *worker, struct error *err)
{
    struct batch *batch = worker->batch;
    for (size_t i = 0; i < batch->item_count; i++) {
        struct batch_item *item = &batch->items[i];
        item->task->in_batch = true;
        if (item->fate == FATE_DECIDE && attach_entry(worker, item, err))
            return -1;
    }
    size_t tasks = (size_t)worker->partition_count, count = 0;
    struct store_load *loads = arena_alloc_array(&worker->arena, tasks, sizeof(*loads));
    struct entry ***entries = arena_alloc_array(&worker->arena, tasks, sizeof(*entries));
    if (!loads || !entries)
        return error_set(err, ERROR_ABORT_BATCH, "out of memory for the batch's states");
    for (size_t i = 0; i < tasks; i++) {
        if (!worker->tasks[i].in_batch)
            continue;
        if (ask_for(worker, &worker->tasks[i], &loads[count], &entries[count], err))
            return -1;
        count++;
    }
    struct store_port *store = &worker->ports->store;
    if (count > 0 && store->load(store->self, loads, count, &worker->arena, err))
        return -1;
    int loaded = take_loaded(worker, loads, entries, count, err);
    return loaded != 0 ? loaded : answers_load(worker, err);
}
