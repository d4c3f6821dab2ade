/* Old and new versions of a service beside each other: what the person who rolls them is told. */
#ifndef WAYBILL_WORKER_VERSIONS_H
#define WAYBILL_WORKER_VERSIONS_H

#include "worker/worker.h"

/* A state was read: counted, and said once per schema, if another version wrote it. */
void versions_state_read(struct worker *worker, const struct record_type *type, struct str framed);

/* An event of a type that this program does not know was passed over: counted, and said once per
 * schema. */
void versions_event_unknown(struct worker *worker, const struct batch_item *item);

#endif
