/* Taking over (design section 3): nothing is trusted from memory. */
#include "worker/restore.h"

#include "kafka/reader.h"
#include "log/log.h"
#include "retry/retry.h"
#include "worker/backlog.h"
#include "worker/guards.h"
#include "worker/poison.h"
#include "worker/task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

/* The one task at work, and what is on its way to the store. */
struct restore {
    struct task *task;  /* NULL = none */
    struct arena arena; /* the chunk's */
    struct kafka_record held[RESTORE_CHUNK_RECORDS];
    size_t held_count;
    struct store_change changes[RESTORE_CHUNK_RECORDS];
    struct store_due due[RESTORE_CHUNK_RECORDS];
    size_t change_count, due_count, bytes;
    bool reading;
    bool unproven; /* the store's position must be the first record that comes */
    int64_t from, until;
    struct buffer stood;    /* the position that the store has now: every chunk compares first */
    struct buffer position; /* the last position record seen, as the store keeps it */
    struct buffer expected; /* the record that the store's position names */
    int64_t began_mono_ms, said_mono_ms, moved_mono_ms;
    size_t records;
    int64_t group_offset;
    bool unreadable; /* by this program: what its changelog holds */
};

int restore_open(struct worker *worker, struct error *err)
{
    struct restore *restore = calloc(1, sizeof(*restore));
    if (!restore)
        return error_set(err, ERROR_FATAL, "no memory to restore tasks");
    arena_init(&restore->arena, (size_t)64 * 1024 * 1024);
    buffer_init(&restore->stood, VALUE_BYTES_MAX);
    buffer_init(&restore->position, VALUE_BYTES_MAX);
    buffer_init(&restore->expected, VALUE_BYTES_MAX);
    worker->restore = restore;
    return 0;
}

static void drop_chunk(struct worker *worker)
{
    struct restore *restore = worker->restore;
    struct log_port *log = &worker->ports->log;
    for (size_t i = 0; i < restore->held_count; i++)
        log->release(log->self, &restore->held[i]);
    restore->held_count = restore->change_count = restore->due_count = restore->bytes = 0;
    arena_reset(&restore->arena);
}

static void stop_reading(struct worker *worker)
{
    struct restore *restore = worker->restore;
    struct log_port *log = &worker->ports->log;
    drop_chunk(worker);
    if (restore->reading)
        log->changelog_stop(log->self, restore->task->partition);
    restore->reading = false;
}

void restore_forget(struct worker *worker, const struct task *task)
{
    struct restore *restore = worker->restore;
    if (!restore || restore->task != task)
        return;
    stop_reading(worker);
    restore->task = NULL;
}

void restore_close(struct worker *worker)
{
    struct restore *restore = worker->restore;
    if (!restore)
        return;
    if (restore->task)
        restore_forget(worker, restore->task);
    arena_done(&restore->arena);
    buffer_done(&restore->stood);
    buffer_done(&restore->position);
    buffer_done(&restore->expected);
    free(restore);
    worker->restore = NULL;
}

static int read_from(struct worker *worker, int64_t from, struct error *err)
{
    struct restore *restore = worker->restore;
    struct log_port *log = &worker->ports->log;
    if (log->changelog_start(log->self, restore->task->partition, from, restore->until, err))
        return -1;
    restore->reading = true;
    restore->from = from;
    restore->unproven = from != KAFKA_FROM_BEGINNING;
    return 0;
}

static void set_bytes(struct buffer *buffer, struct str bytes)
{
    buffer_reset(buffer);
    buffer_add_str(buffer, bytes);
}

/* A mark in the position's place says that a restore is under way, and is another one after every
 * chunk: a worker that woke up late finds so before it writes, and so do we when the store has lost
 * our last chunk, by a failover to a replica that lags. */
static int new_mark(char out[STORED_MARK_BYTES], struct error *err)
{
    if (!guard(GUARD_REBUILD_MARK))
        memset(out, 0, STORED_MARK_BYTES);
    else if (getrandom(out, STORED_MARK_BYTES, 0) != STORED_MARK_BYTES)
        return error_set(err, ERROR_RETRY, "no random bytes for a mark");
    return 0;
}

static int mark_store(struct worker *worker, struct error *err)
{
    struct restore *restore = worker->restore;
    struct store_port *store = &worker->ports->store;
    char mark[STORED_MARK_BYTES];
    if (new_mark(mark, err))
        return -1;
    struct store_batch batch = {.task = restore->task->partition, .position = {mark, sizeof(mark)}};
    if (store->apply(store->self, &batch, 1, err))
        return -1;
    if (batch.moved)
        return error_set(err, ERROR_RETRY, "somebody else is at the task's store");
    set_bytes(&restore->stood, batch.position);
    return 0;
}

/* The store cannot be trusted: it begins anew from the whole changelog. */
static int rebuild(struct worker *worker, const char *why, struct error *err)
{
    struct restore *restore = worker->restore;
    struct store_port *store = &worker->ports->store;
    stop_reading(worker);
    if (store->wipe(store->self, restore->task->partition, err) || mark_store(worker, err))
        return -1;
    buffer_reset(&restore->position);
    log_info("store is rebuilt from the changelog", LOG_INT("task", restore->task->partition),
             LOG_TEXT("why", why), LOG_INT("until", restore->until));
    return read_from(worker, KAFKA_FROM_BEGINNING, err);
}

/* Steps 1 and 2 of the take-over: the group's offset (held back while a transaction is pending),
 * the changelog's real end, and where Redis stands. */
static int start(struct worker *worker, struct task *task, struct error *err)
{
    struct restore *restore = worker->restore;
    struct log_port *log = &worker->ports->log;
    struct store_port *store = &worker->ports->store;
    struct clock_port *clock = &worker->ports->clock;
    restore->task = task;
    restore->unreadable = false;
    restore->records = 0;
    restore->began_mono_ms = clock->mono_ms(clock->self);
    restore->said_mono_ms = restore->moved_mono_ms = restore->began_mono_ms;
    buffer_reset(&restore->position);
    struct kafka_partition anchor = {0, task->partition, KAFKA_NO_OFFSET};
    if (guard(GUARD_STABLE_OFFSET) && log->committed(log->self, &anchor, 1, err))
        return -1;
    restore->group_offset = anchor.offset;
    int64_t low;
    if (log->watermarks(log->self, worker->changelog, task->partition, &low, &restore->until, err))
        return -1;
    struct store_load load = {.task = task->partition};
    if (store->load(store->self, &load, 1, &restore->arena, err))
        return -1;
    if (poison_read(worker, task, err))
        return -1;
    int64_t offset, stored_at_ms;
    struct str record;
    if (!load.position.ptr)
        return rebuild(worker, "the store has no position", err);
    if (stored_position_take(load.position, &offset, &stored_at_ms, &record))
        return rebuild(worker, "the store's position is not readable", err);
    if (offset < low || offset >= restore->until)
        return rebuild(worker, "the changelog does not contain the store's position", err);
    if (clock->wall_ms(clock->self) - stored_at_ms > worker->cfg->changelog_retention_ms / 2)
        return rebuild(worker, "the store is older than half of delete.retention.ms", err);
    set_bytes(&restore->stood, load.position);
    set_bytes(&restore->position, load.position);
    set_bytes(&restore->expected, record);
    return read_from(worker, offset, err);
}

/* A schema may still come: later again. All else takes another program: the task is refused. */
static void note_unreadable(struct restore *restore, int known, struct error *err)
{
    restore->unreadable = known != AVRO_UNKNOWN_ID;
    if (known >= 0 && restore->unreadable)
        error_set(err, ERROR_RETRY, "of a kind that this version does not have");
    err->action = ERROR_RETRY;
}

/* What a changelog record means for the sorted set. */
static int score_of(struct worker *worker, const struct kafka_record *record, int64_t *out,
                    struct error *err)
{
    *out = 0;
    if (!record->value.ptr)
        return 0;
    const struct record_type *type;
    const void *body;
    struct arena *arena = &worker->restore->arena;
    int known = avro_schemas_decode(worker->schemas, record->value, arena, &type, &body, err);
    if (known != 0) {
        note_unreadable(worker->restore, known, err);
        return error_prefix(err, "changelog record %.*s at offset %" PRId64, STR_ARG(record->key),
                            record->offset);
    }
    *out = stored_score(type, body);
    return 0;
}

/* In the midst of a batch a mark stands in the position's place: should the restore end here, the
 * next one begins from the whole changelog. */
static int flush(struct worker *worker, struct str position, struct error *err)
{
    struct restore *restore = worker->restore;
    struct store_port *store = &worker->ports->store;
    char mark[STORED_MARK_BYTES];
    if (position.len == 0 && new_mark(mark, err))
        return -1;
    struct store_batch batch = {.task = restore->task->partition,
                                .expected = buffer_str(&restore->stood),
                                .position =
                                    position.len > 0 ? position : (struct str){mark, sizeof(mark)},
                                .changes = restore->changes,
                                .change_count = restore->change_count,
                                .due = restore->due,
                                .due_count = restore->due_count};
    if (store->apply(store->self, &batch, 1, err))
        return -1;
    if (batch.moved)
        return error_set(err, ERROR_RETRY,
                         "the store does not stand where we left it: it lost "
                         "something, or somebody else is at it");
    set_bytes(&restore->stood, batch.position);
    drop_chunk(worker);
    return 0;
}

static int take(struct worker *worker, struct kafka_record *record, struct error *err)
{
    struct restore *restore = worker->restore;
    struct clock_port *clock = &worker->ports->clock;
    restore->held[restore->held_count++] = *record;
    restore->records++;
    counter_add(worker->meters.restored_records, 1);
    bool is_position = str_equal(record->key, STR(POSITION_KEY));
    if (restore->unproven) {
        restore->unproven = false;
        if (!is_position || record->offset != restore->from ||
            !str_equal(record->value, buffer_str(&restore->expected)))
            return rebuild(worker, "the changelog does not contain the store's position", err);
    }
    if (is_position) {
        buffer_reset(&restore->position);
        stored_position_put(&restore->position, record->offset, clock->wall_ms(clock->self),
                            record->value);
        /* What came before it is whole: with it the next try, if there must be one, begins here. */
        return restore->change_count < worker->restore_chunk / 2 &&
                       restore->held_count < worker->restore_chunk
                   ? 0
                   : flush(worker, buffer_str(&restore->position), err);
    }
    int64_t score;
    if (score_of(worker, record, &score, err))
        return -1;
    restore->changes[restore->change_count++] = (struct store_change){record->key, record->value};
    restore->due[restore->due_count++] = (struct store_due){record->key, score};
    restore->bytes += record->key.len + record->value.len;
    if (restore->held_count < worker->restore_chunk && restore->bytes < RESTORE_CHUNK_BYTES)
        return 0;
    return flush(worker, (struct str){NULL, 0}, err);
}

/* Where an input goes on that no position knows, or whose offset is not in its log any more. */
static int check_input(struct worker *worker, struct task *task, size_t input, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    int64_t *next = &task->next[input];
    if (*next >= 0 && !worker->positions_suspect)
        return 0;
    int64_t low, high;
    if (log->watermarks(log->self, worker->inputs[input], task->partition, &low, &high, err))
        return -1;
    if (*next > high)
        return error_set(
            err, ERROR_FATAL,
            "%s partition %" PRId32 " ends at %" PRId64 ", but %s has decided up to %" PRId64
            ": was the topic made anew? deploy/RUNBOOK.md says what to do",
            worker->inputs[input], task->partition, high, worker->service->name, *next);
    if (*next >= 0 && *next < low)
        log_error("records were deleted before they were decided: retention is too short",
                  LOG_TEXT("topic", worker->inputs[input]), LOG_INT("partition", task->partition),
                  LOG_INT("lost", low - *next));
    if (*next < low)
        *next = low;
    return 0;
}

/* The name lives as long as the worker; the same one is kept once. */
static struct str name_for_good(struct worker *worker, struct str name)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        for (size_t o = 0; o < worker->tasks[i].other_count; o++)
            if (str_equal(worker->tasks[i].others[o].topic, name))
                return worker->tasks[i].others[o].topic;
    return arena_copy(&worker->names, name);
}

/* One input of the position. What only another version of the service reads is kept for it. */
static int take_input(struct worker *worker, struct task *task, const struct input_offset *input,
                      struct error *err)
{
    for (size_t i = 0; i < worker->input_count; i++)
        if (str_equal(input->topic, str_from(worker->service->inputs[i]))) {
            task->next[i] = task->told[i] = input->next_offset;
            return 0;
        }
    struct str topic = name_for_good(worker, input->topic);
    if (task->other_count == INPUTS_MAX || !topic.ptr)
        return error_set(err, ERROR_FATAL, "position of task %" PRId32 " names too many inputs",
                         task->partition);
    task->others[task->other_count++] =
        (struct input_offset){.topic = topic, .next_offset = input->next_offset};
    return 0;
}

/* An input that the position does not name is new; or a version that did not read it, and kept
 * nothing for us, wrote the position: then the group still knows how far we were. */
static int ask_group_for_missing(struct worker *worker, struct task *task, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    for (size_t i = 0; i < worker->input_count; i++) {
        struct kafka_partition at = {(int32_t)i, task->partition, KAFKA_NO_OFFSET};
        if (task->next[i] >= 0)
            continue;
        if (log->committed(log->self, &at, 1, err))
            return -1;
        if (at.offset >= 0)
            task->next[i] = task->told[i] = at.offset;
        log_info("an input that the position does not name", LOG_TEXT("topic", worker->inputs[i]),
                 LOG_INT("task", task->partition),
                 LOG_TEXT("begins", at.offset >= 0 ? "where the group stood" : "at its beginning"));
    }
    return 0;
}

static int read_position(struct worker *worker, struct task *task, struct str record,
                         struct error *err)
{
    struct restore *restore = worker->restore;
    const struct record_type *type;
    const void *body;
    int known = avro_schemas_decode(worker->schemas, record, &restore->arena, &type, &body, err);
    if (known != 0 || type != &task_position) {
        note_unreadable(restore, known != 0 ? known : AVRO_UNKNOWN_TYPE, err);
        return error_prefix(err, "position of task %" PRId32, task->partition);
    }
    const struct task_position *position = body;
    if (position->partition_count != worker->partition_count)
        return error_set(err, ERROR_FATAL,
                         "the input topics now have %" PRId32
                         " partitions, but %s began with %" PRId32
                         "; the count is fixed at birth, since keys would change their task",
                         worker->partition_count, worker->service->name, position->partition_count);
    task_found_position(task, position->random_id);
    task->batch = position->batch;
    task->event_time_ms = position->event_time_ms;
    for (size_t p = 0; p < position->inputs.len; p++)
        if (take_input(worker, task, &position->inputs.ptr[p], err))
            return -1;
    if (ask_group_for_missing(worker, task, err))
        return -1;
    if (restore->group_offset >= 0 && restore->group_offset != task->next[0])
        log_warning("the group's offset differs from the position record, which wins; to decide "
                    "old events again on purpose there is waybill replay",
                    LOG_INT("task", task->partition), LOG_INT("group", restore->group_offset),
                    LOG_INT("record", task->next[0]));
    return 0;
}

/* Where the task goes on: the last position record, or, on the very first start, the beginning of
 * its inputs. */
static int find_position(struct worker *worker, struct task *task, struct error *err)
{
    task->batch = 0;
    task->event_time_ms = 0;
    task->other_count = 0;
    for (size_t i = 0; i < worker->input_count; i++)
        task->next[i] = task->told[i] = task->unknown_offset[i] = -1;
    int64_t offset, stored_at_ms;
    struct str record;
    if (stored_position_take(buffer_str(&worker->restore->position), &offset, &stored_at_ms,
                             &record) == 0 &&
        read_position(worker, task, record, err))
        return -1;
    for (size_t i = 0; i < worker->input_count; i++)
        if (check_input(worker, task, i, err))
            return -1;
    return 0;
}

static int finish(struct worker *worker, struct error *err)
{
    struct restore *restore = worker->restore;
    struct task *task = restore->task;
    struct log_port *log = &worker->ports->log;
    struct store_port *store = &worker->ports->store;
    struct clock_port *clock = &worker->ports->clock;
    if (flush(worker, buffer_str(&restore->position), err) || find_position(worker, task, err))
        return -1;
    task->fresh_from = (task->batch + 1) * INTENTS_PER_BATCH_MAX;
    task->backlog_wait_ms = BACKLOG_WAIT_MS;
    set_bytes(&task->base, buffer_str(&restore->stood));
    struct kafka_partition at[INPUTS_MAX];
    size_t count = task_partitions(worker, task, at);
    if (poison_began(worker, task, err) ||
        store->earliest(store->self, task->partition, &task->earliest_ms, err) ||
        log->seek(log->self, at, count, err) || backlog_offer_all(worker, task, err) ||
        log->resume(log->self, at, count, err))
        return -1;
    stop_reading(worker);
    restore->task = NULL;
    task->phase = TASK_READY;
    task->attempts = 0;
    task->ready_mono_ms = task->looked_mono_ms = clock->mono_ms(clock->self);
    task->heard_mono_ms = -1;
    task->caught_up = false;
    int64_t took_ms = task->ready_mono_ms - restore->began_mono_ms;
    counter_add(worker->meters.takeovers, 1);
    histogram_observe(worker->meters.restore_seconds, (double)took_ms / 1000);
    log_info("task taken over", LOG_INT("task", task->partition), LOG_INT("batch", task->batch),
             LOG_INT("changelog_records", restore->records), LOG_INT("took_ms", took_ms));
    return 0;
}

static void say_progress(struct worker *worker, int64_t mono_ms)
{
    struct restore *restore = worker->restore;
    if (mono_ms - restore->said_mono_ms < 2000)
        return;
    restore->said_mono_ms = mono_ms;
    log_info("restoring", LOG_INT("task", restore->task->partition),
             LOG_INT("records", restore->records), LOG_INT("from", restore->from),
             LOG_INT("until", restore->until));
}

static int read_on(struct worker *worker, int64_t until_mono_ms, struct error *err)
{
    struct restore *restore = worker->restore;
    struct log_port *log = &worker->ports->log;
    struct clock_port *clock = &worker->ports->clock;
    int got = 1;
    for (;;) {
        int64_t mono_ms = clock->mono_ms(clock->self);
        if (log->changelog_at_end(log->self, restore->task->partition) ||
            (got == 0 && !guard(GUARD_CHANGELOG_END)))
            return restore->unproven
                       ? rebuild(worker, "the changelog does not contain the store's position", err)
                       : finish(worker, err);
        if (mono_ms >= until_mono_ms) {
            say_progress(worker, mono_ms);
            return 0;
        }
        struct kafka_record record;
        got = log->changelog_next(log->self, 5, &record, err);
        if (got < 0 && err->action == ERROR_ABORT_BATCH)
            return rebuild(worker, err->text, err);
        if (got < 0 && (err->action != ERROR_RETRY || mono_ms - restore->moved_mono_ms > STUCK_MS))
            return -1; /* else the client goes on by itself */
        if (got != 1)
            continue;
        restore->moved_mono_ms = mono_ms;
        if (take(worker, &record, err))
            return -1;
    }
}

static struct task *next_to_restore(struct worker *worker, int64_t mono_ms)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].phase == TASK_RESTORING && worker->tasks[i].retry_mono_ms <= mono_ms)
            return &worker->tasks[i];
    return NULL;
}

/* The other side is away: later again, from the start. */
static void try_later(struct worker *worker, struct task *task, const struct error *err)
{
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    stop_reading(worker);
    calls_drop_task(worker->calls, task->partition);
    worker->restore->task = NULL;
    int64_t wait_ms = (int64_t)RETRY_BASE_MS << (task->attempts < 6 ? task->attempts : 6);
    task->attempts++;
    task->retry_mono_ms = mono_ms + (wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS);
    log_warning("task cannot be taken over yet", LOG_INT("task", task->partition),
                LOG_TEXT("why", err->text));
}

bool restore_is_reading(const struct worker *worker)
{
    return worker->restore->task != NULL;
}

int restore_some(struct worker *worker, int64_t budget_ms, struct error *err)
{
    struct restore *restore = worker->restore;
    struct clock_port *clock = &worker->ports->clock;
    int64_t until_mono_ms = clock->mono_ms(clock->self) + budget_ms;
    while (clock->mono_ms(clock->self) < until_mono_ms) {
        struct task *task = restore->task;
        bool begun = task != NULL;
        if (!task)
            task = next_to_restore(worker, clock->mono_ms(clock->self));
        if (!task)
            break;
        struct error why = {0};
        if ((!begun && start(worker, task, &why)) || read_on(worker, until_mono_ms, &why)) {
            if (error_is_final(&why)) {
                *err = why;
                return -1;
            }
            if (why.action == ERROR_SET_ASIDE)
                task_give_store_up(worker, task, &why);
            if (restore->unreadable)
                task_refuse(worker, task, why.text, REFUSED_RETRY_MS);
            else
                try_later(worker, task, &why);
        }
    }
    if (tasks_in_phase(worker, TASK_RESTORING) == 0)
        worker->positions_suspect = false;
    return 0;
}
