/* The zone most people of a country or of one of its regions live in, where the country has several
 * or ICU still names its zone the old way. From the public tz database's zone.tab and maps. */
#include "calendar/places.h"

#include <strings.h>

struct place {
    const char *country, *code, *name, *zone;
};

/* Regions before the country they belong to: the first row that fits wins. */
static const struct place places[] = {
    {"AU", "NT", "Northern Territory", "Australia/Darwin"},
    {"AU", "QLD", "Queensland", "Australia/Brisbane"},
    {"AU", "SA", "South Australia", "Australia/Adelaide"},
    {"AU", "TAS", "Tasmania", "Australia/Hobart"},
    {"AU", "VIC", "Victoria", "Australia/Melbourne"},
    {"AU", "WA", "Western Australia", "Australia/Perth"},
    {"BR", "AC", "Acre", "America/Rio_Branco"},
    {"BR", "AL", "Alagoas", "America/Maceio"},
    {"BR", "AM", "Amazonas", "America/Manaus"},
    {"BR", "AP", "Amapá", "America/Belem"},
    {"BR", "BA", "Bahia", "America/Bahia"},
    {"BR", "CE", "Ceará", "America/Fortaleza"},
    {"BR", "MA", "Maranhão", "America/Fortaleza"},
    {"BR", "MS", "Mato Grosso do Sul", "America/Campo_Grande"},
    {"BR", "MT", "Mato Grosso", "America/Cuiaba"},
    {"BR", "PA", "Pará", "America/Belem"},
    {"BR", "PB", "Paraíba", "America/Fortaleza"},
    {"BR", "PE", "Pernambuco", "America/Recife"},
    {"BR", "PI", "Piauí", "America/Fortaleza"},
    {"BR", "RN", "Rio Grande do Norte", "America/Fortaleza"},
    {"BR", "RO", "Rondônia", "America/Porto_Velho"},
    {"BR", "RR", "Roraima", "America/Boa_Vista"},
    {"BR", "SE", "Sergipe", "America/Maceio"},
    {"BR", "TO", "Tocantins", "America/Araguaina"},
    {"CA", "AB", "Alberta", "America/Edmonton"},
    {"CA", "BC", "British Columbia", "America/Vancouver"},
    {"CA", "MB", "Manitoba", "America/Winnipeg"},
    {"CA", "NB", "New Brunswick", "America/Moncton"},
    {"CA", "NL", "Newfoundland and Labrador", "America/St_Johns"},
    {"CA", "NS", "Nova Scotia", "America/Halifax"},
    {"CA", "NT", "Northwest Territories", "America/Yellowknife"},
    {"CA", "NU", "Nunavut", "America/Iqaluit"},
    {"CA", "PE", "Prince Edward Island", "America/Halifax"},
    {"CA", "SK", "Saskatchewan", "America/Regina"},
    {"CA", "YT", "Yukon", "America/Whitehorse"},
    {"ES", "CN", "Canarias", "Atlantic/Canary"},
    {"ES", "GC", "Las Palmas", "Atlantic/Canary"},
    {"ES", "TF", "Santa Cruz de Tenerife", "Atlantic/Canary"},
    {"MX", "BCN", "Baja California", "America/Tijuana"},
    {"MX", "BCS", "Baja California Sur", "America/Mazatlan"},
    {"MX", "NAY", "Nayarit", "America/Mazatlan"},
    {"MX", "ROO", "Quintana Roo", "America/Cancun"},
    {"MX", "SIN", "Sinaloa", "America/Mazatlan"},
    {"MX", "SON", "Sonora", "America/Hermosillo"},
    {"PT", "20", "Açores", "Atlantic/Azores"},
    {"PT", "30", "Madeira", "Atlantic/Madeira"},
    {"US", "AK", "Alaska", "America/Anchorage"},
    {"US", "AL", "Alabama", "America/Chicago"},
    {"US", "AR", "Arkansas", "America/Chicago"},
    {"US", "AZ", "Arizona", "America/Phoenix"},
    {"US", "CA", "California", "America/Los_Angeles"},
    {"US", "CO", "Colorado", "America/Denver"},
    {"US", "HI", "Hawaii", "Pacific/Honolulu"},
    {"US", "IA", "Iowa", "America/Chicago"},
    {"US", "ID", "Idaho", "America/Boise"},
    {"US", "IL", "Illinois", "America/Chicago"},
    {"US", "KS", "Kansas", "America/Chicago"},
    {"US", "LA", "Louisiana", "America/Chicago"},
    {"US", "MN", "Minnesota", "America/Chicago"},
    {"US", "MO", "Missouri", "America/Chicago"},
    {"US", "MS", "Mississippi", "America/Chicago"},
    {"US", "MT", "Montana", "America/Denver"},
    {"US", "ND", "North Dakota", "America/Chicago"},
    {"US", "NE", "Nebraska", "America/Chicago"},
    {"US", "NM", "New Mexico", "America/Denver"},
    {"US", "NV", "Nevada", "America/Los_Angeles"},
    {"US", "OK", "Oklahoma", "America/Chicago"},
    {"US", "OR", "Oregon", "America/Los_Angeles"},
    {"US", "SD", "South Dakota", "America/Chicago"},
    {"US", "TN", "Tennessee", "America/Chicago"},
    {"US", "TX", "Texas", "America/Chicago"},
    {"US", "UT", "Utah", "America/Denver"},
    {"US", "WA", "Washington", "America/Los_Angeles"},
    {"US", "WI", "Wisconsin", "America/Chicago"},
    {"US", "WY", "Wyoming", "America/Denver"},
    {"AQ", NULL, NULL, "Antarctica/McMurdo"},
    {"AR", NULL, NULL, "America/Argentina/Buenos_Aires"},
    {"AU", NULL, NULL, "Australia/Sydney"},
    {"BR", NULL, NULL, "America/Sao_Paulo"},
    {"CA", NULL, NULL, "America/Toronto"},
    {"CD", NULL, NULL, "Africa/Kinshasa"},
    {"CL", NULL, NULL, "America/Santiago"},
    {"CN", NULL, NULL, "Asia/Shanghai"},
    {"CY", NULL, NULL, "Asia/Nicosia"},
    {"DE", NULL, NULL, "Europe/Berlin"},
    {"EC", NULL, NULL, "America/Guayaquil"},
    {"ES", NULL, NULL, "Europe/Madrid"},
    {"FM", NULL, NULL, "Pacific/Pohnpei"},
    {"FO", NULL, NULL, "Atlantic/Faroe"},
    {"GL", NULL, NULL, "America/Nuuk"},
    {"ID", NULL, NULL, "Asia/Jakarta"},
    {"IN", NULL, NULL, "Asia/Kolkata"},
    {"KI", NULL, NULL, "Pacific/Tarawa"},
    {"KZ", NULL, NULL, "Asia/Almaty"},
    {"MH", NULL, NULL, "Pacific/Majuro"},
    {"MM", NULL, NULL, "Asia/Yangon"},
    {"MN", NULL, NULL, "Asia/Ulaanbaatar"},
    {"MX", NULL, NULL, "America/Mexico_City"},
    {"MY", NULL, NULL, "Asia/Kuala_Lumpur"},
    {"NP", NULL, NULL, "Asia/Kathmandu"},
    {"NZ", NULL, NULL, "Pacific/Auckland"},
    {"PF", NULL, NULL, "Pacific/Tahiti"},
    {"PG", NULL, NULL, "Pacific/Port_Moresby"},
    {"PS", NULL, NULL, "Asia/Gaza"},
    {"PT", NULL, NULL, "Europe/Lisbon"},
    {"RU", NULL, NULL, "Europe/Moscow"},
    {"UA", NULL, NULL, "Europe/Kiev"},
    {"UM", NULL, NULL, "Pacific/Wake"},
    {"US", NULL, NULL, "America/New_York"},
    {"UZ", NULL, NULL, "Asia/Tashkent"},
    {"VN", NULL, NULL, "Asia/Ho_Chi_Minh"},
};

static bool same(struct str s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.ptr, text, s.len) == 0;
}

const char *places_zone(struct str country, struct str region)
{
    if (region.len > 3 && country.len == 2 &&
        same(country, (char[]){region.ptr[0], region.ptr[1], 0}) && region.ptr[2] == '-')
        region = (struct str){region.ptr + 3, region.len - 3};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct place *place = &places[i];
        if (!same(country, place->country))
            continue;
        if (!place->code || same(region, place->code) || same(region, place->name))
            return place->zone;
    }
    return NULL;
}
