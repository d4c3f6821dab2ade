/* waybill consume: any topic as JSON lines. */
#include "config/values.h"
#include "waybill/commands.h"
#include "waybill/decode.h"
#include "waybill/scan.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUTPUT_BUFFER_BYTES = 1 << 20 };

struct consuming {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena;             /* of one record */
    struct str key;                 /* only this one; absent = all */
    const struct record_type *type; /* only this event; NULL = all */
    int64_t left;                   /* INT64_MAX = no limit */
    bool mask;
    bool failed; /* standard output is gone */
};

/* In a changelog the key stands behind the state's type: "s:intake_order:shop:1". */
static bool has_key(const struct consuming *c, const struct topic *topic, struct str key)
{
    if (!c->key.ptr || str_equal(key, c->key))
        return true;
    if (topic->use != TOPIC_CHANGELOG || key.len < c->key.len + 1)
        return false;
    struct str tail = {key.ptr + key.len - c->key.len, c->key.len};
    return tail.ptr[-1] == ':' && str_equal(tail, c->key);
}

static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct consuming *c = self;
    struct decoded decoded;
    if (!has_key(c, topic, record->key))
        return true;
    arena_reset(&c->arena);
    decoder_read(&c->decoder, topic, record, &c->arena, &decoded);
    if (c->type && decoded.type != c->type)
        return true;
    if (c->mask)
        decoded_mask(&decoded, &c->arena);
    struct str line = decoded_json(&decoded, &c->arena);
    if (!line.ptr)
        fprintf(stderr, "%s: %s %d@%lld is too large to print\n", c->tool->name, topic->name.ptr,
                record->partition, (long long)record->offset);
    else
        c->failed |= fwrite(line.ptr, 1, line.len, stdout) != line.len || putchar('\n') == EOF;
    return !c->failed && --c->left > 0;
}

static void flush(void *self)
{
    struct consuming *c = self;
    c->failed |= fflush(stdout) != 0;
}

static int consume(struct consuming *c, struct scan *scan)
{
    struct error err = {0};
    struct tool *tool = c->tool;
    static char output[OUTPUT_BUFFER_BYTES];
    setvbuf(stdout, output, _IOFBF, sizeof(output));
    arena_init(&c->arena, 256 << 20);
    scan->take = take;
    scan->idle = flush;
    scan->self = c;
    int failed = decoder_open(&c->decoder, tool, &err) || scan_run(tool, scan, &err);
    decoder_close(&c->decoder);
    arena_done(&c->arena);
    flush(c);
    if (failed)
        return tool_fail(tool, &err);
    return c->failed ? TOOL_FAILED : TOOL_OK;
}

/* The topics of the arguments, or all; a key narrows those that are keyed by it. */
static int choose_topics(struct tool *tool, bool all, const char *partition_text, struct str key,
                         struct scan_topic *out, size_t *out_count)
{
    struct error err = {0};
    int64_t partition = SCAN_EVERY_PARTITION;
    size_t count = 0;
    if (all == (tool->given.argument_count > 0))
        return tool_misuse(tool, "name the topics, or say --all");
    if (partition_text && value_to_int(str_from(partition_text), 0, INT32_MAX, &partition, &err))
        return tool_misuse(tool, "--partition: %s", err.text);
    for (size_t i = 0; i < (all ? tool->topic_count : tool->given.argument_count); i++) {
        const struct topic *topic =
            all ? &tool->topics[i] : tool_find_topic(tool, tool->given.arguments[i], &err);
        if (!topic)
            return tool_misuse(tool, "%s", err.text);
        if (count == SCAN_TOPICS_MAX)
            return tool_misuse(tool, "too many topics");
        bool by_key =
            key.ptr && !partition_text && (topic->use & (TOPIC_EVENTS | TOPIC_OPERATOR)) != 0;
        out[count++] = (struct scan_topic){.topic = topic,
                                           .partition = (int32_t)partition,
                                           .only_key = by_key ? key : (struct str){NULL, 0}};
    }
    *out_count = count;
    return CONFIG_RUN;
}

int consume_main(int argc, char **argv)
{
    bool all, follow, mask;
    const char *key, *from, *max, *partition, *event;
    const struct config_flag flags[] = {
        {.name = "all", .on = &all, .text = "every topic, changelogs and dead letters included"},
        {.name = "event", .hint = "NAME", .value = &event, .text = "only these: order.accepted"},
        {.name = "follow", .letter = 'f', .on = &follow, .text = "go on at the end, for ever"},
        {.name = "from",
         .hint = "WHERE",
         .value = &from,
         .text = "beginning (default), end, an offset, -N (the last N of each partition)"},
        {.name = "key", .letter = 'k', .hint = "KEY", .value = &key, .text = "only this key"},
        {.name = "mask", .on = &mask, .text = "personal data unreadable"},
        {.name = "max", .letter = 'n', .hint = "N", .value = &max, .text = "stop after N records"},
        {.name = "partition", .hint = "N", .value = &partition, .text = "only this partition"},
    };
    const struct tool_command command = {
        .name = "waybill consume",
        .text = "any topic as JSON lines: events, states, intents, positions, dead letters",
        .usage = "[flags] TOPIC… | --all",
        .details = "Reads only what is committed, up to the end that each topic has now. Within a "
                   "partition in order,\nbetween partitions and topics in none. No consumer group, "
                   "no offset is touched.\n\n"
                   "example: waybill consume orders fulfilment --key demo:1001 | jq -c "
                   "'[.time,.event]'\n"
                   "         waybill consume intake.dlq --from -10\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    static struct scan_topic topics[SCAN_TOPICS_MAX];
    struct scan scan = {.topics = topics};
    struct consuming c = {.tool = &tool, .left = INT64_MAX};
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN) {
        c.key = str_from(key);
        c.mask = mask;
        scan.follow = follow;
        scan.skip_missing = all;
        status = choose_topics(&tool, all, partition, c.key, topics, &scan.topic_count);
    }
    if (status == CONFIG_RUN &&
        (scan_parse_from(from, &scan, &err) ||
         (max && value_to_int(str_from(max), 1, INT64_MAX, &c.left, &err)) ||
         (event && !(c.type = tool_find_type(event, &err)))))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN)
        status = consume(&c, &scan);
    tool_close(&tool);
    return status;
}
