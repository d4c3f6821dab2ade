#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumberutil.h>

#include <exception>
#include <string>

/* Our headers are C. */
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "phone/phone.h"
#pragma GCC diagnostic pop
}

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/* The library would write to stdout when it meets something odd. */
static const PhoneNumberUtil &numbers()
{
    static const PhoneNumberUtil &instance = []() -> const PhoneNumberUtil & {
        PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
        util->SetLogger(new NullLogger());
        return *util;
    }();
    return instance;
}

static enum phone_quality read_number(struct str typed, struct str country, std::string *out)
{
    PhoneNumber number;
    std::string region = country.len ? std::string(country.ptr, country.len) : "ZZ";
    if (numbers().Parse(std::string(typed.ptr, typed.len), region, &number) !=
            PhoneNumberUtil::NO_PARSING_ERROR ||
        numbers().IsPossibleNumberWithReason(number) != PhoneNumberUtil::IS_POSSIBLE)
        return PHONE_NONE;
    number.clear_extension();
    numbers().Format(number, PhoneNumberUtil::E164, out);
    return numbers().IsValidNumber(number) ? PHONE_VALID : PHONE_UNUSUAL;
}

enum phone_quality phone_normalise(struct arena *arena, struct str typed, struct str country,
                                   struct str *out_e164)
{
    typed = str_trim(typed);
    if (str_is_empty(typed) || typed.len > PHONE_BYTES_MAX)
        return PHONE_NONE;
    try {
        std::string e164;
        enum phone_quality quality = read_number(typed, country, &e164);
        if (quality == PHONE_NONE)
            return PHONE_NONE;
        struct str copy = arena_copy(arena, {e164.data(), e164.size()});
        if (!copy.ptr)
            return PHONE_NONE;
        *out_e164 = copy;
        return quality;
    } catch (const std::exception &) {
        return PHONE_NONE;
    }
}
