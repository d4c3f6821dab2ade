/* A person's answer to a parked call (`waybill parked resolve`) comes as an event, call.answered,
 * on the operator's input; here it becomes the call's reply, or the call is made again. */
#ifndef WAYBILL_WORKER_ANSWERS_H
#define WAYBILL_WORKER_ANSWERS_H

#include "worker/batch.h"

/* Such an event? */
bool answers_has(const struct worker *worker, const struct batch_item *item);

/* Step 3, behind the states: the calls that the batch's answers are about. Returns as batch_load.
 */
MUST_CHECK int answers_load(struct worker *worker, struct error *err);

/* Step 4. 0 = the item's event is the reply now, for the rule; 1 = done with, without a rule;
 * -1 on error. */
MUST_CHECK int answers_decide(struct worker *worker, struct batch_item *item, struct error *err);

#endif
