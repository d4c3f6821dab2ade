/* Any record, made of random numbers by its descriptor; the same seed makes the same record. */
#ifndef WAYBILL_TESTS_RANDOM_RECORD_H
#define WAYBILL_TESTS_RANDOM_RECORD_H

#include "base/arena.h"
#include "rules/record.h"

#include <assert.h>

struct random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t random_below(struct random *random, size_t limit)
{
    return (size_t)(random_next(random) % limit);
}

/* Few digits as often as many, so that every length of a number is met. */
static inline int64_t random_int64(struct random *random)
{
    return (int64_t)random_next(random) >> random_below(random, 64);
}

static inline struct str random_text(struct random *random, struct arena *arena)
{
    static const char *const pieces[] = {
        "a", "Z9", " ", "\"", "\\", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x93\xa6", "/x"};
    char text[64];
    size_t len = 0;
    for (size_t left = random_below(random, 12); left > 0; left--) {
        const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return arena_copy(arena, (struct str){text, len});
}

static inline struct str random_bytes(struct random *random, struct arena *arena)
{
    char bytes[16];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_next(random);
    return arena_copy(arena, (struct str){bytes, random_below(random, sizeof(bytes))});
}

static inline void random_fill(struct random *random, const struct record_type *type,
                               struct arena *arena, void *record);

static inline void random_value(struct random *random, const struct value_type *type,
                                struct arena *arena, void *slot)
{
    struct {
        void *ptr;
        size_t len;
    } list;
    double real;
    switch (type->kind) {
    case FIELD_BOOLEAN:
        *(bool *)slot = random_below(random, 2);
        break;
    case FIELD_INT:
        *(int32_t *)slot = (int32_t)(random_int64(random) >> 32);
        break;
    case FIELD_LONG:
        *(int64_t *)slot = random_int64(random);
        break;
    case FIELD_DOUBLE:
        real = (double)random_int64(random) / 1024;
        memcpy(slot, &real, sizeof(real));
        break;
    case FIELD_STRING:
        *(struct str *)slot = random_text(random, arena);
        break;
    case FIELD_BYTES:
        *(struct str *)slot = random_bytes(random, arena);
        break;
    case FIELD_ENUM:
        *(int *)slot = (int)random_below(random, (size_t)type->symbols->symbol_count);
        break;
    case FIELD_RECORD:
        random_fill(random, type->record, arena, slot);
        break;
    case FIELD_LIST:
        list.len = random_below(random, 4);
        list.ptr = arena_alloc_array(arena, list.len, type->item_bytes);
        assert(list.ptr);
        for (size_t i = 0; i < list.len; i++)
            random_value(random, type->item, arena, (char *)list.ptr + i * type->item_bytes);
        memcpy(slot, &list, sizeof(list));
        break;
    }
}

/* Into a zeroed struct of that type. Half of what may be absent is. */
static inline void random_fill(struct random *random, const struct record_type *type,
                               struct arena *arena, void *record)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        void *slot = (char *)record + field->offset;
        if (field->type.nullable && random_below(random, 2))
            continue;
        if (field->type.nullable && field->type.kind == FIELD_RECORD) {
            void *part = arena_alloc(arena, field->type.record->bytes);
            assert(part);
            memcpy(slot, &part, sizeof(part));
            slot = part;
        } else if (field->type.nullable && field->type.kind != FIELD_STRING &&
                   field->type.kind != FIELD_BYTES) {
            ((bool *)record)[field->has_offset] = true;
        }
        random_value(random, &field->type, arena, slot);
    }
}

static inline void *random_record(struct random *random, const struct record_type *type,
                                  struct arena *arena)
{
    void *record = arena_alloc(arena, type->bytes);
    assert(record);
    random_fill(random, type, arena, record);
    return record;
}

#endif
