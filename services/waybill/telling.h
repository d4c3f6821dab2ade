/* What an event says, in a few plain words: one template per event. Pure. */
#ifndef WAYBILL_TOOL_TELLING_H
#define WAYBILL_TOOL_TELLING_H

#include "base/arena.h"
#include "rules/record.h"

/* A template is text with fields in it:
 *   {order.total_minor:money}   a field by its path; money = with the currency beside it
 *   {days_late:days}            1 day, 2 days
 *   [, promised {promised_on}]  left out when one of its fields is absent, empty, zero, false, or
 *                               an enum's first symbol
 *   {refund_due?, refund due}   the text, if the field is true
 *
 * Lists are joined by ", "; parts (an order line, a hold) have templates of their own.
 */
struct telling {
    const char *name; /* of the event or part */
    const char *text;
    bool aside; /* bookkeeping between services: not part of the story that a person wants first */
};
extern const struct telling tellings[];
extern const size_t telling_count;

/* The event's words; empty if it has no template; absent if the arena is full. */
struct str telling_of(const struct record_type *type, const void *body, struct arena *arena);

/* The event's template is aside. */
bool telling_is_aside(const struct record_type *type);

/* Do all paths of the template lead to fields of that type? For a test. */
bool telling_fits(const struct telling *telling, const struct record_type *type);

#endif
