/* A task's position, and which tasks are ours. */
#include "worker/task.h"

#include "log/log.h"
#include "worker/batch.h"
#include "worker/guards.h"
#include "worker/poison.h"
#include "worker/restore.h"

#include <sys/random.h>

/* How many of a task's partitions are assigned to us, one of each input. */
static size_t assigned_of(const struct worker *worker, int32_t partition, bool out[INPUTS_MAX])
{
    struct log_port *log = &worker->ports->log;
    const struct kafka_partition *assigned;
    size_t count = log->assignment(log->self, &assigned), found = 0;
    for (size_t i = 0; i < worker->input_count; i++)
        out[i] = false;
    for (size_t a = 0; a < count; a++) {
        if (assigned[a].partition != partition)
            continue;
        out[assigned[a].topic] = true;
        found++;
    }
    return found;
}

size_t task_partitions(const struct worker *worker, const struct task *task,
                       struct kafka_partition out[INPUTS_MAX])
{
    size_t count = 0;
    bool ours[INPUTS_MAX];
    if (!guard(GUARD_OWN_ALL))
        assigned_of(worker, task->partition, ours);
    for (size_t i = 0; i < worker->input_count; i++)
        if (guard(GUARD_OWN_ALL) || ours[i])
            out[count++] = (struct kafka_partition){(int32_t)i, task->partition, task->next[i]};
    return count;
}

void task_rewind(struct worker *worker, struct task *task)
{
    struct log_port *log = &worker->ports->log;
    struct kafka_partition at[INPUTS_MAX];
    struct error err = {0};
    memcpy(task->next, task->told, sizeof(task->next));
    task->ahead = false;
    if (log->seek(log->self, at, task_partitions(worker, task, at), &err))
        log_debug("could not seek", LOG_TEXT("error", err.text));
}

void task_begin_restore(struct worker *worker, struct task *task, const char *why)
{
    struct log_port *log = &worker->ports->log;
    struct kafka_partition at[INPUTS_MAX];
    size_t count = task_partitions(worker, task, at);
    struct error err = {0};
    if (log->pause(log->self, at, count, &err))
        log_debug("could not pause; the assignment is about to change",
                  LOG_TEXT("error", err.text));
    calls_drop_task(worker->calls, task->partition);
    restore_forget(worker, task);
    task->phase = TASK_RESTORING;
    task->retry_mono_ms = 0;
    task->ahead = false;
    if (why)
        log_info("task is taken over again", LOG_INT("task", task->partition),
                 LOG_TEXT("why", why));
}

void task_refuse(struct worker *worker, struct task *task, const char *why, int64_t wait_ms)
{
    struct clock_port *clock = &worker->ports->clock;
    int64_t most_ms = wait_ms * REFUSED_RETRIES_MOST;
    for (int i = 0; i < task->refused && wait_ms < most_ms; i++)
        wait_ms *= 2;
    wait_ms = wait_ms < most_ms ? wait_ms : most_ms;
    task_begin_restore(worker, task, NULL);
    task->retry_mono_ms = clock->mono_ms(clock->self) + wait_ms;
    task->refused++;
    log_error("task is refused, the others go on", LOG_INT("task", task->partition),
              LOG_TEXT("why", why), LOG_INT("again_in_ms", wait_ms));
}

void tasks_begin_restore(struct worker *worker, const char *why)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].phase == TASK_READY)
            task_begin_restore(worker, &worker->tasks[i], why);
}

void tasks_wait(struct worker *worker, int64_t until_mono_ms)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].phase == TASK_RESTORING &&
            worker->tasks[i].retry_mono_ms < until_mono_ms)
            worker->tasks[i].retry_mono_ms = until_mono_ms;
}

int task_give_store_up(struct worker *worker, const struct task *task, struct error *err)
{
    struct store_port *store = &worker->ports->store;
    struct error why = {0};
    log_error("the store holds what cannot be read; it is emptied and rebuilt from the changelog",
              LOG_INT("task", task->partition), LOG_TEXT("why", err->text));
    err->action = ERROR_RETRY;
    if (store->wipe(store->self, task->partition, &why))
        log_warning("the store cannot be emptied now", LOG_TEXT("why", why.text));
    return -1;
}

int task_cannot_read(struct worker *worker, struct task *task, struct error *err)
{
    bool readable_later = err->action == ERROR_RETRY;
    if (err->action == ERROR_SET_ASIDE)
        return task_give_store_up(worker, task, err);
    if (!readable_later && err->action != ERROR_FATAL)
        return -1;
    task_refuse(worker, task, err->text,
                readable_later ? UNKNOWN_STATE_RETRY_MS : REFUSED_RETRY_MS);
    return 1;
}

static void give_up(struct worker *worker, struct task *task)
{
    calls_drop_task(worker->calls, task->partition);
    restore_forget(worker, task);
    task->phase = TASK_ABSENT;
    task->ahead = false;
    task->refused = 0;
}

/* A task is ours only while its partition of every input is (design: owning). */
void tasks_follow_assignment(struct worker *worker)
{
    struct log_port *log = &worker->ports->log;
    uint64_t epoch = log->epoch(log->self);
    if (epoch == worker->epoch)
        return;
    worker->epoch = epoch;
    const struct kafka_partition *assigned;
    size_t count = log->assignment(log->self, &assigned), owned = 0;
    for (int32_t i = 0; i < worker->partition_count; i++) {
        struct task *task = &worker->tasks[i];
        bool ours[INPUTS_MAX];
        size_t inputs = assigned_of(worker, i, ours);
        if (inputs == worker->input_count || (inputs > 0 && !guard(GUARD_OWN_ALL))) {
            task_begin_restore(worker, task, NULL);
            task->attempts = 0;
            task->refused = 0;
            owned++;
        } else if (task->phase != TASK_ABSENT) {
            give_up(worker, task);
        }
    }
    log_info("assignment", LOG_INT("partitions", count), LOG_INT("tasks", owned));
}

size_t tasks_in_phase(const struct worker *worker, enum task_phase phase)
{
    size_t count = 0;
    for (int32_t i = 0; i < worker->partition_count; i++)
        count += worker->tasks[i].phase == phase;
    return count;
}

size_t tasks_refused(const struct worker *worker)
{
    size_t count = 0;
    for (int32_t i = 0; i < worker->partition_count; i++)
        count += worker->tasks[i].refused > 0;
    return count;
}

void tasks_retry_unknown(struct worker *worker)
{
    struct log_port *log = &worker->ports->log;
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    for (int32_t i = 0; i < worker->partition_count; i++) {
        struct task *task = &worker->tasks[i];
        for (size_t input = 0; task->phase == TASK_READY && input < worker->input_count; input++) {
            if (task->unknown_offset[input] < 0 || mono_ms < task->unknown_retry_mono_ms[input])
                continue;
            struct kafka_partition at = {(int32_t)input, i, task->unknown_offset[input]};
            struct error err = {0};
            task->unknown_retry_mono_ms[input] = mono_ms + 1000;
            if (log->seek(log->self, &at, 1, &err) || log->resume(log->self, &at, 1, &err))
                log_debug("could not look again at a record", LOG_TEXT("error", err.text));
        }
    }
}

void task_found_position(struct task *task, struct str random_id)
{
    if (random_id.len != RANDOM_ID_BYTES)
        return;
    bool ours = memcmp(random_id.ptr, task->known_id, RANDOM_ID_BYTES) == 0 ||
                memcmp(random_id.ptr, task->tried_id, RANDOM_ID_BYTES) == 0;
    if (!ours && guard(GUARD_AWAY))
        task->away_count++;
    memcpy(task->known_id, random_id.ptr, RANDOM_ID_BYTES);
}

uint64_t task_epoch(const struct worker *worker, const struct task *task)
{
    return worker->epoch + ((uint64_t)task->away_count << 32);
}

int task_next_position(struct worker *worker, struct task *task, struct error *err)
{
    if (getrandom(task->tried_id, RANDOM_ID_BYTES, 0) != RANDOM_ID_BYTES)
        return error_set(err, ERROR_ABORT_BATCH, "no random bytes for the position");
    struct input_offset inputs[2 * INPUTS_MAX];
    for (size_t i = 0; i < worker->input_count; i++)
        inputs[i] = (struct input_offset){.topic = str_from(worker->service->inputs[i]),
                                          .next_offset = task->next[i]};
    memcpy(inputs + worker->input_count, task->others, task->other_count * sizeof(inputs[0]));
    struct task_position position = {.batch = task->batch + 1,
                                     .random_id = {task->tried_id, RANDOM_ID_BYTES},
                                     .inputs = {inputs, worker->input_count + task->other_count},
                                     .event_time_ms = task->event_time_ms,
                                     .partition_count = worker->partition_count};
    if (worker_encode(worker, &task_position, &position, err))
        return -1;
    task->position = arena_copy(&worker->arena, buffer_str(&worker->scratch));
    return task->position.ptr ? 0 : error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
}

void task_committed(struct task *task)
{
    task->batch++;
    memcpy(task->known_id, task->tried_id, RANDOM_ID_BYTES);
    memcpy(task->told, task->next, sizeof(task->told));
    task->ahead = false;
    task->refused = 0;
    poison_committed(task);
}

void task_stored_position(const struct worker *worker, const struct task *task, struct buffer *out)
{
    struct clock_port *clock = &worker->ports->clock;
    buffer_reset(out);
    stored_position_put(out, task->position_offset, clock->wall_ms(clock->self), task->position);
}
