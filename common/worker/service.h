/* What a service's main.c says of itself. The runtime does the rest. */
#ifndef WAYBILL_WORKER_SERVICE_H
#define WAYBILL_WORKER_SERVICE_H

#include "config/settings.h"
#include "rules/route.h"

struct service {
    const char *name; /* "intake": group id, metric and log prefix */
    const char *text; /* one sentence for --help */
    /* Topics without prefix, NULL at the end. The first is the anchor; the last is
     * "<service>.operator", for what a person sends to this service only (topics/operator.h). */
    const char *const *inputs;
    const char *const *tables; /* compacted topics held whole in memory, NULL at the end; or NULL */
    const struct route *routes;
    size_t route_count;
    const struct settings
        *settings; /* the service's own, into the struct that rules see as ctx->cfg */
};

/* Parses flags and settings, runs the worker until SIGTERM; returns the exit status. */
int worker_main(const struct service *service, int argc, char **argv);

#endif
