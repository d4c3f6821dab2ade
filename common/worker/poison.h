/* One bad event never stops a partition (design: poison): a record that keeps killing the worker,
 * or keeps failing, becomes a dead letter `crashed`.
 *
 * How often a task began at the same position is counted in its hash in the store. From
 * POISON_STARTS on its batches hold one record, and which one is written down (`trying`) while its
 * rule runs; a record that was found written down POISON_TRIES times is not tried again. */
#ifndef WAYBILL_WORKER_POISON_H
#define WAYBILL_WORKER_POISON_H

#include "worker/worker.h"

enum { POISON_STARTS = 3, POISON_TRIES = 3 };

/* At the beginning of a take-over (the store may be wiped after it), and at its end. */
MUST_CHECK int poison_read(struct worker *worker, struct task *task, struct error *err);
MUST_CHECK int poison_began(struct worker *worker, struct task *task, struct error *err);

/* Whether batches hold one record now. */
bool poison_suspected(const struct worker *worker);

/* Around the rules of a batch of one. */
MUST_CHECK int poison_try(struct worker *worker, const struct batch_item *item, struct error *err);
MUST_CHECK int poison_survived(struct worker *worker, const struct batch_item *item,
                               struct error *err);

/* Whether that record was tried too often. */
bool poison_is_crashed(const struct task *task, int32_t input, int64_t offset);

#endif
