/* Writing JSON into an arena: request bodies, records for people. Commas and escapes come by
 * themselves. */
#ifndef WAYBILL_JSON_JSON_WRITER_H
#define WAYBILL_JSON_JSON_WRITER_H

#include "base/arena.h"

struct json_writer {
    struct arena *arena;
    char *ptr;
    size_t len, capacity;
    bool failed; /* the arena is full, or a text was not UTF-8: nothing more is added */
    bool needs_comma;
};

void json_writer_init(struct json_writer *w, struct arena *arena);

/* name: of a member; absent ({NULL, 0}) for a list's item and for the outermost value. */
void json_open_object(struct json_writer *w, struct str name);
void json_close_object(struct json_writer *w);
void json_open_list(struct json_writer *w, struct str name);
void json_close_list(struct json_writer *w);
void json_add_text(struct json_writer *w, struct str name, struct str text); /* absent: null */
void json_add_int64(struct json_writer *w, struct str name, int64_t number);
void json_add_double(struct json_writer *w, struct str name, double number); /* not finite: null */
void json_add_bool(struct json_writer *w, struct str name, bool truth);
void json_add_null(struct json_writer *w, struct str name);
/* Text that is already JSON: a number's digits, a part written elsewhere. */
void json_add_raw(struct json_writer *w, struct str name, struct str json);

/* What was written, NUL-terminated; absent if it failed. */
struct str json_writer_done(const struct json_writer *w);

#endif
