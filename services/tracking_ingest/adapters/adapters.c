/* Which adapter reads which source, and what they share. */
#include "tracking_ingest/adapters/adapters.h"

static const struct {
    const char *source;
    adapter *read;
} adapters[] = {
    {"shiprocket", shiprocket_read},
};

const char *adapters_read(const struct payload_received *payload, struct str key,
                          struct arena *arena, struct scans *out)
{
    struct scans scans = {.ptr = arena_alloc_array(arena, PAYLOAD_SCANS_MAX, sizeof(*scans.ptr))};
    assert(scans.ptr);
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        if (!str_equal(payload->source, str_from(adapters[i].source)))
            continue;
        const char *fault = adapters[i].read(payload->body, key, arena, &scans);
        if (!fault)
            *out = scans;
        return fault;
    }
    return "no adapter for this source";
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01 of a Gregorian date; years from 1970. */
static int32_t days_of(int32_t year, int32_t month, int32_t day)
{
    int32_t before = year - 1;
    int32_t leap_days = before / 4 - before / 100 + before / 400 - 477; /* 477 up to 1969 */
    int32_t days = (year - 1970) * 365 + leap_days + day - 1;
    for (int32_t i = 1; i < month; i++)
        days += days_in_month(year, i);
    return days;
}

bool adapters_wall_clock(struct str text, const char *pattern, int32_t *out_date,
                         int32_t *out_seconds)
{
    static const char letters[] = "YMDhms";
    int32_t parts[sizeof(letters) - 1] = {0};
    for (size_t i = 0; pattern[i]; i++) {
        if (i >= text.len)
            return false;
        const char *letter = strchr(letters, pattern[i]);
        if (!letter && text.ptr[i] != pattern[i])
            return false;
        if (!letter)
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        parts[letter - letters] = parts[letter - letters] * 10 + (text.ptr[i] - '0');
    }
    int32_t year = parts[0], month = parts[1], day = parts[2];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
        return false;
    *out_date = days_of(year, month, day);
    *out_seconds = parts[3] * 3600 + parts[4] * 60 + parts[5];
    return true;
}
