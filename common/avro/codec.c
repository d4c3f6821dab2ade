#include "avro/codec.h"

#include "avro/framing.h"
#include "avro/wire.h"
#include "base/utf8.h"

/* Records hold records only as deep as the .avsc files say, and never themselves: no depth to
 * count.
 */

static int encode_record(const struct record_type *type, const void *record, struct buffer *out,
                         struct error *err);

static int encode_value(const struct value_type *type, const void *slot, struct buffer *out,
                        struct error *err);

static int encode_list(const struct value_type *type, const void *slot, struct buffer *out,
                       struct error *err)
{
    struct slot_list list;
    memcpy(&list, slot, sizeof(list));
    if (list.len > AVRO_LIST_ITEMS_MAX)
        return error_set(err, ERROR_SET_ASIDE, "a list of %zu items, more than %d", list.len,
                         AVRO_LIST_ITEMS_MAX);
    if (list.len)
        wire_put_long(out, (int64_t)list.len);
    for (size_t i = 0; i < list.len; i++) {
        if (encode_value(type->item, slot_list_item(&list, i, type->item_bytes), out, err))
            return error_prefix(err, "[%zu]", i);
    }
    wire_put_long(out, 0);
    return 0;
}

static int encode_value(const struct value_type *type, const void *slot, struct buffer *out,
                        struct error *err)
{
    switch (type->kind) {
    case FIELD_BOOLEAN:
        buffer_add(out, *(const bool *)slot ? "\1" : "\0", 1);
        return 0;
    case FIELD_INT:
        wire_put_long(out, *(const int32_t *)slot);
        return 0;
    case FIELD_LONG:
        wire_put_long(out, *(const int64_t *)slot);
        return 0;
    case FIELD_DOUBLE:
        wire_put_double(out, *(const double *)slot);
        return 0;
    case FIELD_STRING:
        if (!utf8_is_valid(*(const struct str *)slot))
            return error_set(err, ERROR_SET_ASIDE, "a string that is not UTF-8");
        wire_put_bytes(out, *(const struct str *)slot);
        return 0;
    case FIELD_BYTES:
        wire_put_bytes(out, *(const struct str *)slot);
        return 0;
    case FIELD_ENUM: {
        int value = *(const int *)slot;
        if (value < 0 || value >= type->symbols->symbol_count)
            return error_set(err, ERROR_SET_ASIDE, "%s has no symbol %d", type->symbols->name,
                             value);
        wire_put_long(out, value);
        return 0;
    }
    case FIELD_RECORD:
        return encode_record(type->record, slot, out, err);
    case FIELD_LIST:
        return encode_list(type, slot, out, err);
    }
    return error_set(err, ERROR_SET_ASIDE, "no such kind of field: %d", (int)type->kind);
}

static int encode_record(const struct record_type *type, const void *record, struct buffer *out,
                         struct error *err)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        const void *slot = slot_of(field, record);
        if (field->type.nullable)
            wire_put_long(out, slot ? 1 : 0);
        if (slot && encode_value(&field->type, slot, out, err))
            return error_prefix(err, "%s", field->name);
    }
    return 0;
}

static int encode(const struct record_type *type, const void *record, struct buffer *out,
                  size_t len_before, struct error *err)
{
    int result = encode_record(type, record, out, err);
    if (result == 0 && out->failed)
        result =
            error_set(err, ERROR_SET_ASIDE, "longer than the limit of %zu bytes", out->bytes_max);
    if (result == 0)
        return 0;
    out->len = len_before;
    out->failed = false;
    return error_prefix(err, "%s", type->name);
}

int avro_encode(const struct record_type *type, const void *record, struct buffer *out,
                struct error *err)
{
    return encode(type, record, out, out->len, err);
}

int avro_encode_framed(const struct record_type *type, const void *record, struct buffer *out,
                       struct error *err)
{
    size_t len_before = out->len;
    framing_put(out, type->schema_id);
    return encode(type, record, out, len_before, err);
}

static int decode_value(struct wire *wire, const struct value_type *type, void *slot);

static int decode_enum(struct wire *wire, const struct enum_type *symbols, int *out)
{
    int32_t value;
    if (wire_read_int(wire, &value))
        return -1;
    if (value < 0 || value >= symbols->symbol_count)
        return error_set(wire->err, ERROR_SET_ASIDE, "%s has no symbol %d", symbols->name, value);
    *out = value;
    return 0;
}

static int decode_list(struct wire *wire, const struct value_type *type, void *slot)
{
    struct slot_list list = {0};
    size_t capacity = 0;
    for (;;) {
        size_t count;
        const unsigned char *end;
        if (wire_read_block(wire, &count, &end) ||
            wire_list_grow(wire, &list, &capacity, count, type->item_bytes))
            return -1;
        for (size_t i = 0; i < count; i++, list.len++) {
            if (decode_value(wire, type->item, slot_list_item(&list, list.len, type->item_bytes)))
                return error_prefix(wire->err, "[%zu]", list.len);
        }
        if (wire_end_block(wire, end))
            return -1;
        if (count == 0)
            break;
    }
    memcpy(slot, &list, sizeof(list));
    return 0;
}

/* A union's branch: ["null", T]. */
static int decode_present(struct wire *wire, bool *out)
{
    int64_t branch;
    if (wire_read_long(wire, &branch))
        return -1;
    if (branch != 0 && branch != 1)
        return error_set(wire->err, ERROR_SET_ASIDE, "branch %lld of a union of two",
                         (long long)branch);
    *out = branch == 1;
    return 0;
}

static int decode_field(struct wire *wire, const struct field *field, void *record)
{
    bool present = true;
    if (field->type.nullable && decode_present(wire, &present))
        return -1;
    if (!present)
        return 0;
    void *slot = slot_fill(field, record, wire->arena);
    return slot ? decode_value(wire, &field->type, slot) : wire_no_memory(wire);
}

static int decode_record(struct wire *wire, const struct record_type *type, void *record)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (decode_field(wire, &type->fields[i], record))
            return error_prefix(wire->err, "%s", type->fields[i].name);
    }
    return 0;
}

static int decode_value(struct wire *wire, const struct value_type *type, void *slot)
{
    switch (type->kind) {
    case FIELD_BOOLEAN:
        return wire_read_bool(wire, slot);
    case FIELD_INT:
        return wire_read_int(wire, slot);
    case FIELD_LONG:
        return wire_read_long(wire, slot);
    case FIELD_DOUBLE:
        return wire_read_double(wire, slot);
    case FIELD_STRING:
        return wire_read_string(wire, slot);
    case FIELD_BYTES:
        return wire_read_bytes(wire, slot);
    case FIELD_ENUM:
        return decode_enum(wire, type->symbols, slot);
    case FIELD_RECORD:
        return decode_record(wire, type->record, slot);
    case FIELD_LIST:
        return decode_list(wire, type, slot);
    }
    return error_set(wire->err, ERROR_SET_ASIDE, "no such kind of field: %d", (int)type->kind);
}

int avro_decode(const struct record_type *type, struct str bytes, struct arena *arena,
                const void **out, struct error *err)
{
    const unsigned char *at = (const unsigned char *)(bytes.ptr ? bytes.ptr : "");
    struct wire wire = {.at = at, .end = at + bytes.len, .arena = arena, .err = err};
    void *record = arena_alloc(arena, type->bytes);
    int result = record ? decode_record(&wire, type, record) : wire_no_memory(&wire);
    if (result == 0 && wire.at != wire.end)
        result = error_set(err, ERROR_SET_ASIDE, "%zu bytes too many", wire_left(&wire));
    if (result)
        return error_prefix(err, "%s", type->name);
    *out = record;
    return 0;
}
