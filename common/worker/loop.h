/* The worker's loop: the eight steps of the design, over and over, until it is told to stop. */
#ifndef WAYBILL_WORKER_LOOP_H
#define WAYBILL_WORKER_LOOP_H

#include "worker/worker.h"

/* One turn. 0, or -1: ERROR_FATAL, this process cannot go on (err says why). Everything else is
 * dealt with inside. */
MUST_CHECK int loop_turn(struct worker *worker, struct error *err);

/* Ready: the assignment is known, what is ours is restored, and we are not leaving. Else why not,
 * in a few words. */
bool loop_is_ready(const struct worker *worker, char *reason, size_t size);

#endif
