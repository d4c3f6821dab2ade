/* Redis in memory: one shelf per task. */
#include "sim/fake_state.h"

static int store_is_away(struct fake_world *world, struct error *err)
{
    if (world->store_away == 0)
        return 0;
    world->store_away--;
    return error_set(err, ERROR_RETRY, "LOADING");
}

static struct shelf_field *field_of(struct shelf *shelf, struct str name, bool add)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (str_equal(shelf->fields[i].name, name))
            return &shelf->fields[i];
    if (!add)
        return NULL;
    assert(shelf->count < FIELDS_MAX);
    struct shelf_field *field = &shelf->fields[shelf->count++];
    *field = (struct shelf_field){.name = fake_keep(name)};
    return field;
}

static void put(struct shelf *shelf, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        struct shelf_field *field = field_of(shelf, batch->changes[i].field, true);
        fake_drop(&field->value);
        field->value = fake_keep(batch->changes[i].value);
    }
    for (size_t i = 0; i < batch->due_count; i++)
        field_of(shelf, batch->due[i].member, true)->score = batch->due[i].score;
    if (batch->position.len > 0) {
        fake_drop(&shelf->position);
        shelf->position = fake_keep(batch->position);
    }
}

void fake_shelf_empty(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        fake_drop(&shelf->fields[i].name);
        fake_drop(&shelf->fields[i].value);
    }
    fake_drop(&shelf->position);
    *shelf = (struct shelf){0};
}

static void copy_shelf(struct shelf *to, const struct shelf *from)
{
    fake_shelf_empty(to);
    to->position = fake_keep(from->position);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->fields[i] =
            (struct shelf_field){fake_keep(from->fields[i].name), fake_keep(from->fields[i].value),
                                 from->fields[i].score};
}

static int fake_load(void *self, struct store_load *loads, size_t count, struct arena *arena,
                     struct error *err)
{
    struct fake_world *world = self;
    if (store_is_away(world, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct shelf *shelf = &world->shelves[loads[i].task];
        loads[i].position =
            shelf->position.ptr ? arena_copy(arena, shelf->position) : (struct str){NULL, 0};
        for (size_t f = 0; f < loads[i].field_count; f++) {
            const struct shelf_field *field = field_of(shelf, loads[i].fields[f], false);
            loads[i].values[f] =
                field && field->value.ptr ? arena_copy(arena, field->value) : (struct str){NULL, 0};
        }
    }
    return 0;
}

static int fake_apply(void *self, struct store_batch *batches, size_t count, struct error *err)
{
    struct fake_world *world = self;
    enum fake_commit what = world->next_apply;
    if (store_is_away(world, err))
        return -1;
    world->next_apply = FAKE_COMMITS;
    if (what == FAKE_REQUEST_LOST)
        return error_set(err, ERROR_RETRY, "timed out");
    for (size_t i = 0; i < count; i++) {
        struct shelf *shelf = &world->shelves[batches[i].task];
        batches[i].moved = !str_equal(shelf->position, batches[i].expected);
        int *lose = &world->lose_apply[batches[i].task];
        bool lost = *lose > 0 && --*lose == 0;
        if (!batches[i].moved && !lost)
            put(shelf, &batches[i]);
    }
    return what == FAKE_ANSWER_LOST ? error_set(err, ERROR_RETRY, "timed out") : 0;
}

static int fake_wipe(void *self, int32_t task, struct error *err)
{
    struct fake_world *world = self;
    if (store_is_away(world, err))
        return -1;
    fake_shelf_empty(&world->shelves[task]);
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

static int list_scores(struct shelf *shelf, int64_t from, int64_t to, size_t limit,
                       struct arena *arena, struct store_due_list *out)
{
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

static int fake_due(void *self, int32_t task, int64_t up_to, size_t limit, struct arena *arena,
                    struct store_due_list *out, struct error *err)
{
    struct fake_world *world = self;
    return store_is_away(world, err)
               ? -1
               : list_scores(&world->shelves[task], 1, up_to, limit, arena, out);
}

static int fake_pending(void *self, int32_t task, size_t limit, struct arena *arena,
                        struct store_due_list *out, struct error *err)
{
    struct fake_world *world = self;
    return store_is_away(world, err)
               ? -1
               : list_scores(&world->shelves[task], INT64_MIN, -1, limit, arena, out);
}

static int fake_earliest(void *self, int32_t task, int64_t *out, struct error *err)
{
    struct fake_world *world = self;
    const struct shelf *shelf = &world->shelves[task];
    if (store_is_away(world, err))
        return -1;
    *out = INT64_MAX;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->fields[i].score > 0 && shelf->fields[i].score < *out)
            *out = shelf->fields[i].score;
    return 0;
}

static int fake_take_token(void *self, struct str bucket, double rate_per_s, double burst,
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

void fake_world_store_away(struct fake_world *world, int answers)
{
    world->store_away = answers;
}

void fake_world_next_apply(struct fake_world *world, enum fake_commit what)
{
    world->next_apply = what;
}

void fake_world_lose_apply(struct fake_world *world, int32_t task, int nth)
{
    world->lose_apply[task] = nth;
}

void fake_world_store_wipe(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        fake_shelf_empty(&world->shelves[p]);
}

void fake_world_store_remember(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        copy_shelf(&world->before[p], &world->shelves[p]);
}

void fake_world_store_go_back(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        copy_shelf(&world->shelves[p], &world->before[p]);
}

struct store_port fake_store_port(struct fake_world *world)
{
    return (struct store_port){.self = world,
                               .load = fake_load,
                               .apply = fake_apply,
                               .wipe = fake_wipe,
                               .due = fake_due,
                               .pending = fake_pending,
                               .earliest = fake_earliest,
                               .take_token = fake_take_token};
}
