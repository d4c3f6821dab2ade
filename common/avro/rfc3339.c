#include "avro/rfc3339.h"

#include <stdio.h>

enum {
    MS_PER_SECOND = 1000,
    MS_PER_MINUTE = 60 * 1000,
    DAYS_PER_ERA = 146097,       /* 400 years */
    DAYS_BEFORE_EPOCH = 719468,  /* from 0000-03-01 to 1970-01-01 */
    DAYS_YEAR_0 = -719528,       /* 0000-01-01 */
    DAYS_YEAR_9999_END = 2932896 /* 9999-12-31 */
};
static const int64_t ms_per_day = 24 * 60 * (int64_t)MS_PER_MINUTE;

/* Howard Hinnant's days_from_civil and civil_from_days: years begin in March, eras are 400 years.
 */
static int32_t days_of(int32_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int32_t era = (year >= 0 ? year : year - 399) / 400;
    int32_t year_of_era = year - era * 400;
    int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_EPOCH;
}

static void date_of(int32_t days, int32_t *year, int32_t *month, int32_t *day)
{
    days += DAYS_BEFORE_EPOCH;
    int32_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int32_t day_of_era = days - era * DAYS_PER_ERA;
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t march_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

bool rfc3339_print_date(int32_t days, char out[RFC3339_BYTES])
{
    if (days < DAYS_YEAR_0 || days > DAYS_YEAR_9999_END)
        return false;
    int32_t year, month, day;
    date_of(days, &year, &month, &day);
    snprintf(out, RFC3339_BYTES, "%04d-%02d-%02d", year, month, day);
    return true;
}

bool rfc3339_print_ms(int64_t unix_ms, char out[RFC3339_BYTES])
{
    int64_t days = unix_ms / ms_per_day - (unix_ms % ms_per_day < 0);
    int32_t ms = (int32_t)(unix_ms - days * ms_per_day);
    if (days < DAYS_YEAR_0 || days > DAYS_YEAR_9999_END)
        return false;
    int32_t year, month, day;
    date_of((int32_t)days, &year, &month, &day);
    snprintf(out, RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
             ms / (60 * MS_PER_MINUTE), ms / MS_PER_MINUTE % 60, ms / MS_PER_SECOND % 60,
             ms % MS_PER_SECOND);
    return true;
}

/* Takes `digits` digits off the front of *text, and then the character `after` (0 = none). */
static bool take(struct str *text, size_t digits, char after, int32_t *out)
{
    int32_t number = 0;
    if (text->len < digits + (after != 0))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        number = number * 10 + (text->ptr[i] - '0');
    }
    if (after && text->ptr[digits] != after)
        return false;
    text->ptr += digits + (after != 0);
    text->len -= digits + (after != 0);
    *out = number;
    return true;
}

static bool take_date(struct str *text, int32_t *out_days)
{
    int32_t year, month, day, check_year, check_month, check_day;
    if (!take(text, 4, '-', &year) || !take(text, 2, '-', &month) || !take(text, 2, 0, &day) ||
        month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int32_t days = days_of(year, month, day);
    date_of(days, &check_year, &check_month, &check_day);
    if (check_month != month || check_day != day) /* February 30th */
        return false;
    *out_days = days;
    return true;
}

bool rfc3339_parse_date(struct str text, int32_t *out_days)
{
    int32_t days;
    if (!take_date(&text, &days) || text.len)
        return false;
    *out_days = days;
    return true;
}

static bool take_fraction_ms(struct str *text, int32_t *out_ms)
{
    int32_t digit, ms = 0, weight = 100, digits = 0;
    *out_ms = 0;
    if (text->len == 0 || text->ptr[0] != '.')
        return true;
    text->ptr++;
    text->len--;
    for (; take(text, 1, 0, &digit); weight /= 10, digits++)
        ms += digit * weight;
    *out_ms = ms;
    return digits >= 1 && digits <= 9;
}

static bool take_offset_minutes(struct str *text, int32_t *out)
{
    int32_t hours, minutes;
    if (str_equal(*text, STR("Z")) || str_equal(*text, STR("z"))) {
        *out = 0;
        return true;
    }
    if (text->len != 6 || (text->ptr[0] != '+' && text->ptr[0] != '-'))
        return false;
    int32_t sign = text->ptr[0] == '-' ? -1 : 1;
    struct str rest = {text->ptr + 1, text->len - 1};
    if (!take(&rest, 2, ':', &hours) || !take(&rest, 2, 0, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out = sign * (hours * 60 + minutes);
    return true;
}

bool rfc3339_parse_ms(struct str text, int64_t *out_unix_ms)
{
    int32_t days, hour, minute, second, ms, offset;
    if (!take_date(&text, &days) || text.len == 0 || (text.ptr[0] != 'T' && text.ptr[0] != 't'))
        return false;
    text = (struct str){text.ptr + 1, text.len - 1};
    if (!take(&text, 2, ':', &hour) || !take(&text, 2, ':', &minute) ||
        !take(&text, 2, 0, &second) || !take_fraction_ms(&text, &ms) ||
        !take_offset_minutes(&text, &offset) || hour > 23 || minute > 59 || second > 59)
        return false;
    *out_unix_ms = days * ms_per_day + (int64_t)(hour * 60 + minute - offset) * MS_PER_MINUTE +
                   second * MS_PER_SECOND + ms;
    return true;
}
