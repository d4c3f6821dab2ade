#include "waybill/task_view.h"

#include "base/buffer.h"
#include "base/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    TEXT_BYTES_MAX = 16 << 20,
    AGE_BYTES = 24,
    SLOW_MS = 60000,       /* waits longer: worth a line */
    CALL_SLOW_MS = 300000, /* of a call */
    MINUTE_MS = 60000,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS
};

int64_t task_waiting(const struct task_view *task, bool *out_exact)
{
    int64_t sum = 0;
    *out_exact = true;
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        *out_exact &= input->waiting != TASK_UNKNOWN;
        sum += input->waiting != TASK_UNKNOWN ? input->waiting : input->at_most;
    }
    return sum;
}

/* "12s", "5m", "3h", "2d" */
static const char *age(int64_t ms, char out[AGE_BYTES])
{
    const char *sign = ms < 0 ? "-" : "";
    int64_t left = ms < 0 ? -ms : ms;
    if (left < MINUTE_MS)
        snprintf(out, AGE_BYTES, "%s%" PRId64 "s", sign, left / 1000);
    else if (left < HOUR_MS)
        snprintf(out, AGE_BYTES, "%s%" PRId64 "m", sign, left / MINUTE_MS);
    else if (left < 2 * DAY_MS)
        snprintf(out, AGE_BYTES, "%s%" PRId64 "h", sign, left / HOUR_MS);
    else
        snprintf(out, AGE_BYTES, "%s%" PRId64 "d", sign, left / DAY_MS);
    return out;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The time of the record that has waited longest; 0 = none. */
static int64_t oldest_of(const struct task_view *task)
{
    int64_t oldest_ms = 0;
    for (size_t i = 0; i < task->input_count; i++)
        oldest_ms = earlier(oldest_ms, task->inputs[i].oldest_ms);
    return oldest_ms;
}

static struct task_calls calls_of(const struct task_view *task)
{
    struct task_calls sum = {0};
    for (size_t i = 0; i < task->call_count; i++) {
        const struct task_calls *calls = &task->calls[i];
        sum.pending += calls->pending;
        sum.started += calls->started;
        sum.parked += calls->parked;
        sum.oldest_ms = earlier(sum.oldest_ms, calls->oldest_ms);
        sum.oldest_parked_ms = earlier(sum.oldest_parked_ms, calls->oldest_parked_ms);
    }
    return sum;
}

static const char *describe_store(const struct task_view *task, char *out, size_t size)
{
    switch (task->store) {
    case STORE_UNKNOWN:
        return "?";
    case STORE_AT_END:
        return "at the end";
    case STORE_BEHIND:
        snprintf(out, size, "%" PRId64 " batches behind", task->store_batches_behind);
        return out;
    case STORE_RESTORING:
        if (task->counted)
            snprintf(out, size, "restoring: %" PRId64 " of %" PRId64 " keys", task->store_fields,
                     task->keys);
        else
            snprintf(out, size, "restoring: %" PRId64 " keys", task->store_fields);
        return out;
    case STORE_NOTHING:
        return "nothing";
    case STORE_ELSEWHERE:
        return "ELSEWHERE";
    }
    return "?";
}

static const char *owner_text(const struct task_view *task, char *out, size_t size)
{
    if (task->owner_split)
        return "SPLIT";
    if (!task->owner.ptr)
        return "NOBODY";
    snprintf(out, size, "%.*s", STR_ARG(task->owner));
    return out;
}

static void add_waiting(struct buffer *out, const struct task_view *task)
{
    bool exact;
    int64_t waiting = task_waiting(task, &exact);
    char text[32];
    snprintf(text, sizeof(text), "%s%" PRId64, exact ? "" : "<=", waiting);
    buffer_printf(out, " %8s", text);
}

static void add_row(struct buffer *out, const struct service_view *view,
                    const struct task_view *task)
{
    char owner[17], store[64], old[AGE_BYTES] = "-";
    struct task_calls calls = calls_of(task);
    if (oldest_of(task))
        age(view->wall_ms - oldest_of(task), old);
    buffer_printf(out, "%4" PRId32 "  %-16s", task->task, owner_text(task, owner, sizeof(owner)));
    if (task->has_position)
        buffer_printf(out, " %8" PRId64, task->batch);
    else
        buffer_printf(out, " %8s", "none");
    add_waiting(out, task);
    buffer_printf(out, " %6s", old);
    if (task->counted)
        buffer_printf(
            out, " %8" PRId64 " %8" PRId64 " %7" PRId64 " %7" PRId64 " %7" PRId64 " %6" PRId64,
            task->keys, task->timers, task->overdue, calls.pending, calls.started, calls.parked);
    buffer_printf(out, "  %s\n", describe_store(task, store, sizeof(store)));
}

/* ---- calls ---- */

enum { ENDPOINTS_MAX = 256 };

static size_t sum_calls(const struct service_view *view, struct task_calls out[ENDPOINTS_MAX])
{
    size_t count = 0;
    for (size_t t = 0; t < view->task_count; t++)
        for (size_t c = 0; c < view->tasks[t].call_count; c++) {
            const struct task_calls *calls = &view->tasks[t].calls[c];
            size_t at = 0;
            while (at < count && !str_equal(out[at].endpoint, calls->endpoint))
                at++;
            if (at == ENDPOINTS_MAX)
                continue;
            if (at == count)
                out[count++] = (struct task_calls){.endpoint = calls->endpoint};
            out[at].pending += calls->pending;
            out[at].started += calls->started;
            out[at].parked += calls->parked;
            out[at].oldest_ms = earlier(out[at].oldest_ms, calls->oldest_ms);
            out[at].oldest_parked_ms = earlier(out[at].oldest_parked_ms, calls->oldest_parked_ms);
        }
    return count;
}

static void add_calls(struct buffer *out, const struct task_calls *calls, size_t count,
                      int64_t now_ms)
{
    char old[AGE_BYTES];
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "calls at %.*s: %" PRId64 " pending, %" PRId64 " started",
                      STR_ARG(calls[i].endpoint), calls[i].pending, calls[i].started);
        if (calls[i].oldest_ms)
            buffer_printf(out, ", the oldest for %s", age(now_ms - calls[i].oldest_ms, old));
        if (calls[i].parked)
            buffer_printf(out, "; %" PRId64 " parked, the oldest for %s", calls[i].parked,
                          age(now_ms - calls[i].oldest_parked_ms, old));
        buffer_printf(out, "\n");
    }
}

/* ---- what a person should look at ---- */

static void look_at_input(struct buffer *out, const struct service_view *view,
                          const struct task_view *task, const struct task_input *input,
                          bool is_anchor)
{
    char old[AGE_BYTES];
    int64_t waits_ms = view->wall_ms - input->oldest_ms;
    if (input->next > input->end)
        buffer_printf(out,
                      "look: task %" PRId32 ": %.*s ends at %" PRId64 ", but %" PRId64
                      " is decided next: was the topic made anew?\n",
                      task->task, STR_ARG(input->topic), input->end, input->next);
    if (input->deleted > 0)
        buffer_printf(out,
                      "look: task %" PRId32 ": %" PRId64
                      " records of %.*s were deleted before they were decided\n",
                      task->task, input->deleted, STR_ARG(input->topic));
    if (input->oldest_ms && waits_ms > SLOW_MS)
        buffer_printf(out, "look: task %" PRId32 ": a record of %.*s waits for %s\n", task->task,
                      STR_ARG(input->topic), age(waits_ms, old));
    if (is_anchor && input->group_offset != TASK_UNKNOWN && input->group_offset != input->next)
        buffer_printf(out,
                      "look: task %" PRId32 ": the group's offset of %.*s is %" PRId64
                      ", the position says %" PRId64 ", which wins\n",
                      task->task, STR_ARG(input->topic), input->group_offset, input->next);
}

static void look_at_store(struct buffer *out, const struct task_view *task)
{
    if (task->store == STORE_UNKNOWN && task->store_error)
        buffer_printf(out, "look: task %" PRId32 ": %s\n", task->task, task->store_error);
    if (task->store == STORE_ELSEWHERE)
        buffer_printf(out,
                      "look: task %" PRId32 ": Redis stands at a position that this changelog does "
                      "not end with, nor any before: waybill verify\n",
                      task->task);
    if (task->store == STORE_NOTHING && task->has_position)
        buffer_printf(out,
                      "look: task %" PRId32 ": Redis has nothing of it: its owner rebuilds it from "
                      "the changelog before it decides anything\n",
                      task->task);
}

static void look_at(struct buffer *out, const struct service_view *view,
                    const struct task_view *task)
{
    char old[AGE_BYTES];
    struct task_calls calls = calls_of(task);
    if (task->owner_split)
        buffer_printf(out,
                      "look: task %" PRId32 ": its inputs are with different workers, so that none "
                      "of them works\n",
                      task->task);
    else if (task->owner.ptr && task->owner_inputs < task->inputs_read)
        buffer_printf(out,
                      "look: task %" PRId32
                      ": its owner has only %zu of %zu inputs, the others are "
                      "with nobody: it may stand still\n",
                      task->task, task->owner_inputs, task->inputs_read);
    for (size_t i = 0; i < task->input_count; i++)
        look_at_input(out, view, task, &task->inputs[i], i == 0);
    if (task->overdue && view->now_ms - task->earliest_ms > SLOW_MS)
        buffer_printf(out,
                      "look: task %" PRId32 ": timers of %" PRId64
                      " keys are overdue, the earliest for %s\n",
                      task->task, task->overdue, age(view->now_ms - task->earliest_ms, old));
    if (calls.oldest_ms && view->now_ms - calls.oldest_ms > CALL_SLOW_MS)
        buffer_printf(out, "look: task %" PRId32 ": a call waits for %s\n", task->task,
                      age(view->now_ms - calls.oldest_ms, old));
    look_at_store(out, task);
}

static size_t owned(const struct service_view *view)
{
    size_t count = 0;
    for (size_t i = 0; i < view->task_count; i++)
        count += view->tasks[i].owner.ptr && !view->tasks[i].owner_split;
    return count;
}

static void add_head(struct buffer *out, const struct service_view *view)
{
    buffer_printf(out, "%s: group %s, %s, %zu workers; %zu tasks\n", view->service, view->group,
                  view->group_state, view->member_count, view->task_count);
}

static struct str take(struct buffer *text, struct arena *arena)
{
    struct str result = text->failed ? (struct str){NULL, 0} : arena_copy(arena, buffer_str(text));
    buffer_done(text);
    return result;
}

struct str service_table(const struct service_view *view, struct arena *arena)
{
    static const struct task_view none = {0};
    const struct task_view *first = view->task_count ? &view->tasks[0] : &none;
    struct task_calls calls[ENDPOINTS_MAX];
    struct buffer out;
    buffer_init(&out, TEXT_BYTES_MAX);
    add_head(&out, view);
    buffer_printf(&out, "task  %-16s %8s %8s %6s", "owner", "batch", "waiting", "oldest");
    if (first->counted)
        buffer_printf(&out, " %8s %8s %7s %7s %7s %6s", "keys", "timers", "overdue", "pending",
                      "started", "parked");
    buffer_printf(&out, "  Redis\n");
    for (size_t i = 0; i < view->task_count; i++)
        add_row(&out, view, &view->tasks[i]);
    add_calls(&out, calls, sum_calls(view, calls), view->now_ms);
    if (owned(view) < view->task_count)
        buffer_printf(&out, "look: %zu tasks have no owner: are the workers running?\n",
                      view->task_count - owned(view));
    for (size_t i = 0; i < view->task_count; i++)
        look_at(&out, view, &view->tasks[i]);
    return take(&out, arena);
}

/* ---- one task ---- */

static void add_input(struct buffer *out, const struct service_view *view,
                      const struct task_input *input)
{
    char old[AGE_BYTES];
    buffer_printf(out, "  %-20.*s next %" PRId64 " of %" PRId64 ", ", STR_ARG(input->topic),
                  input->next, input->end);
    if (input->waiting == TASK_UNKNOWN)
        buffer_printf(out, "at most %" PRId64 " wait", input->at_most);
    else
        buffer_printf(out, "%" PRId64 " wait", input->waiting);
    if (input->oldest_ms)
        buffer_printf(out, ", the oldest for %s", age(view->wall_ms - input->oldest_ms, old));
    if (input->group_offset == TASK_UNKNOWN)
        buffer_printf(out, "; the group has no offset\n");
    else
        buffer_printf(out, "; the group's offset %" PRId64 "\n", input->group_offset);
}

struct str task_details(const struct service_view *view, const struct task_view *task,
                        struct arena *arena)
{
    char owner[128], store[64], time_text[RFC3339_BYTES], old[AGE_BYTES];
    struct buffer out;
    buffer_init(&out, TEXT_BYTES_MAX);
    add_head(&out, view);
    buffer_printf(&out, "task %" PRId32 "\nowner     %s %.*s\n", task->task,
                  owner_text(task, owner, sizeof(owner)), STR_ARG(task->owner_host));
    if (task->has_position) {
        rfc3339_format(task->event_time_ms, time_text);
        buffer_printf(
            &out, "position  batch %" PRId64 " at changelog offset %" PRId64 "; events up to %s\n",
            task->batch, task->position_offset, time_text);
    } else {
        buffer_printf(&out, "position  none yet: it begins at the start of its inputs\n");
    }
    for (size_t i = 0; i < task->input_count; i++)
        add_input(&out, view, &task->inputs[i]);
    if (task->counted) {
        buffer_printf(&out, "keys      %" PRId64 "\ntimers    %" PRId64 " keys", task->keys,
                      task->timers);
        if (task->earliest_ms) {
            rfc3339_format(task->earliest_ms, time_text);
            buffer_printf(&out, ", the earliest due %s (in %s), %" PRId64 " overdue", time_text,
                          age(task->earliest_ms - view->now_ms, old), task->overdue);
        }
        buffer_printf(&out, "\n");
    }
    add_calls(&out, task->calls, task->call_count, view->now_ms);
    buffer_printf(&out, "Redis     %s\n", describe_store(task, store, sizeof(store)));
    look_at(&out, view, task);
    return take(&out, arena);
}

struct str service_line(const struct service_view *view, struct arena *arena)
{
    int64_t waiting = 0, oldest_ms = 0, behind = 0, restoring = 0, nothing = 0;
    bool exact = true;
    char old[AGE_BYTES];
    struct buffer out;
    buffer_init(&out, TEXT_BYTES_MAX);
    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];
        bool is_exact;
        waiting += task_waiting(task, &is_exact);
        exact &= is_exact;
        oldest_ms = earlier(oldest_ms, oldest_of(task));
        behind += task->store == STORE_BEHIND || task->store == STORE_ELSEWHERE;
        restoring += task->store == STORE_RESTORING;
        nothing += task->store == STORE_NOTHING && task->has_position;
    }
    buffer_printf(&out, "%-16s %-18s %2zu workers  %zu of %zu tasks owned  %s%" PRId64 " waiting",
                  view->service, view->group_state, view->member_count, owned(view),
                  view->task_count, exact ? "" : "at most ", waiting);
    if (oldest_ms)
        buffer_printf(&out, ", the oldest for %s", age(view->wall_ms - oldest_ms, old));
    if (restoring)
        buffer_printf(&out, "  %" PRId64 " restoring", restoring);
    if (nothing)
        buffer_printf(&out, "  %" PRId64 " not in Redis", nothing);
    if (behind)
        buffer_printf(&out, "  %" PRId64 " behind in Redis", behind);
    if (view->task_count && view->tasks[0].store == STORE_UNKNOWN)
        buffer_printf(&out, "  %s", view->tasks[0].store_error ? view->tasks[0].store_error : "?");
    buffer_printf(&out, "\n");
    return take(&out, arena);
}
