/* Places, zones, dates and money as people read them. ICU stands behind this door.
 *
 * Pure: the same arguments give the same answer; no clock, no default locale, no default zone.
 * Dates are days since 1970-01-01, instants Unix ms. A zone is an IANA name; an unknown one counts
 * as UTC, so ask calendar_zone_is_known where a zone comes in. A locale is BCP 47 ("pt-BR"); absent
 * or unknown ones read as plain English. */
#ifndef WAYBILL_CALENDAR_CALENDAR_H
#define WAYBILL_CALENDAR_CALENDAR_H

#include "base/arena.h"

/* "Europe/Paris", "UTC"; not "CET+1", "PST" or "GMT+5". */
bool calendar_zone_is_known(struct str zone);

/* The zone most people of a place live in: of the region ("SP" or "BR-SP" of ISO 3166-2, or its
 * name, any case) where a country has several, else of the country; `otherwise` if
 * the country is unknown. */
struct str calendar_zone_of_place(struct arena *arena, struct str country, struct str region,
                                  struct str otherwise);

int32_t calendar_local_date(struct str zone, int64_t at_ms);

/* Minutes since local midnight by the clock on the wall: 0..1439. */
int32_t calendar_local_minutes(struct str zone, int64_t at_ms);

/* The instant of a wall clock reading, minutes since midnight. As java.time: a reading that a DST
 * gap skips is moved on by the gap's length, of one that a fold repeats the first is taken. */
int64_t calendar_instant(struct str zone, int32_t date, int32_t minutes);

/* "December 15, 2017", "15. Dezember 2017". Spaces are plain ones, so that an SMS stays in its
 * basic alphabet. Absent if the arena is full. */
struct str calendar_format_date(struct arena *arena, struct str locale, int32_t date);

/* "3:05 PM", "15:05": the wall clock of the zone. */
struct str calendar_format_time(struct arena *arena, struct str locale, struct str zone,
                                int64_t at_ms);

/* "$1,234.50", "1.234,50 €", with the digits of ISO 4217 and never rounded. A currency that is not
 * one reads as the code and the minor units. */
struct str calendar_format_money(struct arena *arena, struct str locale, struct str currency,
                                 int64_t amount_minor);

/* ISO 3166-1 alpha-2, upper case. */
bool calendar_country_is_known(struct str country);

/* ISO 4217, upper case, in use: how many digits its minor unit has (EUR 2, JPY 0, KWD 3). False,
 * out unchanged, if it is no currency. */
bool calendar_currency_digits(struct str currency, int *out_digits);

#endif
