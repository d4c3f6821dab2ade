/* waybill verify: what Redis holds of a service against what its changelog says. */
#include "config/values.h"
#include "events.h"
#include "waybill/changelog.h"
#include "waybill/commands.h"
#include "waybill/difference.h"
#include "waybill/scan.h"
#include "worker/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PAGE = 200, /* fields that are looked at in one go: so long Redis answers nobody else */
    PAGE_ARENA_BYTES_MAX = 1 << 30,
    CLOSE_MS = 3000,
    TRIES = 3,
    TRY_AGAIN_MS = 1000,
    TEXT_BYTES_MAX = 256 << 20,
    SHOWN_DEFAULT = 20
};

/* One task at work. MOVED: Redis does not stand where it stood, or nowhere; begin anew. */
enum step { MOVED = 1 };

struct verifying {
    struct tool *tool;
    struct decoder decoder;
    struct kafka_admin *admin;
    struct changelog log;
    struct store *store;
    const char *service;
    struct arena arena; /* of a page */
    struct buffer text; /* of the task's differences */
    struct task_summary task;
    int64_t counts[TASK_FOUND_KINDS], differences;
    int64_t shown_max;
    bool repair, unmasked;
};

/* ---- one key ---- */

static int describe(struct verifying *v, struct difference *d, struct str value, struct error *err)
{
    struct str said = {NULL, 0};
    struct kafka_record record = {.partition = v->log.task, .key = d->field};
    if (d->expected.is_there && changelog_fetch(&v->log, d->expected.offset, &v->arena, &said, err))
        return -1;
    record.value = said;
    if (said.ptr)
        decoder_read(&v->decoder, v->log.topic, &record, &v->arena, &d->said);
    record.value = value;
    if (value.ptr)
        decoder_read(&v->decoder, v->log.topic, &record, &v->arena, &d->found);
    if (!v->unmasked) {
        decoded_mask(&d->said, &v->arena);
        decoded_mask(&d->found, &v->arena);
    }
    return 0;
}

static int tell(struct verifying *v, struct str field, struct str value, int64_t score,
                unsigned faults, struct error *err)
{
    const struct fold_entry *entry = fold_find(&v->log.fold, field);
    struct difference d = {.service = v->service,
                           .task = v->log.task,
                           .field = field,
                           .faults = faults,
                           .expected =
                               entry ? entry->said : (struct fold_said){.offset = FOLD_NOWHERE},
                           .found_score = score};
    if (v->task.differences++ >= v->shown_max)
        return 0;
    if (describe(v, &d, value, err))
        return -1;
    struct str lines = difference_lines(&d, &v->arena);
    buffer_add_str(&v->text, lines.ptr ? lines : STR("(a difference too large to show)\n"));
    return 0;
}

static int judge(struct verifying *v, struct str field, struct str value, int64_t score,
                 struct error *err)
{
    int64_t later_ms = tool_now_ms(v->tool) + STRANGER_RETRY_MS;
    struct fold *fold = &v->log.fold;
    unsigned faults = fold_judge(fold, field, value, score, later_ms);
    if ((faults & (FOLD_VALUE | FOLD_SCORE)) && !fold_is_whole(fold)) {
        if (changelog_read_batch(&v->log, err))
            return -1;
        faults = fold_judge(fold, field, value, score, later_ms);
    }
    if (fold_look_at(fold, field, err))
        return -1;
    v->task.later += faults == FOLD_LATER;
    return faults & (FOLD_VALUE | FOLD_SCORE) ? tell(v, field, value, score, faults, err) : 0;
}

/* ---- pages ---- */

/* The fold goes to where Redis stood at that look. */
static int follow(struct verifying *v, struct str position, struct error *err)
{
    int64_t offset, stored_at_ms;
    struct str record;
    if (stored_position_take(position, &offset, &stored_at_ms, &record) || offset < v->log.fold.at)
        return MOVED;
    int got = changelog_advance(&v->log, offset, err);
    if (got < 0)
        return -1;
    return got == 1 && fold_stands_at(&v->log.fold, offset, record) ? 0 : MOVED;
}

/* The runtime's own fields that no changelog knows. */
static bool is_bookkeeping(struct str field)
{
    return str_equal(field, STR(STARTS_FIELD)) || str_equal(field, STR(TRYING_FIELD));
}

static int judge_fields(struct verifying *v, const struct str *fields, size_t count,
                        struct error *err)
{
    struct store_view view = {.task = v->log.task, .fields = fields, .field_count = count};
    if (store_look(v->store, &view, &v->arena, err))
        return -1;
    int followed = follow(v, view.position, err);
    for (size_t i = 0; i < count && followed == 0; i++)
        if (!is_bookkeeping(fields[i]) && judge(v, fields[i], view.values[i], view.scores[i], err))
            return -1;
    v->task.keys = view.hash_len - (view.position.ptr != NULL);
    v->task.due = view.due_len;
    return followed;
}

typedef int scan_page(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                      struct arena *arena, struct store_names *out, struct error *err);

/* Every name that comes by and was not looked at before. A hash that is small comes as one page. */
static int judge_names(struct verifying *v, scan_page *scan, struct error *err)
{
    uint64_t cursor = 0;
    do {
        struct store_names names;
        struct str fields[PAGE];
        size_t count = 0;
        arena_reset(&v->arena);
        if (scan(v->store, v->log.task, &cursor, PAGE, &v->arena, &names, err))
            return -1;
        for (size_t i = 0; i < names.len; i++) {
            const struct fold_entry *entry = fold_find(&v->log.fold, names.ptr[i]);
            if (!entry || !entry->looked_at)
                fields[count++] = names.ptr[i];
            bool full = count == PAGE || (i + 1 == names.len && count > 0);
            int judged = full ? judge_fields(v, fields, count, err) : 0;
            if (judged != 0)
                return judged;
            count = full ? 0 : count;
        }
    } while (cursor != 0);
    return 0;
}

/* What the changelog has and Redis did not show. */
static int judge_missing(struct verifying *v, struct error *err)
{
    struct str fields[PAGE];
    size_t count = 0;
    for (size_t i = 0; i < v->log.fold.count; i++) {
        const struct fold_entry *entry = &v->log.fold.entries[i];
        if (!entry->looked_at && entry->said.is_there)
            fields[count++] = entry->key;
        bool full = count == PAGE || (i + 1 == v->log.fold.count && count > 0);
        if (!full)
            continue;
        arena_reset(&v->arena);
        int judged = judge_fields(v, fields, count, err);
        if (judged != 0)
            return judged;
        count = 0;
    }
    return 0;
}

/* ---- one task ---- */

static int differs(struct verifying *v, struct str why)
{
    v->task.found = TASK_DIFFERS;
    v->task.differences++;
    v->task.why = why.ptr ? why.ptr : "DIFFERS in its position";
    return 0;
}

/* Whether the changelog has the position that Redis says it stands at; else how it was found. */
static int find_position(struct verifying *v, struct str position, struct error *err)
{
    int64_t low, high, offset, stored_at_ms;
    struct str record;
    if (changelog_ends(&v->log, &low, &high, err))
        return -1;
    bool has_mark = position.len == STORED_MARK_BYTES;
    if (!position.ptr || has_mark) {
        v->task.found = low == high ? TASK_EQUAL : has_mark ? TASK_REBUILDING : TASK_EMPTY;
        return 0;
    }
    if (stored_position_take(position, &offset, &stored_at_ms, &record))
        return differs(v, arena_printf(&v->tool->arena,
                                       "DIFFERS: its position has %zu bytes, so it is none",
                                       position.len));
    v->task.offset = offset;
    if (offset >= high)
        return differs(v, arena_printf(&v->tool->arena,
                                       "DIFFERS: it stands at changelog offset %" PRId64
                                       ", but the changelog ends at %" PRId64
                                       ": another Redis or topic, or one that was made anew",
                                       offset, high));
    int got = changelog_advance(&v->log, offset, err);
    if (got < 0)
        return -1;
    if (got == 0)
        v->task.found = TASK_OUTDATED;
    else if (!fold_stands_at(&v->log.fold, offset, record))
        return differs(v, arena_printf(&v->tool->arena,
                                       "DIFFERS: its position is not the one that the changelog "
                                       "has at offset %" PRId64 " (batch %" PRId64 ")",
                                       offset, v->log.batch));
    return 0;
}

/* How far Redis is behind by now, unless it goes on all the while. */
static int find_end(struct verifying *v, struct error *err)
{
    struct changelog *log = &v->log;
    int64_t offset = log->fold.at, records = log->records;
    v->task.batch = log->batch;
    v->task.offset = offset;
    if (changelog_to_end(log, err))
        return -1;
    arena_reset(&v->arena);
    struct store_view view = {.task = log->task};
    int64_t now_at, stored_at_ms;
    struct str record;
    if (store_look(v->store, &view, &v->arena, err))
        return -1;
    if (stored_position_take(view.position, &now_at, &stored_at_ms, &record))
        return MOVED;
    v->task.found = TASK_EQUAL;
    if (now_at == offset && log->fold.at > offset) {
        v->task.found = TASK_BEHIND;
        v->task.behind_batches = log->batch - v->task.batch;
        v->task.behind_records = log->records - records;
    }
    return 0;
}

static int verify_once(struct verifying *v, int32_t task, struct error *err)
{
    struct store_view view = {.task = task};
    v->task = (struct task_summary){.service = v->service, .task = task, .found = TASK_FOUND_KINDS};
    arena_reset(&v->arena);
    if (changelog_begin(&v->log, task, err) || store_look(v->store, &view, &v->arena, err))
        return -1;
    v->task.keys = view.hash_len - (view.position.ptr != NULL);
    v->task.due = view.due_len;
    if (find_position(v, view.position, err))
        return -1;
    if (v->task.found != TASK_FOUND_KINDS)
        return 0;
    int judged = judge_names(v, store_scan_fields, err);
    if (judged == 0)
        judged = judge_names(v, store_scan_members, err);
    if (judged == 0)
        judged = judge_missing(v, err);
    if (judged != 0)
        return judged;
    judged = find_end(v, err);
    if (judged == 0 && v->task.differences > 0)
        v->task.found = TASK_DIFFERS;
    return judged;
}

/* ---- all that was asked for ---- */

static int verify_task(struct verifying *v, int32_t task, struct error *err)
{
    int result = MOVED;
    for (int tries = 0; tries < TRIES && result == MOVED; tries++) {
        if (tries > 0)
            usleep(TRY_AGAIN_MS * 1000);
        buffer_reset(&v->text);
        result = verify_once(v, task, err);
    }
    if (result < 0 && err->action == ERROR_SET_ASIDE) /* a key of another kind in its place */
        result = differs(v, arena_printf(&v->tool->arena, "DIFFERS: %s", err->text));
    if (result < 0)
        return error_prefix(err, "%s task %" PRId32, v->service, task);
    if (result == MOVED)
        v->task.found = TASK_MOVING;
    if (v->task.found == TASK_MOVING)
        buffer_reset(&v->text);
    arena_reset(&v->arena);
    struct str line = task_summary_line(&v->task, &v->arena), text = buffer_str(&v->text);
    printf("%.*s%.*s", STR_ARG(text), STR_ARG(line));
    if (v->task.found == TASK_DIFFERS && v->repair) {
        if (store_wipe(v->store, task, err))
            return -1;
        printf("%s task %" PRId32 ": wiped in Redis; its owner rebuilds it from the changelog\n",
               v->service, task);
    }
    fflush(stdout);
    v->counts[v->task.found]++;
    v->differences += v->task.found == TASK_DIFFERS ? v->task.differences : 0;
    return 0;
}

static int verify_service(struct verifying *v, const char *service, int64_t only, struct error *err)
{
    struct tool *tool = v->tool;
    const struct topic *topic = tool_service_topic(tool, service, ".changelog", err);
    int32_t partitions;
    if (!topic || kafka_admin_partitions(v->admin, tool_full_name(tool, topic), TOOL_PATIENCE_MS,
                                         &partitions, err))
        return -1;
    if (partitions == 0)
        return error_set(err, ERROR_FATAL,
                         "topic %s does not exist: waybill topics create makes it",
                         tool_full_name(tool, topic));
    if (only >= partitions)
        return error_set(err, ERROR_FATAL, "%s has only the tasks 0 to %" PRId32, service,
                         partitions - 1);
    v->service = service;
    int failed = changelog_open(&v->log, tool, topic, &v->decoder, v->admin, err) ||
                 tool_open_store(tool, service, &v->store, err);
    for (int32_t i = 0; i < partitions && !failed; i++)
        if (only < 0 || only == i)
            failed = verify_task(v, i, err);
    changelog_close(&v->log);
    store_close(v->store);
    v->store = NULL;
    return failed ? -1 : 0;
}

static int verify(struct verifying *v, const char *const *services, size_t count, int64_t only)
{
    struct error err = {0};
    arena_init(&v->arena, PAGE_ARENA_BYTES_MAX);
    buffer_init(&v->text, TEXT_BYTES_MAX);
    int failed = decoder_open(&v->decoder, v->tool, &err) ||
                 kafka_admin_open(&v->admin, &v->tool->kafka, &err);
    for (size_t i = 0; i < count && !failed; i++)
        failed = verify_service(v, services[i], only, &err);
    struct str totals = task_totals_line(v->counts, v->differences, &v->tool->arena);
    if (failed)
        tool_fail(v->tool, &err);
    printf("%.*s", STR_ARG(totals));
    kafka_admin_close(v->admin, CLOSE_MS);
    decoder_close(&v->decoder);
    buffer_done(&v->text);
    arena_done(&v->arena);
    return failed || v->counts[TASK_DIFFERS] || v->counts[TASK_MOVING] ? TOOL_FAILED : TOOL_OK;
}

static const struct tool_command command = {
    .name = "waybill verify",
    .text = "compares what Redis holds of a service's tasks with what its changelog says",
    .usage = "SERVICE… | --all",
    .details =
        "Workers may be running: each page of keys is read with the position at which Redis stands "
        "at that moment, and is\ncompared with the changelog up to there. Legal are: Redis behind "
        "the changelog, and no position at all (the owner brings\nit up, or rebuilds it). Not "
        "legal "
        "is any other difference in a key's value, in its place in the sorted set, or in "
        "the\nposition. Exit status 1 if there is one, or a task could not be read.\n\n"
        "Takes about 100 bytes of memory per key of one task, up to 5 million keys. Personal data "
        "is "
        "masked.\n\n"
        "example: waybill verify --all\n"};

int verify_main(int argc, char **argv)
{
    static struct tool tool;
    static struct verifying v;
    bool all = false;
    const char *task = NULL, *limit = NULL;
    const struct config_flag flags[] = {
        {.name = "all", .on = &all, .text = "every service"},
        {.name = "limit", .hint = "N", .value = &limit, .text = "differences shown per task (20)"},
        {.name = "repair",
         .on = &v.repair,
         .text = "wipe each task that differs: its owner rebuilds it from the changelog"},
        {.name = "task", .hint = "N", .value = &task, .text = "only this one"},
        {.name = "unmasked", .on = &v.unmasked, .text = "show personal data"},
    };
    struct tool_command with_flags = command;
    with_flags.flags = flags;
    with_flags.flag_count = sizeof(flags) / sizeof(flags[0]);
    struct error err = {0};
    int64_t only = SCAN_EVERY_PARTITION;
    int status = tool_open(&tool, &with_flags, argc, argv);
    v.tool = &tool;
    v.shown_max = SHOWN_DEFAULT;
    const char *const *services = all ? service_names : tool.given.arguments;
    size_t count = all ? service_count : tool.given.argument_count;
    if (status == CONFIG_RUN && all == (tool.given.argument_count > 0))
        status = tool_misuse(&tool, "which services? Their names, or --all");
    for (size_t i = 0; i < count && status == CONFIG_RUN; i++)
        if (!tool_service_topic(&tool, services[i], ".changelog", &err))
            status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN &&
        ((task && value_to_int(str_from(task), 0, INT32_MAX, &only, &err)) ||
         (limit && value_to_int(str_from(limit), 0, INT32_MAX, &v.shown_max, &err))))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN)
        status = verify(&v, services, count, only);
    tool_close(&tool);
    return status;
}
