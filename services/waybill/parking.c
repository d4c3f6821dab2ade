/* waybill parked list|show, and the reading that resolve needs, too. */
#include "waybill/parking.h"

#include "events.h"
#include "waybill/commands.h"
#include "waybill/scan.h"

#include <stdio.h>

enum { RECORD_ARENA_BYTES_MAX = 64 << 20, PAGE_BYTES_MAX = 4 << 20 };

/* The index of that intent; count if it is not parked as far as we have read. */
static size_t find_call(const struct parking *parking, const struct topic *topic, struct str key)
{
    size_t at = 0;
    while (at < parking->count && !(parking->calls[at].intent.topic == topic &&
                                    str_equal(parking->calls[at].intent.key, key)))
        at++;
    return at;
}

static bool take_intent(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct parking *parking = self;
    struct decoded decoded;
    size_t at = find_call(parking, topic, record->key);
    arena_reset(&parking->arena);
    decoder_read(&parking->decoder, topic, record, &parking->arena, &decoded);
    bool is_parked = decoded.type == &task_intent &&
                     ((const struct task_intent *)decoded.body)->status == INTENT_STATUS_PARKED;
    if (!is_parked && at < parking->count)
        parking->calls[at] = parking->calls[--parking->count];
    if (!is_parked)
        return true;
    parking->overflow =
        at == PARKED_MAX || !decoder_keep(&parking->decoder, topic, record, &parking->tool->arena,
                                          &parking->calls[at].intent);
    if (!parking->overflow && at == parking->count)
        parking->count++;
    return !parking->overflow;
}

static bool take_story(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct parking *parking = self;
    struct decoded event;
    arena_reset(&parking->arena);
    decoder_read(&parking->decoder, topic, record, &parking->arena, &event);
    for (size_t i = 0; i < parking->count; i++) {
        if (!parked_is_about(&parking->calls[i], &event))
            continue;
        parking->overflow =
            !decoder_keep(&parking->decoder, topic, record, &parking->tool->arena, &event);
        if (!parking->overflow)
            parked_learn(&parking->calls[i], &event);
    }
    return !parking->overflow;
}

/* First the intents, then what the orders' lives say of those that are parked. */
static int read_all(struct parking *parking, struct error *err)
{
    static const char *const stories[] = {"messages", "notifications", "fulfilment"};
    struct tool *tool = parking->tool;
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    struct scan scan = {
        .topics = wanted, .skip_missing = true, .take = take_intent, .self = parking};
    for (size_t i = 0; i < tool->topic_count; i++)
        if (tool->topics[i].use == TOPIC_CHANGELOG)
            wanted[scan.topic_count++] =
                (struct scan_topic){.topic = &tool->topics[i], .partition = SCAN_EVERY_PARTITION};
    if (decoder_open(&parking->decoder, tool, err) || scan_run(tool, &scan, err))
        return -1;
    if (parking->count == 0)
        return 0;
    scan.take = take_story;
    scan.topic_count = sizeof(stories) / sizeof(stories[0]);
    for (size_t i = 0; i < scan.topic_count; i++)
        wanted[i] = (struct scan_topic){
            .topic = topics_find(tool->topics, tool->topic_count, str_from(stories[i])),
            .partition = SCAN_EVERY_PARTITION};
    return scan_run(tool, &scan, err);
}

int parking_open(struct parking *parking, struct tool *tool, struct error *err)
{
    *parking = (struct parking){.tool = tool};
    arena_init(&parking->arena, RECORD_ARENA_BYTES_MAX);
    return read_all(parking, err);
}

void parking_close(struct parking *parking)
{
    decoder_close(&parking->decoder);
    arena_done(&parking->arena);
}

const struct parked_call *parking_find(struct parking *parking, const char *intent, const char *key,
                                       struct error *err)
{
    const struct parked_call *found = NULL;
    size_t same = 0;
    for (size_t i = 0; i < parking->count; i++) {
        const struct task_intent *parked = parking->calls[i].intent.body;
        if (!str_equal(parked->intent_id, str_from(intent)) ||
            (key && !str_equal(parked->key, str_from(key))))
            continue;
        found = &parking->calls[i];
        same++;
    }
    if (same > 1)
        error_set(err, ERROR_FATAL, "%zu parked calls have the intent %s: say --key", same, intent);
    if (same == 0)
        error_set(err, ERROR_FATAL,
                  "no parked call has the intent %s: it was answered, or never parked (waybill "
                  "parked list names them)",
                  intent);
    return same == 1 ? found : NULL;
}

static const char what_to_do[] =
    "\nEach waits for a person. waybill parked show INTENT says all about one and what to ask the "
    "other side;\nwaybill parked resolve INTENT answers it.\n";

int parked_list_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill parked list",
        .text = "calls whose outcome nobody knows: sent, no answer, and not to be repeated blindly",
        .usage = "",
        .details =
            "Reads the services' changelogs, and what the orders' lives say of the calls. Each: "
            "since when (UTC), service,\norder, what it was, endpoint; what happened, and the "
            "intent's id; whether a callback has settled it meanwhile.\n\n"
            "example: waybill parked list\n"};
    static struct tool tool;
    static struct parking parking;
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN) {
        status = parking_open(&parking, &tool, &err) ? tool_fail(&tool, &err) : TOOL_OK;
        for (size_t i = 0; i < parking.count && status == TOOL_OK; i++) {
            arena_reset(&parking.arena);
            struct str lines = parked_lines(&parking.calls[i], &parking.arena);
            printf("%.*s", STR_ARG(lines));
        }
        if (status == TOOL_OK)
            printf("%s", parking.count ? what_to_do : "nothing is parked\n");
        if (parking.overflow)
            fprintf(stderr, "%s: more than %d, or too large; the rest is not shown\n", tool.name,
                    PARKED_MAX);
        parking_close(&parking);
    }
    tool_close(&tool);
    return status;
}

static int show(struct parking *parking, const char *key, bool personal)
{
    struct tool *tool = parking->tool;
    struct error err = {0};
    if (parking_open(parking, tool, &err))
        return tool_fail(tool, &err);
    const struct parked_call *call = parking_find(parking, tool->given.arguments[0], key, &err);
    if (!call)
        return tool_fail(tool, &err);
    struct buffer page;
    buffer_init(&page, PAGE_BYTES_MAX);
    arena_reset(&parking->arena);
    parked_page(call, personal, &parking->arena, &page);
    struct str text = buffer_str(&page);
    printf(
        "%.*sThen: waybill parked resolve %s --ok | --refused | --not-sent | --retry  --why TEXT\n",
        STR_ARG(text), tool->given.arguments[0]);
    buffer_done(&page);
    return TOOL_OK;
}

int parked_show_main(int argc, char **argv)
{
    const char *key;
    bool personal;
    const struct config_flag flags[] = {
        {.name = "key",
         .hint = "KEY",
         .value = &key,
         .text = "of the state that waits, if several have that intent"},
        {.name = "personal", .on = &personal, .text = "personal data as it is, with the body"}};
    const struct tool_command command = {
        .name = "waybill parked show",
        .text = "all about one parked call, and what to ask the other side",
        .usage = "INTENT [flags]",
        .details = "The request as it was sent, its key, why nobody knows its outcome, the order "
                   "it belongs to,\n"
                   "and whether a callback has settled it meanwhile. Names, addresses and the body "
                   "are masked\n"
                   "without --personal. INTENT as waybill parked list names it.\n\n"
                   "example: waybill parked show demo:1001/1:submit:1\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    static struct parking parking;
    int status = tool_open(&tool, &command, argc, argv);
    parking = (struct parking){.tool = &tool};
    if (status == CONFIG_RUN && tool.given.argument_count != 1)
        status = tool_misuse(&tool, "one INTENT is needed; see waybill parked list");
    if (status == CONFIG_RUN) {
        status = show(&parking, key, personal);
        parking_close(&parking);
    }
    tool_close(&tool);
    return status;
}
