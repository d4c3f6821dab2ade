#include "waybill/sender.h"

#include "base/partition.h"

enum { FLUSH_MS = 60000, CLOSE_MS = 3000 };

int sender_open(struct sender *sender, struct tool *tool, struct error *err)
{
    *sender = (struct sender){.tool = tool};
    return kafka_admin_open(&sender->admin, &tool->kafka, err) ||
                   kafka_producer_open(&sender->producer, &tool->kafka, NULL, err)
               ? -1
               : 0;
}

int sender_send(struct sender *sender, const struct topic *topic, struct str key, struct str value,
                const struct event_header *headers, size_t count, struct error *err)
{
    const char *name = tool_full_name(sender->tool, topic);
    int32_t partitions;
    if (kafka_admin_partitions(sender->admin, name, TOOL_PATIENCE_MS, &partitions, err))
        return -1;
    if (partitions == 0)
        return error_set(err, ERROR_FATAL,
                         "topic %s does not exist: waybill topics create makes it", name);
    const struct kafka_output output = {.topic = name,
                                        .partition = partition_of(key, partitions),
                                        .key = key,
                                        .value = value,
                                        .headers = headers,
                                        .header_count = count};
    if (kafka_producer_produce(sender->producer, &output, err))
        return -1;
    sender->sent++;
    kafka_producer_poll(sender->producer);
    return 0;
}

int sender_settle(struct sender *sender, struct error *err)
{
    return sender->sent ? kafka_producer_flush(sender->producer, FLUSH_MS, err) : 0;
}

void sender_close(struct sender *sender)
{
    kafka_producer_close(sender->producer, CLOSE_MS);
    kafka_admin_close(sender->admin, CLOSE_MS);
}
