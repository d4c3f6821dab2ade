/* How what one writer schema wrote becomes one of our structs. Internal to avro/. */
#ifndef WAYBILL_AVRO_PLAN_H
#define WAYBILL_AVRO_PLAN_H

#include "avro/wire.h"

#include <avro/schema.h>

/* What to do with one value of the writer. */
struct plan {
    avro_type_t wrote;
    bool may_be_empty;             /* can take no bytes at all */
    bool unreadable;               /* a branch of a union that has no place in ours */
    const struct value_type *into; /* what it becomes; NULL = it is skipped */
    size_t fixed_bytes;
    int32_t count;            /* of symbols, branches, fields */
    const int *symbols;       /* enum: our number of each of the writer's; -1 = none */
    const struct plan *parts; /* union: branches; list, map: the items; record: the fields */
    const struct field *const *fields; /* record: ours of each of the writer's; NULL = skipped */
    const struct record_type *record;  /* ours; NULL = skipped */
    const void *defaults;              /* a record with the fields that the writer does not have */
};

/* Everything is made in the arena and lives as long. NULL and err (ERROR_SET_ASIDE, names the
 * field) if the writer's record cannot become a struct of that type, or is beyond the limits. */
const struct plan *plan_make(avro_schema_t writer, const struct record_type *type,
                             struct arena *arena, struct error *err);

/* Reads one record of the writer into a struct of the plan's type, new and zeroed. */
MUST_CHECK int plan_read(const struct plan *plan, struct wire *wire, void *record);

const char *plan_type_word(avro_type_t type); /* "long" */

/* Whether our name is that Avro name: "order.accepted" is "order_accepted". */
bool plan_same_name(const char *ours, const char *avro);

#endif
