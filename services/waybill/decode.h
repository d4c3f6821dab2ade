/* From a record's bytes to what it says: events, states, intents, positions, schemas, dead letters.
 */
#ifndef WAYBILL_TOOL_DECODE_H
#define WAYBILL_TOOL_DECODE_H

#include "avro/schemas.h"
#include "cloudevents/cloudevents.h"
#include "waybill/tool.h"

/* A record, decoded as far as it can be. Lives in the arena given and borrows from the record. */
struct decoded {
    const struct topic *topic;
    int32_t partition;
    int64_t offset;
    int64_t time_ms; /* ce_time; without one, Kafka's timestamp */
    struct str key;
    struct str value; /* ptr NULL = a tombstone */
    const struct event_header *headers;
    size_t header_count;
    struct cloudevent ce;
    const struct record_type *type; /* NULL = cannot be read: see error */
    const void *body;
    const struct record_type *state_type; /* of a key_entry that holds a state; else NULL */
    const void *state;
    const char *error; /* why type is NULL: "schema 7 is unknown"; NULL for what needs no type */
};

struct decoder {
    struct tool *tool;
    struct avro_schemas *schemas;
    bool has_read_topic; /* writer schemas beyond our own come from the topic `schemas`, once */
};

MUST_CHECK int decoder_open(struct decoder *decoder, struct tool *tool, struct error *err);
void decoder_close(struct decoder *decoder);

struct kafka_record;
/* Never fails: what cannot be read says so. */
void decoder_read(struct decoder *decoder, const struct topic *topic,
                  const struct kafka_record *record, struct arena *arena, struct decoded *out);

/* Into memory that lasts: the record's bytes are copied first. False if the arena is full. */
bool decoder_keep(struct decoder *decoder, const struct topic *topic,
                  const struct kafka_record *record, struct arena *arena, struct decoded *out);

/* One JSON line without its end:
 *   {"topic","partition","offset","time","key","event","id","cause","headers":{…},"data":{…}}
 * topic without prefix; event = the record type's name or null; a state stands beside its key_entry
 * as "state":{"type","data"}; what cannot be read as "error" and "bytes" (hex). Absent when the
 * arena is full. */
struct str decoded_json(const struct decoded *decoded, struct arena *arena);

/* Its "event", "data" and "state" (or "error" and "bytes") alone. */
struct str decoded_value_json(const struct decoded *decoded, struct arena *arena);

/* Replaces, in place, what identifies a person: names, addresses, e-mail, phone, texts. */
void decoded_mask(const struct decoded *decoded, struct arena *arena);

#endif
