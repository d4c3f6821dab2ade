/* Expected values: Python's uuid.uuid5(namespace, "".join(f"{len(part)}:{part}" for part in
 * parts)).
 */
/* links: waybill_ids */
#include "ids/uuid5.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;

static void check(const char *expected, struct str id)
{
    CU_ASSERT_TRUE(str_equal(id, str_from(expected)));
    if (id.ptr && !str_equal(id, str_from(expected)))
        printf("  got %s, expected %s\n", id.ptr, expected);
}

static void test_is_absent_when_the_arena_is_full(void)
{
    arena_init(&arena, 64);
    CU_ASSERT_PTR_NULL(uuid5_of(&arena, STR("intake"), STR("shop:1"), STR("0")).ptr);
    arena_done(&arena);
}

static void test_is_what_python_says_for_the_same_parts(void)
{
    arena_init(&arena, 10000);
    check("8c1d42c8-ad44-5072-848f-218eed609e9a",
          uuid5_of(&arena, STR("intake"), STR("shop:1"), STR("0")));
    check("32cf924d-81cd-54a5-9aa6-263e88231c6d", uuid5_of(&arena, STR("\xc3\xa9")));
    arena_done(&arena);
}

static void test_keeps_the_borders_between_parts(void)
{
    arena_init(&arena, 10000);
    check("d0c1bc87-2e65-5340-850d-ac48b536828e", uuid5_of(&arena, STR("ab"), STR("c")));
    check("2b73f4ac-f8ac-5260-b001-a5050a91739e", uuid5_of(&arena, STR("a"), STR("bc")));
    arena_done(&arena);
}

static void test_tells_an_empty_part_from_no_part(void)
{
    arena_init(&arena, 10000);
    check("add596e4-4435-587c-ba5b-959916e2d52d", uuid5(&arena, NULL, 0));
    check("06be11d1-3a49-57f8-b24c-b34b210bc0e9", uuid5_of(&arena, STR("")));
    check("06be11d1-3a49-57f8-b24c-b34b210bc0e9", uuid5_of(&arena, (struct str){NULL, 0}));
    arena_done(&arena);
}
