/* The log's port, reading side: one member of the group, and readers without a group. */
#include "sim/fake_state.h"

const char *fake_input_name(const struct fake_process *process, size_t input, char out[NAME])
{
    snprintf(out, NAME, "%s%s", process->world->prefix, process->group->service->inputs[input]);
    return out;
}

static int no_answer(struct error *err)
{
    return error_set(err, ERROR_RETRY, "Kafka is away");
}

/* 1 = a record. */
static int next_of(struct fake_process *process, const struct kafka_partition *at,
                   struct kafka_record *out, struct error *err)
{
    int64_t *next = &process->next[at->topic][at->partition];
    char name[NAME];
    struct log *log = fake_log_of(process->world, fake_input_name(process, (size_t)at->topic, name),
                                  at->partition);
    if (!process->running[at->topic][at->partition])
        return 0;
    if (*next < log->low || *next > log->count)
        return error_set(err, ERROR_ABORT_BATCH, "offset out of range");
    if (!fake_take(log, next, out))
        return 0;
    out->topic = at->topic;
    out->partition = at->partition;
    return 1;
}

static int poll_once(struct fake_process *process, struct kafka_record *out, struct error *err)
{
    struct fake_world *world = process->world;
    size_t first = 0;
    if (process->assigned_count > 0 && world->turns.wait) {
        if (fake_pick(&world->faults, 20) == 0)
            return 0; /* not fetched yet */
        first = (size_t)fake_pick(&world->faults, (int64_t)process->assigned_count);
    }
    for (size_t i = 0; i < process->assigned_count; i++) {
        const struct kafka_partition *at =
            &process->assigned[(first + i) % process->assigned_count];
        int got = next_of(process, at, out, err);
        if (got != 0)
            return got;
    }
    return 0;
}

static int log_poll(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_POLL))
        return error_set(err, ERROR_RETRY, "dead");
    if (process->fenced)
        return error_set(err, ERROR_FATAL, "fenced by another member with this instance id");
    if (world->rebalance_after == 0) {
        world->rebalance_after = -1;
        fake_world_rebalance(world);
    }
    if (group_follow(process))
        return 0;
    if (fake_goes_wrong(&world->faults, FAULT_KAFKA_AWAY))
        return no_answer(err);
    int got = poll_once(process, out, err);
    if (got == 1)
        world->rebalance_after -= world->rebalance_after > 0;
    if (got == 0 && !fake_wait(process, timeout_ms))
        world->mono_ms++;
    fake_leave(process, CALL_POLL);
    return got;
}

static void log_release(void *self, struct kafka_record *record)
{
    (void)self;
    *record = (struct kafka_record){0};
}

static uint64_t log_epoch(void *self)
{
    return ((struct fake_process *)self)->epoch;
}

static size_t log_assignment(void *self, const struct kafka_partition **out)
{
    struct fake_process *process = self;
    *out = process->assigned;
    return process->assigned_count;
}

/* All of these must be ours; nothing is done otherwise. */
static int own_all(struct fake_process *process, enum port_call call,
                   const struct kafka_partition *at, size_t count, struct error *err)
{
    if (!fake_enter(process, call))
        return error_set(err, ERROR_ABORT_BATCH, "dead");
    for (size_t i = 0; i < count; i++) {
        bool ours = false;
        for (size_t a = 0; a < process->assigned_count; a++)
            ours |= process->assigned[a].topic == at[i].topic &&
                    process->assigned[a].partition == at[i].partition;
        if (!ours)
            return error_set(err, ERROR_ABORT_BATCH, "a partition is not ours any more");
    }
    return 0;
}

static int log_seek(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    struct fake_process *process = self;
    if (own_all(process, CALL_SEEK, at, count, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        process->next[at[i].topic][at[i].partition] = at[i].offset;
    return 0;
}

static int set_running(struct fake_process *process, enum port_call call,
                       const struct kafka_partition *at, size_t count, bool running,
                       struct error *err)
{
    if (own_all(process, call, at, count, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        process->running[at[i].topic][at[i].partition] = running;
    return 0;
}

static int log_pause(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    return set_running(self, CALL_PAUSE, at, count, false, err);
}

static int log_resume(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    return set_running(self, CALL_RESUME, at, count, true, err);
}

static int log_committed(void *self, struct kafka_partition *at, size_t count, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    enum { TRIES = 20, WAIT_MS = 50 };
    if (!fake_enter(process, CALL_COMMITTED_OFFSET) ||
        fake_goes_wrong(&world->faults, FAULT_KAFKA_AWAY))
        return no_answer(err);
    bool held = true;
    for (int i = 0; held && i < TRIES; i++) {
        held = false;
        for (size_t p = 0; p < count; p++)
            held |= broker_holds_back(world, process->group, &at[p]);
        if (held && !fake_wait(process, WAIT_MS))
            break;
    }
    if (held)
        return error_set(err, ERROR_RETRY, "a transaction is pending");
    for (size_t i = 0; i < count; i++)
        at[i].offset = process->group->committed[at[i].topic][at[i].partition];
    fake_leave(process, CALL_COMMITTED_OFFSET);
    return 0;
}

/* The generation is all there is to it. */
static struct kafka_group_metadata *log_membership(void *self)
{
    return (struct kafka_group_metadata *)(uintptr_t)(((struct fake_process *)self)->generation +
                                                      1);
}

static void log_membership_free(void *self, struct kafka_group_metadata *membership)
{
    (void)self;
    (void)membership;
}

static int64_t log_contact_age(void *self)
{
    const struct fake_process *process = self;
    const struct fake_world *world = process->world;
    return world->contact_age_ms >= 0 ? world->contact_age_ms : world->now_ms - process->contact_ms;
}

static int64_t log_lag(void *self, int32_t input, int32_t partition)
{
    const struct fake_process *process = self;
    (void)input;
    (void)partition;
    return process->world->lag;
}

static int log_partitions(void *self, const char *topic, int32_t *out, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_PARTITIONS_OF))
        return no_answer(err);
    const char *bare = topic + strlen(world->prefix);
    bool is_one = strcmp(bare, "schemas") == 0 || strcmp(bare, "controls") == 0;
    *out = is_one ? 1 : world->partitions;
    return 0;
}

static int log_watermarks(void *self, const char *topic, int32_t partition, int64_t *out_low,
                          int64_t *out_high, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_WATERMARKS) || fake_goes_wrong(&world->faults, FAULT_KAFKA_AWAY))
        return no_answer(err);
    const struct log *log = fake_log_of(world, topic, partition);
    *out_low = log->low;
    *out_high = log->count;
    fake_leave(process, CALL_WATERMARKS);
    return 0;
}

/* ---- readers ---- */

static struct log *changelog_of(const struct fake_process *process, int32_t partition)
{
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s.changelog", process->world->prefix,
             process->group->service->name);
    return fake_log_of(process->world, name, partition);
}

static void note_read(const struct fake_world *world, struct log *log)
{
    if (log->read_count > 0 && log->read_at[log->read_count - 1] == world->moment)
        return;
    if (log->read_count == log->read_room) {
        log->read_room = log->read_room ? log->read_room * 2 : 64;
        log->read_at = realloc(log->read_at, log->read_room * sizeof(*log->read_at));
        assert(log->read_at);
    }
    log->read_at[log->read_count++] = world->moment;
}

static int log_changelog_start(void *self, int32_t partition, int64_t from, int64_t until,
                               struct error *err)
{
    struct fake_process *process = self;
    if (!fake_enter(process, CALL_CHANGELOG_START))
        return no_answer(err);
    assert(!process->is_reading[partition]);
    process->is_reading[partition] = true;
    note_read(process->world, changelog_of(process, partition));
    process->reading[partition] = from < 0 ? changelog_of(process, partition)->low : from;
    process->until[partition] = until;
    return 0;
}

static int log_changelog_next(void *self, int timeout_ms, struct kafka_record *out,
                              struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_CHANGELOG_NEXT) ||
        fake_goes_wrong(&world->faults, FAULT_KAFKA_AWAY))
        return no_answer(err);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = changelog_of(process, p);
        if (!process->is_reading[p])
            continue;
        note_read(world, log);
        if (process->reading[p] < log->low || process->reading[p] > log->count)
            return error_set(err, ERROR_ABORT_BATCH, "offset out of range");
        if (fake_take(log, &process->reading[p], out)) {
            out->partition = p;
            fake_leave(process, CALL_CHANGELOG_NEXT);
            return 1;
        }
    }
    if (!fake_wait(process, timeout_ms))
        world->mono_ms++;
    return 0;
}

static bool log_changelog_at_end(void *self, int32_t partition)
{
    const struct fake_process *process = self;
    return process->is_reading[partition] &&
           process->reading[partition] >= process->until[partition];
}

static void log_changelog_stop(void *self, int32_t partition)
{
    ((struct fake_process *)self)->is_reading[partition] = false;
}

/* The topics that the service holds as tables: schemas and controls, of one partition, then its
 * own. */
enum { COMMON_TABLES = 2 };

static struct log *table_log(const struct fake_process *process, size_t table, int32_t partition)
{
    char name[NAME];
    const char *topic = table == 0   ? "schemas"
                        : table == 1 ? "controls"
                                     : process->group->service->tables[table - COMMON_TABLES];
    snprintf(name, sizeof(name), "%s%s", process->world->prefix, topic);
    return fake_log_of(process->world, name, partition);
}

static size_t table_count(const struct fake_process *process)
{
    const char *const *tables = process->group->service->tables;
    size_t count = 0;
    while (tables && tables[count])
        count++;
    return count + COMMON_TABLES;
}

static int log_tables_next(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct fake_process *process = self;
    (void)timeout_ms;
    if (!fake_enter(process, CALL_TABLES_NEXT))
        return no_answer(err);
    for (size_t table = 0; table < table_count(process); table++)
        for (int32_t p = 0; p < (table < COMMON_TABLES ? 1 : process->world->partitions); p++)
            if (fake_take(table_log(process, table, p), &process->table_next[table][p], out)) {
                out->topic = (int32_t)table;
                out->partition = p;
                return 1;
            }
    return 0;
}

static bool log_tables_at_end(void *self)
{
    const struct fake_process *process = self;
    bool all = true;
    for (size_t table = 0; table < table_count(process); table++)
        for (int32_t p = 0; p < (table < COMMON_TABLES ? 1 : process->world->partitions); p++)
            all &= process->table_next[table][p] >= table_log(process, table, p)->count;
    return all;
}

void fake_consumer_port(struct log_port *port)
{
    port->poll = log_poll;
    port->release = log_release;
    port->epoch = log_epoch;
    port->assignment = log_assignment;
    port->seek = log_seek;
    port->pause = log_pause;
    port->resume = log_resume;
    port->committed = log_committed;
    port->membership = log_membership;
    port->membership_free = log_membership_free;
    port->contact_age_ms = log_contact_age;
    port->lag = log_lag;
    port->partitions = log_partitions;
    port->watermarks = log_watermarks;
    port->changelog_start = log_changelog_start;
    port->changelog_next = log_changelog_next;
    port->changelog_at_end = log_changelog_at_end;
    port->changelog_stop = log_changelog_stop;
    port->tables_next = log_tables_next;
    port->tables_at_end = log_tables_at_end;
}
