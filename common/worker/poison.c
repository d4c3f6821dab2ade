#include "worker/poison.h"

#include "log/log.h"
#include "worker/stored.h"

#include <inttypes.h>
#include <stdio.h>

static const struct str starts_field = STR_INIT(STARTS_FIELD),
                        trying_field = STR_INIT(TRYING_FIELD);

static int write_field(struct worker *worker, const struct task *task, struct str field,
                       struct str value, struct error *err)
{
    struct store_port *store = &worker->ports->store;
    struct store_change change = {field, value};
    struct str stands = buffer_str(&task->base);
    struct store_batch batch = {.task = task->partition,
                                .expected = stands,
                                .position = stands,
                                .changes = &change,
                                .change_count = 1};
    if (store->apply(store->self, &batch, 1, err))
        return -1;
    return batch.moved ? error_set(err, ERROR_RETRY, "the store does not stand where the task does")
                       : 0;
}

/* "<count>:<what>|…": first what is being tried, which may be nothing, then what is to blame for
 * earlier deaths and has not met its end. */
static int write_trying(struct worker *worker, const struct task *task, struct error *err)
{
    char text[(POISON_BLAMED_MAX + 1) * (POISON_WHAT_BYTES + 24)];
    int len = 0, count = 0;
    for (int i = -1; i < POISON_BLAMED_MAX; i++) {
        const struct poison_try *one = i < 0 ? &task->trying : &task->blamed[i];
        if (i >= 0 && one->what[0] == '\0')
            continue;
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%" PRId64 ":%s",
                        i < 0 ? "" : "|", one->count, one->what);
        count += one->what[0] != '\0';
    }
    struct str value = {count > 0 ? text : NULL, count > 0 ? (size_t)len : 0};
    return write_field(worker, task, trying_field, value, err);
}

static bool take_try(struct str text, struct poison_try *out)
{
    struct str count, what;
    str_split(text, ':', &count, &what);
    *out = (struct poison_try){.count = 0};
    if (what.len == 0 || what.len >= POISON_WHAT_BYTES || !str_to_int64(count, &out->count))
        return false;
    memcpy(out->what, what.ptr, what.len);
    return true;
}

static struct poison_try *find_blamed(struct task *task, const char *what)
{
    for (size_t i = 0; i < POISON_BLAMED_MAX; i++)
        if (strcmp(task->blamed[i].what, what) == 0)
            return &task->blamed[i];
    return NULL;
}

static void take_blamed(struct task *task, struct str text)
{
    size_t count = 0;
    memset(task->blamed, 0, sizeof(task->blamed));
    task->trying = (struct poison_try){.count = 0};
    for (bool first = true; text.ptr && count < POISON_BLAMED_MAX; first = false) {
        struct poison_try one;
        struct str part;
        str_split(text, '|', &part, &text);
        if (!take_try(part, &one) || find_blamed(task, one.what))
            continue;
        task->blamed[count++] = one;
        if (first)
            log_warning("the task's last owner died at this", LOG_INT("task", task->partition),
                        LOG_TEXT("at", one.what), LOG_INT("times", one.count));
    }
}

/* "<count>:<wall time>" of the store, or nothing. */
static void take_starts(struct task *task, struct str starts)
{
    struct str count, at;
    str_split(starts, ':', &count, &at);
    if (!str_to_int64(count, &task->start_count) || !str_to_int64(at, &task->started_wall_ms))
        task->start_count = task->started_wall_ms = 0;
}

int poison_read(struct worker *worker, struct task *task, struct error *err)
{
    struct store_port *store = &worker->ports->store;
    const struct str fields[] = {starts_field, trying_field};
    struct str values[2];
    struct store_load load = {
        .task = task->partition, .fields = fields, .field_count = 2, .values = values};
    if (store->load(store->self, &load, 1, &worker->arena, err))
        return -1;
    take_starts(task, values[0]);
    take_blamed(task, values[1]);
    return 0;
}

int poison_began(struct worker *worker, struct task *task, struct error *err)
{
    struct clock_port *clock = &worker->ports->clock;
    int64_t wall_ms = clock->wall_ms(clock->self);
    bool soon = wall_ms - task->started_wall_ms < POISON_SOON_MS;
    if (!task->begun) {
        task->start_count = soon ? task->start_count + 1 : 1;
        task->started_wall_ms = wall_ms;
        soon = true;
    }
    task->suspected = soon && task->start_count >= POISON_STARTS;
    task->suspected_batches = task->suspected ? POISON_BATCHES : 0;
    char text[64];
    int len = snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64, task->start_count,
                       task->started_wall_ms);
    if (write_field(worker, task, starts_field, (struct str){text, (size_t)len}, err))
        return -1;
    task->begun = true;
    return task->blamed[0].what[0] ? write_trying(worker, task, err) : 0;
}

/* What it is, for a person, too; the same each time that it comes. */
static void name_item(const struct worker *worker, const struct batch_item *item,
                      char out[POISON_WHAT_BYTES])
{
    if (item->kind == ITEM_RECORD)
        snprintf(out, POISON_WHAT_BYTES, "%s@%" PRId64, worker->service->inputs[item->record.topic],
                 item->record.offset);
    else
        snprintf(out, POISON_WHAT_BYTES, "%s/%.*s", item->kind == ITEM_REPLY ? "reply" : "timer",
                 STR_ARG(item->ev.id));
}

/* After so long a life the next start would not count either. */
static void calm_down(const struct worker *worker, struct task *task)
{
    struct clock_port *clock = &worker->ports->clock;
    if (task->suspected && clock->mono_ms(clock->self) - task->ready_mono_ms >= POISON_SOON_MS) {
        task->suspected = false;
        task->suspected_batches = 0;
    }
}

int poison_try(struct worker *worker, const struct batch_item *item, struct error *err)
{
    struct task *task = item->task;
    calm_down(worker, task);
    bool suspected = item->kind == ITEM_RECORD ? task->suspected_batches > 0 : task->suspected;
    if ((!suspected || worker->trying != task) && poison_survived(worker, err))
        return -1;
    if (!suspected)
        return 0;
    task->trying.count = 0;
    name_item(worker, item, task->trying.what);
    struct poison_try *blamed = find_blamed(task, task->trying.what);
    if (blamed)
        blamed->settled = true;
    if (blamed && blamed->count >= POISON_TRIES) {
        task->trying.what[0] = '\0';
        return poison_survived(worker, err) ? -1 : 1;
    }
    task->trying.count = blamed ? blamed->count + 1 : 1;
    worker->trying = task;
    return write_trying(worker, task, err);
}

int poison_survived(struct worker *worker, struct error *err)
{
    struct task *task = worker->trying;
    worker->trying = NULL;
    if (!task)
        return 0;
    task->trying = (struct poison_try){.count = 0};
    return write_trying(worker, task, err);
}

void poison_committed(struct task *task)
{
    if (task->suspected_batches > 0)
        task->suspected_batches--;
    size_t kept = 0;
    for (size_t i = 0; i < POISON_BLAMED_MAX; i++)
        if (!task->blamed[i].settled)
            task->blamed[kept++] = task->blamed[i];
    for (; kept < POISON_BLAMED_MAX; kept++)
        task->blamed[kept] = (struct poison_try){.count = 0};
}
