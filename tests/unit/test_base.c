/* Strings, arena, buffer, errors, and the partition of a key. */
/* links: waybill_base */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/partition.h"

#include <CUnit/CUnit.h>
#include <stdint.h>

/* murmur2 values as published in Kafka's own UtilsTest.testMurmur2; the partition is
 * (value & 0x7fffffff) % count. */
static void test_arena_forgets_what_was_taken_after_the_mark(void)
{
    struct arena arena;
    arena_init(&arena, 1000000);
    arena_rewind(&arena, arena_mark(&arena)); /* nothing was taken yet */
    char *kept = arena_alloc(&arena, 1000);
    struct arena_place place = arena_mark(&arena);
    const char *first = arena_alloc(&arena, 10);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&arena, 500000));
    CU_ASSERT_FALSE(arena.full);
    CU_ASSERT_PTR_NULL(arena_alloc(&arena, 600000));
    CU_ASSERT_TRUE(arena.full);
    memset(kept, 'x', 1000);
    arena_rewind(&arena, place);
    CU_ASSERT_FALSE(arena.full);
    CU_ASSERT_PTR_EQUAL(arena_alloc(&arena, 10), first);
    CU_ASSERT_EQUAL(kept[999], 'x');
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&arena, 900000));
    arena_done(&arena);
}

static void test_partitions_as_the_java_client_does(void)
{
    const struct {
        struct str key;
        int32_t murmur2;
    } published[] = {
        {STR_INIT("21"), -973932308},
        {STR_INIT("foobar"), -790332482},
        {STR_INIT("a-little-bit-long-string"), -985981536},
        {STR_INIT("a-little-bit-longer-string"), -1486304829},
        {STR_INIT("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971},
        {STR_INIT("abc"), 479470107},
    };
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
        for (int32_t count = 1; count < 30; count++)
            CU_ASSERT_EQUAL(partition_of(published[i].key, count),
                            (published[i].murmur2 & 0x7fffffff) % count);
}

static void test_a_number_is_all_digits_and_fits_or_is_refused(void)
{
    int64_t number = 7;
    const char *bad[] = {"",
                         "-",
                         "+1",
                         " 1",
                         "1 ",
                         "1a",
                         "0x10",
                         "9223372036854775808",
                         "1.0",
                         "--1",
                         "-9223372036854775809"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(str_to_int64(str_from(bad[i]), &number));
        CU_ASSERT_EQUAL(number, 7);
    }
    CU_ASSERT(str_to_int64(STR("9223372036854775807"), &number) && number == INT64_MAX);
    CU_ASSERT(str_to_int64(STR("-9223372036854775808"), &number) && number == INT64_MIN);
    CU_ASSERT(str_to_int64(STR("-0"), &number) && number == 0);
}

static void test_splits_at_the_first_and_says_when_there_is_none(void)
{
    struct str head, tail;
    str_split(STR("a:b:c"), ':', &head, &tail);
    CU_ASSERT(str_equal(head, STR("a")) && str_equal(tail, STR("b:c")));
    str_split(STR("abc"), ':', &head, &tail);
    CU_ASSERT(str_equal(head, STR("abc")) && tail.ptr == NULL);
    str_split(STR("abc:"), ':', &head, &tail);
    CU_ASSERT(str_equal(head, STR("abc")) && tail.ptr != NULL && tail.len == 0);
    str_split((struct str){NULL, 0}, ':', &head, &tail);
    CU_ASSERT(head.len == 0 && tail.ptr == NULL);
}

static void test_compares_and_trims_bytes(void)
{
    CU_ASSERT(str_compare(STR("a"), STR("ab")) < 0);
    CU_ASSERT(str_compare(STR("b"), STR("ab")) > 0);
    CU_ASSERT(str_compare(STR("ab"), STR("ab")) == 0);
    CU_ASSERT(str_compare(STR("\xff"), STR("a")) > 0); /* unsigned bytes */
    CU_ASSERT(str_equal(str_trim(STR(" \t a b\r\n")), STR("a b")));
    CU_ASSERT(str_trim(STR("  ")).len == 0);
    CU_ASSERT(str_starts_with(STR("inbound.x"), STR("inbound.")));
    CU_ASSERT_FALSE(str_starts_with(STR("in"), STR("inbound.")));
}

static void test_an_arena_gives_zeroed_memory_up_to_its_limit_and_again_after_a_reset(void)
{
    struct arena arena;
    arena_init(&arena, 1000000);
    for (int round = 0; round < 3; round++) {
        char *bytes = arena_alloc(&arena, 600000); /* more than a block */
        CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
        CU_ASSERT(bytes[0] == 0 && bytes[599999] == 0);
        memset(bytes, 'x', 600000);
        CU_ASSERT_PTR_NULL(arena_alloc(&arena, 400001));
        CU_ASSERT_PTR_NULL(arena_alloc(&arena, SIZE_MAX));
        CU_ASSERT_PTR_NULL(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
        CU_ASSERT_PTR_NOT_NULL(arena_alloc(&arena, 1));
        arena_reset(&arena);
    }
    CU_ASSERT(str_equal(arena_printf(&arena, "%s-%d", "a", 7), STR("a-7")));
    struct str copy = arena_copy(&arena, STR("text"));
    CU_ASSERT(str_equal(copy, STR("text")) && copy.ptr[4] == '\0');
    arena_done(&arena);
    arena_done(NULL);
}

static void test_a_buffer_that_is_full_stays_as_it_was_and_says_so(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 5);
    buffer_add_str(&buffer, STR("abc"));
    buffer_add_str(&buffer, STR("def"));
    CU_ASSERT(buffer.failed && str_equal(buffer_str(&buffer), STR("abc")));
    buffer_add_str(&buffer, STR("d")); /* nothing more once it has failed */
    CU_ASSERT(str_equal(buffer_str(&buffer), STR("abc")));
    buffer_reset(&buffer);
    buffer_printf(&buffer, "%d", 12345);
    CU_ASSERT(!buffer.failed && str_equal(buffer_str(&buffer), STR("12345")));
    buffer_done(&buffer);
}

static void test_an_error_keeps_its_action_and_gains_a_prefix(void)
{
    struct error err = {0};
    CU_ASSERT_EQUAL(error_set(&err, ERROR_RETRY, "%s is away", "Redis"), -1);
    CU_ASSERT_EQUAL(error_prefix(&err, "task %d", 3), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "task 3: Redis is away");
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    for (int i = 0; i < 100; i++)
        error_prefix(&err, "a long prefix that fills the text");
    CU_ASSERT(memchr(err.text, '\0', sizeof(err.text)) != NULL);
    CU_ASSERT_EQUAL(error_set(NULL, ERROR_FATAL, "nobody listens"), -1);
}
