/* What is said of a service's tasks, from hand-made numbers. */
/* links: waybill_tool */
#include "waybill/task_view.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

enum { NOW_MS = 1000000000, MINUTE_MS = 60000 };

static struct arena arena;

static struct arena *fresh(void)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    return &arena;
}

static bool says(struct str text, const char *expected)
{
    if (text.ptr && strstr(text.ptr, expected))
        return true;
    printf("\n  expected: %s\n  told:     %.*s\n", expected, STR_ARG(text));
    return false;
}

static bool is_silent_about(struct str text, const char *word)
{
    return text.ptr && !strstr(text.ptr, word);
}

/* At rest, owned, nothing to look at. */
static struct task_view a_task(void)
{
    return (struct task_view){.task = 3,
                              .owner = STR("a"),
                              .owner_host = STR("/10.0.0.1"),
                              .owner_inputs = 2,
                              .inputs_read = 2,
                              .has_position = true,
                              .batch = 812,
                              .position_offset = 5512,
                              .inputs = {{STR("orders"), 100, 101, 0, 0, 1, 0, 100},
                                         {STR("stock"), 7, 7, 0, 0, 0, 0, TASK_UNKNOWN}},
                              .input_count = 2,
                              .counted = true,
                              .keys = 12,
                              .timers = 4,
                              .earliest_ms = NOW_MS + 5 * MINUTE_MS,
                              .store = STORE_AT_END};
}

static struct service_view of(const struct task_view *task)
{
    return (struct service_view){.service = "intake",
                                 .group = "waybill.intake",
                                 .group_state = "Stable",
                                 .member_count = 1,
                                 .tasks = task,
                                 .task_count = 1,
                                 .now_ms = NOW_MS,
                                 .wall_ms = NOW_MS};
}

static struct str table(const struct task_view *task)
{
    struct service_view view = of(task);
    return service_table(&view, fresh());
}

static void test_a_task_at_rest_has_a_row_and_nothing_to_look_at(void)
{
    struct task_view task = a_task();
    struct str text = table(&task);
    CU_ASSERT_TRUE(says(text, "intake: group waybill.intake, Stable, 1 workers; 1 tasks\n"));
    CU_ASSERT_TRUE(says(text, "   3  a                     812        0      -       12        4 "
                              "      0       0       0      0  at the end\n"));
    CU_ASSERT_TRUE(is_silent_about(text, "look:"));
}

static void test_without_the_changelog_there_are_no_columns_for_it(void)
{
    struct task_view task = a_task();
    task.counted = false;
    struct str text = table(&task);
    CU_ASSERT_TRUE(is_silent_about(text, "timers"));
    CU_ASSERT_TRUE(says(text, "   3  a                     812        0      -  at the end\n"));
}

static void test_says_what_nobody_works_on(void)
{
    struct task_view task = a_task();
    task.owner = (struct str){NULL, 0};
    CU_ASSERT_TRUE(says(table(&task), "NOBODY"));
    CU_ASSERT_TRUE(says(table(&task), "look: 1 tasks have no owner: are the workers running?\n"));
    task.owner = STR("b");
    task.owner_inputs = 1;
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: its owner has only 1 of 2 inputs"));
    task.inputs_read = 1; /* the other is one of another version's */
    CU_ASSERT_TRUE(is_silent_about(table(&task), "inputs"));
    task.owner_split = true;
    CU_ASSERT_TRUE(says(table(&task), "SPLIT"));
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: its inputs are with different workers"));
}

static void test_says_what_waits_and_for_how_long(void)
{
    struct task_view task = a_task();
    task.inputs[0].waiting = 17;
    task.inputs[0].oldest_ms = NOW_MS - 3 * MINUTE_MS;
    task.inputs[1].waiting = 2;
    task.inputs[1].oldest_ms = NOW_MS - MINUTE_MS / 2;
    CU_ASSERT_TRUE(says(table(&task), "     812       19     3m "));
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: a record of orders waits for 3m\n"));
    CU_ASSERT_TRUE(is_silent_about(table(&task), "record of stock"));
    task.inputs[1].waiting = TASK_UNKNOWN;
    task.inputs[1].at_most = 5000;
    CU_ASSERT_TRUE(says(table(&task), "   <=5017     3m "));
}

static void test_says_when_group_or_log_do_not_fit_the_position(void)
{
    struct task_view task = a_task();
    task.inputs[0].group_offset = 40;
    task.inputs[0].deleted = 6;
    task.inputs[1].end = 5;
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: the group's offset of orders is 40, the "
                                      "position says 100, which wins\n"));
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: 6 records of orders were deleted before they "
                                      "were decided\n"));
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: stock ends at 5, but 7 is decided next: was "
                                      "the topic made anew?\n"));
}

static void test_says_what_is_overdue_but_not_what_is_due_just_now(void)
{
    struct task_view task = a_task();
    task.overdue = 2;
    task.earliest_ms = NOW_MS - MINUTE_MS / 2;
    CU_ASSERT_TRUE(is_silent_about(table(&task), "look:"));
    task.earliest_ms = NOW_MS - 50 * 60 * MINUTE_MS;
    CU_ASSERT_TRUE(
        says(table(&task), "look: task 3: timers of 2 keys are overdue, the earliest for 2d\n"));
}

static void test_sums_calls_of_all_tasks_by_endpoint(void)
{
    struct task_calls first[] = {{STR("email"), 2, 1, 0, NOW_MS - 1000, 0},
                                 {STR("sms"), 0, 0, 1, 0, NOW_MS - MINUTE_MS}};
    struct task_calls second[] = {{STR("email"), 3, 0, 0, NOW_MS - 10 * MINUTE_MS, 0}};
    struct task_view tasks[] = {a_task(), a_task()};
    tasks[0].calls = first;
    tasks[0].call_count = 2;
    tasks[1].calls = second;
    tasks[1].call_count = 1;
    struct service_view view = of(tasks);
    view.task_count = 2;
    struct str text = service_table(&view, fresh());
    CU_ASSERT_TRUE(says(text, "calls at email: 5 pending, 1 started, the oldest for 10m\n"));
    CU_ASSERT_TRUE(says(text, "calls at sms: 0 pending, 0 started; 1 parked, the oldest for 1m\n"));
    CU_ASSERT_TRUE(says(text, "look: task 3: a call waits for 10m\n"));
}

static void test_says_where_redis_stands(void)
{
    struct task_view task = a_task();
    task.store = STORE_BEHIND;
    task.store_batches_behind = 3;
    CU_ASSERT_TRUE(says(table(&task), "  3 batches behind\n"));
    task.store = STORE_RESTORING;
    task.store_fields = 5;
    CU_ASSERT_TRUE(says(table(&task), "  restoring: 5 of 12 keys\n"));
    task.store = STORE_UNKNOWN;
    task.store_error = "Redis 10.0.0.2:6379: Connection refused";
    CU_ASSERT_TRUE(says(table(&task), "look: task 3: Redis 10.0.0.2:6379: Connection refused\n"));
}

static void test_one_task_shows_each_input(void)
{
    struct task_view task = a_task();
    struct service_view view = of(&task);
    struct str text = task_details(&view, &task, fresh());
    CU_ASSERT_TRUE(says(text, "owner     a /10.0.0.1\n"));
    CU_ASSERT_TRUE(says(text, "position  batch 812 at changelog offset 5512; events up to "
                              "1970-01-01T00:00:00.000Z\n"));
    CU_ASSERT_TRUE(
        says(text, "  orders               next 100 of 101, 0 wait; the group's offset 100\n"));
    CU_ASSERT_TRUE(
        says(text, "  stock                next 7 of 7, 0 wait; the group has no offset\n"));
    CU_ASSERT_TRUE(says(text, "the earliest due 1970-01-12T13:51:40.000Z (in 5m), 0 overdue\n"));
}

static void test_json_has_it_all_and_null_for_what_is_not_known(void)
{
    struct task_view task = a_task();
    struct service_view view = of(&task);
    task.inputs[0].waiting = TASK_UNKNOWN;
    struct str text = task_json(&view, &task, fresh());
    CU_ASSERT_TRUE(says(text, "{\"service\":\"intake\",\"task\":3,\"group_state\":\"Stable\","
                              "\"owner\":\"a\",\"owner_host\":\"/10.0.0.1\","));
    CU_ASSERT_TRUE(
        says(text, "{\"topic\":\"orders\",\"next\":100,\"end\":101,\"deleted\":0,\"waiting\":null,"
                   "\"waiting_at_most\":1,\"oldest\":null,\"group_offset\":100}"));
    CU_ASSERT_TRUE(says(text, "\"keys\":12,\"keys_with_timers\":4,\"keys_overdue\":0,"
                              "\"earliest_due\":\"1970-01-12T13:51:40.000Z\",\"calls\":[]"));
    CU_ASSERT_TRUE(says(text, "\"redis\":{\"state\":\"at_end\",\"keys\":0,\"batches_behind\":0,"
                              "\"error\":null}}"));
    task.counted = false;
    CU_ASSERT_TRUE(is_silent_about(task_json(&view, &task, fresh()), "earliest_due"));
}

static void test_a_service_is_one_line(void)
{
    struct task_view tasks[] = {a_task(), a_task()};
    tasks[0].inputs[0].waiting = 4;
    tasks[0].inputs[0].oldest_ms = NOW_MS - 2 * MINUTE_MS;
    tasks[1].store = STORE_RESTORING;
    tasks[1].owner = (struct str){NULL, 0};
    struct service_view view = of(tasks);
    view.task_count = 2;
    CU_ASSERT_TRUE(says(service_line(&view, fresh()),
                        "intake           Stable              1 workers  1 of 2 tasks owned  4 "
                        "waiting, the oldest for 2m  1 restoring\n"));
    tasks[1].store = STORE_NOTHING;
    CU_ASSERT_TRUE(says(service_line(&view, fresh()), "for 2m  1 not in Redis\n"));
    tasks[1].has_position = false; /* has done nothing yet */
    CU_ASSERT_TRUE(says(service_line(&view, fresh()), "for 2m\n"));
}
