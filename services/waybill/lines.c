#include "waybill/lines.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 };

void lines_open(struct lines *lines, int fd)
{
    *lines = (struct lines){.fd = fd};
    buffer_init(&lines->bytes, LINES_BYTES_MAX + CHUNK_BYTES);
}

void lines_close(struct lines *lines)
{
    buffer_done(&lines->bytes);
}

/* A whole line that is there already; the last one needs no end. */
static bool take(struct lines *lines, struct str *out)
{
    struct str all = buffer_str(&lines->bytes);
    size_t rest = all.len - lines->searched;
    const char *end = rest ? memchr(all.ptr + lines->searched, '\n', rest) : NULL;
    lines->searched = all.len;
    if (!end && !(lines->ended && all.len > lines->used))
        return false;
    size_t stop = end ? (size_t)(end - all.ptr) : all.len;
    *out = (struct str){all.ptr + lines->used, stop - lines->used};
    if (out->len > 0 && out->ptr[out->len - 1] == '\r')
        out->len--;
    lines->used = end ? stop + 1 : stop;
    lines->searched = lines->used;
    lines->number++;
    return true;
}

/* Moves what is left to the front, so that the buffer does not grow for ever. */
static void make_room(struct lines *lines)
{
    if (lines->used == 0)
        return;
    memmove(lines->bytes.ptr, lines->bytes.ptr + lines->used, lines->bytes.len - lines->used);
    lines->bytes.len -= lines->used;
    lines->searched -= lines->used;
    lines->used = 0;
}

int lines_next(struct lines *lines, int timeout_ms, struct str *out, struct error *err)
{
    char chunk[CHUNK_BYTES];
    while (!take(lines, out)) {
        if (lines->ended)
            return LINES_END;
        make_room(lines);
        struct pollfd input = {.fd = lines->fd, .events = POLLIN};
        int ready = poll(&input, 1, timeout_ms);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            return LINES_NOTHING;
        ssize_t got = read(lines->fd, chunk, sizeof(chunk));
        if (got < 0 && errno != EINTR)
            return error_set(err, ERROR_FATAL, "cannot read: %s", strerror(errno));
        lines->ended = got == 0;
        if (got > 0)
            buffer_add(&lines->bytes, chunk, (size_t)got);
        if (lines->bytes.failed || lines->bytes.len > LINES_BYTES_MAX)
            return error_set(err, ERROR_FATAL, "line %lld is too long (at most %d bytes)",
                             (long long)lines->number + 1, LINES_BYTES_MAX);
    }
    return LINES_LINE;
}
