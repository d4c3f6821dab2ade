/* The key under which an event travels: one function for everybody who produces. Pure. */
#ifndef WAYBILL_TOPICS_EVENT_KEY_H
#define WAYBILL_TOPICS_EVENT_KEY_H

#include "base/arena.h"
#include "rules/record.h"

/* From the event's own fields, as its topic's key says (schemas/topics.json):
 *   order id       order_id, or order.order_id, or <store>:<external_id>
 *   supplier/sku   <supplier_id>/<sku>
 *   carrier/number <carrier>/<tracking_number>
 *   service/endpoint <service>/<endpoint>
 *   contact        contact_id
 *   subject, supplier id, lane: the field of that name
 * Absent if the event has no such fields (payload.received), if one of them is empty, or the arena
 * is full. */
struct str event_key(const struct record_type *type, const void *body, struct arena *arena);

/* A string field of the record by its name; absent if there is none, or it is null. */
struct str event_field(const struct record_type *type, const void *body, const char *name);

/* What the keys of that topic (without prefix) are, for a person: "order id"; NULL if there is no
 * such topic. */
const char *event_key_kind(const char *topic);

#endif
