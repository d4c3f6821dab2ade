/* Whether two records say the same, by their descriptors (F05). */
#ifndef WAYBILL_INTAKE_CONTENT_H
#define WAYBILL_INTAKE_CONTENT_H

#include "base/arena.h"
#include "events.h"

/* 64 bits that follow from everything in the record (FNV-1a); absent and empty differ. */
int64_t content_hash(const struct record_type *type, const void *record);

/* Names of the fields of two orders that differ, those of bookkeeping (version, flags) left out. */
struct str_list content_changes(struct arena *arena, const struct order *before,
                                const struct order *after);

#endif
