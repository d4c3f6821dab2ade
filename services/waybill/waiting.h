/* How many records of a service's inputs wait to be decided, and since when. */
#ifndef WAYBILL_TOOL_WAITING_H
#define WAYBILL_TOOL_WAITING_H

#include "waybill/task_view.h"
#include "waybill/tool.h"

/* topics: full names, in the order of every task's inputs; next, end and at_most are known. Sets
 * waiting (TASK_UNKNOWN when there are more than a thousand) and oldest_ms. */
MUST_CHECK int waiting_count(struct tool *tool, const char *const *topics, size_t topic_count,
                             struct task_view *tasks, size_t task_count, struct error *err);

#endif
