/* What a worker counts. */
#ifndef WAYBILL_WORKER_METERS_H
#define WAYBILL_WORKER_METERS_H

#include "metrics/metrics.h"

struct meters {
    struct counter *read, *decided, *duplicates, *ignored, *rekeyed, *dead_letters, *emitted;
    struct counter *events_unknown, *states_of_others;
    struct counter *batches, *batches_failed, *takeovers, *restored_records, *timers, *replies;
    struct gauge *tasks_ready, *tasks_restoring, *tasks_refused, *lag, *calls_running;
    struct histogram *commit_seconds, *batch_seconds, *event_age_seconds, *restore_seconds;
};

void meters_register(struct meters *meters, struct metrics *metrics, const char *service);

#endif
