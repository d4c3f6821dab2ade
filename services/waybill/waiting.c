#include "waybill/waiting.h"

#include "kafka/reader.h"

enum {
    COUNTED_MAX = 1000, /* of one partition; beyond it only the first record is read */
    POLL_MS = 50,
    QUIET_POLLS = 40, /* then what is left belongs to a transaction that is open */
    CLOSE_MS = 3000
};

/* Control and aborted records are no work, so that what waits has to be read. */
static int start(struct kafka_reader *reader, struct task_view *task, size_t input,
                 struct error *err)
{
    struct task_input *at = &task->inputs[input];
    at->waiting = 0;
    at->oldest_ms = 0;
    if (at->at_most <= 0)
        return 0;
    return kafka_reader_start(reader, (int32_t)input, task->task, at->next + at->deleted, at->end,
                              err);
}

static void take(struct kafka_reader *reader, struct task_view *task,
                 const struct kafka_record *record)
{
    struct task_input *at = &task->inputs[record->topic];
    if (record->offset >= at->end)
        return;
    if (at->oldest_ms == 0)
        at->oldest_ms = record->timestamp_ms;
    at->waiting++;
    if (at->at_most > COUNTED_MAX) {
        at->waiting = TASK_UNKNOWN;
        kafka_reader_stop(reader, record->topic, record->partition);
    }
}

static struct task_view *find(struct task_view *tasks, size_t count, int32_t partition)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i].task == partition)
            return &tasks[i];
    return NULL;
}

int waiting_count(struct tool *tool, const char *const *topics, size_t topic_count,
                  struct task_view *tasks, size_t task_count, struct error *err)
{
    struct kafka_reader *reader = NULL;
    if (topic_count == 0)
        return 0;
    if (kafka_reader_open(&reader, &tool->kafka, topics, topic_count, err))
        return -1;
    int failed = 0;
    for (size_t i = 0; i < task_count && !failed; i++)
        for (size_t input = 0; input < tasks[i].input_count && !failed; input++)
            failed = start(reader, &tasks[i], input, err);
    for (int quiet = 0; !failed && quiet < QUIET_POLLS && !kafka_reader_all_at_end(reader);) {
        struct kafka_record record;
        int got = kafka_reader_next(reader, POLL_MS, &record, err);
        if (got < 0 && err->action != ERROR_RETRY && err->action != ERROR_ABORT_BATCH)
            failed = -1;
        quiet = got == 1 ? 0 : quiet + 1;
        if (got != 1)
            continue;
        struct task_view *task = find(tasks, task_count, record.partition);
        if (task)
            take(reader, task, &record);
        kafka_record_free(&record);
    }
    kafka_reader_close(reader, CLOSE_MS);
    return failed;
}
