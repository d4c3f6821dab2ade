/* The settings that every worker has. */
#ifndef WAYBILL_WORKER_RUNTIME_SETTINGS_H
#define WAYBILL_WORKER_RUNTIME_SETTINGS_H

#include "config/settings.h"
#include "environment/environment.h"
#include "worker/endpoints.h"

struct runtime_settings {
    struct environment environment;                /* a part of its own: environment_settings */
    int64_t batch_bytes_max, records_max, work_ms; /* of a batch */
    int64_t event_bytes_max;
    int64_t future_max_ms;
    int64_t changelog_retention_ms;
    int64_t effects_not_before_ms;
    struct str health_address;
    int64_t health_port;
    int64_t health_stale_ms;
    struct str instance;
    int64_t rules_cpu_limit_ms;
    int64_t session_timeout_ms, transaction_timeout_ms;
    int log_format, log_level;
    int64_t shutdown_timeout_ms;
    int64_t unknown_schema_wait_ms;
    struct endpoints endpoints;
};

extern const struct settings runtime_settings;

#endif
