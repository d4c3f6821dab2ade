#include "worker/loop.h"

#include "log/log.h"
#include "worker/backlog.h"
#include "worker/batch.h"
#include "worker/endpoint_meters.h"
#include "worker/guards.h"
#include "worker/last_words.h"
#include "worker/restore.h"
#include "worker/switches.h"
#include "worker/tables.h"
#include "worker/task.h"

#include <stdio.h>

enum {
    RESTORE_SLICE_MS = 100,
    POSITIONS_MAY_WAIT_MS = 1000, /* of tasks that only passed over records */
    IDLE_MS = 50,
    IDLE_CALLING_MS = 2
};

static int64_t mono_ms(const struct worker *worker)
{
    return worker->ports->clock.mono_ms(worker->ports->clock.self);
}

/* What is taken over again waits; sooner the first time than the tenth. */
static void count_failure(struct worker *worker)
{
    counter_add(worker->meters.batches_failed, 1);
    int64_t wait_ms = worker->failures == 0
                          ? 0
                          : (int64_t)RETRY_BASE_MS << (worker->failures < 6 ? worker->failures : 6);
    worker->failures++;
    tasks_wait(worker, mono_ms(worker) + (wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS));
}

/* The batch is thrown away and all tasks are taken over. */
static void throw_away(struct worker *worker, const char *step, const struct error *err)
{
    log_warning("batch is thrown away", LOG_TEXT("step", step), LOG_TEXT("why", err->text));
    tasks_begin_restore(worker, NULL);
    count_failure(worker);
}

/* One task of the batch has moved or is refused: the others of it have read past what was not
 * decided, and are taken over. Tasks that have nothing in it go on. */
static void leave_batch(struct worker *worker)
{
    bool has_read = worker->batch->item_count > 0;
    for (int32_t i = 0; has_read && i < worker->partition_count; i++)
        if (worker->tasks[i].in_batch && worker->tasks[i].phase == TASK_READY)
            task_begin_restore(worker, &worker->tasks[i],
                               "another task of its batch has moved or is refused");
    count_failure(worker);
}

/* What throw_away is there to avoid (guards.h). */
static void rewind_all(struct worker *worker)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].phase == TASK_READY)
            task_rewind(worker, &worker->tasks[i]);
    calls_rewind(worker->calls);
}

/* Nobody knows what became of the transaction: a new producer fences it, then all is taken over. */
static void after_failed_commit(struct worker *worker, const struct error *err)
{
    worker->producer_spent = guard(GUARD_PRODUCER_ANEW);
    if (guard(GUARD_TAKE_OVER))
        throw_away(worker, "commit", err);
    else
        rewind_all(worker);
}

/* What does not fit is tried again as less; a record that does not even fit alone is left alone. */
static void try_less(struct worker *worker)
{
    const struct batch *batch = worker->batch;
    const struct batch_item *first = &batch->items[0];
    int64_t count = (int64_t)batch->item_count;
    if (count == 1 && first->kind == ITEM_RECORD) {
        worker->too_large.task = first->task;
        worker->too_large.input = first->record.topic;
        worker->too_large.offset = first->record.offset;
    }
    if (worker->records_limit > count)
        worker->records_limit = count;
    worker->records_limit = worker->records_limit > 1 ? worker->records_limit / 2 : 1;
}

static void after_failed_step(struct worker *worker, const char *step, const struct error *err)
{
    if (err->action == ERROR_ABORT_BATCH)
        try_less(worker);
    throw_away(worker, step, err);
}

/* What was read since the last position record is passed over only in memory; now and then it is
 * written down. */
static bool positions_are_due(struct worker *worker)
{
    bool ahead = false;
    for (int32_t i = 0; i < worker->partition_count; i++)
        ahead |= worker->tasks[i].phase == TASK_READY && worker->tasks[i].ahead;
    if (!ahead) {
        worker->commit_due_mono_ms = 0;
        return false;
    }
    if (worker->commit_due_mono_ms == 0)
        worker->commit_due_mono_ms = mono_ms(worker) + POSITIONS_MAY_WAIT_MS;
    return worker->draining || mono_ms(worker) >= worker->commit_due_mono_ms;
}

/* Steps 3 and 4; 1 as batch_load. */
static int load_and_decide(struct worker *worker, struct error *err)
{
    int loaded = batch_load(worker, err);
    if (loaded != 0)
        return loaded;
    return batch_decide(worker, err) || batch_pack(worker, err) ? -1 : 0;
}

/* Step 8: the calls. A worker that the group may have written off sends nothing. */
static int64_t turn_calls(struct worker *worker)
{
    struct ports *ports = worker->ports;
    backlog_follow(worker); /* the store may take its time: what follows comes after */
    bool in_touch =
        ports->log.contact_age_ms(ports->log.self) < worker->cfg->session_timeout_ms / 2 ||
        !guard(GUARD_CONTACT);
    enum calls_sending sending = !in_touch          ? CALLS_SEND_NOTHING
                                 : worker->draining ? CALLS_SEND_MARKED
                                                    : CALLS_SEND_ALL;
    int64_t now_ms = ports->clock.now_ms(ports->clock.self);
    int64_t next_ms = calls_tick(worker->calls, now_ms, mono_ms(worker), sending);
    endpoint_meters_follow(worker);
    gauge_set(worker->meters.calls_running, (double)calls_running(worker->calls));
    return next_ms;
}

/* Steps 3 to 7, for what step 1 and 2 have read. -1: it is final. */
static int work_on_batch(struct worker *worker, struct error *fatal)
{
    struct error err = {0};
    int64_t began_ms = mono_ms(worker);
    int decided = load_and_decide(worker, &err);
    if (decided > 0) {
        leave_batch(worker);
        return 0;
    }
    if (decided < 0) {
        if (error_is_final(&err)) {
            *fatal = err;
            return -1;
        }
        after_failed_step(worker, "load and decide", &err);
        return 0;
    }
    if (!batch_has_effects(worker) && !positions_are_due(worker)) {
        batch_hand_over(worker); /* replies that nobody waits for any more */
        return 0;
    }
    worker->commit_due_mono_ms = 0;
    if (!guard(GUARD_INTENTS_FIRST)) {
        batch_offer_intents(worker);
        turn_calls(worker);
    }
    if (batch_commit(worker, &err)) {
        if (err.action == ERROR_DENIED) {
            *fatal = err;
            return -1;
        }
        after_failed_commit(worker, &err);
        return 0;
    }
    batch_apply(worker);
    batch_hand_over(worker);
    worker->failures = 0;
    worker->records_limit += worker->records_limit / 8 + 1;
    if (worker->records_limit > worker->cfg->records_max)
        worker->records_limit = worker->cfg->records_max;
    histogram_observe(worker->meters.batch_seconds, (double)(mono_ms(worker) - began_ms) / 1000);
    return 0;
}

static int turn_batch(struct worker *worker, int idle_ms, struct error *err)
{
    struct error why = {0};
    last_words_watch(true);
    int got = batch_read(worker, idle_ms, &why);
    if (got < 0 && error_is_final(&why)) {
        batch_drop(worker);
        *err = why;
        return -1;
    }
    if (got < 0) {
        worker->positions_suspect |= why.action == ERROR_ABORT_BATCH;
        throw_away(worker, "read", &why);
    }
    int fatal = got == 0 ? work_on_batch(worker, err) : 0;
    last_words_watch(false);
    batch_drop(worker);
    return fatal;
}

/* False while there is no producer to commit with. */
static bool producer_is_fit(struct worker *worker)
{
    if (!worker->producer_spent)
        return true;
    struct log_port *log = &worker->ports->log;
    if (mono_ms(worker) < worker->producer_retry_mono_ms)
        return false;
    struct error err = {0};
    if (log->reopen(log->self, &err) == 0) {
        worker->producer_spent = false;
        worker->producer_attempts = 0;
        return true;
    }
    int64_t wait_ms = (int64_t)RETRY_BASE_MS
                      << (worker->producer_attempts < 6 ? worker->producer_attempts : 6);
    worker->producer_attempts++;
    worker->producer_retry_mono_ms = mono_ms(worker) + wait_ms;
    log_warning("no producer yet", LOG_TEXT("why", err.text));
    return false;
}

static int idle_ms(const struct worker *worker, int64_t calls_next_ms)
{
    if (restore_is_reading(worker))
        return 0;
    if (calls_running(worker->calls) > 0)
        return IDLE_CALLING_MS;
    int64_t wait_ms = calls_next_ms - mono_ms(worker);
    return wait_ms < 0 ? 0 : wait_ms < IDLE_MS ? (int)wait_ms : IDLE_MS;
}

static void measure(struct worker *worker)
{
    struct log_port *log = &worker->ports->log;
    int64_t lag = 0;
    for (int32_t i = 0; i < worker->partition_count; i++)
        for (size_t input = 0; worker->tasks[i].phase == TASK_READY && input < worker->input_count;
             input++) {
            int64_t behind = log->lag(log->self, (int32_t)input, i);
            lag += behind > 0 ? behind : 0;
        }
    gauge_set(worker->meters.lag, (double)lag);
    gauge_set(worker->meters.tasks_ready, (double)tasks_in_phase(worker, TASK_READY));
    gauge_set(worker->meters.tasks_restoring, (double)tasks_in_phase(worker, TASK_RESTORING));
    gauge_set(worker->meters.tasks_refused, (double)tasks_refused(worker));
}

int loop_turn(struct worker *worker, struct error *err)
{
    struct error why = {0};
    tasks_follow_assignment(worker);
    if (tables_follow(worker, 0, &why))
        log_debug("tables cannot be followed now", LOG_TEXT("why", why.text));
    switches_follow(worker);
    if (!worker->draining) {
        if (producer_is_fit(worker) && restore_some(worker, RESTORE_SLICE_MS, err))
            return -1;
        tasks_retry_unknown(worker);
    }
    int64_t calls_next_ms = turn_calls(worker);
    if (turn_batch(worker, idle_ms(worker, calls_next_ms), err))
        return -1;
    measure(worker);
    return 0;
}

bool loop_is_ready(const struct worker *worker, char *reason, size_t size)
{
    size_t restoring = tasks_in_phase(worker, TASK_RESTORING), refused = tasks_refused(worker);
    if (worker->draining)
        snprintf(reason, size, "draining");
    else if (worker->epoch == 0)
        snprintf(reason, size, "waiting for an assignment");
    else if (refused > 0)
        snprintf(reason, size,
                 "%zu refused of %zu tasks: another version wrote their states; see the log",
                 refused, restoring + tasks_in_phase(worker, TASK_READY));
    else if (restoring > 0)
        snprintf(reason, size, "restoring %zu of %zu tasks", restoring,
                 restoring + tasks_in_phase(worker, TASK_READY));
    else
        snprintf(reason, size, "ready with %zu tasks", tasks_in_phase(worker, TASK_READY));
    return !worker->draining && worker->epoch != 0 && restoring == 0 && refused == 0;
}
