/* Instants and dates as text, for record_json: no zones but UTC offsets, no C library calendar.
 * Internal to avro/. */
#ifndef WAYBILL_AVRO_RFC3339_H
#define WAYBILL_AVRO_RFC3339_H

#include "base/str.h"

enum { RFC3339_BYTES = 32 };

/* "2026-11-23T07:31:22.123Z"; "2026-11-23". False for what lies outside the years 0000 to 9999. */
bool rfc3339_print_ms(int64_t unix_ms, char out[RFC3339_BYTES]);
bool rfc3339_print_date(int32_t days, char out[RFC3339_BYTES]);

/* "2026-11-23T07:31:22Z", with a fraction of 1 to 9 digits (what is below a ms is cut off), Z or
 * +05:30. Seconds to 59. */
bool rfc3339_parse_ms(struct str text, int64_t *out_unix_ms);
bool rfc3339_parse_date(struct str text, int32_t *out_days);

#endif
