/* waybill task list|show: where the tasks of a service stand, who has them, and what they wait for.
 */
#include "config/values.h"
#include "events.h"
#include "waybill/changelog.h"
#include "waybill/commands.h"
#include "waybill/scan.h"
#include "waybill/waiting.h"
#include "worker/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TASK_ARENA_BYTES_MAX = 1 << 30, CLOSE_MS = 3000, CALLS_MAX = 256 };

/* What the changelog says of an intent. */
struct intent_note {
    uint32_t endpoint; /* index + 1; 0 = the entry is none */
    enum intent_status status;
    int64_t since_ms;
};

struct gathering {
    struct tool *tool;
    struct decoder decoder;
    struct kafka_admin *admin;
    struct changelog log;
    struct store *store;
    const char *service;
    struct arena arena; /* of the service */
    struct service_view view;
    struct task_view *tasks;
    size_t task_count;
    const char *topics[TASK_INPUTS_MAX]; /* the inputs, with prefix */
    size_t topic_count;
    struct kafka_group group;
    struct intent_note *notes; /* by the fold's entries */
    size_t note_room;
    struct str endpoints[CALLS_MAX];
    size_t endpoint_count;
    bool no_memory;
    int64_t only;
    bool quick, json;
};

/* ---- positions ---- */

static const struct task_position *decode_position(struct gathering *g, struct str record)
{
    struct decoded decoded;
    const struct kafka_record raw = {.key = STR(POSITION_KEY), .value = record};
    decoder_read(&g->decoder, g->log.topic, &raw, &g->arena, &decoded);
    return decoded.type == &task_position ? decoded.body : NULL;
}

static int input_index(struct gathering *g, const char *topic)
{
    for (size_t i = 0; i < g->topic_count; i++)
        if (strcmp(g->topics[i], topic) == 0)
            return (int)i;
    if (g->topic_count == TASK_INPUTS_MAX)
        return -1;
    g->topics[g->topic_count] = topic;
    return (int)g->topic_count++;
}

static struct str full_name(struct gathering *g, struct str topic)
{
    return arena_printf(&g->arena, "%.*s%.*s", STR_ARG(g->tool->cfg.prefix), STR_ARG(topic));
}

static int read_position(struct gathering *g, struct task_view *task, struct error *err)
{
    struct str record;
    if (changelog_last_position(&g->log, task->task, &g->arena, &record, &task->position_offset,
                                err))
        return -1;
    if (!record.ptr)
        return 0;
    const struct task_position *position = decode_position(g, record);
    if (!position)
        return error_set(err, ERROR_FATAL, "the position of task %" PRId32 " cannot be read",
                         task->task);
    task->has_position = true;
    task->batch = position->batch;
    task->event_time_ms = position->event_time_ms;
    for (size_t i = 0; i < position->inputs.len; i++) {
        const struct input_offset *at = &position->inputs.ptr[i];
        struct str name = full_name(g, at->topic);
        int index = name.ptr ? input_index(g, name.ptr) : -1;
        if (index >= 0)
            task->inputs[index].next = at->next_offset;
    }
    return 0;
}

/* Inputs that a position does not name, since none was written yet, as the group has them. */
static void learn_inputs(struct gathering *g)
{
    for (size_t m = 0; m < g->group.member_count; m++)
        for (size_t a = 0; a < g->group.members[m].assigned_count; a++)
            input_index(g, g->group.members[m].assigned[a].topic);
}

static int read_ends(struct gathering *g, struct task_view *task, struct error *err)
{
    size_t prefix = g->tool->cfg.prefix.len;
    task->input_count = g->topic_count;
    for (size_t i = 0; i < g->topic_count; i++) {
        struct task_input *input = &task->inputs[i];
        int64_t low;
        input->topic = str_from(g->topics[i] + prefix);
        input->group_offset = input->waiting = TASK_UNKNOWN;
        if (kafka_admin_watermarks(g->admin, g->topics[i], task->task, TOOL_PATIENCE_MS, &low,
                                   &input->end, err))
            return -1;
        if (!task->has_position)
            input->next = low;
        input->deleted = low > input->next ? low - input->next : 0;
        int64_t from = input->next + input->deleted;
        input->at_most = input->end > from ? input->end - from : 0;
    }
    return 0;
}

static int read_group_offsets(struct gathering *g, struct error *err)
{
    size_t count = 0;
    struct kafka_place *places =
        arena_alloc_array(&g->arena, g->task_count * g->topic_count + 1, sizeof(*places));
    if (!places)
        return error_set(err, ERROR_FATAL, "no memory for the group's offsets");
    for (size_t t = 0; t < g->task_count; t++)
        for (size_t i = 0; i < g->topic_count; i++)
            places[count++] = (struct kafka_place){g->topics[i], g->tasks[t].task, 0};
    if (kafka_admin_group_offsets(g->admin, g->view.group, places, count, TOOL_PATIENCE_MS, err))
        return -1;
    for (size_t at = 0; at < count; at++)
        g->tasks[at / g->topic_count].inputs[at % g->topic_count].group_offset = places[at].offset;
    return 0;
}

/* ---- owners ---- */

static size_t inputs_assigned(const struct kafka_member *member, int32_t task)
{
    size_t count = 0;
    for (size_t i = 0; i < member->assigned_count; i++)
        count += member->assigned[i].partition == task;
    return count;
}

/* A worker's static member is "<instance>.<what it reads>". */
static struct str instance_of(struct str member)
{
    const char *dot = member.len ? memrchr(member.ptr, '.', member.len) : NULL;
    return dot ? (struct str){member.ptr, (size_t)(dot - member.ptr)} : member;
}

static bool is_read(const struct gathering *g, const char *topic)
{
    for (size_t m = 0; m < g->group.member_count; m++)
        for (size_t a = 0; a < g->group.members[m].assigned_count; a++)
            if (strcmp(g->group.members[m].assigned[a].topic, topic) == 0)
                return true;
    return false;
}

static void find_owner(const struct gathering *g, struct task_view *task)
{
    size_t owners = 0;
    for (size_t m = 0; m < g->group.member_count; m++) {
        const struct kafka_member *member = &g->group.members[m];
        size_t inputs = inputs_assigned(member, task->task);
        if (inputs == 0)
            continue;
        owners++;
        task->owner_inputs = inputs;
        task->owner = member->instance.ptr ? instance_of(member->instance) : member->id;
        task->owner_host = member->host;
    }
    task->owner_split = owners > 1;
    for (size_t i = 0; i < g->topic_count; i++)
        task->inputs_read += is_read(g, g->topics[i]);
}

/* ---- Redis ---- */

static void look_at_store(struct gathering *g, struct task_view *task)
{
    struct store_view view = {.task = task->task};
    struct error err = {0};
    int64_t offset, stored_at_ms;
    struct str record;
    if (store_look(g->store, &view, &g->arena, &err)) {
        task->store_error = arena_copy(&g->arena, str_from(err.text)).ptr;
        return;
    }
    task->store_fields = view.hash_len - (view.position.ptr != NULL);
    if (!view.position.ptr) {
        task->store = STORE_NOTHING;
        return;
    }
    if (view.position.len == STORED_MARK_BYTES) { /* also of a task that has done nothing yet */
        task->store = task->has_position ? STORE_RESTORING : STORE_NOTHING;
        return;
    }
    const struct task_position *position =
        stored_position_take(view.position, &offset, &stored_at_ms, &record)
            ? NULL
            : decode_position(g, record);
    if (!position || !task->has_position)
        task->store = STORE_ELSEWHERE;
    else if (offset >= task->position_offset) /* later than what we have read, if it goes on */
        task->store = STORE_AT_END;
    else {
        task->store = STORE_BEHIND;
        task->store_batches_behind = task->batch - position->batch;
    }
}

/* ---- what the changelog says ---- */

static uint32_t endpoint_index(struct gathering *g, struct str endpoint)
{
    size_t at = 0;
    while (at < g->endpoint_count && !str_equal(g->endpoints[at], endpoint))
        at++;
    if (at == CALLS_MAX)
        return CALLS_MAX;
    if (at == g->endpoint_count)
        g->endpoints[g->endpoint_count++] = arena_copy(&g->arena, endpoint);
    return (uint32_t)at + 1;
}

static void note_intent(void *self, const struct decoded *record)
{
    struct gathering *g = self;
    const struct fold_entry *entry = fold_find(&g->log.fold, record->key);
    if (record->type != &task_intent || !entry)
        return;
    size_t at = (size_t)(entry - g->log.fold.entries);
    if (at >= g->note_room) {
        size_t room = 2 * at + 1024;
        struct intent_note *notes = realloc(g->notes, room * sizeof(*notes));
        g->no_memory |= !notes;
        if (!notes)
            return;
        memset(notes + g->note_room, 0, (room - g->note_room) * sizeof(*notes));
        g->notes = notes;
        g->note_room = room;
    }
    const struct task_intent *intent = record->body;
    g->notes[at] = (struct intent_note){.endpoint = endpoint_index(g, intent->endpoint),
                                        .status = intent->status,
                                        .since_ms = intent->started_at_ms ? intent->started_at_ms
                                                                          : intent->created_at_ms};
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || b < a ? b : a;
}

static void count_intent(struct gathering *g, struct task_view *task, size_t entry)
{
    const struct intent_note *note = entry < g->note_room ? &g->notes[entry] : NULL;
    if (!note || note->endpoint == 0)
        return;
    struct task_calls *calls = &task->calls[note->endpoint - 1];
    if (note->status == INTENT_STATUS_PARKED) {
        calls->parked++;
        calls->oldest_parked_ms = earlier(calls->oldest_parked_ms, note->since_ms);
        return;
    }
    *(note->status == INTENT_STATUS_STARTED ? &calls->started : &calls->pending) += 1;
    calls->oldest_ms = earlier(calls->oldest_ms, note->since_ms);
}

static void count_key(const struct gathering *g, struct task_view *task,
                      const struct fold_said *said)
{
    task->keys++;
    if (said->score <= 0)
        return;
    task->timers++;
    task->overdue += said->score <= g->view.now_ms;
    task->earliest_ms = earlier(task->earliest_ms, said->score);
}

/* The task's calls, without endpoints of which it has none. */
static void drop_empty(struct task_view *task)
{
    size_t kept = 0;
    for (size_t i = 0; i < task->call_count; i++) {
        const struct task_calls *calls = &task->calls[i];
        if (calls->pending + calls->started + calls->parked > 0)
            task->calls[kept++] = *calls;
    }
    task->call_count = kept;
}

static int read_changelog(struct gathering *g, struct task_view *task, struct error *err)
{
    if (g->notes)
        memset(g->notes, 0, g->note_room * sizeof(*g->notes));
    if (changelog_begin(&g->log, task->task, err) || changelog_to_end(&g->log, err))
        return -1;
    task->calls = arena_alloc_array(&g->arena, CALLS_MAX, sizeof(*task->calls));
    if (!task->calls || g->no_memory)
        return error_set(err, ERROR_FATAL, "no memory for the calls of a task");
    task->call_count = g->endpoint_count;
    for (size_t i = 0; i < task->call_count; i++)
        task->calls[i].endpoint = g->endpoints[i];
    for (size_t i = 0; i < g->log.fold.count; i++) {
        const struct fold_entry *entry = &g->log.fold.entries[i];
        if (!entry->said.is_there)
            continue;
        if (str_starts_with(entry->key, STR("i:")))
            count_intent(g, task, i);
        else
            count_key(g, task, &entry->said);
    }
    drop_empty(task);
    task->counted = true;
    return 0;
}

/* ---- a service ---- */

static int make_tasks(struct gathering *g, struct error *err)
{
    int32_t partitions;
    const char *name = tool_full_name(g->tool, g->log.topic);
    if (kafka_admin_partitions(g->admin, name, TOOL_PATIENCE_MS, &partitions, err))
        return -1;
    if (partitions == 0)
        return error_set(err, ERROR_FATAL,
                         "topic %s does not exist: waybill topics create makes it", name);
    if (g->only >= partitions)
        return error_set(err, ERROR_FATAL, "%s has only the tasks 0 to %" PRId32, g->service,
                         partitions - 1);
    g->tasks = arena_alloc_array(&g->arena, (size_t)partitions, sizeof(*g->tasks));
    if (!g->tasks)
        return error_set(err, ERROR_FATAL, "no memory for %" PRId32 " tasks", partitions);
    for (int32_t i = 0; i < partitions; i++)
        if (g->only < 0 || g->only == i)
            g->tasks[g->task_count++].task = i;
    return 0;
}

static int gather(struct gathering *g, struct error *err)
{
    if (make_tasks(g, err) ||
        kafka_admin_group(g->admin, g->view.group, TOOL_PATIENCE_MS, &g->arena, &g->group, err))
        return -1;
    for (size_t i = 0; i < g->task_count; i++)
        if (read_position(g, &g->tasks[i], err))
            return -1;
    learn_inputs(g);
    for (size_t i = 0; i < g->task_count; i++) {
        look_at_store(g, &g->tasks[i]);
        find_owner(g, &g->tasks[i]);
        if (read_ends(g, &g->tasks[i], err))
            return -1;
    }
    if (read_group_offsets(g, err) ||
        waiting_count(g->tool, g->topics, g->topic_count, g->tasks, g->task_count, err))
        return -1;
    for (size_t i = 0; i < g->task_count && !g->quick; i++)
        if (read_changelog(g, &g->tasks[i], err))
            return -1;
    g->view.group_state = g->group.state.ptr;
    g->view.member_count = g->group.member_count;
    g->view.tasks = g->tasks;
    g->view.task_count = g->task_count;
    return 0;
}

static void print(const struct gathering *g, bool as_line, struct arena *arena)
{
    for (size_t i = 0; i < g->task_count && g->json; i++)
        printf("%.*s\n", STR_ARG(task_json(&g->view, &g->tasks[i], arena)));
    if (g->json)
        return;
    struct str text = as_line        ? service_line(&g->view, arena)
                      : g->only >= 0 ? task_details(&g->view, &g->tasks[0], arena)
                                     : service_table(&g->view, arena);
    printf("%.*s", STR_ARG(text));
    fflush(stdout);
}

static int show_service(struct gathering *g, const char *service, bool as_line, struct error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    arena_reset(&g->arena);
    g->service = service;
    g->task_count = g->topic_count = g->endpoint_count = 0;
    g->group = (struct kafka_group){0};
    const struct topic *topic = tool_service_topic(g->tool, service, ".changelog", err);
    struct str group = full_name(g, str_from(service));
    g->view = (struct service_view){.service = service,
                                    .group = group.ptr,
                                    .now_ms = tool_now_ms(g->tool),
                                    .wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
    if (!topic || !group.ptr)
        return -1;
    int failed = changelog_open(&g->log, g->tool, topic, &g->decoder, g->admin, err) ||
                 tool_open_store(g->tool, service, &g->store, err);
    g->log.each = note_intent;
    g->log.self = g;
    if (!failed)
        failed = gather(g, err);
    if (!failed)
        print(g, as_line, &g->arena);
    changelog_close(&g->log);
    store_close(g->store);
    g->store = NULL;
    return failed ? error_prefix(err, "%s", service) : 0;
}

/* The exit status. */
static int run(struct gathering *g, const char *const *services, size_t count, bool as_line)
{
    struct error err = {0};
    arena_init(&g->arena, TASK_ARENA_BYTES_MAX);
    int failed = decoder_open(&g->decoder, g->tool, &err) ||
                 kafka_admin_open(&g->admin, &g->tool->kafka, &err);
    for (size_t i = 0; i < count && !failed; i++)
        failed = show_service(g, services[i], as_line, &err);
    kafka_admin_close(g->admin, CLOSE_MS);
    decoder_close(&g->decoder);
    free(g->notes);
    arena_done(&g->arena);
    return failed ? tool_fail(g->tool, &err) : TOOL_OK;
}

int task_list_main(int argc, char **argv)
{
    static struct tool tool;
    static struct gathering g;
    const struct config_flag flags[] = {
        {.name = "json", .on = &g.json, .text = "a JSON line for each task"},
    };
    const struct tool_command command = {
        .name = "waybill task list",
        .text = "every service in one line: its workers, what waits, where Redis stands",
        .usage = "",
        .details = "waybill task show SERVICE tells more.\n\nexample: waybill task list\n",
        TOOL_FLAGS(flags)};
    int status = tool_open(&tool, &command, argc, argv);
    g.tool = &tool;
    g.only = SCAN_EVERY_PARTITION;
    g.quick = true;
    if (status == CONFIG_RUN)
        status = run(&g, service_names, service_count, true);
    tool_close(&tool);
    return status;
}

static const char show_details[] =
    "waiting: records of the inputs that are not decided yet; oldest: for how long the first of "
    "them; timers: keys that\nhave one; Redis: where the copy of the states stands against the "
    "changelog. Lines that begin with \"look:\" say what\na person should look at "
    "(deploy/RUNBOOK.md). --quick leaves out what takes reading the whole changelog: keys, timers, "
    "calls.\n\n"
    "example: waybill task show supplier_router\n";

int task_show_main(int argc, char **argv)
{
    static struct tool tool;
    static struct gathering g;
    const char *task = NULL;
    const struct config_flag flags[] = {
        {.name = "json", .on = &g.json, .text = "a JSON line for each task, with everything"},
        {.name = "quick", .on = &g.quick, .text = "without keys, timers and calls"},
        {.name = "task", .hint = "N", .value = &task, .text = "everything about this one"},
    };
    const struct tool_command command = {
        .name = "waybill task show",
        .text = "the tasks of a service: who has them, what waits, timers, calls, Redis",
        .usage = "SERVICE",
        .details = show_details,
        TOOL_FLAGS(flags)};
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    g.tool = &tool;
    g.only = SCAN_EVERY_PARTITION;
    if (status == CONFIG_RUN && tool.given.argument_count != 1)
        status = tool_misuse(&tool, "which service? One name; waybill task list knows all");
    if (status == CONFIG_RUN &&
        (!tool_service_topic(&tool, tool.given.arguments[0], ".changelog", &err) ||
         (task && value_to_int(str_from(task), 0, INT32_MAX, &g.only, &err))))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN)
        status = run(&g, tool.given.arguments, 1, false);
    tool_close(&tool);
    return status;
}
