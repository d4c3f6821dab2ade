/* Writes what a person sends to one service, each record on the partition of its key. */
#ifndef WAYBILL_TOOL_SENDER_H
#define WAYBILL_TOOL_SENDER_H

#include "kafka/producer.h"
#include "waybill/tool.h"

struct sender {
    struct tool *tool;
    struct kafka_admin *admin;
    struct kafka_producer *producer;
    int64_t sent;
};

/* sender_close is due in any case. */
MUST_CHECK int sender_open(struct sender *sender, struct tool *tool, struct error *err);

/* Queues a copy. */
MUST_CHECK int sender_send(struct sender *sender, const struct topic *topic, struct str key,
                           struct str value, const struct event_header *headers, size_t count,
                           struct error *err);

/* Waits until all is written. */
MUST_CHECK int sender_settle(struct sender *sender, struct error *err);

void sender_close(struct sender *sender);

#endif
