/* Where a store and its changelog differ, in words. Pure. */
#ifndef WAYBILL_TOOL_DIFFERENCE_H
#define WAYBILL_TOOL_DIFFERENCE_H

#include "waybill/decode.h"
#include "waybill/fold.h"

/* One key at which they differ. */
struct difference {
    const char *service;
    int32_t task;
    struct str field;
    unsigned faults;           /* of fold_judge */
    struct fold_said expected; /* by the changelog */
    struct decoded said;       /* its record; topic NULL = it says nothing, or deletes */
    struct decoded found;      /* what Redis holds; topic NULL = nothing */
    int64_t found_score;
};

/* A headline, and what each of the two says; ends with a newline. Absent when the arena is full. */
struct str difference_lines(const struct difference *difference, struct arena *arena);

/* How a task was found, and its line in the summary. */
enum task_found {
    TASK_EQUAL,
    TASK_BEHIND,     /* equal as far as Redis stands; the rest is still to come */
    TASK_EMPTY,      /* Redis has nothing: the next take-over rebuilds it */
    TASK_REBUILDING, /* a worker is at it */
    TASK_OUTDATED,   /* Redis stands at a position that is compacted by now: as TASK_EMPTY */
    TASK_MOVING,     /* Redis was wiped or thrown back each time that we looked */
    TASK_DIFFERS,
    TASK_FOUND_KINDS
};

struct task_summary {
    const char *service;
    int32_t task;
    enum task_found found;
    const char *why;   /* TASK_DIFFERS: what is wrong with the position; or NULL */
    int64_t keys, due; /* that Redis holds */
    int64_t differences, later;
    int64_t batch, offset; /* where Redis stands */
    int64_t behind_batches, behind_records;
};

struct str task_summary_line(const struct task_summary *summary, struct arena *arena);

/* counts: of tasks, by how they were found. */
struct str task_totals_line(const int64_t counts[TASK_FOUND_KINDS], int64_t differences,
                            struct arena *arena);

#endif
