#include "base/rfc3339.h"

#include <time.h>

/* 0001-01-01 .. 9999-12-31 */
static const int64_t first_ms = -62135596800000, last_ms = 253402300799999;

static void put_digits(char *at, int digits, int value)
{
    for (; digits > 0; digits--, value /= 10)
        at[digits - 1] = (char)('0' + value % 10);
}

void rfc3339_format(int64_t time_ms, char out[RFC3339_BYTES])
{
    time_ms = time_ms < first_ms ? first_ms : time_ms > last_ms ? last_ms : time_ms;
    int64_t ms = time_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t seconds = (time_t)((time_ms - ms) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    memcpy(out, "0000-00-00T00:00:00.000Z", sizeof("0000-00-00T00:00:00.000Z"));
    put_digits(out, 4, tm.tm_year + 1900);
    put_digits(out + 5, 2, tm.tm_mon + 1);
    put_digits(out + 8, 2, tm.tm_mday);
    put_digits(out + 11, 2, tm.tm_hour);
    put_digits(out + 14, 2, tm.tm_min);
    put_digits(out + 17, 2, tm.tm_sec);
    put_digits(out + 20, 3, (int)ms);
}

/* Reads `digits` digits at *at within lo..hi. */
static bool number(struct str s, size_t *at, size_t digits, int lo, int hi, int *out)
{
    if (s.len - *at < digits)
        return false;
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = s.ptr[*at + i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += digits;
    *out = value;
    return value >= lo && value <= hi;
}

static bool sign(struct str s, size_t *at, const char *allowed, char *out)
{
    if (*at >= s.len || s.ptr[*at] == '\0' || !strchr(allowed, s.ptr[*at]))
        return false;
    *out = s.ptr[(*at)++];
    return true;
}

/* ".250" -> 250; digits beyond milliseconds are cut. */
static bool fraction(struct str s, size_t *at, int *out_ms)
{
    *out_ms = 0;
    if (*at >= s.len || s.ptr[*at] != '.')
        return true;
    int scale = 100;
    size_t digits = 0;
    for (++*at; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at, digits++) {
        *out_ms += (s.ptr[*at] - '0') * scale;
        scale /= 10;
    }
    return digits > 0 && digits <= 9;
}

static bool offset_minutes(struct str s, size_t *at, int *out)
{
    char mark;
    int hours = 0, minutes = 0;
    if (!sign(s, at, "Zz+-", &mark))
        return false;
    if (mark == 'Z' || mark == 'z') {
        *out = 0;
        return true;
    }
    char colon;
    if (!number(s, at, 2, 0, 23, &hours) || !sign(s, at, ":", &colon) ||
        !number(s, at, 2, 0, 59, &minutes))
        return false;
    *out = (hours * 60 + minutes) * (mark == '-' ? -1 : 1);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool rfc3339_parse(struct str text, int64_t *out_ms)
{
    struct tm tm = {0};
    size_t at = 0;
    int year, month, ms, offset;
    char mark;
    bool ok = text.ptr && number(text, &at, 4, 1, 9999, &year) && sign(text, &at, "-", &mark) &&
              number(text, &at, 2, 1, 12, &month) && sign(text, &at, "-", &mark) &&
              number(text, &at, 2, 1, days_in_month(year, month), &tm.tm_mday) &&
              sign(text, &at, "Tt ", &mark) && number(text, &at, 2, 0, 23, &tm.tm_hour) &&
              sign(text, &at, ":", &mark) && number(text, &at, 2, 0, 59, &tm.tm_min) &&
              sign(text, &at, ":", &mark) && number(text, &at, 2, 0, 60, &tm.tm_sec) &&
              fraction(text, &at, &ms) && offset_minutes(text, &at, &offset) && at == text.len;
    if (!ok)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (tm.tm_sec == 60)
        tm.tm_sec = 59;
    int64_t time_ms = ((int64_t)timegm(&tm) - (int64_t)offset * 60) * 1000 + ms;
    if (time_ms < first_ms || time_ms > last_ms)
        return false; /* an offset may lead out of the years that can be written */
    *out_ms = time_ms;
    return true;
}
