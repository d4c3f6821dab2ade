/* waybill endpoint list|stop|start: the kill switch of an endpoint, without a restart. */
#include "avro/codec.h"
#include "config/values.h"
#include "events.h"
#include "ids/uuid5.h"
#include "waybill/commands.h"
#include "waybill/decode.h"
#include "waybill/scan.h"
#include "waybill/sender.h"

#include <stdio.h>

enum { SWITCHES_MAX = 1024, VALUE_BYTES_MAX = 64 * 1024 };

/* Of each endpoint the last word counts. */
struct switches {
    struct tool *tool;
    struct decoder decoder;
    struct decoded rows[SWITCHES_MAX];
    size_t count;
};

static bool take(void *self, const struct topic *topic, const struct kafka_record *record)
{
    struct switches *switches = self;
    size_t at = 0;
    while (at < switches->count && !str_equal(switches->rows[at].key, record->key))
        at++;
    if (at == SWITCHES_MAX || !decoder_keep(&switches->decoder, topic, record,
                                            &switches->tool->arena, &switches->rows[at]))
        return false;
    switches->count += at == switches->count;
    return true;
}

static int read_switches(struct switches *switches, struct tool *tool, struct error *err)
{
    *switches = (struct switches){.tool = tool};
    const struct scan_topic wanted = {
        .topic = topics_find(tool->topics, tool->topic_count, STR("controls")),
        .partition = SCAN_EVERY_PARTITION};
    const struct scan scan = {.topics = &wanted, .topic_count = 1, .take = take, .self = switches};
    return decoder_open(&switches->decoder, tool, err) || scan_run(tool, &scan, err) ? -1 : 0;
}

static const struct endpoint_switched *row_at(const struct switches *switches, size_t at)
{
    return switches->rows[at].type == &endpoint_switched ? switches->rows[at].body : NULL;
}

static void print_row(const struct endpoint_switched *row)
{
    char at[RFC3339_BYTES];
    rfc3339_format(row->at_ms, at);
    printf("%-7s  %.*s/%.*s  since %.19s by %.*s: %.*s\n", row->stopped ? "stopped" : "started",
           STR_ARG(row->service), STR_ARG(row->endpoint), at, STR_ARG(row->by), STR_ARG(row->why));
}

int endpoint_list_main(int argc, char **argv)
{
    const struct tool_command command = {
        .name = "waybill endpoint list",
        .text = "which endpoints a person stopped or started again, since when, who, why",
        .usage = "",
        .details = "What nobody ever switched is not listed: it works as the settings say. Whether "
                   "a worker\n"
                   "obeys: waybill_endpoint_stopped on its /metrics.\n\n"
                   "example: waybill endpoint list\n"};
    static struct tool tool;
    static struct switches switches;
    struct error err = {0};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN) {
        status = read_switches(&switches, &tool, &err) ? tool_fail(&tool, &err) : TOOL_OK;
        for (size_t i = 0; status == TOOL_OK && i < switches.count; i++)
            if (row_at(&switches, i))
                print_row(row_at(&switches, i));
        if (status == TOOL_OK && switches.count == 0)
            printf("no endpoint was ever switched\n");
        decoder_close(&switches.decoder);
    }
    tool_close(&tool);
    return status;
}

/* "notifier/sms" into its parts; the service must be one of ours, or *. */
static int split_name(struct tool *tool, struct endpoint_switched *out)
{
    struct error err = {0};
    if (tool->given.argument_count != 1)
        return tool_misuse(tool,
                           "SERVICE/ENDPOINT is needed: notifier/sms, or */sms for all services");
    str_split(str_from(tool->given.arguments[0]), '/', &out->service, &out->endpoint);
    if (out->service.len == 0 || out->endpoint.len == 0)
        return tool_misuse(tool, "\"%s\" is not SERVICE/ENDPOINT", tool->given.arguments[0]);
    struct str service = arena_copy(&tool->arena, out->service);
    if (!str_equal(service, STR("*")) && !tool_service_topic(tool, service.ptr, ".changelog", &err))
        return tool_misuse(tool, "%s", err.text);
    return CONFIG_RUN;
}

static int write_switch(struct tool *tool, const struct endpoint_switched *row, struct error *err)
{
    struct sender sender = {0};
    struct buffer value;
    struct cloudevent_headers headers;
    char trace[TRACEPARENT_BYTES + 1];
    struct str key =
        arena_printf(&tool->arena, "%.*s/%.*s", STR_ARG(row->service), STR_ARG(row->endpoint));
    struct str number = arena_printf(&tool->arena, "%lld", (long long)row->at_ms);
    struct str id = uuid5_of(&tool->arena, STR("switch"), key, number, row->by);
    traceparent_next((struct str){NULL, 0}, id, trace);
    const struct cloudevent ce = {.id = id,
                                  .source = STR("waybill/cli"),
                                  .type = STR("endpoint.switched"),
                                  .subject = key,
                                  .traceparent = str_from(trace),
                                  .time_ms = row->at_ms};
    cloudevent_write(&ce, &headers);
    buffer_init(&value, VALUE_BYTES_MAX);
    const struct topic *topic = topics_find(tool->topics, tool->topic_count, STR("controls"));
    int failed =
        avro_encode_framed(&endpoint_switched, row, &value, err) ||
        sender_open(&sender, tool, err) ||
        sender_send(&sender, topic, key, buffer_str(&value), headers.rows, headers.count, err) ||
        sender_settle(&sender, err);
    sender_close(&sender);
    buffer_done(&value);
    return failed;
}

/* A stop for all services holds one service's, too; and the other way round. */
static void tell_of_others(const struct switches *switches, const struct endpoint_switched *row)
{
    for (size_t i = 0; i < switches->count; i++) {
        const struct endpoint_switched *other = row_at(switches, i);
        if (!other || !other->stopped || !str_equal(other->endpoint, row->endpoint) ||
            str_equal(other->service, row->service))
            continue;
        printf("but this stands as well: ");
        print_row(other);
    }
}

static int turn(int argc, char **argv, bool stopped, const char *name, const char *text,
                const char *details)
{
    static struct tool tool;
    static struct switches switches;
    const char *by, *why;
    struct error err = {0};
    const struct config_flag flags[] = {{.name = "by",
                                         .hint = "NAME",
                                         .value = &by,
                                         .text = "who does it (default: the login's name)"},
                                        {.name = "why",
                                         .hint = "TEXT",
                                         .value = &why,
                                         .text = "for those who find it so (needed)"}};
    const struct tool_command command = {.name = name,
                                         .text = text,
                                         .usage = "SERVICE/ENDPOINT --why TEXT",
                                         .details = details,
                                         TOOL_FLAGS(flags)};
    struct endpoint_switched row = {.stopped = stopped};
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN)
        status = split_name(&tool, &row);
    if (status == CONFIG_RUN && (!why || !*why))
        status = tool_misuse(&tool, "--why TEXT is needed: somebody will ask");
    if (status == CONFIG_RUN) {
        row.at_ms = tool_now_ms(&tool);
        row.by = str_from(tool_user(by));
        row.why = str_from(why);
        status = read_switches(&switches, &tool, &err) || write_switch(&tool, &row, &err)
                     ? tool_fail(&tool, &err)
                     : TOOL_OK;
        if (status == TOOL_OK) {
            print_row(&row);
            if (!stopped)
                tell_of_others(&switches, &row);
            printf("All workers follow within a second or two; waybill_endpoint_stopped on their "
                   "/metrics says so.\nA name that no settings have does nothing.\n");
        }
        decoder_close(&switches.decoder);
    }
    tool_close(&tool);
    return status;
}

int endpoint_stop_main(int argc, char **argv)
{
    return turn(
        argc, argv, true, "waybill endpoint stop",
        "no new call to this endpoint starts, on any worker, until it is started again",
        "Without a restart, and it outlives restarts. What runs comes to its end; all else waits "
        "in\n"
        "its order, survives the worker, and goes when the endpoint is started. While it is "
        "stopped\n"
        "give_up_after stands still, so nothing is \"not sent\" because of the stop alone. A time\n"
        "limit that the service itself gave a call does not stand still: what is too late then is "
        "not\n"
        "sent, and the service is told so (a supplier's order goes elsewhere, a message is "
        "dropped).\n"
        "Stopped is what this says or what the settings say (off: true); * as SERVICE is all of "
        "them.\n\n"
        "example: waybill endpoint stop supplier_router/acme --why 'they book every order "
        "twice'\n");
}

int endpoint_start_main(int argc, char **argv)
{
    return turn(
        argc, argv, false, "waybill endpoint start",
        "calls to a stopped endpoint go again, what waited first",
        "Takes back waybill endpoint stop of the same SERVICE/ENDPOINT. What waited goes at "
        "once, within\nthe endpoint's limits (in_flight_max, rate_per_s), each with its full "
        "time to give up.\n\n"
        "example: waybill endpoint start supplier_router/acme --why 'mended, says Ann'\n");
}
