/* Bytes that grow, on the heap, with a limit. After a failed append `failed` stays set and nothing
 * more is added. */
#ifndef WAYBILL_BASE_BUFFER_H
#define WAYBILL_BASE_BUFFER_H

#include "base/str.h"

struct buffer {
    char *ptr;
    size_t len, capacity, bytes_max;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t bytes_max);
void buffer_done(struct buffer *buffer);
void buffer_reset(struct buffer *buffer); /* empty again; keeps its memory */

void buffer_add(struct buffer *buffer, const void *bytes, size_t len);
void buffer_add_str(struct buffer *buffer, struct str s);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is in it now; borrowed until the next call. */
static inline struct str buffer_str(const struct buffer *buffer)
{
    return (struct str){buffer->ptr ? buffer->ptr : "", buffer->len};
}

#endif
