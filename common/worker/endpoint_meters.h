/* What the calls of each endpoint count, as metrics; and a loud line when an endpoint does not take
 * our credentials. */
#ifndef WAYBILL_WORKER_ENDPOINT_METERS_H
#define WAYBILL_WORKER_ENDPOINT_METERS_H

#include "worker/worker.h"

struct endpoint_meters;

MUST_CHECK int endpoint_meters_open(struct worker *worker, struct metrics *metrics,
                                    struct error *err);
void endpoint_meters_close(struct worker *worker);

/* Looks at the calls' numbers, at most once a second. */
void endpoint_meters_follow(struct worker *worker);

#endif
