/* What every command does without Kafka: help, wrong usage; and the JSON of a record. */
/* links: waybill_tool */
#include "events.h"
#include "waybill/commands.h"
#include "waybill/decode.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <unistd.h>

static command_main *const commands[] = {
    topics_create_main, topics_check_main,   topics_list_main, produce_main,     consume_main,
    order_show_main,    dlq_list_main,       dlq_show_main,    dlq_requeue_main, parked_list_main,
    parked_show_main,   parked_resolve_main, suppliers_main,   replay_main,      endpoint_list_main,
    endpoint_stop_main, endpoint_start_main,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]), SAID_BYTES = 16384 };

static char said[SAID_BYTES]; /* on both streams */

/* The command's exit status with that one argument. */
static int run(command_main *command, char *argument)
{
    fflush(NULL);
    int out = dup(1), errors = dup(2);
    FILE *into = tmpfile();
    dup2(fileno(into), 1);
    dup2(fileno(into), 2);
    int status = command(2, (char *[]){"waybill", argument, NULL});
    fflush(NULL);
    dup2(out, 1);
    dup2(errors, 2);
    close(out);
    close(errors);
    rewind(into);
    said[fread(said, 1, SAID_BYTES - 1, into)] = '\0';
    fclose(into);
    return status;
}

static void test_help_is_all_that_help_says_whatever_the_command(void)
{
    for (int i = 0; i < COMMANDS; i++) {
        CU_ASSERT_EQUAL(run(commands[i], "--help"), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, "\nusage: waybill "));
        CU_ASSERT_PTR_NULL(strstr(said, " \n"));
        CU_ASSERT_PTR_NULL(strstr(said, "there is no"));
    }
}

static void test_an_unknown_flag_is_wrong_usage_whatever_the_command(void)
{
    for (int i = 0; i < COMMANDS; i++) {
        CU_ASSERT_EQUAL(run(commands[i], "--nonsense"), 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, "there is no such flag"));
    }
}

/* What consume prints can be handed to produce, which takes "event" and "data". */
static void test_a_record_is_printed_with_the_words_that_produce_takes(void)
{
    static const struct topic orders = {.name = STR_INIT("orders"), .use = TOPIC_EVENTS};
    static const struct cancel_submitted body = {.order_id = STR_INIT("a:1")};
    const struct decoded decoded = {
        .topic = &orders, .key = STR("a:1"), .type = &cancel_submitted, .body = &body};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct str json = decoded_json(&decoded, &arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json.ptr);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(json.ptr, "\"event\":\"cancel.submitted\",\"id\":null,\"cause\":null,\"headers\":{},"
                         "\"data\":{\"order_id\":\"a:1\""));
    arena_done(&arena);
}
