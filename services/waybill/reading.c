#include "waybill/reading.h"

#include "events.h"
#include "topics/operator.h"
#include "waybill/scan.h"

enum { ENDS = 1000, RECORD_ARENA_BYTES_MAX = 64 << 20 };

/* Partitions come side by side; within one, the last position counts. */
static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct reading *reading = self;
    struct decoded decoded;
    if (!str_equal(record->key, STR("position")) || record->partition >= READING_TASKS_MAX)
        return true;
    arena_reset(&reading->arena);
    decoder_read(&reading->decoder, topic, record, &reading->arena, &decoded);
    if (decoded.type != &task_position ||
        !decoder_keep(&reading->decoder, topic, record, &reading->tool->arena, &decoded))
        return true;
    reading->positions[record->partition] = decoded.body;
    if (record->partition >= reading->partition_count)
        reading->partition_count = record->partition + 1;
    return true;
}

int reading_open(struct reading *reading, struct tool *tool, const char *service, struct error *err)
{
    *reading = (struct reading){.tool = tool};
    arena_init(&reading->arena, RECORD_ARENA_BYTES_MAX);
    reading->changelog = tool_service_topic(tool, service, ".changelog", err);
    if (!reading->changelog || decoder_open(&reading->decoder, tool, err))
        return -1;
    const struct scan_topic wanted = {.topic = reading->changelog,
                                      .partition = SCAN_EVERY_PARTITION};
    struct scan scan = {.topics = &wanted,
                        .topic_count = 1,
                        .from = SCAN_LAST,
                        .from_number = ENDS,
                        .take = take,
                        .self = reading};
    if (scan_run(tool, &scan, err))
        return -1;
    if (reading->partition_count > 0)
        return 0;
    scan.from = SCAN_BEGINNING;
    return scan_run(tool, &scan, err);
}

void reading_close(struct reading *reading)
{
    decoder_close(&reading->decoder);
    arena_done(&reading->arena);
}

/* Any task's: all have the same inputs. */
static const struct task_position *any(const struct reading *reading)
{
    return reading->partition_count ? reading->positions[reading->partition_count - 1] : NULL;
}

bool reading_has_input(const struct reading *reading, struct str topic)
{
    const struct task_position *position = any(reading);
    for (size_t i = 0; position && i < position->inputs.len; i++)
        if (str_equal(position->inputs.ptr[i].topic, topic))
            return true;
    return false;
}

int64_t reading_next(const struct reading *reading, struct str topic, int32_t partition)
{
    const struct task_position *position =
        partition < READING_TASKS_MAX ? reading->positions[partition] : NULL;
    for (size_t i = 0; position && i < position->inputs.len; i++)
        if (str_equal(position->inputs.ptr[i].topic, topic))
            return position->inputs.ptr[i].next_offset;
    return -1;
}

struct str reading_inputs(const struct reading *reading, struct arena *arena)
{
    const struct task_position *position = any(reading);
    struct str text = STR("");
    for (size_t i = 0; position && i < position->inputs.len; i++) {
        struct str name = position->inputs.ptr[i].topic;
        if (name.len > sizeof(OPERATOR_SUFFIX) &&
            str_equal((struct str){name.ptr + name.len - sizeof(OPERATOR_SUFFIX) + 1,
                                   sizeof(OPERATOR_SUFFIX) - 1},
                      STR(OPERATOR_SUFFIX)))
            continue;
        text =
            arena_printf(arena, "%.*s%s%.*s", STR_ARG(text), text.len ? ", " : "", STR_ARG(name));
    }
    return text;
}
