#include "waybill/envelope.h"

#include "avro/record_json.h"
#include "cloudevents/cloudevents.h"
#include "events.h"
#include "ids/order_id.h"
#include "ids/uuid5.h"
#include "topics/event_key.h"
#include "waybill/tool.h"
#include "json/json.h"
#include "json/json_writer.h"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

int64_t envelope_happened_ms(const struct record_type *type, const void *body)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        int64_t ms = 0;
        if (field->type.logical != LOGICAL_TIMESTAMP_MS || field->type.nullable ||
            strcmp(field->name, "expires_at_ms") == 0 || strcmp(field->name, "due_at_ms") == 0 ||
            !(ends_with(field->name, "_at_ms") || strcmp(field->name, "as_of_ms") == 0))
            continue;
        memcpy(&ms, (const char *)body + field->offset, sizeof(ms));
        if (ms > 0)
            return ms;
    }
    return 0;
}

static int no_room(struct error *err)
{
    return error_set(err, ERROR_SET_ASIDE, "too large");
}

/* The same content has the same id, so that a line written twice is one event. */
static struct str make_id(struct arena *arena, struct str unique, struct str type, struct str key,
                          struct str content)
{
    return uuid5_of(arena, STR("waybill produce"), unique.ptr ? unique : STR(""), type, key,
                    content);
}

/* JSON text of a part of the line: record_from_json reads text. */
static void write_node(struct json_writer *w, struct str name, const struct json_node *node)
{
    switch (node->kind) {
    case JSON_IS_NULL:
        json_add_null(w, name);
        break;
    case JSON_IS_BOOL:
        json_add_bool(w, name, node->truth);
        break;
    case JSON_IS_NUMBER:
        json_add_raw(w, name, node->text);
        break;
    case JSON_IS_TEXT:
        json_add_text(w, name, node->text);
        break;
    case JSON_IS_LIST:
        json_open_list(w, name);
        for (size_t i = 0; i < node->count; i++)
            write_node(w, (struct str){NULL, 0}, &node->items[i]);
        json_close_list(w);
        break;
    case JSON_IS_OBJECT:
        json_open_object(w, name);
        for (size_t i = 0; i < node->count; i++)
            write_node(w, node->items[i].name, &node->items[i]);
        json_close_object(w);
        break;
    }
}

static int check_members(const struct json_node *root, struct error *err)
{
    static const char *const members[] = {"event", "data", "id", "time", "key", "cause", "topic"};
    if (root->kind != JSON_IS_OBJECT)
        return error_set(err, ERROR_SET_ASIDE, "must be an object");
    for (size_t i = 0; i < root->count; i++) {
        bool known = false;
        for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++)
            known |= str_equal(root->items[i].name, str_from(members[m]));
        if (!known)
            return error_set(err, ERROR_SET_ASIDE,
                             "\"%.*s\" is no member of an envelope (event, data, id, time, key, "
                             "cause, topic); for bare bodies say --event NAME",
                             STR_ARG(root->items[i].name));
    }
    return 0;
}

static int read_time(const struct json_node *node, int64_t *out_ms, struct error *err)
{
    struct str text = json_text(node);
    if (!text.ptr || str_to_int64(text, out_ms) || rfc3339_parse(text, out_ms))
        return 0;
    return error_set(err, ERROR_SET_ASIDE, "time: \"%.*s\" is no 2017-09-01T00:00:00Z",
                     STR_ARG(text));
}

/* Takes the envelope off; *out_body is the body's JSON. */
static int open_envelope(struct str line, struct arena *arena, struct envelope *out,
                         struct str *out_body, struct error *err)
{
    const struct json_node *root = json_parse(arena, line, err);
    if (!root || check_members(root, err))
        return -1;
    struct str name = json_text(json_member(root, STR("event")));
    const struct json_node *data = json_member(root, STR("data"));
    if (!name.ptr || !data)
        return error_set(err, ERROR_SET_ASIDE,
                         "\"event\" and \"data\" must be there; for bare bodies say --event NAME");
    out->type = tool_find_type(name.ptr, err);
    if (!out->type || read_time(json_member(root, STR("time")), &out->time_ms, err))
        return -1;
    out->id = json_text(json_member(root, STR("id")));
    out->key = json_text(json_member(root, STR("key")));
    out->cause = json_text(json_member(root, STR("cause")));
    out->topic = json_text(json_member(root, STR("topic")));
    struct json_writer w;
    json_writer_init(&w, arena);
    write_node(&w, (struct str){NULL, 0}, data);
    *out_body = json_writer_done(&w);
    return out_body->ptr ? 0 : no_room(err);
}

int envelope_read(const struct envelope_rules *rules, struct str line, struct arena *arena,
                  struct envelope *out, struct error *err)
{
    struct envelope envelope = {.type = rules->type};
    struct str body = line;
    if (!rules->type && open_envelope(line, arena, &envelope, &body, err))
        return -1;
    if (record_from_json(envelope.type, body, arena, &envelope.body, err))
        return -1;
    if (rules->key.ptr)
        envelope.key = rules->key;
    if (!envelope.key.ptr)
        envelope.key = event_key(envelope.type, envelope.body, arena);
    if (!envelope.key.len)
        return error_set(err, ERROR_SET_ASIDE, "%s: no key (%s) can be made of it: say --key",
                         envelope.type->name,
                         envelope.type->topic ? event_key_kind(envelope.type->topic) : "any");
    if (!envelope.time_ms)
        envelope.time_ms = envelope_happened_ms(envelope.type, envelope.body);
    if (!envelope.time_ms)
        envelope.time_ms = rules->now_ms;
    if (!envelope.id.ptr)
        envelope.id =
            make_id(arena, rules->unique, str_from(envelope.type->name), envelope.key, body);
    if (!envelope.id.ptr)
        return no_room(err);
    *out = envelope;
    return 0;
}

/* Where a source's payloads go, and where in them the number stands that the key is made of. */
struct source {
    const char *name, *topic, *number;
};
static const struct source sources[] = {
    {"shopify", "inbound.orders", "id"},
    {"woocommerce", "inbound.orders", "id"},
    {"shiprocket", "inbound.tracking", "awb"},
};

static int payload_key(const struct payload_rules *rules, const struct source *source,
                       struct str bytes, struct arena *arena, struct str *out, struct error *err)
{
    bool is_order = strcmp(source->topic, "inbound.orders") == 0;
    const char *what = is_order ? "store" : "carrier";
    if (rules->key.ptr) {
        *out = rules->key;
        return 0;
    }
    if (!rules->owner.len)
        return error_set(err, ERROR_SET_ASIDE, "--%s is needed for the key, or --key itself", what);
    const struct json_node *root = json_parse(arena, bytes, err);
    struct str number = json_text(json_member(root, str_from(source->number)));
    if (!root || !number.len)
        return error_set(err, ERROR_SET_ASIDE,
                         "no \"%s\" in the payload to make the key of: say --key", source->number);
    *out = is_order ? order_id_make(arena, rules->owner, number)
                    : arena_printf(arena, "%.*s/%.*s", STR_ARG(rules->owner), STR_ARG(number));
    return out->ptr ? 0
                    : error_set(err, ERROR_SET_ASIDE, "no key can be made of %.*s and %.*s",
                                STR_ARG(rules->owner), STR_ARG(number));
}

int envelope_wrap_payload(const struct payload_rules *rules, struct str bytes, struct arena *arena,
                          struct envelope *out, struct error *err)
{
    const struct source *source = NULL;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (str_equal(rules->source, str_from(sources[i].name)))
            source = &sources[i];
    if (!source)
        return error_set(err, ERROR_SET_ASIDE,
                         "\"%.*s\" is none of the sources shopify, woocommerce, shiprocket",
                         STR_ARG(rules->source));
    struct str key;
    if (payload_key(rules, source, bytes, arena, &key, err))
        return -1;
    struct payload_received *body = arena_alloc(arena, sizeof(*body));
    struct str id = make_id(arena, rules->unique, STR("payload.received"), key, bytes);
    if (!body || !id.ptr)
        return no_room(err);
    *body = (struct payload_received){.source = rules->source,
                                      .topic = rules->notice,
                                      .event_id = id,
                                      .received_at_ms = rules->now_ms,
                                      .body = bytes};
    *out = (struct envelope){.type = &payload_received,
                             .body = body,
                             .id = id,
                             .key = key,
                             .time_ms = rules->now_ms,
                             .topic = str_from(source->topic)};
    return 0;
}
