/* waybill parked list: calls whose outcome nobody knows, and that a person has to look at. */
#include "events.h"
#include "waybill/commands.h"
#include "waybill/decode.h"
#include "waybill/scan.h"

#include <stdio.h>

enum { PARKED_MAX = 10000, RECORD_ARENA_BYTES_MAX = 64 << 20 };

/* Of each intent the changelog's last record counts. */
struct parking {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena; /* of one record */
    struct decoded rows[PARKED_MAX];
    size_t count;
    bool overflow;
};

/* The row of that intent; count if it is not parked as far as we have read. */
static size_t find_row(const struct parking *parking, const struct topic *topic, struct str key)
{
    size_t at = 0;
    while (at < parking->count &&
           !(parking->rows[at].topic == topic && str_equal(parking->rows[at].key, key)))
        at++;
    return at;
}

static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct parking *parking = self;
    struct decoded decoded;
    size_t at = find_row(parking, topic, record->key);
    arena_reset(&parking->arena);
    decoder_read(&parking->decoder, topic, record, &parking->arena, &decoded);
    bool is_parked = decoded.type == &task_intent &&
                     ((const struct task_intent *)decoded.body)->status == INTENT_STATUS_PARKED;
    if (!is_parked && at < parking->count)
        parking->rows[at] = parking->rows[--parking->count];
    if (!is_parked)
        return true;
    parking->overflow =
        at == PARKED_MAX ||
        !decoder_keep(&parking->decoder, topic, record, &parking->tool->arena, &parking->rows[at]);
    if (!parking->overflow && at == parking->count)
        parking->count++;
    return !parking->overflow;
}

static void print_row(const struct decoded *row)
{
    const struct task_intent *intent = row->body;
    char since[RFC3339_BYTES];
    rfc3339_format(intent->started_at_ms ? intent->started_at_ms : intent->created_at_ms, since);
    printf("%.*s  %.19s  %.*s at %.*s  key %.*s  intent %.*s\n",
           (int)(row->topic->name.len - sizeof(".changelog") + 1), row->topic->name.ptr, since,
           STR_ARG(intent->name), STR_ARG(intent->endpoint), STR_ARG(intent->key),
           STR_ARG(intent->intent_id));
}

static int list(struct parking *parking)
{
    struct error err = {0};
    struct tool *tool = parking->tool;
    struct scan_topic changelogs[SCAN_TOPICS_MAX];
    struct scan scan = {.topics = changelogs, .skip_missing = true, .take = take, .self = parking};
    for (size_t i = 0; i < tool->topic_count; i++)
        if (tool->topics[i].use == TOPIC_CHANGELOG)
            changelogs[scan.topic_count++] =
                (struct scan_topic){.topic = &tool->topics[i], .partition = SCAN_EVERY_PARTITION};
    arena_init(&parking->arena, RECORD_ARENA_BYTES_MAX);
    int failed = decoder_open(&parking->decoder, tool, &err) || scan_run(tool, &scan, &err);
    decoder_close(&parking->decoder);
    arena_done(&parking->arena);
    if (failed)
        return tool_fail(tool, &err);
    for (size_t i = 0; i < parking->count; i++)
        print_row(&parking->rows[i]);
    if (parking->count == 0)
        printf("nothing is parked\n");
    if (parking->overflow)
        fprintf(stderr, "%s: more than %d; the rest is not shown\n", tool->name, PARKED_MAX);
    return TOOL_OK;
}

int parked_list_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill parked list",
        .text = "calls whose outcome nobody knows: sent, no answer, and not to be repeated blindly",
        .usage = "",
        .details =
            "Reads the services' changelogs. Whether it happened, the other side knows: ask "
            "there for the intent's id,\nwhich was the Idempotency-Key or the Message-ID.\n\n"
            "example: waybill parked list\n"};
    static struct tool tool;
    static struct parking parking;
    int status = tool_open(&tool, &command, argc, argv);
    parking.tool = &tool;
    if (status == CONFIG_RUN)
        status = list(&parking);
    tool_close(&tool);
    return status;
}
