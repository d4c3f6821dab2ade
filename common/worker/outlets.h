/* Where each event type goes: the topic with its prefix, and how many partitions that has. */
#ifndef WAYBILL_WORKER_OUTLETS_H
#define WAYBILL_WORKER_OUTLETS_H

#include "worker/worker.h"

struct outlet {
    const char *topic; /* with prefix */
    int32_t partition_count;
};

/* Asks for every topic of the vocabulary; ERROR_FATAL names one that is missing. */
MUST_CHECK int outlets_open(struct worker *worker, struct arena *arena, struct error *err);

/* NULL = no topic carries it. */
const struct outlet *outlet_of(const struct outlets *outlets, const struct record_type *type);

#endif
