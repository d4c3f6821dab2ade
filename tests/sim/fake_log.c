/* The broker and its clients: a group of one member, a transaction, readers. */
#include "sim/fake_state.h"

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

static int log_poll(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct fake_world *world = self;
    (void)timeout_ms;
    if (world->epoch == 0 || world->rebalance_after == 0) {
        fake_world_rebalance(world);
        return 0;
    }
    for (size_t i = 0; i < world->assigned_count; i++) {
        int32_t input = world->assigned[i].topic, partition = world->assigned[i].partition;
        int64_t *next = &world->next[input][partition];
        char name[NAME];
        struct log *log = fake_log_of(world, input_name(world, input, name), partition);
        if (!world->running[input][partition])
            continue;
        if (*next < log->low || *next > log->count)
            return error_set(err, ERROR_ABORT_BATCH, "offset out of range");
        if (fake_take(log, next, out)) {
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
    struct log *log = fake_log_of(world, output->topic, output->partition);
    fake_fill(fake_append(log, PENDING), output->key, output->value, output->headers,
              output->header_count);
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

void fake_end_transaction(struct fake_world *world, enum record_state fate)
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
                fake_append(log, MARKER);
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
            int64_t first = fake_stable_end(log);
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
        struct stored *record = fake_append(world->late[i].log, COMMITTED);
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
    fake_end_transaction(world, what == FAKE_REFUSES ? ABORTED : COMMITTED);
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
        fake_end_transaction(world, ABORTED);
    return 0;
}

static int log_publish(void *self, const struct kafka_output *outputs, size_t count,
                       struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    for (size_t i = 0; i < count; i++)
        fake_fill(fake_append(fake_log_of(world, outputs[i].topic, 0), COMMITTED), outputs[i].key,
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
    *out_low = fake_log_of(self, topic, partition)->low;
    *out_high = fake_log_of(self, topic, partition)->count;
    return 0;
}

static struct log *changelog_of(struct fake_world *world, int32_t partition)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s.changelog", world->service->name);
    return fake_log_of(world, name, partition);
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
        if (fake_take(log, &world->reading[p], out)) {
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
    if (!fake_take(fake_log_of(world, "t.schemas", 0), &world->table_next[0][0], out))
        return 0;
    out->topic = 0;
    return 1;
}

static bool log_tables_at_end(void *self)
{
    struct fake_world *world = self;
    return world->table_next[0][0] >= fake_log_of(world, "t.schemas", 0)->count;
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

void fake_world_produce_max(struct fake_world *world, size_t bytes)
{
    world->produce_max = bytes;
}

struct log_port fake_log_port(struct fake_world *world)
{
    return (struct log_port){.self = world,
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
                             .tables_at_end = log_tables_at_end};
}
