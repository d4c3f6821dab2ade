/* Zones, local dates and readable amounts. Instants come from Python's zoneinfo, texts from CLDR.
 */
/* links: waybill_calendar */
#include "calendar/calendar.h"

#include <CUnit/CUnit.h>

static struct arena arena = {.bytes_max = 1 << 20};

static void check_text(struct str got, const char *expected)
{
    CU_ASSERT_TRUE(str_equal(got, str_from(expected)));
    if (!str_equal(got, str_from(expected)))
        printf("got \"%.*s\", expected \"%s\"\n", STR_ARG(got), expected);
    arena_reset(&arena);
}

static struct str zone_of(const char *country, const char *region)
{
    return calendar_zone_of_place(&arena, str_from(country), str_from(region), STR("Etc/Unset"));
}

static void test_zone_is_refused_when_it_is_not_of_the_tz_database(void)
{
    static const char *const bad[] = {"",      "PST",          "GMT+5",         "Europe/Atlantis",
                                      "CET+1", "europe/paris", "Europe/Paris ", "../etc/passwd"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(calendar_zone_is_known(str_from(bad[i])));
    CU_ASSERT_FALSE(calendar_zone_is_known((struct str){NULL, 0}));
    static char long_name[5000];
    memset(long_name, '/', sizeof(long_name));
    CU_ASSERT_FALSE(calendar_zone_is_known((struct str){long_name, sizeof(long_name)}));
}

static void test_zone_is_known_when_old_or_new_name(void)
{
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("UTC")));
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("Europe/Paris")));
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("Asia/Kolkata")));
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("Asia/Calcutta")));
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("America/Argentina/Buenos_Aires")));
    CU_ASSERT_TRUE(calendar_zone_is_known(STR("Etc/GMT+5")));
}

static void test_place_has_the_zone_of_its_region_when_country_has_several(void)
{
    check_text(zone_of("US", "CA"), "America/Los_Angeles");
    check_text(zone_of("US", "california"), "America/Los_Angeles");
    check_text(zone_of("US", "US-CA"), "America/Los_Angeles");
    check_text(zone_of("US", "NY"), "America/New_York");
    check_text(zone_of("US", NULL), "America/New_York");
    check_text(zone_of("BR", "SP"), "America/Sao_Paulo");
    check_text(zone_of("BR", "AM"), "America/Manaus");
    check_text(zone_of("AU", "WA"), "Australia/Perth");
    check_text(zone_of("ES", "Las Palmas"), "Atlantic/Canary");
}

static void test_place_has_the_zone_of_its_country_when_there_is_one(void)
{
    check_text(zone_of("FR", "Île-de-France"), "Europe/Paris");
    check_text(zone_of("IN", "MH"), "Asia/Kolkata");
    check_text(zone_of("JP", ""), "Asia/Tokyo");
    check_text(zone_of("DE", "BY"), "Europe/Berlin");
}

static void test_place_has_the_given_zone_when_the_country_is_unknown(void)
{
    check_text(zone_of("ZZ", "CA"), "Etc/Unset");
    check_text(zone_of("", ""), "Etc/Unset");
    check_text(zone_of("BV", ""), "Etc/Unset"); /* Bouvet Island: nobody lives there */
}

static void test_every_zone_of_a_place_is_known_when_asked_for_all_countries(void)
{
    int countries = 0;
    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++) {
            struct str country = {(char[]){a, b}, 2};
            if (!calendar_country_is_known(country))
                continue;
            countries++;
            struct str zone = calendar_zone_of_place(&arena, country, STR(""), STR("UTC"));
            CU_ASSERT_TRUE(calendar_zone_is_known(zone));
        }
    }
    CU_ASSERT_EQUAL(countries, 249); /* officially assigned in ISO 3166-1 */
    arena_reset(&arena);
}

static void test_country_is_refused_when_not_assigned(void)
{
    CU_ASSERT_FALSE(calendar_country_is_known(STR("")));
    CU_ASSERT_FALSE(calendar_country_is_known(STR("XK")));
    CU_ASSERT_FALSE(calendar_country_is_known(STR("CQ"))); /* Sark: reserved, not assigned */
    CU_ASSERT_FALSE(calendar_country_is_known(STR("us")));
    CU_ASSERT_FALSE(calendar_country_is_known(STR("USA")));
    CU_ASSERT_FALSE(calendar_country_is_known(STR("UK")));
}

static void test_local_date_differs_from_utc_when_west_or_east(void)
{
    /* 2017-12-02 00:28:42 in Sao Paulo (UTC-2 in summer) */
    CU_ASSERT_EQUAL(calendar_local_date(STR("America/Sao_Paulo"), 1512181722000), 17502);
    CU_ASSERT_EQUAL(calendar_local_date(STR("America/Sao_Paulo"), 1512181722000 - 1723000), 17501);
    /* 2026-01-01 00:15 in Kolkata is still 2025 in UTC */
    CU_ASSERT_EQUAL(calendar_local_date(STR("Asia/Kolkata"), 1767206700000), 20454);
    CU_ASSERT_EQUAL(calendar_local_date(STR("UTC"), 1767206700000), 20453);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("Asia/Kolkata"), 1767206700000), 15);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("UTC"), 1767206700000), 18 * 60 + 45);
}

static void test_local_date_holds_when_before_1970(void)
{
    CU_ASSERT_EQUAL(calendar_local_date(STR("UTC"), -1), -1);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("UTC"), -1), 1439);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("America/New_York"), 1), 19 * 60);
}

static void test_unknown_zone_counts_as_utc_when_asked_for_a_date(void)
{
    CU_ASSERT_EQUAL(calendar_local_date(STR("Mars/Olympus"), 1767206700000), 20453);
    CU_ASSERT_EQUAL(calendar_instant(STR(""), 1, 1), 86400000 + 60000);
}

static void test_instant_moves_on_when_the_reading_falls_into_a_gap(void)
{
    struct str paris = STR("Europe/Paris"), sao_paulo = STR("America/Sao_Paulo");
    /* 2026-03-29 02:30 does not exist in Paris: 03:30, that is 01:30 UTC */
    CU_ASSERT_EQUAL(calendar_instant(paris, 20541, 150), 1774747800000);
    CU_ASSERT_EQUAL(calendar_local_minutes(paris, 1774747800000), 210);
    /* 2018-11-04 00:00 does not exist in Sao Paulo: the day begins at 01:00, 03:00 UTC */
    CU_ASSERT_EQUAL(calendar_instant(sao_paulo, 17839, 0), 1541300400000);
    CU_ASSERT_EQUAL(calendar_local_date(sao_paulo, 1541300400000), 17839);
    CU_ASSERT_EQUAL(calendar_local_minutes(sao_paulo, 1541300400000), 60);
    CU_ASSERT_EQUAL(calendar_local_date(sao_paulo, 1541300400000 - 1), 17838);
}

static void test_instant_is_the_first_when_the_reading_is_repeated(void)
{
    /* 2026-10-25 02:30 comes twice in Paris: 00:30 and 01:30 UTC */
    CU_ASSERT_EQUAL(calendar_instant(STR("Europe/Paris"), 20751, 150), 1792888200000);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("Europe/Paris"), 1792888200000), 150);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("Europe/Paris"), 1792888200000 + 3600000), 150);
    /* 2018-02-17 23:30 comes twice in Sao Paulo */
    CU_ASSERT_EQUAL(calendar_instant(STR("America/Sao_Paulo"), 17579, 1410), 1518917400000);
}

static void test_instant_and_reading_agree_when_far_away(void)
{
    CU_ASSERT_EQUAL(calendar_instant(STR("America/New_York"), -1, 1439), 17940000);
    CU_ASSERT_EQUAL(calendar_local_date(STR("UTC"), INT64_MAX), 100000000);
    CU_ASSERT_EQUAL(calendar_local_date(STR("UTC"), INT64_MIN), -100000000);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("UTC"), INT64_MAX), 0);
    CU_ASSERT_EQUAL(calendar_local_minutes(STR("UTC"), INT64_MIN), 0);
    calendar_instant(STR("Europe/Paris"), INT32_MAX, INT32_MAX);
    calendar_instant(STR("Europe/Paris"), INT32_MIN, INT32_MIN);
}

static void test_date_reads_as_the_locale_writes_it(void)
{
    check_text(calendar_format_date(&arena, STR("en"), 17515), "December 15, 2017");
    check_text(calendar_format_date(&arena, STR("en-GB"), 17515), "15 December 2017");
    check_text(calendar_format_date(&arena, STR("pt-BR"), 17515), "15 de dezembro de 2017");
    check_text(calendar_format_date(&arena, STR("de_DE"), 17515), "15. Dezember 2017");
}

static void test_date_reads_as_english_when_the_locale_is_unknown(void)
{
    static char endless[5000];
    memset(endless, 'a', sizeof(endless));
    check_text(calendar_format_date(&arena, (struct str){NULL, 0}, 0), "January 1, 1970");
    check_text(calendar_format_date(&arena, STR("??"), 0), "January 1, 1970");
    check_text(calendar_format_date(&arena, (struct str){endless, 5000}, 0), "January 1, 1970");
    /* no other calendar by the back door */
    check_text(calendar_format_date(&arena, STR("en-u-ca-buddhist"), 0), "January 1, 1970");
}

static void test_time_reads_with_plain_spaces(void)
{
    check_text(calendar_format_time(&arena, STR("en"), STR("Asia/Kolkata"), 1767206700000),
               "12:15 AM");
    check_text(calendar_format_time(&arena, STR("fr"), STR("UTC"), 1767206700000), "18:45");
}

static void test_money_reads_as_the_locale_writes_it(void)
{
    check_text(calendar_format_money(&arena, STR("en-US"), STR("USD"), 123450), "$1,234.50");
    check_text(calendar_format_money(&arena, STR("de"), STR("EUR"), 123450), "1.234,50 €");
    check_text(calendar_format_money(&arena, STR("pt-BR"), STR("BRL"), 5), "R$ 0,05");
    check_text(calendar_format_money(&arena, STR("en-US"), STR("USD"), -1999), "-$19.99");
    check_text(calendar_format_money(&arena, STR("en"), STR("JPY"), 1200), "¥1,200");
    check_text(calendar_format_money(&arena, STR("en"), STR("KWD"), 1200), "KWD 1.200");
}

static void test_money_keeps_every_unit_when_large_or_rarely_shown(void)
{
    check_text(calendar_format_money(&arena, STR("en-US"), STR("USD"), INT64_MAX),
               "$92,233,720,368,547,758.07");
    check_text(calendar_format_money(&arena, STR("en-US"), STR("USD"), INT64_MIN),
               "-$92,233,720,368,547,758.08");
    /* CLDR shows rupees of Pakistan without paisa; a total must not be rounded */
    check_text(calendar_format_money(&arena, STR("en"), STR("PKR"), 1050), "PKR 10.50");
}

static void test_money_reads_plainly_when_the_currency_is_none(void)
{
    check_text(calendar_format_money(&arena, STR("en"), STR("???"), 100), "??? 100");
    check_text(calendar_format_money(&arena, STR("en"), STR("euro"), -7), "euro -7");
}

static void test_currency_has_the_digits_of_iso_4217(void)
{
    static const struct {
        const char *code;
        int digits;
    } known[] = {{"EUR", 2}, {"USD", 2}, {"INR", 2}, {"BRL", 2}, {"JPY", 0}, {"KRW", 0},
                 {"CLP", 0}, {"KWD", 3}, {"TND", 3}, {"HRK", 2}, {"IDR", 2}, {"HUF", 2}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int digits = -1;
        CU_ASSERT_TRUE(calendar_currency_digits(str_from(known[i].code), &digits));
        CU_ASSERT_EQUAL(digits, known[i].digits);
    }
}

static void test_currency_is_refused_when_unknown_or_retired(void)
{
    int digits = 77;
    CU_ASSERT_FALSE(calendar_currency_digits(STR("DEM"), &digits));
    CU_ASSERT_FALSE(calendar_currency_digits(STR("eur"), &digits));
    CU_ASSERT_FALSE(calendar_currency_digits(STR("QQQ"), &digits));
    CU_ASSERT_FALSE(calendar_currency_digits(STR("EU"), &digits));
    CU_ASSERT_FALSE(calendar_currency_digits(STR("\0\0\0"), &digits));
    CU_ASSERT_FALSE(calendar_currency_digits((struct str){NULL, 0}, &digits));
    CU_ASSERT_EQUAL(digits, 77);
}
