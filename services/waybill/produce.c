/* waybill produce: JSON lines, or a store's or carrier's own bytes, as events. */
#include "avro/codec.h"
#include "base/partition.h"
#include "cloudevents/cloudevents.h"
#include "config/values.h"
#include "kafka/producer.h"
#include "waybill/commands.h"
#include "waybill/envelope.h"
#include "waybill/lines.h"
#include "waybill/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENT_BYTES_MAX = 4 * 1024 * 1024,
    LINE_ARENA_BYTES_MAX = 64 * 1024 * 1024,
    UNTOLD_MAX = 1000, /* written, but not told as --acks yet */
    IDLE_MS = 5,
    FLUSH_MS = 500,
    LAST_FLUSH_MS = 120000,
    CLOSE_MS = 3000
};

/* An event on its way, for --acks. */
struct written {
    char topic[TOPIC_NAME_BYTES], id[64];
    int64_t line, offset;
    int32_t partition;
};

struct producing {
    struct tool *tool;
    struct kafka_admin *admin;
    struct kafka_producer *producer;
    struct arena arena; /* of one line */
    struct buffer value;
    const char *topic; /* of all events, as the person named it; NULL = each its own */
    struct str source; /* ce_source */
    bool acks;
    struct written untold[UNTOLD_MAX];
    size_t untold_count;
    bool unflushed;
    int64_t done, refused;
};

static const struct topic *topic_of(struct producing *p, const struct envelope *envelope,
                                    struct error *err)
{
    if (p->topic)
        return tool_find_topic(p->tool, p->topic, err);
    const char *name = envelope->topic.ptr ? envelope->topic.ptr : envelope->type->topic;
    const struct topic *topic = name ? tool_find_topic(p->tool, name, err) : NULL;
    if (topic)
        return topic;
    if (name)
        err->action = ERROR_SET_ASIDE;
    else
        error_set(err, ERROR_SET_ASIDE, "%s goes to several topics: say --topic",
                  envelope->type->name);
    return NULL;
}

/* For --acks; the output's offset goes there once it is written. */
static void remember(struct producing *p, struct kafka_output *output, struct str id, int64_t line)
{
    struct written *written = &p->untold[p->untold_count++];
    *written = (struct written){.line = line, .partition = output->partition, .offset = -1};
    snprintf(written->topic, sizeof(written->topic), "%s", output->topic);
    snprintf(written->id, sizeof(written->id), "%.*s", STR_ARG(id));
    output->out_offset = &written->offset;
}

static int tell(struct producing *p, struct error *err)
{
    for (size_t i = 0; i < p->untold_count; i++) {
        const struct written *written = &p->untold[i];
        printf("{\"line\":%lld,\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"id\":\"%s\"}\n",
               (long long)written->line, written->topic, written->partition,
               (long long)written->offset, written->id);
    }
    p->untold_count = 0;
    return fflush(stdout)
               ? error_set(err, ERROR_FATAL, "cannot write the acks: %s", strerror(errno))
               : 0;
}

/* Waits until everything is written; with --acks, tells what went where. ERROR_RETRY: not within
 * timeout_ms. */
static int settle(struct producing *p, int timeout_ms, struct error *err)
{
    if (!p->unflushed)
        return 0;
    if (kafka_producer_flush(p->producer, timeout_ms, err))
        return -1;
    p->unflushed = false;
    return tell(p, err);
}

/* While more lines may come: Kafka being away is no reason to give up, the client keeps trying. */
static int settle_meanwhile(struct producing *p, struct error *err)
{
    if (settle(p, FLUSH_MS, err) == 0 || err->action == ERROR_RETRY)
        return 0;
    return -1;
}

static int send_event(struct producing *p, const struct envelope *envelope, int64_t line,
                      struct error *err)
{
    struct cloudevent_headers headers;
    char traceparent[TRACEPARENT_BYTES + 1];
    int32_t partitions;
    const struct topic *topic = topic_of(p, envelope, err);
    if (!topic)
        return -1;
    const char *name = tool_full_name(p->tool, topic);
    if (kafka_admin_partitions(p->admin, name, TOOL_PATIENCE_MS, &partitions, err))
        return -1;
    if (partitions == 0)
        return error_set(err, ERROR_FATAL,
                         "topic %s does not exist: waybill topics create makes it", name);
    buffer_reset(&p->value);
    if (avro_encode_framed(envelope->type, envelope->body, &p->value, err))
        return -1;
    traceparent_next((struct str){NULL, 0}, envelope->id, traceparent);
    const struct cloudevent ce = {.id = envelope->id,
                                  .source = p->source,
                                  .type = str_from(envelope->type->name),
                                  .subject = envelope->key,
                                  .cause = envelope->cause,
                                  .traceparent = str_from(traceparent),
                                  .time_ms = envelope->time_ms};
    cloudevent_write(&ce, &headers);
    struct kafka_output output = {.topic = name,
                                  .partition = partition_of(envelope->key, partitions),
                                  .key = envelope->key,
                                  .value = buffer_str(&p->value),
                                  .headers = headers.rows,
                                  .header_count = headers.count};
    if (p->acks)
        remember(p, &output, envelope->id, line);
    if (kafka_producer_produce(p->producer, &output, err)) {
        p->untold_count -= p->acks;
        return -1;
    }
    p->unflushed = true;
    p->done++;
    return p->untold_count == UNTOLD_MAX ? settle(p, LAST_FLUSH_MS, err) : 0;
}

/* Errors of one line are told and counted; what concerns Kafka itself ends the program. */
static int refuse(struct producing *p, const char *where, int64_t line, struct error *err)
{
    if (err->action != ERROR_SET_ASIDE)
        return -1;
    fprintf(stderr, "%s: %s:%lld: %s\n", p->tool->name, where, (long long)line, err->text);
    p->refused++;
    return 0;
}

static int produce_line(struct producing *p, const struct envelope_rules *rules, struct str text,
                        const char *where, int64_t number, struct error *err)
{
    struct envelope_rules now = *rules;
    struct envelope envelope;
    now.now_ms = tool_now_ms(p->tool);
    arena_reset(&p->arena);
    if (str_is_empty(str_trim(text)))
        return 0;
    if (envelope_read(&now, text, &p->arena, &envelope, err)) {
        err->action = ERROR_SET_ASIDE;
        return refuse(p, where, number, err);
    }
    return send_event(p, &envelope, number, err) ? refuse(p, where, number, err) : 0;
}

static int produce_stream(struct producing *p, const struct envelope_rules *rules, int fd,
                          const char *where, struct error *err)
{
    struct lines lines;
    struct str text;
    int result = 0;
    lines_open(&lines, fd);
    for (bool more = true; more && result == 0;) {
        int got = lines_next(&lines, p->unflushed ? IDLE_MS : -1, &text, err);
        more = got != LINES_END;
        if (got < 0)
            result = error_prefix(err, "%s", where);
        else if (got == LINES_LINE)
            result = produce_line(p, rules, text, where, lines.number, err);
        else
            result = settle_meanwhile(p, err);
        kafka_producer_poll(p->producer);
    }
    lines_close(&lines);
    return result;
}

static int produce_files(struct producing *p, const struct envelope_rules *rules, struct error *err)
{
    const struct config_outcome *given = &p->tool->given;
    if (given->argument_count == 0)
        return produce_stream(p, rules, STDIN_FILENO, "stdin", err);
    for (size_t i = 0; i < given->argument_count; i++) {
        bool is_stdin = strcmp(given->arguments[i], "-") == 0;
        int fd = is_stdin ? STDIN_FILENO : open(given->arguments[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return error_set(err, ERROR_FATAL, "cannot open %s: %s", given->arguments[i],
                             strerror(errno));
        int result = produce_stream(p, rules, fd, given->arguments[i], err);
        if (!is_stdin)
            close(fd);
        if (result)
            return -1;
    }
    return 0;
}

static int produce_payloads(struct producing *p, struct payload_rules *rules, struct error *err)
{
    const struct config_outcome *given = &p->tool->given;
    for (size_t i = 0; i < given->argument_count; i++) {
        const char *file =
            strcmp(given->arguments[i], "-") == 0 ? "/dev/stdin" : given->arguments[i];
        struct str bytes;
        struct envelope envelope;
        arena_reset(&p->arena);
        rules->now_ms = tool_now_ms(p->tool);
        if (value_read_file(file, EVENT_BYTES_MAX, &p->arena, &bytes, err))
            return -1;
        if ((envelope_wrap_payload(rules, bytes, &p->arena, &envelope, err) ||
             send_event(p, &envelope, (int64_t)i + 1, err)) &&
            refuse(p, given->arguments[i], 1, err))
            return -1;
    }
    return 0;
}

/* What makes the ids of this run differ from those of every other. */
static struct str run_name(struct tool *tool)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return arena_printf(&tool->arena, "%lld.%09ld.%d", (long long)now.tv_sec, now.tv_nsec,
                        (int)getpid());
}

static int produce(struct producing *p, const struct envelope_rules *rules,
                   struct payload_rules *payloads)
{
    struct error err = {0};
    struct tool *tool = p->tool;
    arena_init(&p->arena, LINE_ARENA_BYTES_MAX);
    buffer_init(&p->value, EVENT_BYTES_MAX);
    int failed = kafka_admin_open(&p->admin, &tool->kafka, &err) ||
                 kafka_producer_open(&p->producer, &tool->kafka, NULL, &err);
    if (!failed)
        failed = payloads ? produce_payloads(p, payloads, &err) : produce_files(p, rules, &err);
    struct error late = {0};
    if (p->producer && settle(p, LAST_FLUSH_MS, &late) && !failed) {
        failed = -1;
        err = late;
    }
    kafka_producer_close(p->producer, CLOSE_MS);
    kafka_admin_close(p->admin, CLOSE_MS);
    arena_done(&p->arena);
    buffer_done(&p->value);
    if (failed)
        return tool_fail(tool, &err);
    if (p->refused)
        fprintf(stderr, "%s: %lld written, %lld refused\n", tool->name, (long long)p->done,
                (long long)p->refused);
    return p->refused ? TOOL_FAILED : TOOL_OK;
}

static const char details[] =
    "Without --event each line is {\"event\": NAME, \"data\": {…}} and may have \"id\", \"time\", "
    "\"key\", \"cause\", \"topic\".\nThe key (and with it the partition) follows from the body. "
    "The same content has the same id, so that a\nline sent twice is one event; --new-ids makes "
    "it two. The event's time is the body's own (placed_at_ms,\noccurred_at_ms …), else now. A "
    "line that is wrong is named on stderr and left out; exit status 1 then.\n\n"
    "examples: waybill produce --event order.submitted <orders.jsonl\n"
    "          waybill produce --payload shopify --store demo order.json\n"
    "          waybill produce --payload shiprocket --carrier shiprocket scan.json\n";

int produce_main(int argc, char **argv)
{
    bool acks, new_ids;
    const char *event, *topic, *key, *source, *payload, *store, *carrier, *notice;
    const struct config_flag flags[] = {
        {.name = "acks", .on = &acks, .text = "print what was written where, as JSON lines"},
        {.name = "carrier", .hint = "NAME", .value = &carrier, .text = "of --payload: for the key"},
        {.name = "event",
         .hint = "NAME",
         .value = &event,
         .text = "each line is the body of this event: order.submitted"},
        {.name = "key", .hint = "KEY", .value = &key, .text = "instead of the body's"},
        {.name = "new-ids", .on = &new_ids, .text = "other ids than every other run"},
        {.name = "notice",
         .hint = "NAME",
         .value = &notice,
         .text = "of --payload: the source's own word for it: orders/cancelled"},
        {.name = "payload",
         .hint = "SOURCE",
         .value = &payload,
         .text = "the files are its own bytes: shopify, woocommerce, shiprocket"},
        {.name = "source",
         .hint = "URI",
         .value = &source,
         .text = "ce_source (default waybill/cli)"},
        {.name = "store", .hint = "NAME", .value = &store, .text = "of --payload: for the key"},
        {.name = "topic", .hint = "TOPIC", .value = &topic, .text = "instead of the event's own"},
    };
    const struct tool_command command = {.name = "waybill produce",
                                         .text = "JSON lines, or somebody's own bytes, as events",
                                         .usage = "[flags] [FILE…]  (standard input without FILE)",
                                         .details = details,
                                         TOOL_FLAGS(flags)};
    static struct tool tool;
    static struct producing p;
    struct error err = {0};
    struct envelope_rules rules = {0};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && event && payload)
        status = tool_misuse(&tool, "--event and --payload do not go together");
    if (status == CONFIG_RUN && payload && tool.given.argument_count == 0)
        status = tool_misuse(&tool, "--payload needs a FILE, or - for standard input");
    if (status == CONFIG_RUN && event && !(rules.type = tool_find_type(event, &err)))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN && topic && !tool_find_topic(&tool, topic, &err))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN) {
        rules.key = str_from(key);
        if (new_ids)
            rules.unique = run_name(&tool);
        struct payload_rules payloads = {.source = str_from(payload),
                                         .owner = str_from(store ? store : carrier),
                                         .notice = str_from(notice),
                                         .key = str_from(key),
                                         .unique = rules.unique};
        p.tool = &tool;
        p.topic = topic;
        p.source = str_from(source ? source : "waybill/cli");
        p.acks = acks;
        status = produce(&p, &rules, payload ? &payloads : NULL);
    }
    tool_close(&tool);
    return status;
}
