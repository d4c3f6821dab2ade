/* Where a field's value lies in its struct, nullable or not. Internal to avro/. */
#ifndef WAYBILL_AVRO_SLOT_H
#define WAYBILL_AVRO_SLOT_H

#include "base/arena.h"
#include "rules/record.h"

/* The layout of every generated list struct, which is moved in and out by memcpy. */
struct slot_list {
    void *ptr;
    size_t len;
};

static inline void *slot_list_item(const struct slot_list *list, size_t i, size_t item_bytes)
{
    return (char *)list->ptr + i * item_bytes;
}

/* The value; NULL if it is absent. */
const void *slot_of(const struct field *field, const void *record);

/* Where to put the value; from then on it is there. NULL if the arena is full. */
void *slot_fill(const struct field *field, void *record, struct arena *arena);

/* sizeof the value itself, as it stands in a struct or list. */
size_t slot_bytes(const struct value_type *type);

#endif
