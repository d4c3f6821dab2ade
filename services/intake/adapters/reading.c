#include "intake/adapters/reading.h"

#include "base/rfc3339.h"
#include "calendar/calendar.h"

enum { CURRENCY_DIGITS_USUAL = 2, MONEY_DIGITS_MAX = 17 };

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

/* WooCommerce leaves the zone away where it means UTC. */
static bool time_parse(struct arena *arena, struct str text, int64_t *out_ms)
{
    return rfc3339_parse(text, out_ms) ||
           rfc3339_parse(arena_printf(arena, "%.*sZ", STR_ARG(text)), out_ms);
}

int reading_time(struct arena *arena, const struct json_node *object, const char *path,
                 int64_t *out_ms, struct error *err)
{
    struct str text = reading_text(object, path);
    int64_t ms = 0;
    if (text.ptr && !time_parse(arena, text, &ms))
        return error_set(err, ERROR_SET_ASIDE, "%s: %.*s is no time", path, STR_ARG(text));
    *out_ms = ms;
    return 0;
}
