/* What there is to know of a service's tasks, in words and as JSON. Pure. */
#ifndef WAYBILL_TOOL_TASK_VIEW_H
#define WAYBILL_TOOL_TASK_VIEW_H

#include "base/arena.h"

#include <stdint.h>

enum { TASK_INPUTS_MAX = 16, TASK_UNKNOWN = -1 };

struct task_input {
    struct str topic;     /* without prefix */
    int64_t next, end;    /* next to decide; one after the log's last */
    int64_t deleted;      /* records from next on that retention took before they were decided */
    int64_t waiting;      /* records not yet decided; TASK_UNKNOWN: see at_most */
    int64_t at_most;      /* end - next: markers and aborted records count in */
    int64_t oldest_ms;    /* when the first of them came; 0 = none */
    int64_t group_offset; /* TASK_UNKNOWN = the group has committed none */
};

/* Calls of a task, or of a service, at one endpoint. */
struct task_calls {
    struct str endpoint;
    int64_t pending, started, parked;
    int64_t oldest_ms, oldest_parked_ms; /* decided then; 0 = none */
};

enum task_store {
    STORE_UNKNOWN, /* Redis is away, or was not asked */
    STORE_AT_END,
    STORE_BEHIND,
    STORE_RESTORING, /* a worker brings it up: a mark is in the position's place */
    STORE_NOTHING,
    STORE_ELSEWHERE /* at a position that is not this changelog's */
};

struct task_view {
    int32_t task;
    struct str owner; /* the worker's instance; absent = nobody */
    struct str owner_host;
    size_t owner_inputs; /* of the task, with the owner */
    size_t inputs_read;  /* that the group reads: a position may name one of another version */
    bool owner_split;    /* the inputs' partitions are not all with one worker: nobody works */
    bool has_position;
    int64_t batch, event_time_ms, position_offset;
    struct task_input inputs[TASK_INPUTS_MAX];
    size_t input_count;
    bool counted;                               /* the changelog was read: what follows is known */
    int64_t keys, timers, overdue, earliest_ms; /* keys with a timer; the earliest due, 0 = none */
    struct task_calls *calls;
    size_t call_count;
    enum task_store store;
    int64_t store_fields, store_batches_behind;
    const char *store_error;
};

struct service_view {
    const char *service, *group, *group_state;
    size_t member_count;
    const struct task_view *tasks;
    size_t task_count;
    int64_t now_ms;  /* the services' clock, for timers */
    int64_t wall_ms; /* the wall clock, for what Kafka dates */
};

/* Over all inputs; exact: whether no input is only bounded. */
int64_t task_waiting(const struct task_view *task, bool *out_exact);

/* A table, a line per task; calls by endpoint; and what a person should look at. */
struct str service_table(const struct service_view *view, struct arena *arena);

/* Everything about one task. */
struct str task_details(const struct service_view *view, const struct task_view *task,
                        struct arena *arena);

/* One line of JSON, everything. */
struct str task_json(const struct service_view *view, const struct task_view *task,
                     struct arena *arena);

/* One line for a service. */
struct str service_line(const struct service_view *view, struct arena *arena);

#endif
