#include "waybill/decode.h"

#include "avro/framing.h"
#include "avro/record_json.h"
#include "base/utf8.h"
#include "events.h"
#include "log/mask.h"
#include "waybill/scan.h"
#include "json/json_writer.h"

#include <stdio.h>

enum { HEX_BYTES_MAX = 64 * 1024, MASK_DEPTH_MAX = 16 };

int decoder_open(struct decoder *decoder, struct tool *tool, struct error *err)
{
    *decoder = (struct decoder){.tool = tool,
                                .schemas = avro_schemas_new(record_types, record_type_count)};
    return decoder->schemas ? 0 : error_set(err, ERROR_FATAL, "out of memory");
}

void decoder_close(struct decoder *decoder)
{
    avro_schemas_free(decoder->schemas);
}

/* Key: the id as decimal digits; value: the schema's JSON text. */
static bool take_schema(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct decoder *decoder = self;
    struct error err = {0};
    int64_t id;
    (void)topic;
    if (record->value.ptr && str_to_int64(record->key, &id) && id > 0 && id <= INT32_MAX &&
        avro_schemas_add(decoder->schemas, (int32_t)id, record->value, &err))
        fprintf(stderr, "%s: schema %lld: %s\n", decoder->tool->name, (long long)id, err.text);
    return true;
}

static void read_schemas_topic(struct decoder *decoder)
{
    struct error err = {0};
    const struct scan_topic schemas = {
        .topic = topics_find(decoder->tool->topics, decoder->tool->topic_count, STR("schemas")),
        .partition = SCAN_EVERY_PARTITION};
    const struct scan scan = {
        .topics = &schemas, .topic_count = 1, .take = take_schema, .self = decoder};
    decoder->has_read_topic = true;
    if (schemas.topic && scan_run(decoder->tool, &scan, &err))
        fprintf(stderr, "%s: writer schemas: %s\n", decoder->tool->name, err.text);
}

/* 0 or why not, in err. */
static int decode_value(struct decoder *decoder, struct str value, struct arena *arena,
                        const struct record_type **out_type, const void **out_body,
                        struct error *err)
{
    int result = avro_schemas_decode(decoder->schemas, value, arena, out_type, out_body, err);
    if (result == AVRO_UNKNOWN_ID && !decoder->has_read_topic) {
        read_schemas_topic(decoder);
        result = avro_schemas_decode(decoder->schemas, value, arena, out_type, out_body, err);
    }
    if (result == AVRO_UNKNOWN_TYPE)
        error_set(err, ERROR_SET_ASIDE, "a record that this version does not know");
    return result;
}

static void decode_body(struct decoder *decoder, struct arena *arena, struct decoded *out)
{
    struct error err = {0};
    const struct record_type *type;
    const void *body;
    if (!out->value.ptr || str_equal(out->topic->name, STR("schemas")))
        return;
    if (decode_value(decoder, out->value, arena, &type, &body, &err)) {
        out->error = arena_copy(arena, str_from(err.text)).ptr;
        return;
    }
    out->type = type;
    out->body = body;
    if (type != &key_entry || !((const struct key_entry *)body)->state.ptr)
        return;
    if (decode_value(decoder, ((const struct key_entry *)body)->state, arena, &out->state_type,
                     &out->state, &err))
        out->state_type = NULL;
}

void decoder_read(struct decoder *decoder, const struct topic *topic,
                  const struct kafka_record *record, struct arena *arena, struct decoded *out)
{
    *out = (struct decoded){.topic = topic,
                            .partition = record->partition,
                            .offset = record->offset,
                            .key = record->key,
                            .value = record->value,
                            .headers = record->headers,
                            .header_count = record->header_count};
    cloudevent_read(record->headers, record->header_count, &out->ce);
    out->time_ms = out->ce.has_time ? out->ce.time_ms : record->timestamp_ms;
    decode_body(decoder, arena, out);
}

/* Absent stays absent; false when the arena is full. */
static bool keep(struct arena *arena, struct str *s)
{
    if (!s->ptr)
        return true;
    *s = arena_copy(arena, *s);
    return s->ptr != NULL;
}

bool decoder_keep(struct decoder *decoder, const struct topic *topic,
                  const struct kafka_record *record, struct arena *arena, struct decoded *out)
{
    struct kafka_record copy = *record;
    struct event_header *headers = arena_alloc_array(arena, record->header_count, sizeof(*headers));
    bool ok = headers && keep(arena, &copy.key) && keep(arena, &copy.value);
    for (size_t i = 0; ok && i < record->header_count; i++) {
        headers[i] = record->headers[i];
        ok = keep(arena, &headers[i].name) && keep(arena, &headers[i].value);
    }
    if (!ok)
        return false;
    copy.headers = headers;
    decoder_read(decoder, topic, &copy, arena, out);
    return true;
}

/* Bytes that are no text, as lower-case hex; a long one is cut. */
static struct str hex(struct arena *arena, struct str bytes)
{
    size_t len = bytes.len < HEX_BYTES_MAX ? bytes.len : HEX_BYTES_MAX;
    char *out = arena_alloc(arena, 2 * len + 1);
    if (!out)
        return (struct str){NULL, 0};
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", (unsigned char)bytes.ptr[i]);
    return (struct str){out, 2 * len};
}

static void add_bytes(struct json_writer *w, struct arena *arena, struct str name, struct str bytes)
{
    json_add_text(w, name, !bytes.ptr || utf8_is_valid(bytes) ? bytes : hex(arena, bytes));
}

static void add_record(struct json_writer *w, struct arena *arena, struct str name,
                       const struct record_type *type, const void *body)
{
    struct str json;
    struct error err = {0};
    if (record_to_json(type, body, arena, &json, &err))
        json_add_text(w, name, str_from(err.text));
    else
        json_add_raw(w, name, json);
}

static void add_value(struct json_writer *w, struct arena *arena, const struct decoded *decoded)
{
    if (decoded->type) {
        add_record(w, arena, STR("data"), decoded->type, decoded->body);
    } else if (!decoded->error && decoded->value.ptr && utf8_is_valid(decoded->value)) {
        json_add_raw(w, STR("data"), decoded->value); /* of the topic schemas: JSON already */
    } else {
        json_add_null(w, STR("data"));
        if (decoded->error)
            json_add_text(w, STR("error"), str_from(decoded->error));
        if (decoded->value.ptr)
            json_add_text(w, STR("bytes"), hex(arena, decoded->value));
    }
    if (!decoded->state_type)
        return;
    json_open_object(w, STR("state"));
    json_add_text(w, STR("type"), str_from(decoded->state_type->name));
    add_record(w, arena, STR("data"), decoded->state_type, decoded->state);
    json_close_object(w);
}

struct str decoded_json(const struct decoded *decoded, struct arena *arena)
{
    struct json_writer w;
    char time_text[RFC3339_BYTES];
    const struct str none = {NULL, 0};
    rfc3339_format(decoded->time_ms, time_text);
    json_writer_init(&w, arena);
    json_open_object(&w, none);
    json_add_text(&w, STR("topic"), decoded->topic->name);
    json_add_int64(&w, STR("partition"), decoded->partition);
    json_add_int64(&w, STR("offset"), decoded->offset);
    json_add_text(&w, STR("time"), str_from(time_text));
    add_bytes(&w, arena, STR("key"), decoded->key);
    json_add_text(&w, STR("event"), str_from(decoded->type ? decoded->type->name : NULL));
    add_bytes(&w, arena, STR("id"), decoded->ce.id);
    add_bytes(&w, arena, STR("cause"), decoded->ce.cause);
    json_open_object(&w, STR("headers"));
    for (size_t i = 0; i < decoded->header_count; i++)
        if (utf8_is_valid(decoded->headers[i].name))
            add_bytes(&w, arena, decoded->headers[i].name, decoded->headers[i].value);
    json_close_object(&w);
    add_value(&w, arena, decoded);
    json_close_object(&w);
    return json_writer_done(&w);
}

struct str decoded_value_json(const struct decoded *decoded, struct arena *arena)
{
    struct json_writer w;
    json_writer_init(&w, arena);
    json_open_object(&w, (struct str){NULL, 0});
    json_add_text(&w, STR("event"), str_from(decoded->type ? decoded->type->name : NULL));
    add_value(&w, arena, decoded);
    json_close_object(&w);
    return json_writer_done(&w);
}

enum mask { MASK_NONE, MASK_EMAIL, MASK_PHONE, MASK_TEXT };

static enum mask mask_of(const char *field)
{
    static const char *const texts[] = {"name",    "company",  "line1", "line2", "postal_code",
                                        "subject", "sms_text", "text",  "notes", "customer_id"};
    if (strcmp(field, "email") == 0 || strcmp(field, "mail_to") == 0)
        return MASK_EMAIL;
    if (strcmp(field, "phone") == 0)
        return MASK_PHONE;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(field, texts[i]) == 0)
            return MASK_TEXT;
    return MASK_NONE;
}

static void mask_string(struct arena *arena, enum mask mask, struct str *s)
{
    char out[MASK_BYTES];
    if (!s->ptr || s->len == 0 || mask == MASK_NONE)
        return;
    const char *masked = mask == MASK_EMAIL   ? mask_email(*s, out)
                         : mask == MASK_PHONE ? mask_phone(*s, out)
                                              : mask_text(*s, out);
    *s = arena_copy(arena, str_from(masked));
}

/* A rejection's and a reason's text is ours or a supplier's, not a customer's. */
static bool is_personal(const struct record_type *type, const char *field)
{
    static const char *const technical[] = {"header", "key_timer", "observation.recorded",
                                            "reject_reason", "rejection"};
    for (size_t i = 0; i < sizeof(technical) / sizeof(technical[0]); i++)
        if (strcmp(type->name, technical[i]) == 0)
            return false;
    return strcmp(type->name, "task_intent") != 0 || strcmp(field, "name") != 0;
}

/* Bytes that hold something of a person's, encoded: a payload, a call's content, a state. */
static bool is_payload(const struct record_type *type, const char *field)
{
    return strcmp(field, "body") == 0 || (type == &key_entry && strcmp(field, "state") == 0);
}

static void mask_record(struct arena *arena, const struct record_type *type, char *body, int depth)
{
    if (depth > MASK_DEPTH_MAX)
        return;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        char *at = body + field->offset;
        if (!is_personal(type, field->name))
            continue;
        if (field->type.kind == FIELD_STRING) {
            mask_string(arena, mask_of(field->name), (struct str *)(void *)at);
        } else if (field->type.kind == FIELD_BYTES && is_payload(type, field->name)) {
            struct str *bytes = (struct str *)(void *)at;
            *bytes = bytes->ptr ? STR("***") : *bytes;
        } else if (field->type.kind == FIELD_RECORD) {
            char *record = field->type.nullable ? *(char **)(void *)at : at;
            if (record)
                mask_record(arena, field->type.record, record, depth + 1);
        } else if (field->type.kind == FIELD_LIST && field->type.item->kind == FIELD_RECORD) {
            const struct {
                char *ptr;
                size_t len;
            } *list = (const void *)at;
            for (size_t n = 0; n < list->len; n++)
                mask_record(arena, field->type.item->record, list->ptr + n * field->type.item_bytes,
                            depth + 1);
        }
    }
}

void decoded_mask(const struct decoded *decoded, struct arena *arena)
{
    if (decoded->type)
        mask_record(arena, decoded->type, (char *)(uintptr_t)decoded->body, 0);
    if (decoded->state_type)
        mask_record(arena, decoded->state_type, (char *)(uintptr_t)decoded->state, 0);
}
