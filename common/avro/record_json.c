#include "avro/record_json.h"

#include "avro/base64.h"
#include "avro/codec.h"
#include "avro/slot.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "json/json.h"
#include "json/json_writer.h"

enum { MS_PER_DAY = 24 * 60 * 60 * 1000, DATE_LEN = 10 /* "2026-11-23" */ };

static const struct str no_name = {NULL, 0};

/* ---- Records to JSON ---- */

static void write_record(struct json_writer *w, struct str name, const struct record_type *type,
                         const void *record);

static void write_bytes(struct json_writer *w, struct str name, struct str bytes)
{
    json_open_object(w, name);
    if (utf8_is_valid(bytes) && !(bytes.len && memchr(bytes.ptr, 0, bytes.len))) {
        json_add_text(w, STR("text"), bytes.ptr ? bytes : STR(""));
    } else {
        struct str base64 = base64_encode(w->arena, bytes);
        w->failed |= !base64.ptr;
        json_add_text(w, STR("base64"), base64);
    }
    json_close_object(w);
}

static void write_int64(struct json_writer *w, struct str name, enum field_logical logical,
                        int64_t value)
{
    char text[RFC3339_BYTES];
    int64_t unix_ms = logical == LOGICAL_DATE ? value * MS_PER_DAY : value, said_ms;
    rfc3339_format(unix_ms, text);
    /* What lies outside the years that text can say stays a number. */
    if (logical == LOGICAL_NONE || !rfc3339_parse(str_from(text), &said_ms) || said_ms != unix_ms)
        json_add_int64(w, name, value);
    else if (logical == LOGICAL_DATE)
        json_add_text(w, name, (struct str){text, DATE_LEN});
    else
        json_add_text(w, name, str_from(text));
}

static void write_enum(struct json_writer *w, struct str name, const struct enum_type *symbols,
                       int value)
{
    if (value >= 0 && value < symbols->symbol_count)
        json_add_text(w, name, str_from(symbols->symbols[value]));
    else
        w->failed = true;
}

static void write_value(struct json_writer *w, struct str name, const struct value_type *type,
                        const void *slot)
{
    struct slot_list list;
    struct str text;
    switch (type->kind) {
    case FIELD_BOOLEAN:
        json_add_bool(w, name, *(const bool *)slot);
        break;
    case FIELD_INT:
        write_int64(w, name, type->logical, *(const int32_t *)slot);
        break;
    case FIELD_LONG:
        write_int64(w, name, type->logical, *(const int64_t *)slot);
        break;
    case FIELD_DOUBLE:
        json_add_double(w, name, *(const double *)slot);
        break;
    case FIELD_STRING:
        text = *(const struct str *)slot;
        json_add_text(w, name, text.ptr ? text : STR(""));
        break;
    case FIELD_BYTES:
        write_bytes(w, name, *(const struct str *)slot);
        break;
    case FIELD_ENUM:
        write_enum(w, name, type->symbols, *(const int *)slot);
        break;
    case FIELD_RECORD:
        write_record(w, name, type->record, slot);
        break;
    case FIELD_LIST:
        memcpy(&list, slot, sizeof(list));
        json_open_list(w, name);
        for (size_t i = 0; i < list.len; i++)
            write_value(w, no_name, type->item, slot_list_item(&list, i, type->item_bytes));
        json_close_list(w);
        break;
    }
}

static void write_record(struct json_writer *w, struct str name, const struct record_type *type,
                         const void *record)
{
    json_open_object(w, name);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        const void *slot = slot_of(field, record);
        if (slot)
            write_value(w, str_from(field->name), &field->type, slot);
        else
            json_add_null(w, str_from(field->name));
    }
    json_close_object(w);
}

int record_to_json(const struct record_type *type, const void *record, struct arena *arena,
                   struct str *out, struct error *err)
{
    struct json_writer w;
    json_writer_init(&w, arena);
    write_record(&w, no_name, type, record);
    struct str text = json_writer_done(&w);
    if (!text.ptr)
        return error_set(err, ERROR_SET_ASIDE,
                         "%s: cannot be JSON: a string is not UTF-8, an enum out of range, or it "
                         "needs more than %zu bytes of memory",
                         type->name, arena->bytes_max);
    *out = text;
    return 0;
}

/* ---- JSON to records ---- */

struct reading {
    struct arena *arena;
    struct error *err;
};

static int read_record(const struct reading *r, const struct record_type *type,
                       const struct json_node *json, void *record);

static int wrong(const struct reading *r, const char *needed)
{
    return error_set(r->err, ERROR_SET_ASIDE, "must be %s", needed);
}

static int no_memory(const struct reading *r)
{
    return error_set(r->err, ERROR_SET_ASIDE, "needs more than the %zu bytes of memory",
                     r->arena->bytes_max);
}

static int read_text(const struct reading *r, const struct json_node *json, struct str *out)
{
    if (json->kind != JSON_IS_TEXT)
        return wrong(r, "text");
    *out = json->text;
    return 0;
}

static int read_bytes(const struct reading *r, const struct json_node *json, struct str *out)
{
    const struct json_node *text =
        json->kind == JSON_IS_TEXT ? json : json_member(json, STR("text"));
    const struct json_node *base64 = json_member(json, STR("base64"));
    if (json->count > 1 || (!text && !base64))
        return wrong(r, "{\"text\": \"…\"} or {\"base64\": \"…\"}");
    if (text)
        return read_text(r, text, out);
    if (base64->kind != JSON_IS_TEXT)
        return wrong(r, "text");
    struct str bytes = base64_decode(r->arena, base64->text);
    if (!bytes.ptr)
        return wrong(r, "base64");
    *out = bytes;
    return 0;
}

static bool read_date(struct str text, int64_t *out_days)
{
    char moment[] = "YYYY-MM-DDT00:00:00Z";
    int64_t unix_ms;
    if (text.len != DATE_LEN)
        return false;
    memcpy(moment, text.ptr, DATE_LEN);
    if (!rfc3339_parse(str_from(moment), &unix_ms))
        return false;
    *out_days = unix_ms / MS_PER_DAY;
    return true;
}

static int read_int64(const struct reading *r, const struct value_type *type,
                      const struct json_node *json, int64_t *out)
{
    bool is_text = json->kind == JSON_IS_TEXT;
    if (is_text && type->logical == LOGICAL_TIMESTAMP_MS)
        return rfc3339_parse(json->text, out)
                   ? 0
                   : wrong(r, "a time like \"2026-11-23T07:31:22.123Z\", or Unix ms");
    if (is_text && type->logical == LOGICAL_DATE)
        return read_date(json->text, out)
                   ? 0
                   : wrong(r, "a date like \"2026-11-23\", or days since 1970-01-01");
    return json->kind == JSON_IS_NUMBER && json_int64(json, out) ? 0 : wrong(r, "a whole number");
}

static int read_int32(const struct reading *r, const struct value_type *type,
                      const struct json_node *json, int32_t *out)
{
    int64_t wide;
    if (read_int64(r, type, json, &wide))
        return -1;
    if (wide < INT32_MIN || wide > INT32_MAX)
        return wrong(r, "a whole number of 32 bits");
    *out = (int32_t)wide;
    return 0;
}

static int read_enum(const struct reading *r, const struct enum_type *symbols,
                     const struct json_node *json, int *out)
{
    for (int32_t i = 0; json->kind == JSON_IS_TEXT && i < symbols->symbol_count; i++) {
        if (str_equal(json->text, str_from(symbols->symbols[i]))) {
            *out = i;
            return 0;
        }
    }
    return error_set(r->err, ERROR_SET_ASIDE, "must be a symbol of %s, like \"%s\"", symbols->name,
                     symbols->symbols[0]);
}

static int read_value(const struct reading *r, const struct value_type *type,
                      const struct json_node *json, void *slot);

static int read_list(const struct reading *r, const struct value_type *type,
                     const struct json_node *json, void *slot)
{
    if (json->kind != JSON_IS_LIST)
        return wrong(r, "a list");
    if (json->count > AVRO_LIST_ITEMS_MAX)
        return error_set(r->err, ERROR_SET_ASIDE, "a list of more than %d items",
                         AVRO_LIST_ITEMS_MAX);
    struct slot_list list = {arena_alloc_array(r->arena, json->count, type->item_bytes),
                             json->count};
    if (!list.ptr)
        return no_memory(r);
    for (size_t i = 0; i < list.len; i++) {
        if (read_value(r, type->item, &json->items[i], slot_list_item(&list, i, type->item_bytes)))
            return error_prefix(r->err, "[%zu]", i);
    }
    memcpy(slot, &list, sizeof(list));
    return 0;
}

static int read_value(const struct reading *r, const struct value_type *type,
                      const struct json_node *json, void *slot)
{
    switch (type->kind) {
    case FIELD_BOOLEAN:
        if (json->kind != JSON_IS_BOOL)
            return wrong(r, "true or false");
        *(bool *)slot = json->truth;
        return 0;
    case FIELD_INT:
        return read_int32(r, type, json, slot);
    case FIELD_LONG:
        return read_int64(r, type, json, slot);
    case FIELD_DOUBLE:
        return json->kind == JSON_IS_NUMBER && json_double(json, slot) ? 0 : wrong(r, "a number");
    case FIELD_STRING:
        return read_text(r, json, slot);
    case FIELD_BYTES:
        return read_bytes(r, json, slot);
    case FIELD_ENUM:
        return read_enum(r, type->symbols, json, slot);
    case FIELD_RECORD:
        return read_record(r, type->record, json, slot);
    case FIELD_LIST:
        return read_list(r, type, json, slot);
    }
    return wrong(r, "of a known kind");
}

static int read_field(const struct reading *r, const struct field *field,
                      const struct json_node *json, void *record)
{
    if (json_is_null(json) && field->type.nullable)
        return 0;
    void *slot = slot_fill(field, record, r->arena);
    return slot ? read_value(r, &field->type, json, slot) : no_memory(r);
}

int record_field_default(const struct field *field, struct arena *arena, void *record,
                         struct error *err)
{
    struct reading r = {.arena = arena, .err = err};
    if (!field->default_json)
        return error_set(err, ERROR_SET_ASIDE, "is missing and has no default");
    struct str text = str_from(field->default_json);
    const struct json_node *json = json_parse(arena, text, err);
    return json ? read_field(&r, field, json, record) : -1;
}

static bool has_field(const struct record_type *type, struct str name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (str_equal(str_from(type->fields[i].name), name))
            return true;
    }
    return false;
}

static int read_record(const struct reading *r, const struct record_type *type,
                       const struct json_node *json, void *record)
{
    if (json->kind != JSON_IS_OBJECT)
        return wrong(r, "an object");
    for (size_t i = 0; i < json->count; i++) {
        if (!has_field(type, json->items[i].name))
            return error_set(r->err, ERROR_SET_ASIDE, "%.*s: there is no such field",
                             STR_ARG(json->items[i].name));
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        const struct json_node *member = json_member(json, str_from(field->name));
        if (member ? read_field(r, field, member, record)
                   : record_field_default(field, r->arena, record, r->err))
            return error_prefix(r->err, "%s", field->name);
    }
    return 0;
}

int record_from_json(const struct record_type *type, struct str text, struct arena *arena,
                     const void **out, struct error *err)
{
    struct reading r = {.arena = arena, .err = err};
    const struct json_node *json = json_parse(arena, text, err);
    void *record = json ? arena_alloc(arena, type->bytes) : NULL;
    if (json && !record)
        no_memory(&r);
    if (!record || read_record(&r, type, json, record))
        return error_prefix(err, "%s", type->name);
    *out = record;
    return 0;
}
