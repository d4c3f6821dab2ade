/* What stores' payloads have in common: money as decimal text, times, names in two
 * halves. Every reader takes NULL and JSON null for "not there". */
#ifndef WAYBILL_INTAKE_READING_H
#define WAYBILL_INTAKE_READING_H

#include "base/error.h"
#include "json/json.h"

/* How many digits the minor unit of a currency has; 2 for what is none (validation names it). */
int reading_currency_digits(struct arena *arena, struct str currency);

/* "19.99", 19.99, "1e" … -> minor units, half a minor unit rounded away from zero. Not there or
 * empty: 0. -1 and the member's path in err if it is no decimal number. */
MUST_CHECK int reading_money(const struct json_node *object, const char *path, int digits,
                             int64_t *out_minor, struct error *err);

/* RFC 3339, also with a space for the T and without a zone (then it is UTC) -> Unix ms. Not there
 * or empty: 0. */
MUST_CHECK int reading_time(struct arena *arena, const struct json_node *object, const char *path,
                            int64_t *out_ms, struct error *err);

/* A text or number as text; absent when not there, null or empty. */
struct str reading_text(const struct json_node *object, const char *path);

/* The first of two that is there. */
struct str reading_either(struct str first, struct str second);

/* "First Last", or the half that is there. */
struct str reading_name(struct arena *arena, const struct json_node *object, const char *first,
                        const char *last);

#endif
