#include "worker/poison.h"

#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>

static const struct str starts_field = STR_INIT(STARTS_FIELD),
                        trying_field = STR_INIT(TRYING_FIELD);

/* "12:34:5" into its numbers; false if it is none. */
static bool take_numbers(struct str text, int64_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str number;
        str_split(text, ':', &number, &text);
        if (!str_to_int64(number, &out[i]))
            return false;
    }
    return true;
}

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

static int write_tried(struct worker *worker, const struct task *task, struct error *err)
{
    char text[80];
    int len = snprintf(text, sizeof(text), "%" PRId32 ":%" PRId64 ":%" PRId64, task->tried_input,
                       task->tried_offset, task->tried_count);
    return write_field(worker, task, trying_field, (struct str){text, (size_t)len}, err);
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
    int64_t starts[2], trying[3];
    task->start_count = task->tried_count = 0;
    if (take_numbers(values[0], starts, 2)) {
        task->start_batch = starts[0];
        task->start_count = starts[1];
    }
    if (take_numbers(values[1], trying, 3)) {
        task->tried_input = (int32_t)trying[0];
        task->tried_offset = trying[1];
        task->tried_count = trying[2];
    }
    return 0;
}

int poison_began(struct worker *worker, struct task *task, struct error *err)
{
    if (task->start_batch != task->batch)
        task->start_count = 0;
    task->start_batch = task->batch;
    task->start_count++;
    task->suspected = task->start_count >= POISON_STARTS;
    char text[64];
    int len =
        snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64, task->start_batch, task->start_count);
    if (write_field(worker, task, starts_field, (struct str){text, (size_t)len}, err))
        return -1;
    return task->tried_count > 0 ? write_tried(worker, task, err) : 0;
}

bool poison_suspected(const struct worker *worker)
{
    for (int32_t i = 0; i < worker->partition_count; i++)
        if (worker->tasks[i].phase == TASK_READY && worker->tasks[i].suspected)
            return true;
    return false;
}

static bool was_tried(const struct task *task, int32_t input, int64_t offset)
{
    return task->tried_count > 0 && task->tried_input == input && task->tried_offset == offset;
}

int poison_try(struct worker *worker, const struct batch_item *item, struct error *err)
{
    struct task *task = item->task;
    int32_t input = item->record.topic;
    int64_t offset = item->record.offset;
    task->tried_count = was_tried(task, input, offset) ? task->tried_count + 1 : 1;
    task->tried_input = input;
    task->tried_offset = offset;
    log_warning("a record is tried alone", LOG_TEXT("topic", worker->service->inputs[input]),
                LOG_INT("partition", task->partition), LOG_INT("offset", offset),
                LOG_INT("try", task->tried_count));
    return write_tried(worker, task, err);
}

int poison_survived(struct worker *worker, const struct batch_item *item, struct error *err)
{
    item->task->tried_count = 0;
    return write_field(worker, item->task, trying_field, (struct str){NULL, 0}, err);
}

bool poison_is_crashed(const struct task *task, int32_t input, int64_t offset)
{
    return was_tried(task, input, offset) && task->tried_count >= POISON_TRIES;
}
