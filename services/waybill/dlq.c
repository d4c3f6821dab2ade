/* waybill dlq list|show: what a service could not take, and why. */
#include "base/utf8.h"
#include "config/values.h"
#include "events.h"
#include "waybill/commands.h"
#include "waybill/decode.h"
#include "waybill/scan.h"

#include <ctype.h>
#include <stdio.h>

enum { DUMP_BYTES_MAX = 4096, ROW_BYTES = 16, RECORD_ARENA_BYTES_MAX = 64 << 20 };

struct letters {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena; /* of one record */
    int64_t count;
    int64_t offset; /* dlq show: of the one that is wanted */
};

static struct str error_header(const struct decoded *letter, const char *name)
{
    struct str value = event_header_find(letter->headers, letter->header_count, name);
    return value.ptr ? value : STR("?");
}

static bool list_one(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct letters *l = self;
    struct decoded letter;
    char time_text[RFC3339_BYTES];
    arena_reset(&l->arena);
    decoder_read(&l->decoder, topic, record, &l->arena, &letter);
    rfc3339_format(record->timestamp_ms, time_text);
    printf("%.*s %d %lld  %.19s  %.*s  from %.*s %.*s@%.*s  key %.*s\n    %.*s\n",
           (int)topic->name.len - 4, topic->name.ptr, record->partition, (long long)record->offset,
           time_text, STR_ARG(letter.ce.type.ptr ? letter.ce.type : STR("?")),
           STR_ARG(error_header(&letter, "waybill_error_topic")),
           STR_ARG(error_header(&letter, "waybill_error_partition")),
           STR_ARG(error_header(&letter, "waybill_error_offset")), STR_ARG(record->key),
           STR_ARG(error_header(&letter, "waybill_error_reason")));
    l->count++;
    return true;
}

static int run(struct letters *l, const struct scan *scan)
{
    struct error err = {0};
    arena_init(&l->arena, RECORD_ARENA_BYTES_MAX);
    int failed = decoder_open(&l->decoder, l->tool, &err) || scan_run(l->tool, scan, &err);
    decoder_close(&l->decoder);
    arena_done(&l->arena);
    return failed ? tool_fail(l->tool, &err) : TOOL_OK;
}

int dlq_list_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill dlq list",
        .text = "dead letters of one service or of all: where from, and why",
        .usage = "[SERVICE]",
        .details = "Each begins with SERVICE PARTITION OFFSET, as waybill dlq show takes them.\n\n"
                   "example: waybill dlq list intake\n"};
    static struct tool tool;
    struct scan_topic wanted[SCAN_TOPICS_MAX];
    struct letters l = {.tool = &tool};
    struct scan scan = {.topics = wanted, .skip_missing = true, .take = list_one, .self = &l};
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    const char *service =
        status == CONFIG_RUN && tool.given.argument_count ? tool.given.arguments[0] : NULL;
    const struct topic *only = service ? tool_service_topic(&tool, service, ".dlq", &err) : NULL;
    if (status == CONFIG_RUN && service && !only)
        status = tool_misuse(&tool, "%s", err.text);
    for (size_t i = 0; status == CONFIG_RUN && i < tool.topic_count; i++)
        if (tool.topics[i].use == TOPIC_DEAD_LETTERS && (!only || only == &tool.topics[i]))
            wanted[scan.topic_count++] =
                (struct scan_topic){.topic = &tool.topics[i], .partition = SCAN_EVERY_PARTITION};
    if (status == CONFIG_RUN) {
        status = run(&l, &scan);
        if (status == TOOL_OK && l.count == 0)
            printf("no dead letters\n");
    }
    tool_close(&tool);
    return status;
}

static void dump(struct str bytes)
{
    for (size_t row = 0; row < bytes.len && row < DUMP_BYTES_MAX; row += ROW_BYTES) {
        printf("  %06zx ", row);
        for (size_t i = row; i < row + ROW_BYTES; i++)
            if (i < bytes.len)
                printf(" %02x", (unsigned char)bytes.ptr[i]);
            else
                printf("   ");
        printf("  ");
        for (size_t i = row; i < row + ROW_BYTES && i < bytes.len; i++)
            putchar(isprint((unsigned char)bytes.ptr[i]) ? bytes.ptr[i] : '.');
        putchar('\n');
    }
    if (bytes.len > DUMP_BYTES_MAX)
        printf("  … %zu bytes in all\n", bytes.len);
}

static void show_header(const struct event_header *header)
{
    bool text = header->value.ptr && utf8_is_valid(header->value);
    printf("  %-24.*s %.*s%s\n", STR_ARG(header->name), STR_ARG(text ? header->value : STR("")),
           header->value.ptr ? (text ? "" : "(bytes)") : "(null)");
}

static bool show_one(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct letters *l = self;
    struct decoded letter;
    if (record->offset != l->offset)
        return record->offset < l->offset;
    l->count++;
    decoder_read(&l->decoder, topic, record, &l->arena, &letter);
    printf("reason   %.*s\nservice  %.*s\nsource   %.*s partition %.*s offset %.*s\nkey      "
           "%.*s\nheaders\n",
           STR_ARG(error_header(&letter, "waybill_error_reason")),
           STR_ARG(error_header(&letter, "waybill_error_service")),
           STR_ARG(error_header(&letter, "waybill_error_topic")),
           STR_ARG(error_header(&letter, "waybill_error_partition")),
           STR_ARG(error_header(&letter, "waybill_error_offset")), STR_ARG(record->key));
    for (size_t i = 0; i < record->header_count; i++)
        show_header(&record->headers[i]);
    if (letter.type) {
        struct str json = decoded_json(&letter, &l->arena);
        printf("decoded  %s\n%.*s\n", letter.type->name, STR_ARG(json));
    } else
        printf("unreadable: %s\n", letter.error ? letter.error : "it has no value");
    printf("bytes    %zu\n", record->value.len);
    dump(record->value);
    return false;
}

int dlq_show_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill dlq show",
        .text = "one dead letter: why, where from, its headers, what can be read, its bytes",
        .usage = "SERVICE PARTITION OFFSET",
        .details = "Shows personal data as it came.\n\nexample: waybill dlq show intake 3 17\n"};
    static struct tool tool;
    struct letters l = {.tool = &tool};
    struct scan_topic wanted = {0};
    struct scan scan = {
        .topics = &wanted, .topic_count = 1, .from = SCAN_OFFSET, .take = show_one, .self = &l};
    struct error err = {0};
    int64_t partition = 0;
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && tool.given.argument_count != 3)
        status = tool_misuse(&tool, "SERVICE PARTITION OFFSET are needed; see waybill dlq list");
    if (status == CONFIG_RUN &&
        (!(wanted.topic = tool_service_topic(&tool, tool.given.arguments[0], ".dlq", &err)) ||
         value_to_int(str_from(tool.given.arguments[1]), 0, INT32_MAX, &partition, &err) ||
         value_to_int(str_from(tool.given.arguments[2]), 0, INT64_MAX, &l.offset, &err)))
        status = tool_misuse(&tool, "%s", err.text);
    if (status == CONFIG_RUN) {
        wanted.partition = (int32_t)partition;
        scan.from_number = l.offset;
        status = run(&l, &scan);
        if (status == TOOL_OK && l.count == 0) {
            fprintf(stderr, "%s: there is no record at that offset\n", tool.name);
            status = TOOL_FAILED;
        }
    }
    tool_close(&tool);
    return status;
}
