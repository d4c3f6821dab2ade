/* Memory that is given back all at once. One per batch; rules never allocate or free in any other
 * way. */
#ifndef WAYBILL_BASE_ARENA_H
#define WAYBILL_BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first, *current;
    size_t bytes_used, bytes_max;
    bool full; /* something was refused since the last reset or rewind */
};

/* Takes no memory yet. bytes_max bounds what may be taken between two resets. */
void arena_init(struct arena *arena, size_t bytes_max);
void arena_done(struct arena *arena);

/* Forgets everything at once and keeps the first block; under ASan what was handed out is poisoned.
 */
void arena_reset(struct arena *arena);

/* Forgets what was taken after the mark. */
struct arena_place {
    struct arena_block *block;
    size_t block_used, bytes_used;
};
struct arena_place arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_place mark);

/* Zeroed memory, aligned for any type. NULL when bytes_max would be passed. */
void *arena_alloc(struct arena *arena, size_t bytes) __attribute__((malloc));
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* Copies; the copy is NUL-terminated (len does not count the NUL). {NULL, 0} when bytes_max would
 * be passed. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
