/* The one way to begin: a task's store is brought up to its changelog, and its position is read
 * from there. */
#ifndef WAYBILL_WORKER_RESTORE_H
#define WAYBILL_WORKER_RESTORE_H

#include "worker/worker.h"

enum {
    RESTORE_CHUNK_RECORDS = 2000,
    RESTORE_CHUNK_BYTES = 8 * 1024 * 1024,
    RETRY_BASE_MS = 100,
    RETRY_MOST_MS = 5000,
    STUCK_MS = 30000 /* without one record: begun anew */
};

MUST_CHECK int restore_open(struct worker *worker, struct error *err);
void restore_close(struct worker *worker);

/* Works on the tasks that are RESTORING for about budget_ms. A task whose changelog this program
 * cannot read is refused. ERROR_FATAL: this process must not go on with its tasks (the text says
 * why); everything else is tried again later. */
MUST_CHECK int restore_some(struct worker *worker, int64_t budget_ms, struct error *err);

/* Whether one is being read right now; else those that are left wait for their next try. */
bool restore_is_reading(const struct worker *worker);

/* If that task is the one at work, its work is dropped. */
void restore_forget(struct worker *worker, const struct task *task);

#endif
