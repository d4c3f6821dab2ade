/* How far a service has decided its inputs: the last position of each of its tasks. */
#ifndef WAYBILL_TOOL_READING_H
#define WAYBILL_TOOL_READING_H

#include "waybill/decode.h"

enum { READING_TASKS_MAX = 10000 };

struct reading {
    struct tool *tool;
    const struct topic *changelog;
    struct decoder decoder;
    struct arena arena;                                       /* of one record */
    const struct task_position *positions[READING_TASKS_MAX]; /* by partition; NULL = none yet */
    int32_t partition_count;                                  /* 0 = it has decided nothing yet */
};

/* Reads the ends of the changelog, all of it if there is no position. reading_close is due in any
 * case. */
MUST_CHECK int reading_open(struct reading *reading, struct tool *tool, const char *service,
                            struct error *err);
void reading_close(struct reading *reading);

/* Is that topic (without prefix) an input of the service? */
bool reading_has_input(const struct reading *reading, struct str topic);

/* The next offset that the service decides there; -1 = none known. */
int64_t reading_next(const struct reading *reading, struct str topic, int32_t partition);

/* "inbound.orders, fulfilment": its inputs but for its operator's, for a person. */
struct str reading_inputs(const struct reading *reading, struct arena *arena);

#endif
