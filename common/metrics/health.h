/* The page that Kubernetes and Prometheus look at: /metrics, /livez, /readyz over HTTP
 * (libmicrohttpd, one thread of its own). It sees only atomics that the loop sets. */
#ifndef WAYBILL_METRICS_HEALTH_H
#define WAYBILL_METRICS_HEALTH_H

#include "base/error.h"
#include "metrics/metrics.h"

enum { HEALTH_REASON_BYTES = 256 };

struct health;

struct health_options {
    const char *address;    /* "127.0.0.1", "0.0.0.0", "::1" */
    uint16_t port;          /* 0 = any free one: see health_port */
    int64_t stale_after_ms; /* /livez is 503 when the loop has not turned for so long; 0 = never */
};

/* metrics may be NULL, else it must outlive health_stop. Live at once, not ready until told.
 * ERROR_FATAL if the port cannot be had. */
MUST_CHECK int health_start(const struct health_options *options, struct metrics *metrics,
                            struct health **out, struct error *err);
void health_stop(struct health *health);

uint16_t health_port(const struct health *health);

/* The loop came round. Cheap: call it every turn. */
void health_turned(struct health *health);

/* /readyz answers 200 or 503 with the reason ("restoring 3 of 8 tasks"), cut at
 * HEALTH_REASON_BYTES. */
void health_ready(struct health *health, bool ready, const char *reason);

#endif
