#include "worker/switches.h"

#include "log/log.h"
#include "worker/tables.h"

#include <stdio.h>

enum { SWITCH_KEY_BYTES = 512 };

static const struct endpoint_switched *row_of(const struct worker *worker, const char *service,
                                              struct str endpoint)
{
    const struct tables *tables = tables_seen_by_rules(worker->tables);
    char key[SWITCH_KEY_BYTES];
    snprintf(key, sizeof(key), "%s/%.*s", service, STR_ARG(endpoint));
    return tables->find(tables, &endpoint_switched, str_from(key));
}

/* Either row may stop it; only both together start it. */
static void follow(struct worker *worker, struct str endpoint)
{
    const struct endpoint_switched *own = row_of(worker, worker->service->name, endpoint);
    const struct endpoint_switched *all = row_of(worker, "*", endpoint);
    bool stopped = (own && own->stopped) || (all && all->stopped);
    if (!calls_stop(worker->calls, endpoint, stopped))
        return;
    const struct endpoint_switched *last = own;
    if (!own || (all && (stopped ? !own->stopped : all->at_ms > own->at_ms)))
        last = all;
    if (stopped)
        log_warning("an endpoint was stopped by a person; its calls wait",
                    LOG_STR("endpoint", endpoint), LOG_STR("by", last->by),
                    LOG_STR("why", last->why));
    else
        log_info("an endpoint was started again", LOG_STR("endpoint", endpoint),
                 LOG_STR("by", last ? last->by : STR("?")),
                 LOG_STR("why", last ? last->why : STR("?")));
}

void switches_follow(struct worker *worker)
{
    uint64_t changes = tables_changes(worker->tables);
    const struct endpoints *endpoints = &worker->cfg->endpoints;
    if (changes == worker->switches_seen)
        return;
    worker->switches_seen = changes;
    for (size_t i = 0; i < endpoints->len; i++)
        follow(worker, endpoints->list[i].name);
}
