/* Which writer schema has which id, and how each is read into the structs of this program.
 *
 * Resolution is Avro's (1.11, "Schema Resolution"): fields by name, in any order; the writer's
 * extra ones are skipped, the reader's get their default; int -> long -> double and float ->
 * double; string <-> bytes; an enum's unknown symbol becomes its default; T <-> ["null", T]. */
#ifndef WAYBILL_AVRO_SCHEMAS_H
#define WAYBILL_AVRO_SCHEMAS_H

#include "base/arena.h"
#include "base/error.h"
#include "rules/record.h"

struct avro_schemas;

enum { AVRO_SCHEMA_BYTES_MAX = 256 * 1024, AVRO_SCHEMAS_MAX = 10000 };

/* Beside 0 and -1, what avro_schemas_decode says. */
enum {
    AVRO_UNKNOWN_ID =
        1, /* nobody told us this schema yet: pause, look at the schemas topic again */
    AVRO_UNKNOWN_TYPE =
        2 /* a record that this program has no struct for: none of its rules reads it */
};

/* Knows the given types (the generated record_types) under their ids. NULL: no memory. */
struct avro_schemas *avro_schemas_new(const struct record_type *const *types, size_t count);
void avro_schemas_free(struct avro_schemas *schemas);

/* One more writer schema, as found on the schemas topic. Again with the same meaning changes
 * nothing.
 *
 * Errors: ERROR_SET_ASIDE, if the text is no schema or is too large (nothing changes), if it cannot
 * be read into our record of that name (what comes with this id is then set aside with the same
 * text), or if the id stands for another schema (nothing changes). ERROR_FATAL, if it is a state of
 * a newer major version (and again for what comes with this id): this program is too old for the
 * task. */
MUST_CHECK int avro_schemas_add(struct avro_schemas *schemas, int32_t id, struct str json,
                                struct error *err);

/* A framed value into a struct of this program, in the arena; strings are borrowed from the value
 * or, for defaults, live as long as schemas. 0, -1, AVRO_UNKNOWN_ID (err says which) or
 * AVRO_UNKNOWN_TYPE. */
MUST_CHECK int avro_schemas_decode(struct avro_schemas *schemas, struct str framed,
                                   struct arena *arena, const struct record_type **out_type,
                                   const void **out_body, struct error *err);

#endif
