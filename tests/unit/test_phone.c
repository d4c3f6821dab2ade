/* Telephone numbers become E.164. Expected values: the numbering plans' own example numbers. */
/* links: waybill_phone */
#include "phone/phone.h"

#include <CUnit/CUnit.h>

static struct arena arena;

/* Quality, and the number if there is one. */
static enum phone_quality normalise(const char *typed, const char *country, char out[32])
{
    arena_init(&arena, 1 << 20);
    struct str e164 = STR("");
    enum phone_quality quality = phone_normalise(&arena, str_from(typed), str_from(country), &e164);
    memcpy(out, e164.ptr, e164.len);
    out[e164.len] = '\0';
    arena_done(&arena);
    return quality;
}

static void test_nothing_is_read_when_it_is_no_number(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise("", "US", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("   ", "US", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("call my mother", "US", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("12", "DE", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("012345", "IN", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("+", "US", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("\xff\xfe\x80", "US", out), PHONE_NONE);
    CU_ASSERT_STRING_EQUAL(out, "");
    char endless[4096];
    memset(endless, '1', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    CU_ASSERT_EQUAL(normalise(endless, "US", out), PHONE_NONE);
}

static void test_a_national_number_is_not_read_when_the_country_is_unknown(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise("(201) 555-0123", "", out), PHONE_NONE);
    CU_ASSERT_EQUAL(normalise("(201) 555-0123", "XX", out), PHONE_NONE);
}

static void test_a_number_is_unusual_when_its_plan_does_not_know_it(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise("+1 000 000 0000", "US", out), PHONE_UNUSUAL);
    CU_ASSERT_STRING_EQUAL(out, "+10000000000");
    CU_ASSERT_EQUAL(normalise("0123456789", "IN", out), PHONE_UNUSUAL);
}

static void test_a_number_becomes_e164_when_typed_at_home(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise(" (201) 555-0123 ", "US", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+12015550123");
    CU_ASSERT_EQUAL(normalise("081234 56789", "IN", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+918123456789");
    CU_ASSERT_EQUAL(normalise("(11) 96123-4567", "BR", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+5511961234567");
    CU_ASSERT_EQUAL(normalise("07400 123456", "GB", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+447400123456");
}

static void test_the_plus_counts_when_the_country_says_otherwise(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise("+49 30 123456", "US", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+4930123456");
    CU_ASSERT_EQUAL(normalise("0049 30 123456", "FR", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+4930123456");
}

static void test_an_extension_is_left_out(void)
{
    char out[32];
    CU_ASSERT_EQUAL(normalise("(201) 555-0123 ext. 42", "US", out), PHONE_VALID);
    CU_ASSERT_STRING_EQUAL(out, "+12015550123");
}
