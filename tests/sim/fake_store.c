/* Redis in memory: one shelf per task. It loses the last writes or all, answers from a replica that
 * is behind, says LOADING, READONLY or OOM, or is cut off in the middle of a pipeline. */
#include "sim/fake_state.h"

#include "worker/stored.h"

static struct shelf_field *field_of(const struct shelf *shelf, struct str name)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (str_equal(shelf->fields[i].name, name))
            return &shelf->fields[i];
    return NULL;
}

static struct shelf_field *add_field(struct shelf *shelf, struct str name)
{
    struct shelf_field *field = field_of(shelf, name);
    if (field)
        return field;
    if (shelf->count == shelf->room) {
        shelf->room = shelf->room ? shelf->room * 2 : 16;
        shelf->fields = realloc(shelf->fields, shelf->room * sizeof(*shelf->fields));
        assert(shelf->fields);
    }
    field = &shelf->fields[shelf->count++];
    *field = (struct shelf_field){.name = fake_keep(name)};
    return field;
}

static void put_value(struct shelf *shelf, const struct store_change *change)
{
    struct shelf_field *field = add_field(shelf, change->field);
    fake_drop(&field->value);
    field->value = fake_keep(change->value);
}

static void put_position(struct shelf *shelf, struct str position)
{
    fake_drop(&shelf->position);
    shelf->position = fake_keep(position);
}

/* Values before scores, as many of them as are asked for. True if that was all. */
static bool put_some(struct shelf *shelf, const struct store_batch *batch, int64_t pairs)
{
    for (size_t i = 0; i < batch->change_count; i++, pairs--) {
        if (pairs == 0)
            return false;
        put_value(shelf, &batch->changes[i]);
    }
    for (size_t i = 0; i < batch->due_count; i++, pairs--) {
        if (pairs == 0)
            return false;
        add_field(shelf, batch->due[i].member)->score = batch->due[i].score;
    }
    return pairs != 0;
}

static void shelf_empty(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        fake_drop(&shelf->fields[i].name);
        fake_drop(&shelf->fields[i].value);
    }
    free(shelf->fields);
    fake_drop(&shelf->position);
    *shelf = (struct shelf){0};
}

static void shelf_copy(struct shelf *to, const struct shelf *from)
{
    shelf_empty(to);
    to->position = fake_keep(from->position);
    to->count = to->room = from->count;
    to->fields = calloc(from->count + 1, sizeof(*to->fields));
    assert(to->fields);
    for (size_t i = 0; i < from->count; i++)
        to->fields[i] =
            (struct shelf_field){fake_keep(from->fields[i].name), fake_keep(from->fields[i].value),
                                 from->fields[i].score};
}

/* ---- faults ---- */

static int trouble(struct fake_process *process, bool writes, struct error *err)
{
    struct redis *redis = process->redis;
    if (redis->away > 0) {
        redis->away--;
        return error_set(err, ERROR_RETRY, "LOADING");
    }
    if (redis->trouble_until_ms > process->world->now_ms && (writes || !redis->reads_well))
        return error_set(err, ERROR_RETRY, "%s", redis->trouble);
    return 0;
}

static int enter(struct fake_process *process, enum port_call call, bool writes, struct error *err)
{
    return fake_enter(process, call) ? trouble(process, writes, err)
                                     : error_set(err, ERROR_RETRY, "dead");
}

/* What a reader of that task sees: the shelf, or how it was some writes ago. */
static const struct shelf *seen(const struct fake_process *process, int32_t task)
{
    const struct redis *redis = process->redis;
    if (redis->stale_until_ms <= process->world->now_ms)
        return &redis->shelves[task];
    return &redis->history[task][redis->stale_by];
}

/* Before a write. */
static void keep_history(const struct fake_process *process, int32_t task)
{
    struct redis *redis = process->redis;
    struct shelf *history = redis->history[task];
    if (!process->world->turns.wait)
        return;
    shelf_empty(&history[SHELF_HISTORY - 1]);
    memmove(&history[1], &history[0], (SHELF_HISTORY - 1) * sizeof(history[0]));
    history[0] = (struct shelf){0};
    shelf_copy(&history[0], &redis->shelves[task]);
}

/* What was lost is not in the past of what is left. */
void fake_redis_go_back(struct redis *redis, int32_t task, int writes)
{
    struct shelf *history = redis->history[task];
    shelf_copy(&redis->shelves[task], &history[writes - 1]);
    for (int i = 0; i < writes; i++)
        shelf_empty(&history[i]);
    memmove(&history[0], &history[writes], (size_t)(SHELF_HISTORY - writes) * sizeof(history[0]));
    memset(&history[SHELF_HISTORY - writes], 0, (size_t)writes * sizeof(history[0]));
}

void fake_redis_empty(struct redis *redis, int32_t task)
{
    shelf_empty(&redis->shelves[task]);
}

void fake_redis_free(struct redis *redis)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
        shelf_empty(&redis->shelves[p]);
        shelf_empty(&redis->before[p]);
        for (int i = 0; i < SHELF_HISTORY; i++)
            shelf_empty(&redis->history[p][i]);
    }
}

/* ---- the port ---- */

static int port_load(void *self, struct store_load *loads, size_t count, struct arena *arena,
                     struct error *err)
{
    struct fake_process *process = self;
    if (enter(process, CALL_LOAD, false, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct shelf *shelf = seen(process, loads[i].task);
        loads[i].position =
            shelf->position.ptr ? arena_copy(arena, shelf->position) : (struct str){NULL, 0};
        for (size_t f = 0; f < loads[i].field_count; f++) {
            const struct shelf_field *field = field_of(shelf, loads[i].fields[f]);
            loads[i].values[f] =
                field && field->value.ptr ? arena_copy(arena, field->value) : (struct str){NULL, 0};
        }
    }
    fake_leave(process, CALL_LOAD);
    return 0;
}

static bool stands_at(const struct fake_process *process, const struct store_batch *batch)
{
    return str_equal(process->redis->shelves[batch->task].position, batch->expected);
}

static void apply_whole(struct fake_process *process, struct store_batch *batch)
{
    struct shelf *shelf = &process->redis->shelves[batch->task];
    batch->moved = !stands_at(process, batch);
    if (batch->moved) {
        fake_tell(&process->world->faults, process->number,
                  "finds the store of task %d elsewhere, writes nothing", batch->task);
        return;
    }
    bool in_course =
        batch->expected.len == STORED_MARK_BYTES || batch->position.len == STORED_MARK_BYTES;
    process->world->chunks += in_course && batch->change_count > 0;
    int *lose = &process->redis->lose_apply[batch->task];
    if (*lose > 0 && --*lose == 0)
        return;
    keep_history(process, batch->task);
    put_some(shelf, batch, -1);
    put_position(shelf, batch->position);
}

/* Some whole, one in part, the rest not; and no answer. */
static int cut_off(struct fake_process *process, struct store_batch *batches, size_t count,
                   struct error *err)
{
    struct faults *faults = &process->world->faults;
    size_t whole = (size_t)fake_pick(faults, (int64_t)count + 1);
    for (size_t i = 0; i < whole; i++)
        apply_whole(process, &batches[i]);
    if (whole < count && stands_at(process, &batches[whole])) {
        int64_t pairs = (int64_t)(batches[whole].change_count + batches[whole].due_count);
        keep_history(process, batches[whole].task);
        put_some(&process->redis->shelves[batches[whole].task], &batches[whole],
                 fake_pick(faults, pairs + 1));
    }
    fake_tell(faults, process->number, "Redis connection cut, %zu of %zu tasks written", whole,
              count);
    return error_set(err, ERROR_RETRY, "connection reset");
}

static int look_at_due(struct fake_process *process, int32_t task, struct error *err)
{
    return process->redis->shelves[task].occupied ? error_set(err, ERROR_SET_ASIDE, "WRONGTYPE")
                                                  : 0;
}

static int port_apply(void *self, struct store_batch *batches, size_t count, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    enum fake_commit what = world->next_apply;
    if (enter(process, CALL_APPLY, true, err))
        return -1;
    world->next_apply = FAKE_COMMITS;
    if (what == FAKE_REQUEST_LOST)
        return error_set(err, ERROR_RETRY, "timed out");
    if (fake_goes_wrong(&world->faults, FAULT_STORE_CUT))
        return cut_off(process, batches, count, err);
    for (size_t i = 0; i < count; i++)
        if (look_at_due(process, batches[i].task, err))
            return -1;
    for (size_t i = 0; i < count; i++)
        apply_whole(process, &batches[i]);
    fake_leave(process, CALL_APPLY);
    return what == FAKE_ANSWER_LOST ? error_set(err, ERROR_RETRY, "timed out") : 0;
}

static int port_wipe(void *self, int32_t task, struct error *err)
{
    struct fake_process *process = self;
    if (enter(process, CALL_WIPE, true, err))
        return -1;
    keep_history(process, task);
    shelf_empty(&process->redis->shelves[task]);
    process->world->wipes++;
    fake_tell(&process->world->faults, process->number, "wipes the store of task %d", task);
    fake_leave(process, CALL_WIPE);
    return 0;
}

/* As Redis: by score, then by name. */
static int compare_due(const void *a, const void *b)
{
    const struct store_due *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return str_compare(x->member, y->member);
}

static int list_scores(struct fake_process *process, int32_t task, int64_t from, int64_t to,
                       size_t limit, struct arena *arena, struct store_due_list *out)
{
    const struct shelf *shelf = seen(process, task);
    out->ptr = arena_alloc_array(arena, shelf->count + 1, sizeof(*out->ptr));
    out->len = 0;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->fields[i].score >= from && shelf->fields[i].score <= to)
            out->ptr[out->len++] = (struct store_due){arena_copy(arena, shelf->fields[i].name),
                                                      shelf->fields[i].score};
    qsort(out->ptr, out->len, sizeof(*out->ptr), compare_due);
    out->len = out->len < limit ? out->len : limit;
    return 0;
}

static int port_due(void *self, int32_t task, int64_t up_to, size_t limit, struct arena *arena,
                    struct store_due_list *out, struct error *err)
{
    return enter(self, CALL_DUE, false, err) || look_at_due(self, task, err)
               ? -1
               : list_scores(self, task, 1, up_to, limit, arena, out);
}

static int port_pending(void *self, int32_t task, size_t limit, struct arena *arena,
                        struct store_due_list *out, struct error *err)
{
    return enter(self, CALL_PENDING_CALLS, false, err) || look_at_due(self, task, err)
               ? -1
               : list_scores(self, task, INT64_MIN, -1, limit, arena, out);
}

static int port_earliest(void *self, int32_t task, int64_t *out, struct error *err)
{
    if (enter(self, CALL_EARLIEST, false, err) || look_at_due(self, task, err))
        return -1;
    const struct shelf *shelf = seen(self, task);
    *out = INT64_MAX;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->fields[i].score > 0 && shelf->fields[i].score < *out)
            *out = shelf->fields[i].score;
    return 0;
}

static int port_take_token(void *self, struct str bucket, double rate_per_s, double burst,
                           int64_t now_ms, int64_t *out_wait_ms, struct error *err)
{
    (void)self;
    (void)bucket;
    (void)rate_per_s;
    (void)burst;
    (void)now_ms;
    (void)err;
    *out_wait_ms = 0;
    return 0;
}

void fake_store_port(struct store_port *port)
{
    port->load = port_load;
    port->apply = port_apply;
    port->wipe = port_wipe;
    port->due = port_due;
    port->pending = port_pending;
    port->earliest = port_earliest;
    port->take_token = port_take_token;
}

/* ---- by hand ---- */

void fake_world_store_away(struct fake_world *world, int answers)
{
    world->redis[0].away = answers;
}

void fake_world_next_apply(struct fake_world *world, enum fake_commit what)
{
    world->next_apply = what;
}

void fake_world_lose_apply(struct fake_world *world, int32_t task, int nth)
{
    world->redis[0].lose_apply[task] = nth;
}

void fake_world_store_wipe(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        shelf_empty(&world->redis[0].shelves[p]);
}

void fake_world_store_spoil(struct fake_world *world, const char *kind)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        for (size_t i = 0; i < world->redis[0].shelves[p].count; i++) {
            struct shelf_field *field = &world->redis[0].shelves[p].fields[i];
            if (!field->value.ptr || strncmp(field->name.ptr, kind, strlen(kind)) != 0)
                continue;
            fake_drop(&field->value);
            field->value = fake_keep(STR("garbage"));
        }
}

void fake_world_store_occupy(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        world->redis[0].shelves[p].occupied = true;
}

void fake_world_store_remember(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        shelf_copy(&world->redis[0].before[p], &world->redis[0].shelves[p]);
}

void fake_world_store_go_back(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        shelf_copy(&world->redis[0].shelves[p], &world->redis[0].before[p]);
}
