/* Ids that follow from what they name, so that work done twice has the same ids (libuuid). A pure
 * door. */
#ifndef WAYBILL_IDS_UUID5_H
#define WAYBILL_IDS_UUID5_H

#include "base/arena.h"

/* The version 5 UUID (RFC 9562) in Waybill's namespace of all the parts in order: 36 characters,
 * lower case, from the arena; {NULL, 0} when that is full. Parts keep their borders: ("ab", "c")
 * and
 * ("a", "bc") differ. */
struct str uuid5(struct arena *arena, const struct str *parts, size_t count);

/* uuid5_of(arena, STR("contact"), store, email) */
#define uuid5_of(arena, ...)                                                                       \
    uuid5((arena), (const struct str[]){__VA_ARGS__},                                              \
          sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

#endif
