#include "avro/slot.h"

/* Whether has_<field> says if it is there. */
static bool has_flag(const struct value_type *type)
{
    return type->nullable && type->kind != FIELD_STRING && type->kind != FIELD_BYTES &&
           type->kind != FIELD_RECORD;
}

const void *slot_of(const struct field *field, const void *record)
{
    const void *slot = (const char *)record + field->offset;
    if (!field->type.nullable)
        return slot;
    if (has_flag(&field->type))
        return ((const bool *)record)[field->has_offset] ? slot : NULL;
    if (field->type.kind != FIELD_RECORD)
        return ((const struct str *)slot)->ptr ? slot : NULL;
    const void *pointed;
    memcpy(&pointed, slot, sizeof(pointed));
    return pointed;
}

void *slot_fill(const struct field *field, void *record, struct arena *arena)
{
    void *slot = (char *)record + field->offset;
    if (!field->type.nullable)
        return slot;
    if (has_flag(&field->type)) {
        ((bool *)record)[field->has_offset] = true;
        return slot;
    }
    if (field->type.kind != FIELD_RECORD)
        return slot;
    void *pointed = arena_alloc(arena, field->type.record->bytes);
    if (pointed)
        memcpy(slot, &pointed, sizeof(pointed));
    return pointed;
}

size_t slot_bytes(const struct value_type *type)
{
    switch (type->kind) {
    case FIELD_BOOLEAN:
        return sizeof(bool);
    case FIELD_INT:
        return sizeof(int32_t);
    case FIELD_LONG:
        return sizeof(int64_t);
    case FIELD_DOUBLE:
        return sizeof(double);
    case FIELD_STRING:
    case FIELD_BYTES:
        return sizeof(struct str);
    case FIELD_ENUM:
        return sizeof(int);
    case FIELD_RECORD:
        return type->record->bytes;
    case FIELD_LIST:
        break;
    }
    return sizeof(struct slot_list);
}
