/* waybill replay: one service decides old events of one of its inputs again, on purpose. */
#include "base/partition.h"
#include "config/values.h"
#include "events.h"
#include "topics/operator.h"
#include "waybill/commands.h"
#include "waybill/reading.h"
#include "waybill/scan.h"
#include "waybill/sender.h"

#include <stdio.h>
#include <time.h>

enum { KINDS_MAX = 256, HEADERS_MAX = 1100, RECORD_ARENA_BYTES_MAX = 64 << 20, PROGRESS = 10000 };

/* Where a run begins and ends: by time or by offset. */
struct bound {
    bool is_offset;
    int64_t number; /* offset, or Unix ms */
};

/* How many events of one type. */
struct kind {
    char name[96];
    int64_t count;
};

struct replay {
    struct tool *tool;
    const char *service;
    const struct topic *topic, *operators;
    struct str key; /* absent = any */
    struct str type;
    int64_t partition; /* -1 = all */
    struct bound from, to;
    bool yes, with_effects;
    const char *run, *by, *why;
    char now[RFC3339_BYTES];
    struct reading reading;
    struct sender sender;
    struct arena arena; /* of one record */
    struct kind kinds[KINDS_MAX];
    size_t kind_count;
    int64_t count, undecided, unusable, moved;
    int64_t first_ms, last_ms;
    int32_t partition_count;
    struct error failed;
};

static void count_kind(struct replay *r, struct str type)
{
    struct str name = type.ptr ? type : STR("?");
    size_t at = 0;
    while (at < r->kind_count && !str_equal(str_from(r->kinds[at].name), name))
        at++;
    if (at == KINDS_MAX)
        at--;
    if (at == r->kind_count) {
        snprintf(r->kinds[at].name, sizeof(r->kinds[at].name), "%.*s", STR_ARG(name));
        r->kind_count++;
    }
    r->kinds[at].count++;
}

static bool is_before(const struct bound *bound, const struct kafka_record *record)
{
    return bound->is_offset ? record->offset < bound->number : record->timestamp_ms < bound->number;
}

/* As it was, and that it is decided again; 0 = no memory. */
static size_t headers_of(struct replay *r, const struct kafka_record *record,
                         const struct cloudevent *ce, struct event_header out[HEADERS_MAX])
{
    enum { OURS = 12 };
    size_t count = 0;
    char time[RFC3339_BYTES];
    rfc3339_format(record->timestamp_ms, time);
    struct str came = arena_copy(&r->arena, str_from(time));
    struct str partition = arena_printf(&r->arena, "%d", record->partition);
    struct str offset = arena_printf(&r->arena, "%lld", (long long)record->offset);
    struct str id = arena_printf(&r->arena, "%s/%s/%.*s/%.*s", r->run, r->topic->name.ptr,
                                 STR_ARG(partition), STR_ARG(offset));
    if (!came.ptr || !id.ptr)
        return 0;
    for (size_t i = 0; i < record->header_count && count + OURS < HEADERS_MAX; i++)
        if (!str_starts_with(record->headers[i].name, STR(OPERATOR_HEADERS)) &&
            !str_equal(record->headers[i].name, STR("waybill_hops")))
            out[count++] = record->headers[i];
    if (!ce->has_time) /* else it would have happened now */
        out[count++] = (struct event_header){STR("ce_time"), came};
    out[count++] = (struct event_header){STR(OPERATOR_WHAT_HEADER), STR("replay")};
    out[count++] = (struct event_header){STR(OPERATOR_ID_HEADER), id};
    out[count++] = (struct event_header){STR(OPERATOR_TOPIC_HEADER), r->topic->name};
    out[count++] = (struct event_header){STR(OPERATOR_PARTITION_HEADER), partition};
    out[count++] = (struct event_header){STR(OPERATOR_OFFSET_HEADER), offset};
    out[count++] = (struct event_header){STR(OPERATOR_AGAIN_HEADER), str_from(r->run)};
    out[count++] = (struct event_header){STR(OPERATOR_EFFECTS_HEADER),
                                         r->with_effects ? STR("on") : STR("off")};
    out[count++] = (struct event_header){STR(OPERATOR_BY_HEADER), str_from(r->by)};
    out[count++] = (struct event_header){STR(OPERATOR_AT_HEADER), str_from(r->now)};
    if (r->why)
        out[count++] = (struct event_header){STR(OPERATOR_WHY_HEADER), str_from(r->why)};
    return count;
}

/* Is it one of those, and can it be decided again? What cannot is counted. */
static bool is_wanted(struct replay *r, const struct kafka_record *record,
                      const struct cloudevent *ce)
{
    int64_t next = reading_next(&r->reading, r->topic->name, record->partition);
    if ((r->key.ptr && !str_equal(record->key, r->key)) || is_before(&r->from, record) ||
        !is_before(&r->to, record) || (r->type.ptr && !str_equal(ce->type, r->type)))
        return false;
    bool fit = record->key.len > 0 && record->value.ptr;
    bool at_home = fit && partition_of(record->key, r->partition_count) == record->partition;
    r->unusable += !fit;
    r->moved += fit && !at_home;
    r->undecided += at_home && record->offset >= next;
    return at_home && record->offset < next;
}

static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct replay *r = self;
    struct event_header headers[HEADERS_MAX];
    struct cloudevent ce;
    (void)topic;
    cloudevent_read(record->headers, record->header_count, &ce);
    if (!is_wanted(r, record, &ce))
        return true;
    if (r->count == 0 || record->timestamp_ms < r->first_ms)
        r->first_ms = record->timestamp_ms;
    if (record->timestamp_ms > r->last_ms)
        r->last_ms = record->timestamp_ms;
    r->count++;
    count_kind(r, ce.type);
    if (!r->yes)
        return true;
    arena_reset(&r->arena);
    size_t count = headers_of(r, record, &ce, headers);
    if (count == 0)
        error_set(&r->failed, ERROR_FATAL, "out of memory");
    else if (sender_send(&r->sender, r->operators, record->key, record->value, headers, count,
                         &r->failed) == 0 &&
             r->count % PROGRESS == 0)
        fprintf(stderr, "%s: %lld sent\n", r->tool->name, (long long)r->count);
    return r->failed.action == ERROR_NONE;
}

static void print_sum(const struct replay *r)
{
    char first[RFC3339_BYTES], last[RFC3339_BYTES];
    for (size_t i = 0; i < r->kind_count; i++)
        printf("%10lld  %s\n", (long long)r->kinds[i].count, r->kinds[i].name);
    if (r->moved)
        printf("%10lld  passed over: they stood on a wrong partition and were moved; their copies "
               "count\n",
               (long long)r->moved);
    if (r->unusable)
        printf("%10lld  passed over: without key or value\n", (long long)r->unusable);
    if (r->undecided)
        printf("%10lld  passed over: %s has not decided them yet, and will\n",
               (long long)r->undecided, r->service);
    if (r->count == 0) {
        printf("nothing to decide again\n");
        return;
    }
    rfc3339_format(r->first_ms, first);
    rfc3339_format(r->last_ms, last);
    printf("\n%lld events of %s from %.19s to %.19s %s decided again by %s alone, effects %s.\n",
           (long long)r->count, r->topic->name.ptr, first, last, r->yes ? "are" : "would be",
           r->service,
           r->with_effects ? "ON: calls are made"
                           : "off: calls that they ask for are "
                             "parked");
    if (r->yes)
        printf("Run %s: the same command with --run %s sends the same events again, and each is "
               "still decided once\n(while its key remembers: its last 32 events).\n",
               r->run, r->run);
    else
        printf("Nothing was done: --yes does it. See --help for what it means to those who read "
               "what %s emits.\n",
               r->service);
}

static int open_all(struct replay *r, const char *topic, struct error *err)
{
    struct tool *tool = r->tool;
    r->topic = tool_find_topic(tool, topic, err);
    if (!r->topic || reading_open(&r->reading, tool, r->service, err))
        return -1;
    if (r->reading.partition_count == 0)
        return error_set(err, ERROR_FATAL, "%s has not decided anything yet", r->service);
    if (r->topic->use == TOPIC_OPERATOR || !reading_has_input(&r->reading, r->topic->name)) {
        struct str inputs = reading_inputs(&r->reading, &tool->arena);
        return error_set(err, ERROR_FATAL, "%s does not read %s; its inputs: %.*s", r->service,
                         r->topic->name.ptr, STR_ARG(inputs));
    }
    r->operators = tool_service_topic(tool, r->service, OPERATOR_SUFFIX, err);
    if (!r->operators || sender_open(&r->sender, tool, err))
        return -1;
    return kafka_admin_partitions(r->sender.admin, tool_full_name(tool, r->topic), TOOL_PATIENCE_MS,
                                  &r->partition_count, err);
}

static int run(struct replay *r, const char *topic)
{
    struct error err = {0};
    arena_init(&r->arena, RECORD_ARENA_BYTES_MAX);
    int failed = open_all(r, topic, &err);
    const struct scan_topic wanted = {
        .topic = r->topic, .partition = (int32_t)r->partition, .only_key = r->key};
    struct scan scan = {.topics = &wanted, .topic_count = 1, .take = take, .self = r};
    scan.from = r->from.is_offset ? SCAN_OFFSET : r->from.number > 0 ? SCAN_TIME : SCAN_BEGINNING;
    scan.from_number = r->from.number;
    if (!failed)
        failed = scan_run(r->tool, &scan, &err);
    if (!failed && r->failed.action != ERROR_NONE) {
        failed = -1;
        err = r->failed;
    }
    if (!failed)
        failed = sender_settle(&r->sender, &err);
    sender_close(&r->sender);
    reading_close(&r->reading);
    arena_done(&r->arena);
    if (failed)
        return tool_fail(r->tool, &err);
    print_sum(r);
    return r->count ? TOOL_OK : TOOL_FAILED;
}

/* All digits: an offset, which means something in one partition only. */
static int read_bound(struct replay *r, const char *flag, const char *text, struct bound *out)
{
    struct error err = {0};
    if (!text)
        return CONFIG_RUN;
    if (str_to_int64(str_from(text), &out->number)) {
        out->is_offset = true;
        return r->partition >= 0 ? CONFIG_RUN
                                 : tool_misuse(r->tool, "--%s: an offset needs --partition", flag);
    }
    return tool_parse_time(text, &out->number, &err)
               ? tool_misuse(r->tool, "--%s: %s, or an offset", flag, err.text)
               : CONFIG_RUN;
}

static const char details[] =
    "For when a rule was wrong, or a state is lost: the events of one input go once more to this "
    "one\n"
    "service (<service>.operator), as new events of the run, and are decided on the state that "
    "their\n"
    "keys have now. Without --yes it only counts them.\n"
    "* Effects are off: calls that the replayed events ask for are not made but parked (waybill "
    "parked\n"
    "  list), since they have probably been made the first time. --with-effects makes them; their\n"
    "  idempotency keys are those of the first time where the rule makes them of the order.\n"
    "  Timers that replayed events set ring as usual, and may ask for calls then: stop the "
    "endpoint\n"
    "  first (waybill endpoint stop) if that must not be.\n"
    "* A replay repeats: what the service emits goes to all who read it, our own services too, "
    "under\n"
    "  new ids, so they decide it again. Where a state notes what was done, nothing new comes of "
    "it;\n"
    "  what a rule only adds up is added again: the topic observations, replayed into feedback, "
    "doubles\n"
    "  the suppliers' scores. Look at the rule first: if it sums without noting of what, do not "
    "replay.\n"
    "* Only what the service has decided before is sent; what it has not, it will decide anyway.\n"
    "* Interrupted? The same command with the --run that it named goes over it again harmlessly, "
    "as\n"
    "  long as it is not more than 32 events of one key: so many ids does a key remember. They "
    "push\n"
    "  out others: a webhook that is repeated after a long replay of its key may be decided "
    "twice.\n\n"
    "examples: waybill replay tracking_ingest --topic inbound.tracking --key dhl/123\n"
    "          waybill replay tracking_ingest --topic inbound.tracking --from 6h --yes --why "
    "'mapping mended'\n";

int replay_main(int argc, char **argv)
{
    static struct tool tool;
    static struct replay r;
    const char *by, *from, *key, *partition, *to, *topic, *type;
    struct error err = {0};
    const struct config_flag flags[] = {
        {.name = "by",
         .hint = "NAME",
         .value = &by,
         .text = "who does it (default: the login's name)"},
        {.name = "from",
         .hint = "WHEN",
         .value = &from,
         .text = "RFC 3339, 6h = so long ago, or an offset"},
        {.name = "key", .letter = 'k', .hint = "KEY", .value = &key, .text = "only this key"},
        {.name = "partition", .hint = "N", .value = &partition, .text = "only this partition"},
        {.name = "run",
         .hint = "NAME",
         .value = &r.run,
         .text = "of an earlier run, to go over it again"},
        {.name = "to", .hint = "WHEN", .value = &to, .text = "before that"},
        {.name = "topic",
         .hint = "TOPIC",
         .value = &topic,
         .text = "one of the service's inputs (needed)"},
        {.name = "type", .hint = "EVENT", .value = &type, .text = "only these: order.accepted"},
        {.name = "why", .hint = "TEXT", .value = &r.why, .text = "goes with the records"},
        {.name = "with-effects",
         .on = &r.with_effects,
         .text = "make the calls that are asked for"},
        {.name = "yes", .on = &r.yes, .text = "do it"}};
    const struct tool_command command = {
        .name = "waybill replay",
        .text = "one service decides old events of one of its inputs again, "
                "without calls unless one says so",
        .usage = "SERVICE --topic TOPIC [flags]",
        .details = details,
        TOOL_FLAGS(flags)};
    r = (struct replay){.tool = &tool, .partition = -1, .to = {.number = INT64_MAX}};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && (tool.given.argument_count != 1 || !topic))
        status = tool_misuse(&tool, "SERVICE and --topic TOPIC are needed");
    if (status == CONFIG_RUN && partition &&
        value_to_int(str_from(partition), 0, INT32_MAX, &r.partition, &err))
        status = tool_misuse(&tool, "--partition: %s", err.text);
    if (status == CONFIG_RUN)
        status = read_bound(&r, "from", from, &r.from);
    if (status == CONFIG_RUN)
        status = read_bound(&r, "to", to, &r.to);
    if (status == CONFIG_RUN) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        rfc3339_format((int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000, r.now);
        r.service = tool.given.arguments[0];
        r.key = str_from(key);
        r.type = str_from(type);
        r.by = tool_user(by);
        r.run = r.run ? r.run : r.now;
        status = run(&r, topic);
    }
    tool_close(&tool);
    return status;
}
