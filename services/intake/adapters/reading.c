#include "intake/adapters/reading.h"

#include "calendar/calendar.h"

enum { CURRENCY_DIGITS_USUAL = 2, MONEY_DIGITS_MAX = 17, YEAR_DAYS = 365 };

struct str reading_text(const struct json_node *object, const char *path)
{
    struct str text = json_text(json_at(object, path));
    if (text.ptr)
        text = str_trim(text);
    return str_is_empty(text) ? (struct str){0} : text;
}

struct str reading_either(struct str first, struct str second)
{
    return str_is_empty(first) ? second : first;
}

struct str reading_name(struct arena *arena, const struct json_node *object, const char *first,
                        const char *last)
{
    struct str head = reading_text(object, first), tail = reading_text(object, last);
    if (!head.ptr || !tail.ptr)
        return reading_either(head, tail);
    return arena_printf(arena, "%.*s %.*s", STR_ARG(head), STR_ARG(tail));
}

int reading_currency_digits(struct arena *arena, struct str currency)
{
    int digits = CURRENCY_DIGITS_USUAL;
    struct str copy = arena_copy(arena, str_is_empty(currency) ? STR("") : str_trim(currency));
    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] >= 'a' && copy.ptr[i] <= 'z')
            ((char *)copy.ptr)[i] = (char)(copy.ptr[i] - 'a' + 'A');
    calendar_currency_digits(copy, &digits);
    return digits;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with one point at most; the digit behind the last kept one rounds. */
static bool money_parse(struct str text, int digits, int64_t *out_minor)
{
    bool negative = text.len && text.ptr[0] == '-';
    int64_t minor = 0;
    int fraction = -1, significant = 0;
    bool any = false, up = false;
    for (size_t i = negative; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (!is_digit(c))
            return false;
        any = true;
        if (fraction == digits)
            up = c >= '5';
        if (fraction >= 0 && fraction++ >= digits)
            continue;
        minor = minor * 10 + (c - '0');
        if (minor && ++significant > MONEY_DIGITS_MAX)
            return false;
    }
    for (int i = fraction < 0 ? 0 : fraction; i < digits; i++)
        minor *= 10;
    minor += up;
    *out_minor = negative ? -minor : minor;
    return any;
}

int reading_money(const struct json_node *object, const char *path, int digits, int64_t *out_minor,
                  struct error *err)
{
    struct str text = reading_text(object, path);
    int64_t minor = 0;
    if (text.ptr && !money_parse(text, digits, &minor))
        return error_set(err, ERROR_SET_ASIDE, "%s: %.*s is no amount", path, STR_ARG(text));
    *out_minor = minor;
    return 0;
}

/* Reads exactly count digits. */
static bool take_digits(struct str *rest, size_t count, int *out)
{
    int number = 0;
    if (rest->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(rest->ptr[i]))
            return false;
        number = number * 10 + (rest->ptr[i] - '0');
    }
    *rest = (struct str){rest->ptr + count, rest->len - count};
    *out = number;
    return true;
}

static bool take_char(struct str *rest, const char *any_of)
{
    if (rest->len == 0 || rest->ptr[0] == '\0' || !strchr(any_of, rest->ptr[0]))
        return false;
    *rest = (struct str){rest->ptr + 1, rest->len - 1};
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar, counting years from March so that the leap day
 * is a year's last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    int64_t before_1970 = 719468; /* from 0000-03-01 */
    return y * YEAR_DAYS + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - before_1970;
}

/* ".5", ".1234567": what is finer than a millisecond is dropped. */
static bool take_fraction(struct str *rest, int64_t *ms)
{
    if (!take_char(rest, ".,"))
        return true;
    int64_t unit = 100;
    size_t digits = 0;
    for (int digit; take_digits(rest, 1, &digit); digits++, unit /= 10)
        *ms += digit * unit;
    return digits > 0;
}

/* "Z", "+05:30", "-0700", "+02"; nothing is UTC. */
static bool take_zone(struct str *rest, int64_t *ms)
{
    int sign = 0, hours = 0, minutes = 0;
    if (take_char(rest, "+"))
        sign = 1;
    else if (take_char(rest, "-"))
        sign = -1;
    else
        return rest->len == 0 || (take_char(rest, "Zz") && rest->len == 0);
    if (!take_digits(rest, 2, &hours))
        return false;
    take_char(rest, ":");
    if (rest->len && !take_digits(rest, 2, &minutes))
        return false;
    *ms -= sign * ((int64_t)hours * 60 + minutes) * 60000;
    return rest->len == 0 && hours <= 23 && minutes <= 59;
}

static bool time_parse(struct str rest, int64_t *out_ms)
{
    int year, month, day, hour = 0, minute = 0, second = 0;
    if (!take_digits(&rest, 4, &year) || !take_char(&rest, "-") || !take_digits(&rest, 2, &month) ||
        !take_char(&rest, "-") || !take_digits(&rest, 2, &day))
        return false;
    if (rest.len && (!take_char(&rest, "Tt ") || !take_digits(&rest, 2, &hour) ||
                     !take_char(&rest, ":") || !take_digits(&rest, 2, &minute)))
        return false;
    if (take_char(&rest, ":") && !take_digits(&rest, 2, &second))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
    if (!take_fraction(&rest, &ms) || !take_zone(&rest, &ms))
        return false;
    *out_ms = ms;
    return true;
}

int reading_time(const struct json_node *object, const char *path, int64_t *out_ms,
                 struct error *err)
{
    struct str text = reading_text(object, path);
    int64_t ms = 0;
    if (text.ptr && !time_parse(text, &ms))
        return error_set(err, ERROR_SET_ASIDE, "%s: %.*s is no time", path, STR_ARG(text));
    *out_ms = ms;
    return 0;
}
