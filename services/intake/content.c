#include "intake/content.h"

#include "base/hash.h"

#include <assert.h>

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    return hash_add(hash, (struct str){bytes, len});
}

/* Lengths go in, too, so that neighbours cannot trade characters. */
static uint64_t mix_number(uint64_t hash, int64_t number)
{
    return mix(hash, &number, sizeof(number));
}

static uint64_t mix_str(uint64_t hash, struct str s)
{
    hash = mix_number(hash, s.ptr ? (int64_t)s.len : -1);
    return mix(hash, s.ptr, s.ptr ? s.len : 0);
}

static uint64_t mix_record(uint64_t hash, const struct record_type *type, const char *record);

static uint64_t mix_value(uint64_t hash, const struct value_type *type, const char *at)
{
    const void *value = at;
    switch (type->kind) {
    case FIELD_BOOLEAN:
        return mix_number(hash, *(const bool *)value);
    case FIELD_INT:
        return mix_number(hash, *(const int32_t *)value);
    case FIELD_LONG:
        return mix_number(hash, *(const int64_t *)value);
    case FIELD_DOUBLE:
        return mix(hash, value, sizeof(double));
    case FIELD_STRING:
    case FIELD_BYTES:
        return mix_str(hash, *(const struct str *)value);
    case FIELD_ENUM:
        return mix_number(hash, *(const int *)value);
    case FIELD_RECORD: {
        const char *inner = type->nullable ? *(const char *const *)value : at;
        hash = mix_number(hash, inner != NULL);
        return inner ? mix_record(hash, type->record, inner) : hash;
    }
    case FIELD_LIST: {
        const struct {
            const char *ptr;
            size_t len;
        } *list = value;
        hash = mix_number(hash, (int64_t)list->len);
        for (size_t i = 0; i < list->len; i++)
            hash = mix_value(hash, type->item, list->ptr + i * type->item_bytes);
        return hash;
    }
    }
    return hash;
}

static uint64_t mix_field(uint64_t hash, const struct field *field, const char *record)
{
    bool scalar = field->type.kind != FIELD_STRING && field->type.kind != FIELD_BYTES &&
                  field->type.kind != FIELD_RECORD && field->type.kind != FIELD_LIST;
    if (field->type.nullable && scalar) {
        bool has = *(const bool *)(const void *)(record + field->has_offset);
        hash = mix_number(hash, has);
        if (!has)
            return hash;
    }
    return mix_value(hash, &field->type, record + field->offset);
}

static uint64_t mix_record(uint64_t hash, const struct record_type *type, const char *record)
{
    for (size_t i = 0; i < type->field_count; i++)
        hash = mix_field(hash, &type->fields[i], record);
    return hash;
}

int64_t content_hash(const struct record_type *type, const void *record)
{
    return (int64_t)mix_record(HASH_START, type, record);
}

static bool is_bookkeeping(const char *name)
{
    return strcmp(name, "version") == 0 || strcmp(name, "flags") == 0;
}

struct str_list content_changes(struct arena *arena, const struct order *before,
                                const struct order *after)
{
    const struct record_type *type = &order_record;
    struct str_list names = {arena_alloc_array(arena, type->field_count, sizeof(struct str)), 0};
    assert(names.ptr);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        if (!is_bookkeeping(field->name) && mix_field(HASH_START, field, (const void *)before) !=
                                                mix_field(HASH_START, field, (const void *)after))
            names.ptr[names.len++] = str_from(field->name);
    }
    return names;
}
