/* waybill order show: the whole life of an order over all topics. */
#include "events.h"
#include "topics/event_key.h"
#include "topics/operator.h"
#include "waybill/commands.h"
#include "waybill/scan.h"
#include "waybill/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KEYS_MAX = 4096, REPORT_BYTES_MAX = 64 << 20 };

struct gathering {
    struct tool *tool;
    struct decoder decoder;
    struct str order_id;
    struct decoded *events;
    size_t count;
    struct str keys[KEYS_MAX]; /* of what belongs to the order but is keyed otherwise: supplier/sku,
                                  carrier/number */
    size_t key_count;
    struct arena scratch; /* of one record, to see whether it is wanted */
    bool overflow;
};

static bool knows_key(const struct gathering *g, struct str key)
{
    for (size_t i = 0; i < g->key_count; i++)
        if (str_equal(g->keys[i], key))
            return true;
    return false;
}

static void learn_key(struct gathering *g, struct str head, struct str tail)
{
    if (!head.len || !tail.len || g->key_count == KEYS_MAX)
        return;
    struct str key = arena_printf(&g->tool->arena, "%.*s/%.*s", STR_ARG(head), STR_ARG(tail));
    if (key.ptr && !knows_key(g, key))
        g->keys[g->key_count++] = key;
}

/* An event of the order names the SKUs that were asked and the parcels that were sent. */
static void learn(struct gathering *g, const struct decoded *event)
{
    if (!event->type)
        return;
    const struct record_type *type = event->type;
    struct str supplier = event_field(type, event->body, "supplier_id");
    learn_key(g, supplier, event_field(type, event->body, "sku"));
    learn_key(g, event_field(type, event->body, "carrier"),
              event_field(type, event->body, "tracking_number"));
    if (type == &supplier_order_shipped) {
        const struct supplier_order_shipped *shipped = event->body;
        for (size_t i = 0; i < shipped->parcels.len; i++)
            learn_key(g, shipped->parcels.ptr[i].carrier, shipped->parcels.ptr[i].tracking_number);
    }
    if (type == &stock_reserved) {
        const struct stock_reserved *reserved = event->body;
        for (size_t i = 0; i < reserved->holds.len; i++)
            learn_key(g, reserved->holds.ptr[i].supplier_id, reserved->holds.ptr[i].sku);
    }
}

static bool keyed_by(const struct topic *topic, const char *kind)
{
    return topic->use == TOPIC_EVENTS && strcmp(topic->key, kind) == 0;
}

/* Whether a record is of this order: by its key, by the order_id in it, or as a scan of one of its
 * parcels. */
static bool belongs(struct gathering *g, const struct topic *topic,
                    const struct kafka_record *record)
{
    struct decoded seen;
    if (str_equal(record->key, g->order_id))
        return true;
    if (keyed_by(topic, "order id"))
        return false;
    arena_reset(&g->scratch);
    decoder_read(&g->decoder, topic, record, &g->scratch, &seen);
    if (!seen.type)
        return false;
    struct str id = event_field(seen.type, seen.body, "order_id");
    if (id.ptr)
        return str_equal(id, g->order_id);
    return keyed_by(topic, "carrier/number") && knows_key(g, record->key);
}

/* What a person sent once more stands in the life already; what he decided does not. */
static bool is_sent_again(const struct topic *topic, const struct kafka_record *record)
{
    struct str what =
        event_header_find(record->headers, record->header_count, OPERATOR_WHAT_HEADER);
    return topic->use == TOPIC_OPERATOR && !str_equal(what, STR("answer"));
}

static bool gather(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct gathering *g = self;
    if (!belongs(g, topic, record) || is_sent_again(topic, record))
        return true;
    g->overflow = g->count == TIMELINE_EVENTS_MAX ||
                  !decoder_keep(&g->decoder, topic, record, &g->tool->arena, &g->events[g->count]);
    if (g->overflow)
        return false;
    learn(g, &g->events[g->count++]);
    return true;
}

/* First what is keyed by the order: one partition each. */
static size_t order_topics(const struct gathering *g, struct scan_topic *out)
{
    size_t count = 0;
    for (size_t i = 0; i < g->tool->topic_count; i++) {
        const struct topic *topic = &g->tool->topics[i];
        if (keyed_by(topic, "order id") || topic->use == TOPIC_DEAD_LETTERS ||
            topic->use == TOPIC_OPERATOR)
            out[count++] = (struct scan_topic){.topic = topic, .only_key = g->order_id};
    }
    return count;
}

/* Then what is keyed otherwise: the partitions of the keys that were learnt; of contacts and
 * subjects all. */
static size_t other_topics(const struct gathering *g, struct scan_topic *out)
{
    size_t count = 0;
    for (size_t i = 0; i < g->tool->topic_count; i++) {
        const struct topic *topic = &g->tool->topics[i];
        bool wanted = str_equal(topic->name, STR("stock.holds")) ||
                      keyed_by(topic, "carrier/number") || keyed_by(topic, "contact") ||
                      keyed_by(topic, "subject");
        if (wanted)
            out[count++] = (struct scan_topic){.topic = topic, .partition = SCAN_EVERY_PARTITION};
    }
    return count;
}

static int gather_all(struct gathering *g, struct error *err)
{
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    struct scan scan = {.topics = wanted, .skip_missing = true, .take = gather, .self = g};
    scan.topic_count = order_topics(g, wanted);
    if (scan_run(g->tool, &scan, err))
        return -1;
    if (g->count == 0)
        return 0;
    scan.topic_count = other_topics(g, wanted);
    return g->overflow ? 0 : scan_run(g->tool, &scan, err);
}

static void print_json(struct gathering *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct str line = decoded_json(&g->events[i], &g->tool->arena);
        printf("%.*s\n", STR_ARG(line));
    }
}

/* Of the terminal, COLUMNS, or without a limit. */
static size_t line_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int64_t width;
    if (columns && str_to_int64(str_from(columns), &width) && width > 0 && width < 10000)
        return (size_t)width;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        return size.ws_col;
    return 0;
}

static int print_timeline(struct gathering *g, bool every)
{
    const struct timeline_style style = {
        .width = line_width(), .every = every, .order_id = g->order_id};
    struct buffer out;
    buffer_init(&out, REPORT_BYTES_MAX);
    timeline_write(g->events, g->count, &style, &g->tool->arena, &out);
    bool ok = !out.failed && fwrite(out.ptr, 1, out.len, stdout) == out.len;
    buffer_done(&out);
    return ok ? TOOL_OK : TOOL_FAILED;
}

static int show(struct gathering *g, bool json, bool every, bool unmasked)
{
    struct error err = {0};
    struct tool *tool = g->tool;
    int status = TOOL_OK;
    arena_init(&g->scratch, 64 << 20);
    g->events = arena_alloc_array(&tool->arena, TIMELINE_EVENTS_MAX, sizeof(*g->events));
    if (!g->events || decoder_open(&g->decoder, tool, &err) || gather_all(g, &err))
        status = tool_fail(tool, &err);
    else if (g->count == 0) {
        fprintf(stderr, "%s: nothing of order %.*s; an order id is <store>:<external id>\n",
                tool->name, STR_ARG(g->order_id));
        status = TOOL_FAILED;
    }
    for (size_t i = 0; i < g->count && !unmasked; i++)
        decoded_mask(&g->events[i], &tool->arena);
    timeline_sort(g->events, g->count);
    if (status == TOOL_OK && json)
        print_json(g);
    else if (status == TOOL_OK)
        status = print_timeline(g, every);
    if (g->overflow)
        fprintf(stderr, "%s: the order has more than %d events; the rest is not shown\n",
                tool->name, TIMELINE_EVENTS_MAX);
    decoder_close(&g->decoder);
    arena_done(&g->scratch);
    return status;
}

int order_show_main(int argc, char **argv)
{
    bool json, every, unmasked;
    const struct config_flag flags[] = {
        {.name = "every",
         .on = &every,
         .text = "a line for each event, bookkeeping between services included"},
        {.name = "json", .on = &json, .text = "JSON lines, as waybill consume prints them"},
        {.name = "unmasked", .on = &unmasked, .text = "personal data as it is"},
    };
    const struct tool_command command = {
        .name = "waybill order show",
        .text = "the whole life of an order over all topics, in the order of time",
        .usage = "ID [flags]",
        .details =
            "ID is <store>:<external id>. Each line: number, time (UTC), topic, event, what it "
            "says, and what caused it:\n← 3 = line 3; ⇠ 3 = a timer or a call that line 3 led to. "
            "\"/2\" is the fulfilment ID/2. Lines are cut to the\nterminal, or to COLUMNS. "
            "Personal "
            "data is masked.\n\n"
            "example: waybill order show demo:1001\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    static struct gathering g;
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && tool.given.argument_count != 1)
        status = tool_misuse(&tool, "one order id is needed: waybill order show demo:1001");
    if (status == CONFIG_RUN) {
        g.tool = &tool;
        g.order_id = str_from(tool.given.arguments[0]);
        status = show(&g, json, every, unmasked);
    }
    tool_close(&tool);
    return status;
}
