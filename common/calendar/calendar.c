#include "calendar/calendar.h"

#include "calendar/places.h"

#include <stdio.h>
#include <unicode/ucal.h>
#include <unicode/ucurr.h>
#include <unicode/udat.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/unum.h>
#include <unicode/ustring.h>

enum {
    ZONE_BYTES_MAX = 64,
    LOCALE_BYTES_MAX = 64,
    TEXT_UNITS_MAX = 200,
    DAY_MINUTES = 24 * 60,
    MINUTE_MS = 60 * 1000
};

static const int64_t day_ms = (int64_t)DAY_MINUTES * MINUTE_MS;
/* Beyond years -290307..292278 days no longer fit ICU's milliseconds. */
static const int32_t date_max = 100 * 1000 * 1000;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* To UTF-16 units if it is short, plain ASCII; false if not. */
static bool widen(struct str s, UChar *out, size_t units_max)
{
    if (s.len == 0 || s.len >= units_max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
        out[i] = (UChar)s.ptr[i];
    }
    out[s.len] = 0;
    return true;
}

/* ICU also knows "PST", "CET+1" and the like; a zone of the tz database has a slash or is UTC. */
static bool widen_zone(struct str zone, UChar *out)
{
    if (!widen(zone, out, ZONE_BYTES_MAX))
        return false;
    if (!memchr(zone.ptr, '/', zone.len) && !str_equal(zone, STR("UTC")))
        return false;
    UChar canonical[ZONE_BYTES_MAX];
    UBool is_system = 0;
    UErrorCode status = U_ZERO_ERROR;
    ucal_getCanonicalTimeZoneID(out, (int32_t)zone.len, canonical, ZONE_BYTES_MAX, &is_system,
                                &status);
    return U_SUCCESS(status) && is_system;
}

bool calendar_zone_is_known(struct str zone)
{
    UChar name[ZONE_BYTES_MAX];
    return widen_zone(zone, name);
}

struct str calendar_zone_of_place(struct arena *arena, struct str country, struct str region,
                                  struct str otherwise)
{
    if (!calendar_country_is_known(country))
        return otherwise;
    const char *told = places_zone(country, region);
    if (told)
        return arena_copy(arena, str_from(told));
    char name[3] = {country.ptr[0], country.ptr[1], '\0'};
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *zones =
        ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_CANONICAL_LOCATION, name, NULL, &status);
    int32_t len = 0;
    const char *zone = U_SUCCESS(status) ? uenum_next(zones, &len, &status) : NULL;
    struct str found = otherwise;
    if (U_SUCCESS(status) && zone)
        found = arena_copy(arena, (struct str){zone, (size_t)len});
    uenum_close(zones);
    return found;
}

/* A calendar of that zone, UTC if it is unknown. Costs about 3 us, so none is kept: nothing is
 * shared. */
static UCalendar *open_calendar(struct str zone)
{
    static const UChar utc[] = {'U', 'T', 'C', 0};
    UChar name[ZONE_BYTES_MAX];
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar =
        ucal_open(widen_zone(zone, name) ? name : utc, -1, "en_US_POSIX", UCAL_GREGORIAN, &status);
    return U_SUCCESS(status) ? calendar : NULL;
}

/* The instant by the clock on the wall, as if that one stood in UTC. */
static int64_t wall_ms(struct str zone, int64_t at_ms)
{
    const int64_t most_ms = date_max * day_ms;
    at_ms = at_ms > most_ms ? most_ms : at_ms < -most_ms ? -most_ms : at_ms;
    UCalendar *calendar = open_calendar(zone);
    if (!calendar)
        return at_ms;
    UErrorCode status = U_ZERO_ERROR;
    ucal_setMillis(calendar, (UDate)at_ms, &status);
    int32_t offset = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
                     ucal_get(calendar, UCAL_DST_OFFSET, &status);
    ucal_close(calendar);
    return U_SUCCESS(status) ? at_ms + offset : at_ms;
}

int32_t calendar_local_date(struct str zone, int64_t at_ms)
{
    int64_t date = floor_div(wall_ms(zone, at_ms), day_ms);
    return date > date_max ? date_max : date < -date_max ? -date_max : (int32_t)date;
}

int32_t calendar_local_minutes(struct str zone, int64_t at_ms)
{
    int64_t wall = wall_ms(zone, at_ms);
    return (int32_t)((wall - floor_div(wall, day_ms) * day_ms) / MINUTE_MS);
}

int64_t calendar_instant(struct str zone, int32_t date, int32_t minutes)
{
    int64_t wall = (int64_t)date * day_ms + (int64_t)minutes * MINUTE_MS;
    UCalendar *calendar = open_calendar(zone);
    if (!calendar)
        return wall;
    UErrorCode status = U_ZERO_ERROR;
    int32_t offset = 0, dst = 0;
    ucal_setMillis(calendar, (UDate)wall, &status);
    ucal_getTimeZoneOffsetFromLocal(calendar, UCAL_TZ_LOCAL_FORMER, UCAL_TZ_LOCAL_FORMER, &offset,
                                    &dst, &status);
    ucal_close(calendar);
    return U_SUCCESS(status) ? wall - offset - dst : wall;
}

/* ICU's name of a BCP 47 locale: "pt-BR" -> "pt_BR". Only its language, script and country: a
 * locale from outside must not choose another calendar or other digits. */
static void name_locale(struct str locale, char out[LOCALE_BYTES_MAX])
{
    char tag[LOCALE_BYTES_MAX], name[LOCALE_BYTES_MAX];
    strcpy(out, "en");
    if (locale.len == 0 || locale.len >= sizeof(tag))
        return;
    memcpy(tag, locale.ptr, locale.len);
    tag[locale.len] = '\0';
    for (char *at = strchr(tag, '_'); at; at = strchr(at, '_'))
        *at = '-';
    UErrorCode status = U_ZERO_ERROR;
    int32_t parsed = 0;
    uloc_forLanguageTag(tag, name, sizeof(name), &parsed, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING || parsed == 0)
        return;
    name[strcspn(name, "@")] = '\0';
    if (name[0])
        strcpy(out, name);
}

/* As UTF-8, with plain spaces: a no-break space (U+00A0, U+202F) would double the price of an SMS.
 */
static struct str narrow(struct arena *arena, UChar *text, int32_t units)
{
    char bytes[TEXT_UNITS_MAX * 3];
    int32_t len = 0;
    UErrorCode status = U_ZERO_ERROR;
    for (int32_t i = 0; i < units; i++) {
        if (text[i] == 0x00A0 || text[i] == 0x202F)
            text[i] = ' ';
    }
    u_strToUTF8(bytes, sizeof(bytes), &len, text, units, &status);
    if (U_FAILURE(status))
        return (struct str){NULL, 0};
    return arena_copy(arena, (struct str){bytes, (size_t)len});
}

static struct str format_instant(struct arena *arena, struct str locale, struct str zone,
                                 UDateFormatStyle time, UDateFormatStyle date, UDate at)
{
    static const UChar utc[] = {'U', 'T', 'C', 0};
    UChar zone_name[ZONE_BYTES_MAX], text[TEXT_UNITS_MAX];
    char name[LOCALE_BYTES_MAX];
    name_locale(locale, name);
    UErrorCode status = U_ZERO_ERROR;
    UDateFormat *format = udat_open(time, date, name, widen_zone(zone, zone_name) ? zone_name : utc,
                                    -1, NULL, 0, &status);
    int32_t units = 0;
    if (U_SUCCESS(status))
        units = udat_format(format, at, text, TEXT_UNITS_MAX, NULL, &status);
    udat_close(format);
    return U_SUCCESS(status) ? narrow(arena, text, units) : (struct str){NULL, 0};
}

struct str calendar_format_date(struct arena *arena, struct str locale, int32_t date)
{
    return format_instant(arena, locale, STR("UTC"), UDAT_NONE, UDAT_LONG,
                          (UDate)((int64_t)date * day_ms));
}

struct str calendar_format_time(struct arena *arena, struct str locale, struct str zone,
                                int64_t at_ms)
{
    return format_instant(arena, locale, zone, UDAT_SHORT, UDAT_NONE, (UDate)at_ms);
}

bool calendar_country_is_known(struct str country)
{
    /* ICU's list has reserved codes beside the 249 of the standard; CQ since version 76. */
    static const char *const reserved[] = {"CQ", "DG", "EA", "IC", "XK"};
    if (country.len != 2)
        return false;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (memcmp(country.ptr, reserved[i], 2) == 0)
            return false;
    }
    for (const char *const *known = uloc_getISOCountries(); *known; known++) {
        if (memcmp(country.ptr, *known, 2) == 0)
            return true;
    }
    return false;
}

static bool is_among(struct str code, const char *codes)
{
    for (; *codes; codes += 4) {
        if (memcmp(code.ptr, codes, 3) == 0)
            return true;
    }
    return false;
}

/* ucurr_isAvailable() knows one country per currency and forgets INR, so the list is walked. */
static bool is_currency(struct str currency)
{
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *known = ucurr_openISOCurrencies(UCURR_COMMON | UCURR_NON_DEPRECATED, &status);
    bool found = false;
    while (U_SUCCESS(status) && !found) {
        int32_t len = 0;
        const char *code = uenum_next(known, &len, &status);
        if (!code)
            break;
        found = str_equal(currency, (struct str){code, (size_t)len});
    }
    uenum_close(known);
    return found;
}

bool calendar_currency_digits(struct str currency, int *out_digits)
{
    if (!is_currency(currency))
        return false;
    /* The standard's own digits: ICU's are those of shop prices and drop the paisa of PKR. */
    if (is_among(currency, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF "))
        *out_digits = 0;
    else if (is_among(currency, "BHD IQD JOD KWD LYD OMR TND "))
        *out_digits = 3;
    else
        *out_digits = 2;
    return true;
}

/* "-1234.50": decimal digits, so that no amount passes through a double. */
static int32_t write_decimal(char *out, size_t size, int64_t amount_minor, int digits)
{
    uint64_t scale = 1,
             left = amount_minor < 0 ? 0 - (uint64_t)amount_minor : (uint64_t)amount_minor;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    const char *sign = amount_minor < 0 ? "-" : "";
    if (digits == 0)
        return snprintf(out, size, "%s%llu", sign, (unsigned long long)left);
    return snprintf(out, size, "%s%llu.%0*llu", sign, (unsigned long long)(left / scale), digits,
                    (unsigned long long)(left % scale));
}

struct str calendar_format_money(struct arena *arena, struct str locale, struct str currency,
                                 int64_t amount_minor)
{
    int digits = 0;
    if (!calendar_currency_digits(currency, &digits))
        return arena_printf(arena, "%.*s %lld", STR_ARG(currency), (long long)amount_minor);
    UChar code[4], text[TEXT_UNITS_MAX];
    char name[LOCALE_BYTES_MAX], decimal[40];
    widen(currency, code, 4);
    name_locale(locale, name);
    int32_t len = write_decimal(decimal, sizeof(decimal), amount_minor, digits);
    UErrorCode status = U_ZERO_ERROR;
    UNumberFormat *format = unum_open(UNUM_CURRENCY, NULL, 0, name, NULL, &status);
    int32_t units = 0;
    if (U_SUCCESS(status)) {
        unum_setTextAttribute(format, UNUM_CURRENCY_CODE, code, 3, &status);
        unum_setAttribute(format, UNUM_FRACTION_DIGITS, digits);
        units = unum_formatDecimal(format, decimal, len, text, TEXT_UNITS_MAX, NULL, &status);
    }
    unum_close(format);
    return U_SUCCESS(status) ? narrow(arena, text, units) : (struct str){NULL, 0};
}
