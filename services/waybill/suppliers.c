/* waybill suppliers: the table that the router chooses by. */
#include "events.h"
#include "waybill/commands.h"
#include "waybill/decode.h"
#include "waybill/scan.h"

#include <stdio.h>

enum { ROWS_MAX = 4096 };

static const char who_is_listed[] =
    "Only suppliers with enough deliveries to judge by are listed (feedback's setting "
    "feedback.score_samples_min).\n";

/* The latest record of each supplier. */
struct table {
    struct tool *tool;
    struct decoder decoder;
    struct decoded rows[ROWS_MAX];
    size_t count;
    bool overflow;
};

static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct table *table = self;
    size_t at = 0;
    while (at < table->count && !str_equal(table->rows[at].key, record->key))
        at++;
    table->overflow = at == ROWS_MAX || !decoder_keep(&table->decoder, topic, record,
                                                      &table->tool->arena, &table->rows[at]);
    if (!table->overflow && at == table->count)
        table->count++;
    return !table->overflow;
}

static void print_row(const struct decoded *row)
{
    if (row->type != &supplier_scored)
        return;
    const struct supplier_scored *scored = row->body;
    char as_of[RFC3339_BYTES], rating[32] = "-";
    rfc3339_format(scored->as_of_ms, as_of);
    if (scored->has_rating_mean)
        snprintf(rating, sizeof(rating), "%.2f", scored->rating_mean);
    printf("%-24.*s %9lld %8.1f%% %8lld %7s  %.19s\n", STR_ARG(scored->supplier_id),
           (long long)scored->shipments, scored->on_time_share * 100, (long long)scored->ratings,
           rating, as_of);
}

int suppliers_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill suppliers",
        .text = "how suppliers keep their promises: the table that the router chooses by",
        .usage = "",
        .details = "example: waybill suppliers\n"};
    static struct tool tool;
    static struct table table;
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN) {
        const struct scan_topic topic = {
            .topic = topics_find(tool.topics, tool.topic_count, STR("suppliers")),
            .partition = SCAN_EVERY_PARTITION};
        const struct scan scan = {.topics = &topic, .topic_count = 1, .take = take, .self = &table};
        table.tool = &tool;
        status = TOOL_OK;
        if (decoder_open(&table.decoder, &tool, &err) || scan_run(&tool, &scan, &err))
            status = tool_fail(&tool, &err);
        else
            printf("%-24s %9s %9s %8s %7s  %s\n", "supplier", "shipments", "on time", "ratings",
                   "mean", "as of");
        for (size_t i = 0; i < table.count && status == TOOL_OK; i++)
            print_row(&table.rows[i]);
        if (status == TOOL_OK)
            printf("%s", who_is_listed);
        decoder_close(&table.decoder);
    }
    tool_close(&tool);
    return status;
}
