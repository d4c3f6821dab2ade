/* Lines of a stream as they come, without waiting for more than there is. */
#ifndef WAYBILL_TOOL_LINES_H
#define WAYBILL_TOOL_LINES_H

#include "base/buffer.h"
#include "base/error.h"

enum { LINES_BYTES_MAX = 8 * 1024 * 1024 }; /* of one line */

struct lines {
    int fd;
    struct buffer bytes;
    size_t used;     /* of bytes: given out already */
    size_t searched; /* of bytes: known to have no line end from used up to here */
    int64_t number;  /* of the line given out last; the first is 1 */
    bool ended;
};

enum lines_result { LINES_LINE, LINES_NOTHING, LINES_END };

void lines_open(struct lines *lines, int fd);
void lines_close(struct lines *lines);

/* LINES_LINE: *out is the next line without its end, borrowed until the next call. LINES_NOTHING:
 * none is complete after timeout_ms (or a signal came). LINES_END: no more will come. -1:
 * unreadable, or a line is too long. */
int lines_next(struct lines *lines, int timeout_ms, struct str *out, struct error *err);

#endif
