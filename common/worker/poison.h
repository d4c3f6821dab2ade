/* One bad event never stops a partition (design: poison): what kills the worker again and again
 * becomes a dead letter `crashed`, be it a record, a timer or a call's reply.
 *
 * How often a process began the task, each time soon after the last, is counted in its hash in the
 * store. When one that lives takes it over again, after a rebalance or since Kafka or the store was
 * away, nobody needs to have died: not counted, so that it may take a death more per worker. From
 * POISON_STARTS on, what the worker is at is written down before a decoder or a rule touches it
 * (`trying`), and taken out once it has survived. What an owner finds there killed the one before;
 * what was found POISON_TRIES times is not tried again.
 *
 * Records are written down only in a task's first batches, in which those stand that were at work
 * when the worker died; timers and replies, which come later and are fewer, for POISON_SOON_MS. */
#ifndef WAYBILL_WORKER_POISON_H
#define WAYBILL_WORKER_POISON_H

#include "worker/worker.h"

enum {
    POISON_STARTS = 2,
    POISON_SOON_MS = 3600000, /* between two starts, for them to count */
    POISON_TRIES = 3,
    POISON_BATCHES = 10 /* records of so many batches of a task are looked at */
};

/* At the beginning of a take-over (the store may be wiped after it), and at its end. */
MUST_CHECK int poison_read(struct worker *worker, struct task *task, struct error *err);
MUST_CHECK int poison_began(struct worker *worker, struct task *task, struct error *err);

/* Before a record is decoded, and before a rule is called. 0 = go on; 1 = it was tried too often:
 * leave it alone; -1 = the store is away or elsewhere. */
MUST_CHECK int poison_try(struct worker *worker, const struct batch_item *item, struct error *err);

/* What was being tried did no harm. */
MUST_CHECK int poison_survived(struct worker *worker, struct error *err);

/* A batch of the task has committed: what lived in it is free of blame, what was left alone is
 * gone.
 */
void poison_committed(struct task *task);

/* Why a dead letter is one, after poison_try has said 1. */
#define POISON_REASON "crashed: the worker died at it again and again; its log says how"

#endif
