/* How a difference between Redis and the changelog, and a task's summary, read. */
/* links: waybill_tool */
#include "events.h"
#include "waybill/difference.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;

static bool is(struct str text, const char *expected)
{
    if (str_equal(text, str_from(expected)))
        return true;
    printf("\n  expected: %s\n  told:     %.*s\n", expected, STR_ARG(text));
    return false;
}

static struct arena *fresh(void)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    return &arena;
}

static const struct topic changelog = {.name = STR_INIT("intake.changelog")};
static const struct key_entry entry = {.dropping = true};
static const struct decoded an_entry = {.topic = &changelog, .type = &key_entry, .body = &entry};
#define ENTRY_JSON                                                                                 \
    "{\"event\":\"key_entry\",\"data\":{\"state\":null,\"timers\":[],\"intents\":[],\"seen\":[],"  \
    "\"dropping\":true,\"parked\":[]}}"

static void test_a_missing_key_shows_what_the_changelog_has(void)
{
    const struct difference d = {.service = "intake",
                                 .task = 3,
                                 .field = STR("s:intake_order:a:1"),
                                 .faults = FOLD_VALUE | FOLD_SCORE,
                                 .expected = {.offset = 512, .score = 1000, .is_there = true},
                                 .said = an_entry};
    CU_ASSERT_TRUE(is(difference_lines(&d, fresh()),
                      "intake task 3: s:intake_order:a:1 is missing in Redis\n"
                      "    changelog (offset 512): " ENTRY_JSON "\n"
                      "    Redis: nothing\n"
                      "    changelog (offset 512): due 1970-01-01T00:00:01.000Z (score 1000)\n"
                      "    Redis: not in the sorted set\n"));
}

static void test_a_key_too_much_shows_what_redis_has(void)
{
    const struct difference d = {.service = "intake",
                                 .field = STR("s:x:1"),
                                 .faults = FOLD_VALUE,
                                 .expected = {.offset = FOLD_NOWHERE},
                                 .found = an_entry};
    CU_ASSERT_TRUE(is(difference_lines(&d, fresh()), "intake task 0: s:x:1 is too much in Redis\n"
                                                     "    changelog: nothing\n"
                                                     "    Redis: " ENTRY_JSON "\n"));
}

static void test_bytes_that_are_no_record_are_shown_as_hex(void)
{
    const struct decoded broken = {
        .topic = &changelog, .value = STR("\x01\xff"), .error = "not framed"};
    const struct difference d = {.service = "intake",
                                 .field = STR("s:x:1"),
                                 .faults = FOLD_VALUE,
                                 .expected = {.offset = 7, .is_there = true},
                                 .said = an_entry,
                                 .found = broken};
    CU_ASSERT_TRUE(is(
        difference_lines(&d, fresh()),
        "intake task 0: s:x:1 differs\n"
        "    changelog (offset 7): " ENTRY_JSON "\n"
        "    Redis: {\"event\":null,\"data\":null,\"error\":\"not framed\",\"bytes\":\"01ff\"}\n"));
}

static void test_a_score_alone_does_not_repeat_the_values(void)
{
    const struct difference d = {
        .service = "notifier",
        .field = STR("i:x"),
        .faults = FOLD_SCORE,
        .expected = {.offset = 9, .score = -4503599627370495, .is_there = true},
        .said = an_entry,
        .found = an_entry,
        .found_score = 86400000};
    CU_ASSERT_TRUE(is(difference_lines(&d, fresh()),
                      "notifier task 0: i:x stands elsewhere in the sorted set\n"
                      "    changelog (offset 9): a call that waits (score -4503599627370495)\n"
                      "    Redis: due 1970-01-02T00:00:00.000Z (score 86400000)\n"));
}

static void test_the_summary_says_where_redis_stands(void)
{
    struct task_summary s = {.service = "intake",
                             .task = 2,
                             .found = TASK_EQUAL,
                             .keys = 12,
                             .due = 3,
                             .batch = 7,
                             .offset = 99};
    CU_ASSERT_TRUE(is(task_summary_line(&s, fresh()),
                      "intake task 2: equal; 12 keys, 3 in the sorted set, batch 7 at changelog "
                      "offset 99\n"));
    s.found = TASK_BEHIND;
    s.behind_batches = 2;
    s.behind_records = 11;
    CU_ASSERT_TRUE(is(task_summary_line(&s, fresh()),
                      "intake task 2: equal as far as it stands; 2 batches (11 records) behind, "
                      "which the owner brings up; 12 keys, 3 in the sorted set, batch 7 at "
                      "changelog offset 99\n"));
    s.found = TASK_DIFFERS;
    s.differences = 5;
    s.later = 1;
    CU_ASSERT_TRUE(is(task_summary_line(&s, fresh()),
                      "intake task 2: DIFFERS in 5 keys; 12 keys, 3 in the sorted set, batch 7 at "
                      "changelog offset 99; 1 timers that another version knows stand a little "
                      "later\n"));
}

static void test_the_totals_name_only_what_there_is(void)
{
    int64_t counts[TASK_FOUND_KINDS] = {0};
    counts[TASK_EQUAL] = 6;
    counts[TASK_EMPTY] = 2;
    CU_ASSERT_TRUE(is(task_totals_line(counts, 0, fresh()),
                      "8 tasks: 6 equal, 2 without a position; 0 differences\n"));
    counts[TASK_DIFFERS] = 1;
    CU_ASSERT_TRUE(is(task_totals_line(counts, 4, fresh()),
                      "9 tasks: 6 equal, 2 without a position, 1 DIFFERENT; 4 differences\n"));
}
