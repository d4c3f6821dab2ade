#include "intake/postal.h"

enum { CODE_BYTES_MAX = 12 };

/* Countries that have no postal codes (Universal Postal Union). */
static const char NONE[] = "AE AG AN AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GA "
                           "GD GH GM GQ GY HK IE JM KI KM KN KP LY ML MO MR MW NR NU QA RW SB SC "
                           "SL SR ST SY TD TF TG TK TL TO TV UG VU YE ZW ";

/* 9 = a digit, A = a letter, anything else stands for itself; several forms are separated by |. */
struct postal_form {
    const char *country, *forms;
};

static const struct postal_form forms[] = {
    {"AR", "9999|A9999AAA"},
    {"AT", "9999"},
    {"AU", "9999"},
    {"BE", "9999"},
    {"BR", "99999-999|99999999"},
    {"CA", "A9A 9A9|A9A9A9"},
    {"CH", "9999"},
    {"CN", "999999"},
    {"CZ", "999 99|99999"},
    {"DE", "99999"},
    {"DK", "9999"},
    {"ES", "99999"},
    {"FI", "99999"},
    {"FR", "99999"},
    {"GB", "A9 9AA|A99 9AA|AA9 9AA|AA99 9AA|A9A 9AA|AA9A 9AA|A99AA|A999AA|AA99AA|AA999AA|A9A9AA|"
           "AA9A9AA"},
    {"GR", "999 99|99999"},
    {"HU", "9999"},
    {"ID", "99999"},
    {"IN", "999999|999 999"},
    {"IT", "99999"},
    {"JP", "999-9999|9999999"},
    {"KR", "99999"},
    {"MX", "99999"},
    {"MY", "99999"},
    {"NL", "9999 AA|9999AA"},
    {"NO", "9999"},
    {"NZ", "9999"},
    {"PL", "99-999|99999"},
    {"PT", "9999-999|9999999"},
    {"RO", "999999"},
    {"SE", "999 99|99999"},
    {"SG", "999999"},
    {"TH", "99999"},
    {"TR", "99999"},
    {"US", "99999|99999-9999"},
    {"ZA", "9999"},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool has_no_codes(struct str country)
{
    for (const char *at = NONE; *at; at += 3)
        if (country.len == 2 && memcmp(at, country.ptr, 2) == 0)
            return true;
    return false;
}

static bool fits(struct str form, struct str code)
{
    if (form.len != code.len)
        return false;
    for (size_t i = 0; i < form.len; i++) {
        char want = form.ptr[i], have = code.ptr[i];
        if (want == '9' ? !is_digit(have) : want == 'A' ? !is_letter(have) : want != have)
            return false;
    }
    return true;
}

static bool fits_any(struct str rest, struct str code)
{
    while (rest.ptr) {
        struct str form;
        str_split(rest, '|', &form, &rest);
        if (fits(form, code))
            return true;
    }
    return false;
}

enum postal_fit postal_check(struct str country, struct str code)
{
    if (str_is_empty(code))
        return has_no_codes(country) ? POSTAL_FITS : POSTAL_MISSING;
    if (code.len > CODE_BYTES_MAX)
        return POSTAL_INVALID;
    for (size_t i = 0; i < code.len; i++)
        if (!is_digit(code.ptr[i]) && !is_letter(code.ptr[i]) && code.ptr[i] != ' ' &&
            code.ptr[i] != '-')
            return POSTAL_INVALID;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (str_equal(country, str_from(forms[i].country)))
            return fits_any(str_from(forms[i].forms), code) ? POSTAL_FITS : POSTAL_UNUSUAL;
    return POSTAL_FITS;
}
