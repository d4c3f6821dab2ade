/* The real ports: Kafka, Redis and the machine's clocks. */
#ifndef WAYBILL_WORKER_PORTS_REAL_H
#define WAYBILL_WORKER_PORTS_REAL_H

#include "worker/ports.h"
#include "worker/runtime_settings.h"
#include "worker/service.h"

struct real;

/* Joins the group, opens the producer and the store. ERROR_RETRY: something is away; try again. */
MUST_CHECK int real_open(struct real **out, const struct service *service,
                         const struct runtime_settings *cfg, struct arena *arena,
                         struct ports *ports, struct error *err);

/* Leaves the group within timeout_ms. */
void real_close(struct real *real, int timeout_ms);

#endif
