/* Our records as JSON text, for people and their tools.
 *
 * Enums are their symbols; a timestamp is "2026-11-23T07:31:22.123Z" (a number of ms is taken,
 * too), a date "2026-11-23" (or a number of days); bytes are {"text": "…"} if they are UTF-8, else
 * {"base64": "…"}; absent is null. */
#ifndef WAYBILL_AVRO_RECORD_JSON_H
#define WAYBILL_AVRO_RECORD_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include "rules/record.h"
#include "json/json.h"

/* One line, in the arena, NUL-terminated. Errors: the arena is full; a string is not UTF-8. */
MUST_CHECK int record_to_json(const struct record_type *type, const void *record,
                              struct arena *arena, struct str *out, struct error *err);

/* Into a struct in the arena; nothing is borrowed from text. A missing field takes its default; one
 * without default, an unknown field or a wrong value is an error (ERROR_SET_ASIDE) that names it.
 */
MUST_CHECK int record_from_json(const struct record_type *type, struct str text,
                                struct arena *arena, const void **out, struct error *err);

/* One value of a field or list item into memory of its kind: what Avro's defaults need. `slot` is
 * the value itself, `slot` zeroed before; null is refused here. */
MUST_CHECK int record_value_from_json(const struct value_type *type, const struct json_node *json,
                                      struct arena *arena, void *slot, struct error *err);

#endif
