/* The id under which all of Waybill knows an order. */
#ifndef WAYBILL_IDS_ORDER_ID_H
#define WAYBILL_IDS_ORDER_ID_H

#include "base/arena.h"

/* "<store>:<external id>", in the arena. Absent if either is empty, if the store's name has a colon
 * (the first one ends it) or if the arena is full. */
struct str order_id_make(struct arena *arena, struct str store, struct str external_id);

#endif
