/* Our records as JSON text, for people and their tools.
 *
 * Enums are their symbols; a timestamp is "2026-11-23T07:31:22.123Z" (a number of ms is taken,
 * too), a date "2026-11-23" (or a number of days); bytes are {"text": "…"} if they are UTF-8
 * without NUL, else
 * {"base64": "…"} (plain text is taken, too); absent and not a number are null. */
#ifndef WAYBILL_AVRO_RECORD_JSON_H
#define WAYBILL_AVRO_RECORD_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include "rules/record.h"

/* One line, in the arena, NUL-terminated. Errors: the arena is full; a string is not UTF-8. */
MUST_CHECK int record_to_json(const struct record_type *type, const void *record,
                              struct arena *arena, struct str *out, struct error *err);

/* Into a struct in the arena; nothing is borrowed from text. A missing field takes its default; one
 * without default, an unknown field or a wrong value is an error (ERROR_SET_ASIDE) that names it.
 */
MUST_CHECK int record_from_json(const struct record_type *type, struct str text,
                                struct arena *arena, const void **out, struct error *err);

/* Puts the field's default into the record, as for a field that a writer does not have. Error, if
 * it has none: "is missing and has no default". */
MUST_CHECK int record_field_default(const struct field *field, struct arena *arena, void *record,
                                    struct error *err);

#endif
