/* Inside the calendar: places whose zone has to be told. */
#ifndef WAYBILL_CALENDAR_PLACES_H
#define WAYBILL_CALENDAR_PLACES_H

#include "base/str.h"

/* NULL if nothing is told of the country. */
const char *places_zone(struct str country, struct str region);

#endif
