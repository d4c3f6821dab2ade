/* What a store may hold at a position, said by hand-written changelogs. */
/* links: waybill_tool */
#include "waybill/fold.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct fold fold;
static int64_t offset;

static void begin(void)
{
    fold_reset(&fold);
    offset = 0;
}

static void says(const char *key, const char *value, int64_t score)
{
    struct error err;
    CU_ASSERT_EQUAL_FATAL(fold_take(&fold, str_from(key), str_from(value), offset++, score, &err),
                          0);
}

/* Ends the batch; its position's offset. */
static int64_t position(const char *record)
{
    fold_position(&fold, offset, str_from(record));
    return offset++;
}

static unsigned judge(const char *key, const char *value, int64_t score)
{
    return fold_judge(&fold, str_from(key), str_from(value), score, 0);
}

static void test_what_the_last_record_says_is_right_and_all_else_is_not(void)
{
    begin();
    says("k", "old", 10);
    position("one");
    fold_step(&fold);
    says("k", "new", 20);
    position("two");
    fold_step(&fold);
    CU_ASSERT_EQUAL(judge("k", "new", 20), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("k", "old", 20), FOLD_VALUE);
    CU_ASSERT_EQUAL(judge("k", "new", 10), FOLD_SCORE);
    CU_ASSERT_EQUAL(judge("k", "new", 0), FOLD_SCORE);
    CU_ASSERT_EQUAL(judge("k", NULL, 0), FOLD_VALUE | FOLD_SCORE);
    CU_ASSERT_EQUAL(judge("k", "", 20), FOLD_VALUE); /* empty is not absent */
}

static void test_what_no_record_mentions_must_not_be_there(void)
{
    begin();
    says("k", "v", 0);
    position("one");
    fold_step(&fold);
    CU_ASSERT_EQUAL(judge("stranger", NULL, 0), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("stranger", "v", 0), FOLD_VALUE);
    CU_ASSERT_EQUAL(judge("stranger", NULL, 7), FOLD_SCORE);
}

static void test_what_was_deleted_must_not_be_there(void)
{
    begin();
    says("k", "v", 5);
    says("k", NULL, 0);
    position("one");
    fold_step(&fold);
    CU_ASSERT_EQUAL(judge("k", NULL, 0), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("k", "v", 0), FOLD_VALUE);
    CU_ASSERT_EQUAL(judge("k", NULL, 5), FOLD_SCORE);
}

/* The store takes a batch in pieces: values first, then scores, the position last. */
static void test_what_the_next_batch_says_is_right_too_each_piece_by_itself(void)
{
    begin();
    says("k", "old", 10);
    position("one");
    fold_step(&fold);
    says("k", "middle", -3);
    says("k", "new", 20);
    says("other", "v", 0);
    position("two");
    CU_ASSERT_EQUAL(judge("k", "old", 10), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("k", "new", 10), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("k", "middle", -3), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("k", "newer", 20), FOLD_VALUE);
    CU_ASSERT_EQUAL(judge("k", "new", 21), FOLD_SCORE);
    CU_ASSERT_EQUAL(judge("other", NULL, 0), FOLD_EQUAL);
    CU_ASSERT_EQUAL(judge("other", "v", 0), FOLD_EQUAL);
    fold_step(&fold);
    CU_ASSERT_EQUAL(judge("k", "old", 20), FOLD_VALUE);
    CU_ASSERT_EQUAL(judge("k", "new", 10), FOLD_SCORE);
    CU_ASSERT_EQUAL(judge("other", NULL, 0), FOLD_VALUE);
}

static void test_a_timer_may_stand_a_little_later_but_not_earlier_or_much_later(void)
{
    begin();
    says("k", "v", 1000);
    says("call", "v", -9);
    position("one");
    fold_step(&fold);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("k"), STR("v"), 61000, 61000), FOLD_LATER);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("k"), STR("v"), 61001, 61000), FOLD_SCORE);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("k"), STR("v"), 999, 61000), FOLD_SCORE);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("k"), STR("v"), 0, 61000), FOLD_SCORE);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("call"), STR("v"), -8, 61000), FOLD_SCORE);
    CU_ASSERT_EQUAL(fold_judge(&fold, STR("k"), STR("w"), 61000, 61000), FOLD_VALUE | FOLD_LATER);
}

static void test_stands_at_a_position_when_offset_and_record_are_its(void)
{
    begin();
    CU_ASSERT_FALSE(fold_is_whole(&fold));
    CU_ASSERT_FALSE(fold_stands_at(&fold, FOLD_NOWHERE, STR("one")));
    says("k", "v", 0);
    int64_t at = position("one");
    CU_ASSERT_TRUE(fold_is_whole(&fold));
    CU_ASSERT_FALSE(fold_stands_at(&fold, at, STR("one")));
    fold_step(&fold);
    CU_ASSERT_FALSE(fold_is_whole(&fold));
    CU_ASSERT_TRUE(fold_stands_at(&fold, at, STR("one")));
    CU_ASSERT_FALSE(fold_stands_at(&fold, at, STR("One")));
    CU_ASSERT_FALSE(fold_stands_at(&fold, at - 1, STR("one")));
}

static void test_knows_many_keys_and_what_was_looked_at(void)
{
    enum { MANY = 20000 };
    char key[32], value[32];
    size_t wrong = 0;
    struct error err;
    begin();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(key, sizeof(key), "s:order:%d", i);
            snprintf(value, sizeof(value), "%d of %d", i, round);
            says(key, value, i + 1);
        }
        position("p");
        fold_step(&fold);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "s:order:%d", i);
        snprintf(value, sizeof(value), "%d of 1", i);
        wrong += judge(key, value, i + 1) != FOLD_EQUAL;
        wrong += fold_find(&fold, str_from(key))->looked_at;
        CU_ASSERT_EQUAL(fold_look_at(&fold, str_from(key), &err), 0);
    }
    for (size_t i = 0; i < fold.count; i++)
        wrong += !fold.entries[i].looked_at;
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(fold.count, MANY);
    CU_ASSERT_PTR_NULL(fold_find(&fold, STR("s:order:20000")));
    fold_done(&fold);
}
