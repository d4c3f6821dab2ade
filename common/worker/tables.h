/* Compacted topics held whole in memory: writer schemas, controls (switches.h), and what the
 * service lists as its tables. */
#ifndef WAYBILL_WORKER_TABLES_H
#define WAYBILL_WORKER_TABLES_H

#include "rules/context.h"
#include "worker/worker.h"

enum { TABLE_ROWS_MAX = 1000000, TABLES_PER_TURN_MAX = 1000 };

MUST_CHECK int tables_open(struct worker *worker, struct error *err);
void tables_close(struct worker *worker);

/* What is new, at most TABLES_PER_TURN_MAX records, waiting at most timeout_ms for the first. */
MUST_CHECK int tables_follow(struct worker *worker, int timeout_ms, struct error *err);

/* Whether that schema was on the schemas topic when last looked. */
bool tables_have_schema(const struct tables_held *held, int32_t id);

/* Why we must not write: one of our schema ids means something else to everybody. NULL = none does.
 */
const char *tables_conflict(const struct tables_held *held);

/* Grows with every row that came or went. */
uint64_t tables_changes(const struct tables_held *held);

/* What rules may ask. */
const struct tables *tables_seen_by_rules(const struct tables_held *held);

#endif
