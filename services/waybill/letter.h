/* A dead letter, and the record that puts it back. Pure. */
#ifndef WAYBILL_TOOL_LETTER_H
#define WAYBILL_TOOL_LETTER_H

#include "waybill/decode.h"

enum { LETTER_HEADERS_MAX = 1100 };

/* "intake.dlq/3/17": what the record that puts it back carries, and what comes of that names.
 * Absent when the arena is full. */
struct str letter_id(const struct decoded *letter, struct arena *arena);

/* A header of it; "?" if it has none. */
struct str letter_header(const struct decoded *letter, const char *name);

/* Why it cannot be decided again, for a person; NULL = it can. */
const char *letter_why_not(const struct decoded *letter, struct arena *arena);

/* Who put it back, why, when; again: NULL, or a name that makes another event of it. */
struct letter_sender {
    const char *by, *why, *at, *again;
};

/* The headers of the record that puts it back: as they first were, and where it first stood.
 * Returns how many; 0 when the arena is full. */
size_t letter_put_back(const struct decoded *letter, const struct letter_sender *sender,
                       struct arena *arena, struct event_header out[LETTER_HEADERS_MAX]);

#endif
