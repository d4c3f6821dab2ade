/* What the command line tool reads: lines of JSON to produce, stores' and carriers' payloads, and
 * any record of any topic, dead letters with their headers among them. The first byte chooses. */
/* links: waybill_tool */
#include "fuzz_input.h"

#include "events.h"
#include "kafka/kafka.h"
#include "topics/topics.h"
#include "waybill/decode.h"
#include "waybill/envelope.h"

#include <assert.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024, ROWS_MAX = 32, NOW_S = 1780000000 };

static void produce(struct input *in, struct arena *arena)
{
    uint8_t choice = input_byte(in);
    struct envelope_rules rules = {.now_ms = INT64_C(1000) * NOW_S};
    if (choice > 0)
        rules.type = record_types[(choice - 1) % record_type_count];
    struct envelope envelope;
    struct error err = {0};
    if (envelope_read(&rules, input_rest(in), arena, &envelope, &err) == 0)
        assert(envelope.type && envelope.body && envelope.id.len > 0);
    else
        assert(err.text[0]);
}

static void wrap(struct input *in, struct arena *arena)
{
    static const char *const sources[] = {"shopify", "woocommerce", "shiprocket", "x"};
    struct payload_rules rules = {.source = str_from(sources[input_byte(in) & 3]),
                                  .owner = input_until(in, '\n'),
                                  .notice = input_until(in, '\n'),
                                  .now_ms = INT64_C(1000) * NOW_S};
    struct envelope envelope;
    struct error err = {0};
    if (envelope_wrap_payload(&rules, input_rest(in), arena, &envelope, &err) == 0)
        assert(envelope.key.len > 0);
}

/* Lines of the input are headers, "name value"; then key and value. */
static void show(struct input *in, struct arena *arena)
{
    static struct decoder decoder;
    static struct tool tool = {.name = "fuzz"};
    struct error err = {0};
    if (!decoder.schemas) {
        arena_init(&tool.arena, ARENA_BYTES_MAX);
        tool.topics = topics_all(&tool.arena, &tool.topic_count);
        if (!tool.topics || decoder_open(&decoder, &tool, &err))
            abort();
        decoder.has_read_topic = true;
    }
    const struct topic *topic = &tool.topics[input_byte(in) % tool.topic_count];
    struct event_header rows[ROWS_MAX];
    struct kafka_record record = {.headers = rows};
    while (record.header_count < ROWS_MAX && memchr(in->at, '\n', in->left)) {
        struct str line = input_until(in, '\n');
        struct event_header *row = &rows[record.header_count++];
        str_split(line, ' ', &row->name, &row->value);
    }
    record.key = input_bytes(in, input_byte(in));
    record.value = input_rest(in);
    struct decoded decoded;
    if (!decoder_keep(&decoder, topic, &record, arena, &decoded))
        return;
    (void)decoded_json(&decoded, arena);
    decoded_mask(&decoded, arena);
    (void)decoded_json(&decoded, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    uint8_t choice = input_byte(&in);
    if (choice % 3 == 0)
        produce(&in, &arena);
    else if (choice % 3 == 1)
        wrap(&in, &arena);
    else
        show(&in, &arena);
    arena_done(&arena);
    return 0;
}
