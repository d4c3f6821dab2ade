/* Instants as text (RFC 3339). */
#ifndef WAYBILL_BASE_RFC3339_H
#define WAYBILL_BASE_RFC3339_H

#include "base/str.h"

enum { RFC3339_BYTES = 32 };

/* "2017-09-02T08:15:30.250Z"; years 1..9999, others are clamped. */
void rfc3339_format(int64_t time_ms, char out[RFC3339_BYTES]);

/* With Z or an offset; false (out unchanged) if it is none. Leap second :60 counts as :59. */
bool rfc3339_parse(struct str text, int64_t *out_ms);

#endif
