/* waybill dlq requeue: dead letters go back to the service that set them aside, and to no other. */
#include "base/hash.h"
#include "config/values.h"
#include "events.h"
#include "topics/operator.h"
#include "waybill/commands.h"
#include "waybill/letter.h"
#include "waybill/reading.h"
#include "waybill/scan.h"
#include "waybill/sender.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

enum { LETTERS_MAX = 10000, BUCKETS = 16384, RECORD_ARENA_BYTES_MAX = 64 << 20 };

/* One that was chosen, and what is known of it. */
struct chosen {
    struct decoded letter;
    int64_t came_ms; /* to the dead letters */
    const char *why_not;
    const char *done_at, *done_by; /* when it was put back before; NULL = never */
    struct str offspring;          /* the dead letter that came of that; absent = none */
    size_t later;                  /* events of the key that the service got since */
    struct str last_later;
    struct str id;
    struct chosen *next_of_id, *next_of_key; /* same bucket */
};

struct requeue {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena; /* of one record */
    /* what is wanted; absent = any */
    struct str key, type, reason;
    int64_t from_ms, to_ms;
    int64_t partition, offset; /* -1 = any */
    bool yes, again;
    const char *by, *why;
    struct chosen letters[LETTERS_MAX];
    size_t count;
    bool overflow;
    struct chosen *by_id[BUCKETS], *by_key[BUCKETS];
    const struct topic
        *counting; /* the dead letters of the service whose later events are counted */
    size_t sent, cannot, before;
};

static bool contains(struct str text, struct str part)
{
    return part.len == 0 ||
           (text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len) != NULL);
}

static struct str type_of(const struct decoded *letter)
{
    return letter->type ? str_from(letter->type->name) : letter->ce.type;
}

static bool is_wanted(const struct requeue *r, const struct decoded *letter, int64_t came_ms)
{
    return (r->partition < 0 || letter->partition == r->partition) &&
           (r->offset < 0 || letter->offset == r->offset) &&
           (!r->key.ptr || str_equal(letter->key, r->key)) &&
           (!r->type.ptr || str_equal(type_of(letter), r->type)) &&
           contains(letter_header(letter, "waybill_error_reason"), r->reason) &&
           came_ms >= r->from_ms && came_ms < r->to_ms;
}

static struct chosen **bucket_of(struct chosen **buckets, struct str text)
{
    return &buckets[hash_add(HASH_START, text) % BUCKETS];
}

/* NULL = none of ours. */
static struct chosen *find_id(struct requeue *r, struct str id)
{
    struct chosen *chosen = *bucket_of(r->by_id, id);
    while (chosen && !str_equal(chosen->id, id))
        chosen = chosen->next_of_id;
    return chosen;
}

static void enter(struct requeue *r, struct chosen *chosen)
{
    struct chosen **by_id = bucket_of(r->by_id, chosen->id);
    struct chosen **by_key = bucket_of(r->by_key, chosen->letter.key);
    chosen->next_of_id = *by_id;
    chosen->next_of_key = *by_key;
    *by_id = *by_key = chosen;
}

/* That dead letter came of one of ours. */
static void note_offspring(struct requeue *r, const struct decoded *letter)
{
    struct str forebear =
        event_header_find(letter->headers, letter->header_count, OPERATOR_ID_HEADER);
    struct chosen *chosen = forebear.ptr ? find_id(r, forebear) : NULL;
    if (chosen)
        chosen->offspring = letter_id(letter, &r->tool->arena);
}

static bool take_letter(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct requeue *r = self;
    struct decoded letter;
    arena_reset(&r->arena);
    decoder_read(&r->decoder, topic, record, &r->arena, &letter);
    note_offspring(r, &letter);
    if (!is_wanted(r, &letter, record->timestamp_ms))
        return true;
    struct chosen *chosen = &r->letters[r->count];
    r->overflow = r->count == LETTERS_MAX ||
                  !decoder_keep(&r->decoder, topic, record, &r->tool->arena, &chosen->letter);
    if (r->overflow)
        return false;
    chosen->came_ms = record->timestamp_ms;
    chosen->why_not = letter_why_not(&chosen->letter, &r->tool->arena);
    chosen->id = letter_id(&chosen->letter, &r->tool->arena);
    enter(r, chosen);
    r->count++;
    return true;
}

/* What was put back before. */
static bool take_sent(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct requeue *r = self;
    struct str id = event_header_find(record->headers, record->header_count, OPERATOR_ID_HEADER);
    struct str at = event_header_find(record->headers, record->header_count, OPERATOR_AT_HEADER);
    struct str by = event_header_find(record->headers, record->header_count, OPERATOR_BY_HEADER);
    struct chosen *chosen = id.ptr ? find_id(r, id) : NULL;
    (void)topic;
    if (chosen) {
        chosen->done_at = arena_copy(&r->tool->arena, at.ptr ? at : STR("?")).ptr;
        chosen->done_by = arena_copy(&r->tool->arena, by.ptr ? by : STR("?")).ptr;
    }
    return true;
}

static bool take_later(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct requeue *r = self;
    struct chosen *chosen = *bucket_of(r->by_key, record->key);
    for (; chosen; chosen = chosen->next_of_key) {
        if (chosen->letter.topic != r->counting || !str_equal(chosen->letter.key, record->key) ||
            record->timestamp_ms <= chosen->came_ms)
            continue;
        struct cloudevent ce;
        char at[RFC3339_BYTES];
        cloudevent_read(record->headers, record->header_count, &ce);
        rfc3339_format(record->timestamp_ms, at);
        chosen->later++;
        chosen->last_later =
            arena_printf(&r->tool->arena, "%.*s on %.*s, %.19s",
                         STR_ARG(ce.type.ptr ? ce.type : STR("?")), STR_ARG(topic->name), at);
    }
    return true;
}

/* Which events of the letters' keys the service got after them. */
static int count_later(struct requeue *r, const struct topic *dlq, struct error *err)
{
    static struct reading reading;
    struct tool *tool = r->tool;
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    int64_t first_ms = INT64_MAX;
    struct scan scan = {
        .topics = wanted, .skip_missing = true, .from = SCAN_TIME, .take = take_later, .self = r};
    for (size_t i = 0; i < r->count; i++)
        if (r->letters[i].letter.topic == dlq && !r->letters[i].why_not &&
            r->letters[i].came_ms < first_ms)
            first_ms = r->letters[i].came_ms;
    if (first_ms == INT64_MAX)
        return 0;
    struct str service = {dlq->name.ptr, dlq->name.len - sizeof(".dlq") + 1};
    int failed = reading_open(&reading, tool, arena_copy(&tool->arena, service).ptr, err);
    for (size_t i = 0; !failed && i < tool->topic_count; i++)
        if (reading_has_input(&reading, tool->topics[i].name))
            wanted[scan.topic_count++] =
                (struct scan_topic){.topic = &tool->topics[i], .partition = SCAN_EVERY_PARTITION};
    r->counting = dlq;
    scan.from_number = first_ms;
    if (!failed && scan.topic_count > 0)
        failed = scan_run(tool, &scan, err);
    reading_close(&reading);
    return failed;
}

static void print_letter(const struct chosen *chosen)
{
    const struct decoded *letter = &chosen->letter;
    char came[RFC3339_BYTES];
    struct str type = type_of(letter);
    rfc3339_format(chosen->came_ms, came);
    printf("%.*s %d %lld  %.19s  %.*s  from %.*s %.*s@%.*s  key %.*s\n    %.*s\n",
           (int)letter->topic->name.len - 4, letter->topic->name.ptr, letter->partition,
           (long long)letter->offset, came, STR_ARG(type.ptr ? type : STR("?")),
           STR_ARG(letter_header(letter, "waybill_error_topic")),
           STR_ARG(letter_header(letter, "waybill_error_partition")),
           STR_ARG(letter_header(letter, "waybill_error_offset")), STR_ARG(letter->key),
           STR_ARG(letter_header(letter, "waybill_error_reason")));
}

static int put_back(struct requeue *r, struct sender *sender, const struct chosen *chosen,
                    const char *now, struct error *err)
{
    struct event_header headers[LETTER_HEADERS_MAX];
    const struct decoded *letter = &chosen->letter;
    arena_reset(&r->arena);
    struct str again = arena_printf(&r->arena, "%s", now);
    const struct letter_sender who = {
        .by = r->by, .why = r->why, .at = now, .again = chosen->done_at ? again.ptr : NULL};
    size_t count = letter_put_back(letter, &who, &r->arena, headers);
    struct str service =
        arena_copy(&r->arena, (struct str){letter->topic->name.ptr, letter->topic->name.len - 4});
    const struct topic *topic = tool_service_topic(r->tool, service.ptr, OPERATOR_SUFFIX, err);
    if (count == 0 || !topic)
        return error_set(err, ERROR_FATAL, "out of memory");
    return sender_send(sender, topic, letter->key, letter->value, headers, count, err);
}

/* Says what becomes of one, and does it when that is wanted. */
static int handle(struct requeue *r, struct sender *sender, struct chosen *chosen, const char *now,
                  struct error *err)
{
    print_letter(chosen);
    if (chosen->why_not) {
        printf("    cannot be requeued: %s\n", chosen->why_not);
        r->cannot++;
        return 0;
    }
    if (chosen->done_at && !r->again) {
        printf("    was requeued %.19s by %s%s%.*s\n", chosen->done_at, chosen->done_by,
               chosen->offspring.ptr ? " and failed again as " : "; --again decides it once more",
               STR_ARG(chosen->offspring));
        r->before++;
        return 0;
    }
    r->sent++;
    if (!r->yes) {
        printf("    would be decided now, on today's state");
        if (chosen->later)
            printf(", %zu later event%s of its key having come since, the last one %.*s",
                   chosen->later, chosen->later == 1 ? "" : "s", STR_ARG(chosen->last_later));
        printf("\n");
        return 0;
    }
    if (put_back(r, sender, chosen, now, err))
        return -1;
    printf("    requeued\n");
    return 0;
}

static int read_all(struct requeue *r, struct scan *scan, struct scan_topic *wanted,
                    struct error *err)
{
    struct tool *tool = r->tool;
    if (decoder_open(&r->decoder, tool, err) || scan_run(tool, scan, err))
        return -1;
    if (r->count == 0)
        return 0;
    struct scan sent = *scan;
    sent.take = take_sent;
    struct scan_topic operators[SCAN_TOPICS_MAX];
    sent.topics = operators;
    for (size_t i = 0; i < scan->topic_count; i++) {
        const struct topic *next = wanted[i].topic + 1; /* topics_all: side by side */
        assert(next->use == TOPIC_OPERATOR);
        operators[i] = (struct scan_topic){.topic = next, .partition = SCAN_EVERY_PARTITION};
    }
    if (scan_run(tool, &sent, err))
        return -1;
    for (size_t i = 0; !r->yes && i < scan->topic_count; i++)
        if (count_later(r, wanted[i].topic, err))
            return -1;
    return 0;
}

static void print_sum(const struct requeue *r)
{
    printf("\n%zu %s, %zu cannot be, %zu were before.", r->sent,
           r->yes ? "requeued" : "would be requeued", r->cannot, r->before);
    if (!r->yes && r->sent)
        printf(
            " Nothing was done: --yes does it. Each counts once, however often it is sent; what "
            "fails again\nis a new dead letter. An event keeps its own time and id, but is decided "
            "on the state that its key has now.");
    printf("\n");
    if (r->overflow)
        fprintf(stderr, "%s: more than %d, or too large; the rest is not shown: choose fewer\n",
                r->tool->name, LETTERS_MAX);
}

static int run(struct requeue *r, struct scan *scan, struct scan_topic *wanted)
{
    struct error err = {0};
    struct sender sender = {0};
    char now[RFC3339_BYTES];
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    rfc3339_format((int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000, now);
    arena_init(&r->arena, RECORD_ARENA_BYTES_MAX);
    int failed = read_all(r, scan, wanted, &err);
    if (!failed && r->yes)
        failed = sender_open(&sender, r->tool, &err);
    for (size_t i = 0; !failed && i < r->count; i++)
        failed = handle(r, &sender, &r->letters[i], now, &err);
    if (!failed && r->yes)
        failed = sender_settle(&sender, &err);
    sender_close(&sender);
    decoder_close(&r->decoder);
    arena_done(&r->arena);
    if (failed)
        return tool_fail(r->tool, &err);
    if (r->count == 0)
        printf("no dead letter is as you say\n");
    else
        print_sum(r);
    return r->count == 0 || r->cannot || (r->yes && r->overflow) ? TOOL_FAILED : TOOL_OK;
}

/* [SERVICE [PARTITION OFFSET]] and the times. */
static int read_arguments(struct requeue *r, const char *from, const char *to,
                          struct scan_topic *wanted, size_t *out_count)
{
    struct tool *tool = r->tool;
    const struct config_outcome *given = &tool->given;
    struct error err = {0};
    const struct topic *only = NULL;
    if (given->argument_count == 2 || given->argument_count > 3)
        return tool_misuse(tool, "[SERVICE [PARTITION OFFSET]] is what it takes");
    if ((given->argument_count > 0 &&
         !(only = tool_service_topic(tool, given->arguments[0], ".dlq", &err))) ||
        (given->argument_count == 3 &&
         (value_to_int(str_from(given->arguments[1]), 0, INT32_MAX, &r->partition, &err) ||
          value_to_int(str_from(given->arguments[2]), 0, INT64_MAX, &r->offset, &err))) ||
        (from && tool_parse_time(from, &r->from_ms, &err)) ||
        (to && tool_parse_time(to, &r->to_ms, &err)))
        return tool_misuse(tool, "%s", err.text);
    for (size_t i = 0; i < tool->topic_count; i++)
        if (tool->topics[i].use == TOPIC_DEAD_LETTERS && (!only || only == &tool->topics[i]))
            wanted[(*out_count)++] =
                (struct scan_topic){.topic = &tool->topics[i], .partition = SCAN_EVERY_PARTITION};
    return CONFIG_RUN;
}

static const char details[] =
    "Without --yes it only says what it would do. Each goes to <service>.operator, which only the\n"
    "service that set it aside reads: the topic where it first stood has other readers, who have\n"
    "decided it. It keeps its key, id and time, is decided on the state that its key has now (the "
    "list\n"
    "says how many later events of the key came meanwhile), and counts once. What is refused again "
    "is\n"
    "a new dead letter that names this one. Some cannot be put back; the list says why.\n\n"
    "examples: waybill dlq requeue intake\n"
    "          waybill dlq requeue intake 3 17 --yes\n"
    "          waybill dlq requeue --reason 'schema with id 301' --from 2h --yes --why 'published "
    "late'\n";

int dlq_requeue_main(int argc, char **argv)
{
    static struct tool tool;
    static struct requeue r;
    const char *by, *from, *key, *reason, *to, *type;
    const struct config_flag flags[] = {
        {.name = "again",
         .on = &r.again,
         .text = "those that were requeued before, too, as new events"},
        {.name = "by",
         .hint = "NAME",
         .value = &by,
         .text = "who does it (default: the login's name)"},
        {.name = "from",
         .hint = "TIME",
         .value = &from,
         .text = "set aside at or after: RFC 3339, or 2h = so long ago"},
        {.name = "key", .letter = 'k', .hint = "KEY", .value = &key, .text = "only this key"},
        {.name = "reason",
         .hint = "TEXT",
         .value = &reason,
         .text = "only if the reason contains this"},
        {.name = "to", .hint = "TIME", .value = &to, .text = "set aside before"},
        {.name = "type", .hint = "EVENT", .value = &type, .text = "only these: order.submitted"},
        {.name = "why", .hint = "TEXT", .value = &r.why, .text = "goes with the record"},
        {.name = "yes", .on = &r.yes, .text = "do it"},
    };
    const struct tool_command command = {
        .name = "waybill dlq requeue",
        .text =
            "puts dead letters back to the service that set them aside; says first what that means",
        .usage = "[SERVICE [PARTITION OFFSET]] [flags]",
        .details = details,
        TOOL_FLAGS(flags)};
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    struct scan scan = {.topics = wanted, .skip_missing = true, .take = take_letter, .self = &r};
    r = (struct requeue){.tool = &tool, .to_ms = INT64_MAX, .partition = -1, .offset = -1};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN) {
        r.key = str_from(key);
        r.type = str_from(type);
        r.reason = str_from(reason);
        r.by = tool_user(by);
        status = read_arguments(&r, from, to, wanted, &scan.topic_count);
    }
    if (status == CONFIG_RUN)
        status = run(&r, &scan, wanted);
    tool_close(&tool);
    return status;
}
