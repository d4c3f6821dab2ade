/* CloudEvents 1.0 in Kafka's binary mode: what an event's headers say, written and read in one
 * place.
 *
 * Headers: ce_specversion, ce_id, ce_source, ce_type, ce_time, ce_subject, content-type,
 * traceparent, and ce_causationid: the ce_id of what caused this event. */
#ifndef WAYBILL_CLOUDEVENTS_H
#define WAYBILL_CLOUDEVENTS_H

#include "base/rfc3339.h"

/* A record's header. The value is bytes; absent (ptr NULL) = a null value. */
struct event_header {
    struct str name, value;
};

/* Absent strings are not written; absent after reading = not there. */
struct cloudevent {
    struct str id;
    struct str source;  /* "waybill/intake" */
    struct str type;    /* "order.accepted" */
    struct str subject; /* the record's key */
    struct str cause;
    struct str traceparent; /* W3C: "00-<32 hex>-<16 hex>-01" */
    int64_t time_ms;        /* Unix ms; written as RFC 3339 in UTC with milliseconds */
    bool has_time; /* reading only: ce_time was there and readable (any offset); else time_ms = 0 */
};

enum { CLOUDEVENT_HEADERS_MAX = 9, TRACEPARENT_BYTES = 55 };

/* The headers of one event. Values are borrowed from the event that was written, except the time's
 * text. */
struct cloudevent_headers {
    struct event_header rows[CLOUDEVENT_HEADERS_MAX];
    size_t count;
    char time_text[RFC3339_BYTES];
};

/* Do not copy *out: one row points into it. */
void cloudevent_write(const struct cloudevent *event, struct cloudevent_headers *out);

/* Whatever other headers there are is passed over; of a repeated one, the last counts (as Kafka's
 * lastHeader). What is borrowed from the rows stays so. Never fails: what must be there is the
 * caller's business. */
void cloudevent_read(const struct event_header *rows, size_t count, struct cloudevent *out);

/* The last header of that name, or absent. */
struct str event_header_find(const struct event_header *rows, size_t count, const char *name);

/* A traceparent for a new event: the cause's trace (if it has a well-formed one, else a new trace
 * made of the id) and a span made of the event's own id. Deterministic. out is NUL-terminated. */
void traceparent_next(struct str cause_traceparent, struct str id, char out[TRACEPARENT_BYTES + 1]);

#endif
