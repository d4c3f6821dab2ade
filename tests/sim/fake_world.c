#include "sim/fake_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 64,
    PARTITIONS_MAX = 8,
    FIELDS_MAX = 512,
    INPUTS = 16,
    NAME = 96,
    LATE_MAX = 256
};

enum record_state { COMMITTED, PENDING, ABORTED, MARKER, COMPACTED };

struct stored {
    enum record_state state;
    struct str key, value;
    struct event_header *headers;
    size_t header_count;
};

struct log {
    struct stored *records;
    int64_t count, capacity;
    int64_t low; /* what is below was deleted */
};

/* A record of a transaction that an earlier owner has on its way. */
struct late {
    struct log *log;
    struct stored record;
};

struct topic {
    char name[NAME];
    struct log logs[PARTITIONS_MAX];
};

struct shelf_field {
    struct str name, value; /* value.ptr NULL = absent */
    int64_t score;
};

struct shelf {
    struct str position;
    struct shelf_field fields[FIELDS_MAX];
    size_t count;
};

struct fake_world {
    struct ports ports;
    struct transports transports;
    const struct service *service;
    int32_t partitions;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    /* the group and the one member */
    uint64_t epoch;
    struct kafka_partition assigned[INPUTS * PARTITIONS_MAX];
    size_t assigned_count;
    int64_t next[INPUTS][PARTITIONS_MAX];
    bool running[INPUTS][PARTITIONS_MAX];
    int64_t committed[INPUTS][PARTITIONS_MAX];
    /* the one transaction */
    bool open;
    struct kafka_partition offsets[INPUTS * PARTITIONS_MAX];
    size_t offset_count;
    int64_t *wanted[4096];
    int64_t wanted_at[4096];
    size_t wanted_count;
    enum fake_commit next_commit;
    /* what an earlier owner's comes late with, and its offsets */
    struct late late[LATE_MAX];
    size_t late_count;
    struct kafka_partition late_offsets[INPUTS * PARTITIONS_MAX];
    size_t late_offset_count;
    /* the changelog's reader */
    int64_t reading[PARTITIONS_MAX], until[PARTITIONS_MAX];
    bool is_reading[PARTITIONS_MAX];
    /* the tables' reader */
    int64_t table_next[8][PARTITIONS_MAX];
    /* the store */
    struct shelf shelves[PARTITIONS_MAX], before[PARTITIONS_MAX];
    int store_away;
    enum fake_commit next_apply;
    /* time and calls */
    int64_t now_ms, mono_ms;
    struct fake_call calls[FAKE_CALLS_MAX];
    void *owners[FAKE_CALLS_MAX];
    size_t call_count, answered;
    enum http_end next_end;
    int32_t next_status;
    bool hold;
    size_t produce_max;
    bool hidden[INPUTS], hidden_partition[PARTITIONS_MAX];
    int rebalance_after; /* -1 = not */
    int64_t contact_age_ms;
};

static struct str keep(struct str s)
{
    if (!s.ptr)
        return s;
    char *copy = malloc(s.len + 1);
    assert(copy);
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

static void drop(struct str *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = (struct str){NULL, 0};
}

static struct topic *topic_of(struct fake_world *world, const char *name)
{
    for (size_t i = 0; i < world->topic_count; i++)
        if (strcmp(world->topics[i].name, name) == 0)
            return &world->topics[i];
    assert(world->topic_count < TOPICS_MAX);
    struct topic *topic = &world->topics[world->topic_count++];
    snprintf(topic->name, sizeof(topic->name), "%s", name);
    return topic;
}

static struct log *log_of(struct fake_world *world, const char *name, int32_t partition)
{
    assert(partition >= 0 && partition < PARTITIONS_MAX);
    return &topic_of(world, name)->logs[partition];
}

static struct stored *append(struct log *log, enum record_state state)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 16;
        log->records = realloc(log->records, (size_t)log->capacity * sizeof(*log->records));
        assert(log->records);
    }
    struct stored *record = &log->records[log->count++];
    *record = (struct stored){.state = state};
    return record;
}

static void fill(struct stored *record, struct str key, struct str value,
                 const struct event_header *headers, size_t count)
{
    record->key = keep(key);
    record->value = keep(value);
    record->headers = calloc(count + 1, sizeof(*record->headers));
    assert(record->headers);
    record->header_count = count;
    for (size_t i = 0; i < count; i++)
        record->headers[i] = (struct event_header){keep(headers[i].name), keep(headers[i].value)};
}

/* The first offset that a transaction still holds back. */
static int64_t stable_end(const struct log *log)
{
    for (int64_t i = 0; i < log->count; i++)
        if (log->records[i].state == PENDING)
            return i;
    return log->count;
}

static bool take_from(const struct log *log, int64_t *at, struct kafka_record *out)
{
    int64_t end = stable_end(log);
    for (; *at < end; (*at)++) {
        const struct stored *record = &log->records[*at];
        if (record->state != COMMITTED)
            continue;
        *out = (struct kafka_record){.offset = *at,
                                     .timestamp_ms = 1,
                                     .key = record->key,
                                     .value = record->value,
                                     .headers = record->headers,
                                     .header_count = record->header_count};
        (*at)++;
        return true;
    }
    return false;
}

static const char *input_name(struct fake_world *world, int32_t input, char out[NAME])
{
    snprintf(out, NAME, "t.%s", world->service->inputs[input]);
    return out;
}

static int32_t input_of(struct fake_world *world, const char *topic)
{
    char name[NAME];
    int32_t input = 0;
    while (strcmp(input_name(world, input, name), topic) != 0)
        input++;
    return input;
}

/* ---- log port ---- */

static int log_poll(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct fake_world *world = self;
    (void)timeout_ms;
    if (world->epoch == 0) {
        fake_world_rebalance(world);
        return 0;
    }
    if (world->rebalance_after == 0) {
        fake_world_rebalance(world);
        return 0;
    }
    for (size_t i = 0; i < world->assigned_count; i++) {
        int32_t input = world->assigned[i].topic, partition = world->assigned[i].partition;
        int64_t *next = &world->next[input][partition];
        char name[NAME];
        struct log *log = log_of(world, input_name(world, input, name), partition);
        if (!world->running[input][partition])
            continue;
        if (*next < log->low || *next > log->count)
            return error_set(err, ERROR_ABORT_BATCH, "offset out of range");
        if (take_from(log, next, out)) {
            out->topic = input;
            out->partition = partition;
            world->rebalance_after -= world->rebalance_after > 0;
            return 1;
        }
    }
    world->mono_ms++;
    return 0;
}

static void log_release(void *self, struct kafka_record *record)
{
    (void)self;
    *record = (struct kafka_record){0};
}

static uint64_t log_epoch(void *self)
{
    return ((struct fake_world *)self)->epoch;
}

static size_t log_assignment(void *self, const struct kafka_partition **out)
{
    struct fake_world *world = self;
    *out = world->assigned;
    return world->assigned_count;
}

static int log_seek(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    for (size_t i = 0; i < count; i++)
        world->next[at[i].topic][at[i].partition] = at[i].offset;
    return 0;
}

static int set_running(struct fake_world *world, const struct kafka_partition *at, size_t count,
                       bool running)
{
    for (size_t i = 0; i < count; i++)
        world->running[at[i].topic][at[i].partition] = running;
    return 0;
}

static int log_pause(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    (void)err;
    return set_running(self, at, count, false);
}

static int log_resume(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    (void)err;
    return set_running(self, at, count, true);
}

static int log_committed(void *self, struct kafka_partition *at, size_t count, struct error *err)
{
    struct fake_world *world = self;
    if (world->open || world->late_offset_count > 0)
        return error_set(err, ERROR_RETRY, "a transaction is pending");
    for (size_t i = 0; i < count; i++)
        at[i].offset = world->committed[at[i].topic][at[i].partition];
    return 0;
}

/* The generation is all there is to it. */
static struct kafka_group_metadata *log_membership(void *self)
{
    return (struct kafka_group_metadata *)(uintptr_t)(((struct fake_world *)self)->epoch + 1);
}

static void log_membership_free(void *self, struct kafka_group_metadata *membership)
{
    (void)self;
    (void)membership;
}

static int64_t log_contact_age(void *self)
{
    return ((struct fake_world *)self)->contact_age_ms;
}

static int64_t log_lag(void *self, int32_t input, int32_t partition)
{
    (void)self;
    (void)input;
    (void)partition;
    return 0;
}

static int log_begin(void *self, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    assert(!world->open);
    world->open = true;
    world->offset_count = world->wanted_count = 0;
    return 0;
}

static int log_produce(void *self, const struct kafka_output *output, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    assert(world->open);
    if (world->produce_max && output->value.len > world->produce_max)
        return error_set(err, ERROR_SET_ASIDE, "Message size too large");
    struct log *log = log_of(world, output->topic, output->partition);
    fill(append(log, PENDING), output->key, output->value, output->headers, output->header_count);
    if (output->out_offset) {
        world->wanted[world->wanted_count] = output->out_offset;
        world->wanted_at[world->wanted_count++] = log->count - 1;
    }
    return 0;
}

static int log_send_offsets(void *self, const struct kafka_offset *offsets, size_t count,
                            const struct kafka_group_metadata *membership, struct error *err)
{
    struct fake_world *world = self;
    assert(world->open && membership && count > 0); /* without an offset there is no fence */
    if (membership != log_membership(world))
        return error_set(err, ERROR_ABORT_BATCH, "illegal generation");
    for (size_t i = 0; i < count; i++)
        world->offsets[i] = (struct kafka_partition){input_of(world, offsets[i].topic),
                                                     offsets[i].partition, offsets[i].offset};
    world->offset_count = count;
    return 0;
}

static void commit_offsets(struct fake_world *world, const struct kafka_partition *offsets,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        world->committed[offsets[i].topic][offsets[i].partition] = offsets[i].offset;
}

/* Every pending record gets its fate, and each touched partition a marker. */
static void end_transaction(struct fake_world *world, enum record_state fate)
{
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            struct log *log = &world->topics[t].logs[p];
            bool touched = false;
            for (int64_t i = 0; i < log->count; i++)
                if (log->records[i].state == PENDING) {
                    log->records[i].state = fate;
                    touched = true;
                }
            if (touched)
                append(log, MARKER);
        }
    world->open = false;
    if (fate == COMMITTED)
        commit_offsets(world, world->offsets, world->offset_count);
}

/* The records have not reached the log yet; the offsets are known to the group. */
static void put_off(struct fake_world *world)
{
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            struct log *log = &world->topics[t].logs[p];
            int64_t first = stable_end(log);
            for (int64_t i = first; i < log->count; i++) {
                assert(world->late_count < LATE_MAX);
                world->late[world->late_count++] = (struct late){log, log->records[i]};
            }
            log->count = first;
        }
    memcpy(world->late_offsets, world->offsets, sizeof(world->offsets));
    world->late_offset_count = world->offset_count;
    world->open = false;
}

void fake_world_late_comes(struct fake_world *world)
{
    for (size_t i = 0; i < world->late_count; i++) {
        struct stored *record = append(world->late[i].log, COMMITTED);
        *record = world->late[i].record;
        record->state = COMMITTED;
    }
    commit_offsets(world, world->late_offsets, world->late_offset_count);
    world->late_count = world->late_offset_count = 0;
}

static enum kafka_commit log_commit(void *self, struct error *err)
{
    struct fake_world *world = self;
    enum fake_commit what = world->next_commit;
    assert(world->open && world->offset_count > 0);
    world->next_commit = FAKE_COMMITS;
    if (what == FAKE_REQUEST_LOST) {
        error_set(err, ERROR_FATAL, "timed out");
        return KAFKA_COMMIT_UNKNOWN; /* still open: the next producer aborts it */
    }
    if (what == FAKE_COMES_LATE) {
        put_off(world);
        error_set(err, ERROR_FATAL, "timed out");
        return KAFKA_COMMIT_UNKNOWN;
    }
    end_transaction(world, what == FAKE_REFUSES ? ABORTED : COMMITTED);
    if (what == FAKE_REFUSES) {
        error_set(err, ERROR_ABORT_BATCH, "refused");
        return KAFKA_NOT_COMMITTED;
    }
    if (what == FAKE_ANSWER_LOST) {
        error_set(err, ERROR_FATAL, "the answer was lost");
        return KAFKA_COMMIT_UNKNOWN;
    }
    for (size_t i = 0; i < world->wanted_count; i++)
        *world->wanted[i] = world->wanted_at[i];
    return KAFKA_COMMITTED;
}

static int log_reopen(void *self, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    if (world->open)
        end_transaction(world, ABORTED);
    return 0;
}

static int log_publish(void *self, const struct kafka_output *outputs, size_t count,
                       struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    for (size_t i = 0; i < count; i++)
        fill(append(log_of(world, outputs[i].topic, 0), COMMITTED), outputs[i].key,
             outputs[i].value, NULL, 0);
    return 0;
}

static int log_partitions(void *self, const char *topic, int32_t *out, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    *out = strcmp(topic, "t.schemas") == 0 ? 1 : world->partitions;
    return 0;
}

static int log_watermarks(void *self, const char *topic, int32_t partition, int64_t *out_low,
                          int64_t *out_high, struct error *err)
{
    (void)err;
    *out_low = log_of(self, topic, partition)->low;
    *out_high = log_of(self, topic, partition)->count;
    return 0;
}

static struct log *changelog_of(struct fake_world *world, int32_t partition)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s.changelog", world->service->name);
    return log_of(world, name, partition);
}

static int log_changelog_start(void *self, int32_t partition, int64_t from, int64_t until,
                               struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    assert(!world->is_reading[partition]);
    world->is_reading[partition] = true;
    world->reading[partition] = from < 0 ? changelog_of(world, partition)->low : from;
    world->until[partition] = until;
    return 0;
}

static int log_changelog_next(void *self, int timeout_ms, struct kafka_record *out,
                              struct error *err)
{
    struct fake_world *world = self;
    (void)timeout_ms;
    for (int32_t p = 0; p < world->partitions; p++) {
        const struct log *log = changelog_of(world, p);
        if (!world->is_reading[p])
            continue;
        if (world->reading[p] < log->low || world->reading[p] > log->count)
            return error_set(err, ERROR_ABORT_BATCH, "offset out of range");
        if (take_from(log, &world->reading[p], out)) {
            out->partition = p;
            return 1;
        }
    }
    world->mono_ms++;
    return 0;
}

static bool log_changelog_at_end(void *self, int32_t partition)
{
    struct fake_world *world = self;
    return world->reading[partition] >= world->until[partition];
}

static void log_changelog_stop(void *self, int32_t partition)
{
    ((struct fake_world *)self)->is_reading[partition] = false;
}

static int log_tables_next(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct fake_world *world = self;
    (void)timeout_ms;
    (void)err;
    if (!take_from(log_of(world, "t.schemas", 0), &world->table_next[0][0], out))
        return 0;
    out->topic = 0;
    return 1;
}

static bool log_tables_at_end(void *self)
{
    struct fake_world *world = self;
    return world->table_next[0][0] >= log_of(world, "t.schemas", 0)->count;
}

/* ---- store port ---- */

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
    *field = (struct shelf_field){.name = keep(name)};
    return field;
}

static void put(struct shelf *shelf, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        struct shelf_field *field = field_of(shelf, batch->changes[i].field, true);
        drop(&field->value);
        field->value = keep(batch->changes[i].value);
    }
    for (size_t i = 0; i < batch->due_count; i++)
        field_of(shelf, batch->due[i].member, true)->score = batch->due[i].score;
    if (batch->position.len > 0) {
        drop(&shelf->position);
        shelf->position = keep(batch->position);
    }
}

static void empty(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        drop(&shelf->fields[i].name);
        drop(&shelf->fields[i].value);
    }
    drop(&shelf->position);
    *shelf = (struct shelf){0};
}

static void copy_shelf(struct shelf *to, const struct shelf *from)
{
    empty(to);
    to->position = keep(from->position);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->fields[i] = (struct shelf_field){keep(from->fields[i].name),
                                             keep(from->fields[i].value), from->fields[i].score};
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
        if (!batches[i].moved)
            put(shelf, &batches[i]);
    }
    return what == FAKE_ANSWER_LOST ? error_set(err, ERROR_RETRY, "timed out") : 0;
}

static int fake_wipe(void *self, int32_t task, struct error *err)
{
    struct fake_world *world = self;
    if (store_is_away(world, err))
        return -1;
    empty(&world->shelves[task]);
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

/* ---- clock and calls ---- */

static int64_t clock_now(void *self)
{
    return ((struct fake_world *)self)->now_ms;
}

static int64_t clock_mono(void *self)
{
    return ((struct fake_world *)self)->mono_ms;
}

static int fake_submit(void *self, const struct http_request *request, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    assert(world->call_count < FAKE_CALLS_MAX);
    struct fake_call *call = &world->calls[world->call_count];
    *call = (struct fake_call){0};
    for (size_t i = 0; i < request->header_count; i++)
        if (str_equal(request->headers[i].name, STR("Idempotency-Key")))
            snprintf(call->key, sizeof(call->key), "%.*s", STR_ARG(request->headers[i].value));
    snprintf(call->path, sizeof(call->path), "%.*s", STR_ARG(request->url));
    world->owners[world->call_count++] = request->owner;
    return 0;
}

static bool fake_collect(void *self, struct http_result *out)
{
    struct fake_world *world = self;
    if (world->hold || world->answered == world->call_count)
        return false;
    *out = (struct http_result){.owner = world->owners[world->answered++],
                                .end = world->next_end,
                                .status = world->next_status,
                                .retry_after_ms = -1};
    world->next_end = HTTP_ANSWERED;
    world->next_status = 200;
    return true;
}

static int fake_smtp_submit(void *self, const struct smtp_request *request, struct error *err)
{
    (void)self;
    (void)request;
    return error_set(err, ERROR_SET_ASIDE, "no SMTP here");
}

static bool fake_smtp_collect(void *self, struct smtp_result *out)
{
    (void)self;
    (void)out;
    return false;
}

/* ---- the world ---- */

static void fill_ports(struct fake_world *world)
{
    world->ports = (struct ports){
        .log = {.self = world,
                .poll = log_poll,
                .release = log_release,
                .epoch = log_epoch,
                .assignment = log_assignment,
                .seek = log_seek,
                .pause = log_pause,
                .resume = log_resume,
                .committed = log_committed,
                .membership = log_membership,
                .membership_free = log_membership_free,
                .contact_age_ms = log_contact_age,
                .lag = log_lag,
                .begin = log_begin,
                .produce = log_produce,
                .send_offsets = log_send_offsets,
                .commit = log_commit,
                .reopen = log_reopen,
                .publish = log_publish,
                .partitions = log_partitions,
                .watermarks = log_watermarks,
                .changelog_start = log_changelog_start,
                .changelog_next = log_changelog_next,
                .changelog_at_end = log_changelog_at_end,
                .changelog_stop = log_changelog_stop,
                .tables_next = log_tables_next,
                .tables_at_end = log_tables_at_end},
        .store = {.self = world,
                  .load = fake_load,
                  .apply = fake_apply,
                  .wipe = fake_wipe,
                  .due = fake_due,
                  .pending = fake_pending,
                  .earliest = fake_earliest,
                  .take_token = fake_take_token},
        .clock = {.self = world, .now_ms = clock_now, .wall_ms = clock_now, .mono_ms = clock_mono}};
    world->transports = (struct transports){.self = world,
                                            .http_submit = fake_submit,
                                            .http_collect = fake_collect,
                                            .smtp_submit = fake_smtp_submit,
                                            .smtp_collect = fake_smtp_collect};
}

struct fake_world *fake_world_new(const struct service *service, int32_t partitions)
{
    struct fake_world *world = calloc(1, sizeof(*world));
    assert(world && partitions <= PARTITIONS_MAX);
    world->service = service;
    world->partitions = partitions;
    world->now_ms = FAKE_WORLD_BEGAN_MS;
    world->rebalance_after = -1;
    world->next_status = 200;
    memset(world->committed, 0xff, sizeof(world->committed));
    fill_ports(world);
    return world;
}

static void free_record(struct stored *record)
{
    drop(&record->key);
    drop(&record->value);
    for (size_t h = 0; h < record->header_count; h++) {
        drop(&record->headers[h].name);
        drop(&record->headers[h].value);
    }
    free(record->headers);
}

static void free_log(struct log *log)
{
    for (int64_t i = 0; i < log->count; i++)
        free_record(&log->records[i]);
    free(log->records);
    *log = (struct log){0};
}

void fake_world_free(struct fake_world *world)
{
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++)
            free_log(&world->topics[t].logs[p]);
    for (size_t i = 0; i < world->late_count; i++)
        free_record(&world->late[i].record);
    for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
        empty(&world->shelves[p]);
        empty(&world->before[p]);
    }
    free(world);
}

struct ports *fake_world_ports(struct fake_world *world)
{
    return &world->ports;
}

const struct transports *fake_world_transports(struct fake_world *world)
{
    return &world->transports;
}

void fake_world_crash(struct fake_world *world)
{
    if (world->open)
        end_transaction(world, ABORTED);
    world->epoch = 0;
    world->assigned_count = 0;
    memset(world->running, 0, sizeof(world->running));
    memset(world->is_reading, 0, sizeof(world->is_reading));
    memset(world->table_next, 0, sizeof(world->table_next));
    world->answered = world->call_count;
}

void fake_world_rebalance(struct fake_world *world)
{
    static uint64_t epochs;
    world->epoch = ++epochs;
    world->rebalance_after = -1;
    world->assigned_count = 0;
    memset(world->running, 0, sizeof(world->running));
    for (int32_t input = 0; world->service->inputs[input]; input++)
        for (int32_t p = 0; p < world->partitions; p++)
            if (!world->hidden[input] && !world->hidden_partition[p])
                world->assigned[world->assigned_count++] = (struct kafka_partition){input, p, 0};
}

void fake_world_rebalance_after(struct fake_world *world, int records)
{
    world->rebalance_after = records;
}

void fake_world_hide_input(struct fake_world *world, int32_t input, bool hide)
{
    world->hidden[input] = hide;
}

void fake_world_hide_partition(struct fake_world *world, int32_t partition, bool hide)
{
    world->hidden_partition[partition] = hide;
}

void fake_world_contact_age(struct fake_world *world, int64_t ms)
{
    world->contact_age_ms = ms;
}

int64_t fake_world_committed(const struct fake_world *world, int32_t input, int32_t partition)
{
    return world->committed[input][partition];
}

void fake_world_set_partitions(struct fake_world *world, int32_t count)
{
    assert(count <= PARTITIONS_MAX);
    world->partitions = count;
}

void fake_world_next_commit(struct fake_world *world, enum fake_commit what)
{
    world->next_commit = what;
}

void fake_world_store_away(struct fake_world *world, int answers)
{
    world->store_away = answers;
}

void fake_world_next_apply(struct fake_world *world, enum fake_commit what)
{
    world->next_apply = what;
}

void fake_world_store_wipe(struct fake_world *world)
{
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        empty(&world->shelves[p]);
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

void fake_world_compact(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = log_of(world, name, p);
        for (int64_t i = 0; i < log->count; i++)
            for (int64_t later = i + 1; later < log->count; later++)
                if (log->records[i].state == COMMITTED && log->records[later].state == COMMITTED &&
                    str_equal(log->records[i].key, log->records[later].key))
                    log->records[i].state = COMPACTED;
    }
}

void fake_world_pass(struct fake_world *world, int64_t ms)
{
    world->now_ms += ms;
    world->mono_ms += ms;
}

void fake_world_write(struct fake_world *world, const char *topic, int32_t partition,
                      const char *key, struct str value, const struct event_header *headers,
                      size_t header_count)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    fill(append(log_of(world, name, partition), COMMITTED),
         key ? str_from(key) : (struct str){NULL, 0}, value, headers, header_count);
}

size_t fake_world_read(struct fake_world *world, const char *topic, struct fake_record *out,
                       size_t most)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    size_t count = 0;
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = log_of(world, name, p);
        struct kafka_record record;
        for (int64_t at = 0; count < most && take_from(log, &at, &record); count++)
            out[count] = (struct fake_record){
                p, record.offset, record.key, record.value, record.headers, record.header_count};
    }
    return count;
}

size_t fake_world_calls(const struct fake_world *world, const struct fake_call **out)
{
    *out = world->calls;
    return world->call_count;
}

void fake_world_next_call(struct fake_world *world, enum http_end end, int32_t status)
{
    world->next_end = end;
    world->next_status = status;
}

void fake_world_hold_calls(struct fake_world *world, bool hold)
{
    world->hold = hold;
}

void fake_world_produce_max(struct fake_world *world, size_t bytes)
{
    world->produce_max = bytes;
}

void fake_world_forget_deletions(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = log_of(world, name, p);
        for (int64_t i = 0; i < log->count; i++) {
            bool deletes = log->records[i].state == COMMITTED && !log->records[i].value.ptr;
            for (int64_t before = 0; deletes && before <= i; before++)
                if (str_equal(log->records[before].key, log->records[i].key))
                    log->records[before].state = COMPACTED;
        }
    }
}

void fake_world_expire(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = log_of(world, name, p);
        for (; log->low < log->count; log->low++)
            log->records[log->low].state = COMPACTED;
    }
}

void fake_world_make_anew(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++)
        free_log(log_of(world, name, p));
}
