#include "worker/backlog.h"

#include "base/hash.h"
#include "log/log.h"
#include "worker/task.h"

#include <stdlib.h>

/* Keys of which an intent found no room: the calls of a key keep their order, so that none of the
 * later ones goes. */
struct blocked {
    uint64_t *hashes;
    size_t count, room;
    size_t taken; /* how many intents did find room */
};

static uint64_t hash_of_key(const struct task_intent *intent)
{
    /* Two keys with one hash only wait for each other. */
    uint64_t hash = hash_add(HASH_START, intent->state_type);
    return hash_add(hash_add(hash, STR(":")), intent->key);
}

static bool is_blocked(const struct blocked *blocked, uint64_t hash)
{
    for (size_t i = 0; i < blocked->count; i++)
        if (blocked->hashes[i] == hash)
            return true;
    return false;
}

static int block(struct blocked *blocked, uint64_t hash, struct error *err)
{
    if (blocked->count == blocked->room) {
        size_t room = blocked->room ? blocked->room * 2 : 64;
        uint64_t *grown = realloc(blocked->hashes, room * sizeof(*grown));
        if (!grown)
            return error_set(err, ERROR_RETRY, "no memory for the pending intents");
        blocked->hashes = grown;
        blocked->room = room;
    }
    blocked->hashes[blocked->count++] = hash;
    return 0;
}

void backlog_offer(struct worker *worker, struct task *task, struct str field,
                   const struct task_intent *intent, bool alone)
{
    if (task->has_backlog && !alone)
        return; /* the next look at the backlog finds it */
    if (calls_offer(worker->calls, field, intent, task->partition, task_epoch(worker, task),
                    CALLS_FRESH) == CALLS_FULL)
        task->has_backlog = true;
}

static int offer_one(struct worker *worker, struct task *task, struct str field, struct str value,
                     struct blocked *blocked, struct error *err)
{
    const struct record_type *type;
    const void *body;
    struct arena *arena = &worker->backlog_arena;
    int readable = avro_schemas_decode(worker->schemas, value, arena, &type, &body, err);
    if (readable == 0 && type != &task_intent)
        readable = error_set(err, ERROR_SET_ASIDE, "a %s", type->name);
    if (readable != 0)
        error_prefix(err, "pending intent %.*s", STR_ARG(field));
    if (readable != 0)
        return readable < 0 && !arena->full ? task_give_store_up(worker, task, err) : -1;
    const struct task_intent *intent = body;
    uint64_t hash = hash_of_key(intent);
    enum calls_origin origin = intent->sequence >= task->fresh_from ? CALLS_FRESH : CALLS_RESTORED;
    if (!is_blocked(blocked, hash) &&
        calls_offer(worker->calls, field, intent, task->partition, task_epoch(worker, task),
                    origin) == CALLS_TAKEN) {
        blocked->taken++;
        return 0;
    }
    task->has_backlog = true;
    return is_blocked(blocked, hash) ? 0 : block(blocked, hash, err);
}

/* A store that has lost something, or shows what was before, lists too little or too much. */
static int check_position(const struct task *task, const struct store_load *load, struct error *err)
{
    if (str_equal(load->position, buffer_str(&task->base)))
        return 0;
    return error_set(err, ERROR_ABORT_BATCH, "the store does not stand where the task does");
}

int backlog_is_unsent(struct worker *worker, const struct task *task, struct str field, bool *out,
                      struct error *err)
{
    struct store_port *store = &worker->ports->store;
    struct str value;
    struct store_load load = {
        .task = task->partition, .fields = &field, .field_count = 1, .values = &value};
    *out = false;
    if (store->load(store->self, &load, 1, &worker->arena, err) ||
        check_position(task, &load, err)) {
        if (!error_is_final(err) && !worker->arena.full)
            err->action = ERROR_RETRY; /* fewer events would not help, nor is it this one's fault */
        return -1;
    }
    const struct record_type *type;
    const void *body;
    struct error why = {0};
    if (!value.ptr ||
        avro_schemas_decode(worker->schemas, value, &worker->arena, &type, &body, &why) ||
        type != &task_intent)
        return worker->arena.full ? error_set(err, ERROR_ABORT_BATCH, "no room left in the batch")
                                  : 0;
    const struct task_intent *intent = body;
    /* What a person has called again has a new sequence, and was sent before. What is marked before
     * it is called was not called by an earlier owner while it bears no mark. */
    *out = intent->status == INTENT_STATUS_PENDING && !intent->retried &&
           (intent->sequence >= task->fresh_from || intent->marks_first);
    return 0;
}

static int offer_page(struct worker *worker, struct task *task, const struct str *fields,
                      size_t count, struct blocked *blocked, struct error *err)
{
    struct store_port *store = &worker->ports->store;
    struct arena *arena = &worker->backlog_arena;
    arena_reset(arena);
    struct str *values = arena_alloc_array(arena, count, sizeof(*values));
    if (!values)
        return error_set(err, ERROR_RETRY, "no memory for the pending intents");
    struct store_load load = {
        .task = task->partition, .fields = fields, .field_count = count, .values = values};
    if (store->load(store->self, &load, 1, arena, err) || check_position(task, &load, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (load.values[i].ptr && offer_one(worker, task, fields[i], load.values[i], blocked, err))
            return -1;
    return 0;
}

/* What the calls do not hold yet, page by page. */
static int offer_pending(struct worker *worker, struct task *task, struct arena *arena,
                         struct blocked *blocked, struct error *err)
{
    struct store_port *store = &worker->ports->store;
    struct store_due_list pending;
    if (store->pending(store->self, task->partition, PENDING_INTENTS_MAX, arena, &pending, err))
        return -1;
    task->has_backlog = pending.len == PENDING_INTENTS_MAX;
    struct str page[BACKLOG_PAGE];
    size_t count = 0;
    for (size_t i = 0; i < pending.len; i++) {
        if (!calls_holds(worker->calls, pending.ptr[i].member))
            page[count++] = pending.ptr[i].member;
        bool last = i + 1 == pending.len;
        if ((count == BACKLOG_PAGE || (last && count > 0)) &&
            offer_page(worker, task, page, count, blocked, err))
            return -1;
        count = count == BACKLOG_PAGE ? 0 : count;
    }
    struct store_load nothing = {.task = task->partition};
    return store->load(store->self, &nothing, 1, arena, err) || check_position(task, &nothing, err)
               ? -1
               : 0;
}

int backlog_offer_all(struct worker *worker, struct task *task, struct error *err)
{
    enum { NAMES_BYTES = 128 * 1024 * 1024 };
    struct arena names;
    struct blocked blocked = {0};
    arena_init(&names, NAMES_BYTES);
    int failed = offer_pending(worker, task, &names, &blocked, err);
    arena_done(&names);
    free(blocked.hashes);
    if (blocked.taken > 0)
        task->backlog_wait_ms = BACKLOG_WAIT_MS / 2;
    return failed;
}

void backlog_follow(struct worker *worker)
{
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    for (int32_t i = 0; i < worker->partition_count; i++) {
        struct task *task = &worker->tasks[i];
        struct error err = {0};
        if (task->phase != TASK_READY || !task->has_backlog || mono_ms < task->retry_mono_ms)
            continue;
        if (backlog_offer_all(worker, task, &err)) {
            log_warning("intents that wait in the store cannot be read", LOG_TEXT("why", err.text));
            task->has_backlog = true; /* it was not read to its end */
            bool to_be_rebuilt = err.action == ERROR_SET_ASIDE;
            if (to_be_rebuilt)
                task_give_store_up(worker, task, &err);
            if (to_be_rebuilt || err.action == ERROR_ABORT_BATCH) {
                task_begin_restore(worker, task, err.text);
                continue;
            }
        }
        int64_t wait_ms = task->has_backlog ? task->backlog_wait_ms * 2 : BACKLOG_WAIT_MS;
        task->backlog_wait_ms = wait_ms < BACKLOG_WAIT_MS        ? BACKLOG_WAIT_MS
                                : wait_ms > BACKLOG_WAIT_MOST_MS ? BACKLOG_WAIT_MOST_MS
                                                                 : wait_ms;
        task->retry_mono_ms = mono_ms + task->backlog_wait_ms;
    }
}
