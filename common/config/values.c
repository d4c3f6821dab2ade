#include "config/values.h"

#include "base/buffer.h"
#include "cloudevents/cloudevents.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_TEXT_MAX = 60, NUMBER_BYTES_MAX = 40, NAME_MAX_COMPARED = 63 };

/* For "%.*s": the text, cut so that an error stays readable. */
#define SHOWN(text) (int)((text).len > SHOWN_TEXT_MAX ? SHOWN_TEXT_MAX : (text).len), (text).ptr

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, for showing. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit byte_units[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int value_to_int(struct str text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    int64_t value;
    if (!str_to_int64(text, &value))
        return error_set(err, ERROR_FATAL, "\"%.*s\" is no whole number", SHOWN(text));
    if (value < min)
        return error_set(err, ERROR_FATAL, "%lld is below %lld", (long long)value, (long long)min);
    if (value > max)
        return error_set(err, ERROR_FATAL, "%lld is above %lld", (long long)value, (long long)max);
    *out = value;
    return 0;
}

/* strtod takes more than we want: "nan", "inf", "0x1p3", leading space. */
static bool read_double(struct str text, double *out)
{
    char copy[NUMBER_BYTES_MAX + 1];
    if (text.len == 0 || text.len > NUMBER_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\0' || !strchr("0123456789+-.eE", text.ptr[i]))
            return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *end;
    double value = strtod(copy, &end);
    if (*end || end == copy || !isfinite(value))
        return false;
    *out = value;
    return true;
}

int value_to_double(struct str text, double min, double max, double *out, struct error *err)
{
    double value;
    if (!read_double(text, &value))
        return error_set(err, ERROR_FATAL, "\"%.*s\" is no number", SHOWN(text));
    if (value < min)
        return error_set(err, ERROR_FATAL, "%.*s is below %g", SHOWN(text), min);
    if (value > max)
        return error_set(err, ERROR_FATAL, "%.*s is above %g", SHOWN(text), max);
    *out = value;
    return 0;
}

int value_to_bool(struct str text, bool *out, struct error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};
    int index;
    if (value_to_choice(text, words, &index, NULL))
        return error_set(err, ERROR_FATAL, "\"%.*s\" is neither true nor false", SHOWN(text));
    *out = index % 2 == 1;
    return 0;
}

/* "<digits><unit>"; a bare 0 needs no unit. */
static bool read_with_unit(struct str text, const struct unit *units, size_t count, int64_t *out)
{
    size_t digits = 0;
    int64_t value;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!str_to_int64((struct str){text.ptr, digits}, &value))
        return false;
    struct str unit = {text.ptr + digits, text.len - digits};
    if (unit.len == 0 && value == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (str_equal(unit, str_from(units[i].name)))
            return !__builtin_mul_overflow(value, units[i].factor, out);
    return false;
}

static const char *show_with_unit(int64_t value, const struct unit *units, size_t count,
                                  char out[VALUE_SHOWN_BYTES])
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % units[i].factor != 0))
        i++;
    snprintf(out, VALUE_SHOWN_BYTES, "%lld%s", (long long)(value / units[i].factor),
             value == 0 ? "" : units[i].name);
    return out;
}

const char *value_show_duration(int64_t ms, char out[VALUE_SHOWN_BYTES])
{
    return show_with_unit(ms, duration_units, COUNT(duration_units), out);
}

const char *value_show_bytes(int64_t bytes, char out[VALUE_SHOWN_BYTES])
{
    return show_with_unit(bytes, byte_units, COUNT(byte_units), out);
}

int value_to_duration(struct str text, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
                      struct error *err)
{
    int64_t value;
    char limit[VALUE_SHOWN_BYTES];
    if (!read_with_unit(text, duration_units, COUNT(duration_units), &value))
        return error_set(err, ERROR_FATAL,
                         "\"%.*s\" is no duration: write 250ms, 10s, 5m, 2h or 3d", SHOWN(text));
    if (value < min_ms)
        return error_set(err, ERROR_FATAL, "%.*s is below %s", SHOWN(text),
                         value_show_duration(min_ms, limit));
    if (value > max_ms)
        return error_set(err, ERROR_FATAL, "%.*s is above %s", SHOWN(text),
                         value_show_duration(max_ms, limit));
    *out_ms = value;
    return 0;
}

int value_to_bytes(struct str text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    int64_t value;
    char limit[VALUE_SHOWN_BYTES];
    if (!read_with_unit(text, byte_units, COUNT(byte_units), &value))
        return error_set(err, ERROR_FATAL, "\"%.*s\" is no size: write 512, 64KiB, 16MiB or 1GiB",
                         SHOWN(text));
    if (value < min)
        return error_set(err, ERROR_FATAL, "%.*s is below %s", SHOWN(text),
                         value_show_bytes(min, limit));
    if (value > max)
        return error_set(err, ERROR_FATAL, "%.*s is above %s", SHOWN(text),
                         value_show_bytes(max, limit));
    *out = value;
    return 0;
}

int value_to_time_of_day(struct str text, int64_t *out_minutes, struct error *err)
{
    struct str hours, minutes;
    int64_t h, m;
    str_split(text, ':', &hours, &minutes);
    if (text.len != 5 || hours.len != 2 || !str_to_int64(hours, &h) || !str_to_int64(minutes, &m) ||
        h < 0 || h > 23 || m < 0 || m > 59)
        return error_set(err, ERROR_FATAL, "\"%.*s\" is no time of day: write 00:00 to 23:59",
                         SHOWN(text));
    *out_minutes = h * 60 + m;
    return 0;
}

int value_to_time(struct str text, int64_t *out_ms, struct error *err)
{
    if (str_to_int64(text, out_ms) || rfc3339_parse(text, out_ms))
        return 0;
    return error_set(err, ERROR_FATAL,
                     "\"%.*s\" is no time: write 2017-09-01T00:00:00Z or Unix milliseconds",
                     SHOWN(text));
}

int value_to_choice(struct str text, const char *const *choices, int *out, struct error *err)
{
    char list[160] = "";
    size_t used = 0;
    for (int i = 0; choices[i]; i++) {
        if (str_equal(text, str_from(choices[i]))) {
            *out = i;
            return 0;
        }
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", choices[i]);
        used = used + (size_t)len < sizeof(list) ? used + (size_t)len : sizeof(list) - 1;
    }
    return error_set(err, ERROR_FATAL, "\"%.*s\" is none of %s", SHOWN(text), list);
}

/* Optimal string alignment: three rows of the table are enough. */
size_t value_distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_COMPARED + 1];
    if (a.len > NAME_MAX_COMPARED || b.len > NAME_MAX_COMPARED)
        return NAME_MAX_COMPARED + 1;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *value_nearest(struct str wanted, const char *const *names)
{
    const char *nearest = NULL;
    size_t best = wanted.len / 2 + 1; /* half of the letters must be right */
    for (; *names; names++) {
        size_t distance = value_distance(wanted, str_from(*names));
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

int value_read_file(const char *file, size_t bytes_max, struct arena *arena, struct str *out,
                    struct error *err)
{
    FILE *stream = fopen(file, "re");
    if (!stream)
        return error_set(err, ERROR_FATAL, "cannot open %s: %s", file, strerror(errno));
    struct buffer text;
    char chunk[8192];
    size_t len;
    buffer_init(&text, bytes_max);
    while ((len = fread(chunk, 1, sizeof(chunk), stream)) > 0 && !text.failed)
        buffer_add(&text, chunk, len);
    int result = 0;
    struct str copy = arena_copy(arena, buffer_str(&text));
    if (ferror(stream))
        result = error_set(err, ERROR_FATAL, "cannot read %s: %s", file, strerror(errno));
    else if (text.failed)
        result =
            error_set(err, ERROR_FATAL, "%s is too large (at most %zu bytes)", file, bytes_max);
    else if (!copy.ptr)
        result = error_set(err, ERROR_FATAL, "%s: out of memory", file);
    buffer_done(&text);
    fclose(stream);
    if (result == 0)
        *out = copy;
    return result;
}
