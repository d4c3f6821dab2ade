#include "waybill/changelog.h"

#include "events.h"
#include "waybill/scan.h"
#include "worker/stored.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    POLL_MS = 100,
    PATIENCE_POLLS = 600,
    CLOSE_MS = 3000,
    RECORD_ARENA_BYTES_MAX = 64 << 20,
    TAIL_RECORDS = 256
};

static int open_reader(struct changelog *log, struct kafka_reader **out, struct error *err)
{
    const char *name = tool_full_name(log->tool, log->topic);
    struct kafka_option options[ENVIRONMENT_OPTIONS_MAX + 1];
    struct kafka_settings kafka = log->tool->kafka;
    memcpy(options, kafka.options, kafka.option_count * sizeof(*options));
    /* A log's end is told by a fetch that finds nothing. */
    options[kafka.option_count++] = (struct kafka_option){"fetch.wait.max.ms", "5"};
    kafka.options = options;
    return kafka_reader_open(out, &kafka, &name, 1, err);
}

int changelog_open(struct changelog *log, struct tool *tool, const struct topic *topic,
                   struct decoder *decoder, struct kafka_admin *admin, struct error *err)
{
    *log = (struct changelog){.tool = tool,
                              .topic = topic,
                              .decoder = decoder,
                              .admin = admin,
                              .task = SCAN_EVERY_PARTITION};
    fold_init(&log->fold);
    arena_init(&log->arena, RECORD_ARENA_BYTES_MAX);
    return open_reader(log, &log->reader, err);
}

void changelog_close(struct changelog *log)
{
    kafka_reader_close(log->reader, CLOSE_MS);
    kafka_reader_close(log->single, CLOSE_MS);
    fold_done(&log->fold);
    arena_done(&log->arena);
    *log = (struct changelog){0};
}

int changelog_ends(struct changelog *log, int64_t *out_low, int64_t *out_high, struct error *err)
{
    return kafka_admin_watermarks(log->admin, tool_full_name(log->tool, log->topic), log->task,
                                  TOOL_PATIENCE_MS, out_low, out_high, err);
}

int changelog_begin(struct changelog *log, int32_t task, struct error *err)
{
    int64_t low;
    if (log->task != SCAN_EVERY_PARTITION)
        kafka_reader_stop(log->reader, 0, log->task);
    log->task = task;
    log->batch = log->next_batch = log->read = log->records = log->next_records = 0;
    fold_reset(&log->fold);
    if (changelog_ends(log, &low, &log->until, err))
        return -1;
    return kafka_reader_start(log->reader, 0, task, KAFKA_FROM_BEGINNING, log->until, err);
}

static int take(struct changelog *log, const struct kafka_record *record, struct error *err)
{
    struct decoded decoded;
    arena_reset(&log->arena);
    decoder_read(log->decoder, log->topic, record, &log->arena, &decoded);
    if (decoded.error)
        return error_set(err, ERROR_FATAL, "changelog record %.*s at offset %" PRId64 ": %s",
                         STR_ARG(record->key), record->offset, decoded.error);
    log->read++;
    if (decoded.type == &task_position && str_equal(record->key, STR(POSITION_KEY))) {
        log->next_batch = ((const struct task_position *)decoded.body)->batch;
        log->next_records = log->read;
        fold_position(&log->fold, record->offset, record->value);
        return 0;
    }
    if (fold_take(&log->fold, record->key, record->value, record->offset,
                  decoded.type ? stored_score(decoded.type, decoded.body) : 0, err))
        return -1;
    if (log->each)
        log->each(log->self, &decoded);
    return 0;
}

/* 1 = the log ends here, as it is by now. */
static int at_end(struct changelog *log, struct error *err)
{
    int64_t low, position = kafka_reader_position(log->reader, 0, log->task);
    if (position < log->until)
        return 0;
    if (changelog_ends(log, &low, &log->until, err))
        return -1;
    return position >= log->until;
}

/* 1 = a record was taken, 0 = there is none by now. */
static int read_one(struct changelog *log, struct error *err)
{
    for (int polls = 0; polls < PATIENCE_POLLS; polls++) {
        struct kafka_record record;
        int ended = at_end(log, err);
        if (ended != 0)
            return ended < 0 ? -1 : 0;
        int got = kafka_reader_next(log->reader, POLL_MS, &record, err);
        if (got < 0 && err->action != ERROR_RETRY)
            return -1;
        if (got <= 0)
            continue;
        int failed = take(log, &record, err);
        kafka_record_free(&record);
        return failed ? -1 : 1;
    }
    return error_set(err, ERROR_FATAL,
                     "nothing came from %s partition %" PRId32 " for %d s: is a transaction open, "
                     "or a broker away?",
                     tool_full_name(log->tool, log->topic), log->task,
                     PATIENCE_POLLS * POLL_MS / 1000);
}

static void step(struct changelog *log)
{
    fold_step(&log->fold);
    log->batch = log->next_batch;
    log->records = log->next_records;
}

int changelog_read_batch(struct changelog *log, struct error *err)
{
    while (!fold_is_whole(&log->fold)) {
        int got = read_one(log, err);
        if (got <= 0)
            return got;
    }
    return 0;
}

int changelog_advance(struct changelog *log, int64_t offset, struct error *err)
{
    while (log->fold.at < offset) {
        if (changelog_read_batch(log, err))
            return -1;
        if (!fold_is_whole(&log->fold))
            return 0;
        step(log);
    }
    return log->fold.at == offset;
}

int changelog_to_end(struct changelog *log, struct error *err)
{
    for (;;) {
        if (changelog_read_batch(log, err))
            return -1;
        if (!fold_is_whole(&log->fold))
            return 0;
        step(log);
    }
}

/* Hands the records from there up to the end over, until `take` has had enough. */
static int read_single(struct changelog *log, int64_t from, int64_t until,
                       int (*take_one)(void *self, const struct kafka_record *record,
                                       struct error *err),
                       void *self, struct error *err)
{
    int result = 0;
    if ((!log->single && open_reader(log, &log->single, err)) ||
        kafka_reader_start(log->single, 0, log->task, from, until, err))
        return -1;
    for (int polls = 0;
         polls < PATIENCE_POLLS && !kafka_reader_at_end(log->single, 0, log->task) && result == 0;
         polls++) {
        struct kafka_record record;
        int got = kafka_reader_next(log->single, POLL_MS, &record, err);
        if (got < 0 && err->action != ERROR_RETRY)
            result = -1;
        if (got != 1)
            continue;
        polls = 0;
        if (record.offset < until)
            result = take_one(self, &record, err);
        kafka_record_free(&record);
    }
    kafka_reader_stop(log->single, 0, log->task);
    return result;
}

struct wanted {
    struct arena *arena;
    struct str value;
    int64_t offset;
};

static int keep_value(void *self, const struct kafka_record *record, struct error *err)
{
    struct wanted *wanted = self;
    if (!record->value.ptr)
        return 0;
    wanted->offset = record->offset;
    wanted->value = arena_copy(wanted->arena, record->value);
    return wanted->value.ptr ? 0 : error_set(err, ERROR_FATAL, "a value is too large to keep");
}

int changelog_fetch(struct changelog *log, int64_t offset, struct arena *arena, struct str *out,
                    struct error *err)
{
    struct wanted wanted = {.arena = arena};
    if (read_single(log, offset, offset + 1, keep_value, &wanted, err))
        return -1;
    *out = wanted.value;
    return 0;
}

static int keep_position(void *self, const struct kafka_record *record, struct error *err)
{
    return str_equal(record->key, STR(POSITION_KEY)) ? keep_value(self, record, err) : 0;
}

int changelog_last_position(struct changelog *log, int32_t task, struct arena *arena,
                            struct str *out_record, int64_t *out_offset, struct error *err)
{
    int64_t low, high, tail = TAIL_RECORDS, before = log->task;
    struct wanted wanted = {.arena = arena, .offset = FOLD_NOWHERE};
    log->task = task;
    int failed = changelog_ends(log, &low, &high, err);
    for (bool all = low == high; !failed && !all && !wanted.value.ptr; tail *= 16) {
        int64_t from = high - tail > low ? high - tail : low;
        all = from == low;
        failed = read_single(log, from, high, keep_position, &wanted, err);
    }
    log->task = (int32_t)before;
    *out_record = wanted.value;
    *out_offset = wanted.offset;
    return failed ? -1 : 0;
}
