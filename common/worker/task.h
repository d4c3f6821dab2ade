/* A task's life: owned, restored by the one take-over, ready; and its position. */
#ifndef WAYBILL_WORKER_TASK_H
#define WAYBILL_WORKER_TASK_H

#include "worker/worker.h"

/* Nothing of the task is trusted any more; it will be taken over. */
void task_begin_restore(struct worker *worker, struct task *task, const char *why);

enum {
    UNKNOWN_STATE_RETRY_MS = 5000, /* a state whose schema was not seen yet */
    REFUSED_RETRY_MS = 30000,      /* what this program cannot read */
    REFUSED_RETRIES_MOST = 20      /* both grow to so many times that */
};

/* This program cannot read what another version of the service wrote: the task is left alone for so
 * long, each time longer, and all others go on. */
void task_refuse(struct worker *worker, struct task *task, const char *why, int64_t wait_ms);

/* All that are ready. */
void tasks_begin_restore(struct worker *worker, const char *why);

/* The task's store holds what cannot be read, as err says. It is only a copy: emptied here, it is
 * rebuilt from the changelog by the take-over that must follow. -1 with ERROR_RETRY. */
int task_give_store_up(struct worker *worker, const struct task *task, struct error *err);

/* What the batch needs of the task's store cannot be read, as err says. 1 = the task is refused,
 * for a schema that may still come (ERROR_RETRY) or for another program (ERROR_FATAL); else -1, and
 * on ERROR_SET_ASIDE, bytes of no meaning, the store is given up. */
int task_cannot_read(struct worker *worker, struct task *task, struct error *err);

/* None that is to be restored is tried before that time. */
void tasks_wait(struct worker *worker, int64_t until_mono_ms);

/* Its partition of every input, each with its next offset. */
size_t task_partitions(const struct worker *worker, const struct task *task,
                       struct kafka_partition out[INPUTS_MAX]);

/* Back to what we remember: what a take-over is there to avoid (guards.h). */
void task_rewind(struct worker *worker, struct task *task);

/* Which tasks are ours, after the assignment has changed. */
void tasks_follow_assignment(struct worker *worker);

size_t tasks_in_phase(const struct worker *worker, enum task_phase phase);

size_t tasks_refused(const struct worker *worker);

/* Tries again the inputs that wait for a schema. */
void tasks_retry_unknown(struct worker *worker);

/* The last position in the changelog bears that id, which says whether somebody else was there. */
void task_found_position(struct task *task, struct str random_id);

/* Changes whenever the task was away from this process: calls_offer's epoch. */
uint64_t task_epoch(const struct worker *worker, const struct task *task);

/* The record of the batch at work, framed, in the batch's arena: task->position. */
MUST_CHECK int task_next_position(struct worker *worker, struct task *task, struct error *err);

/* The batch has committed: the task stands behind it. */
void task_committed(struct task *task);

/* The position as the store keeps it: changelog offset, wall time, the record. */
void task_stored_position(const struct worker *worker, const struct task *task, struct buffer *out);

#endif
