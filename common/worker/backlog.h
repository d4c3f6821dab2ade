/* Intents between the store and the calls: new ones are handed over as they commit, and what finds
 * no room there waits in the store. */
#ifndef WAYBILL_WORKER_BACKLOG_H
#define WAYBILL_WORKER_BACKLOG_H

#include "worker/worker.h"

enum {
    PENDING_INTENTS_MAX = 100000, /* per task, looked at in one go; more wait for the next */
    BACKLOG_PAGE = 1000,
    BACKLOG_WAIT_MS = 1000,
    BACKLOG_WAIT_MOST_MS = 30000 /* while nothing of it finds room */
};

/* A new intent has committed. `alone`: no other of its key is pending, so that it need not wait
 * behind the backlog. */
void backlog_offer(struct worker *worker, struct task *task, struct str field,
                   const struct task_intent *intent, bool alone);

/* Offers all that waits in the store, by sequence; what the calls hold already they keep. */
MUST_CHECK int backlog_offer_all(struct worker *worker, struct task *task, struct error *err);

/* The same for each task that has a backlog, now and then. */
void backlog_follow(struct worker *worker);

/* Whether nobody can have sent what waits in the store and the calls do not hold: this owner first
 * asked for it, or its endpoint commits `started` first, and it is not marked. ERROR_ABORT_BATCH:
 * no room to look at it. */
MUST_CHECK int backlog_is_unsent(struct worker *worker, const struct task *task, struct str field,
                                 bool *out, struct error *err);

#endif
