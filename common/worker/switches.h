/* The kill switches that a person turns while workers run (`waybill endpoint stop`): the table
 * `controls`, one row per <service>/<endpoint> or, for all services, "*" in place of the service.
 */
#ifndef WAYBILL_WORKER_SWITCHES_H
#define WAYBILL_WORKER_SWITCHES_H

#include "worker/worker.h"

/* Turns what the table says since the last time. */
void switches_follow(struct worker *worker);

#endif
