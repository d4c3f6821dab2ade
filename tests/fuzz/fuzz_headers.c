/* What stands around a value: Kafka headers as CloudEvents, traceparent, times, the five bytes of
 * framing. Lines of the input are headers, "name value"; the last is the framed value. */
/* links: waybill_cloudevents waybill_avro */
#include "fuzz_input.h"

#include "avro/framing.h"
#include "cloudevents/cloudevents.h"

#include <assert.h>

enum { ROWS_MAX = 32 };

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!memchr("0123456789abcdef", text[i], 16))
            return false;
    return true;
}

/* W3C: 00-<32 hex>-<16 hex>-<2 hex>. */
static void is_traceparent(const char *text)
{
    assert(strlen(text) == TRACEPARENT_BYTES);
    assert(memcmp(text, "00-", 3) == 0 && text[35] == '-' && text[52] == '-');
    assert(is_hex(text + 3, 32) && is_hex(text + 36, 16) && is_hex(text + 53, 2));
}

/* What was read can be written, and then says the same. */
static void again(const struct cloudevent *event)
{
    struct cloudevent_headers headers;
    struct cloudevent back;
    cloudevent_write(event, &headers);
    assert(headers.count <= CLOUDEVENT_HEADERS_MAX);
    cloudevent_read(headers.rows, headers.count, &back);
    assert(str_equal(back.id, event->id) && str_equal(back.source, event->source));
    assert(str_equal(back.type, event->type) && str_equal(back.cause, event->cause));
    assert(str_equal(back.traceparent, event->traceparent));
    assert(!event->has_time || (back.has_time && back.time_ms == event->time_ms));
}

static void frame(struct str value)
{
    struct buffer out;
    struct str body;
    struct error err = {0};
    int32_t id;
    if (framing_split(value, &id, &body, &err))
        return;
    buffer_init(&out, FRAMING_BYTES + body.len);
    framing_put(&out, id);
    buffer_add_str(&out, body);
    assert(str_equal(buffer_str(&out), value));
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct event_header rows[ROWS_MAX];
    size_t count = 0;
    while (count < ROWS_MAX && memchr(in.at, '\n', in.left)) {
        struct str line = input_until(&in, '\n');
        str_split(line, ' ', &rows[count].name, &rows[count].value);
        count++;
    }
    struct cloudevent event;
    cloudevent_read(rows, count, &event);
    again(&event);
    char trace[TRACEPARENT_BYTES + 1];
    traceparent_next(event.traceparent, event.id, trace);
    is_traceparent(trace);
    frame(input_rest(&in));
    return 0;
}
