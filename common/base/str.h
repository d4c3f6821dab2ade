/* A string or a run of bytes that is borrowed: from a payload, an arena or static storage. Not
 * NUL-terminated. */
#ifndef WAYBILL_BASE_STR_H
#define WAYBILL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr; /* NULL = absent (Avro null); empty is not absent */
    size_t len;
};

/* STR("literal") as an expression, STR_INIT("literal") in static initialisers. */
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }
#define STR(literal) ((struct str)STR_INIT(literal))
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

static inline struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is_empty(struct str s)
{
    return s.len == 0;
}

/* Like strcmp, byte by byte; a shorter prefix sorts first. */
int str_compare(struct str a, struct str b);

bool str_starts_with(struct str s, struct str prefix);

/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);

/* Splits at the first `at`: head before it, tail after it. Without `at`, head = s and tail is
 * absent. */
void str_split(struct str s, char at, struct str *out_head, struct str *out_tail);

/* A whole decimal number with an optional minus sign and nothing else; false (out unchanged) if not
 * or too large. */
bool str_to_int64(struct str s, int64_t *out);

#endif
