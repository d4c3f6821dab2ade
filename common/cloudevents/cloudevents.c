#include "cloudevents/cloudevents.h"

#include "base/hash.h"

#include <stdio.h>

static void add(struct cloudevent_headers *out, const char *name, struct str value)
{
    if (value.ptr)
        out->rows[out->count++] = (struct event_header){str_from(name), value};
}

void cloudevent_write(const struct cloudevent *event, struct cloudevent_headers *out)
{
    out->count = 0;
    rfc3339_format(event->time_ms, out->time_text);
    add(out, "ce_specversion", STR("1.0"));
    add(out, "ce_id", event->id);
    add(out, "ce_source", event->source);
    add(out, "ce_type", event->type);
    add(out, "ce_time", str_from(out->time_text));
    add(out, "ce_subject", event->subject);
    add(out, "ce_causationid", event->cause);
    add(out, "content-type", STR("application/avro"));
    add(out, "traceparent", event->traceparent);
}

struct str event_header_find(const struct event_header *rows, size_t count, const char *name)
{
    struct str wanted = str_from(name);
    for (size_t i = count; i > 0; i--)
        if (str_equal(rows[i - 1].name, wanted))
            return rows[i - 1].value;
    return (struct str){NULL, 0};
}

void cloudevent_read(const struct event_header *rows, size_t count, struct cloudevent *out)
{
    struct cloudevent event = {
        .id = event_header_find(rows, count, "ce_id"),
        .source = event_header_find(rows, count, "ce_source"),
        .type = event_header_find(rows, count, "ce_type"),
        .subject = event_header_find(rows, count, "ce_subject"),
        .cause = event_header_find(rows, count, "ce_causationid"),
        .traceparent = event_header_find(rows, count, "traceparent"),
    };
    event.has_time = rfc3339_parse(event_header_find(rows, count, "ce_time"), &event.time_ms);
    *out = event;
}

static bool is_hex(struct str s, size_t from, size_t to)
{
    bool nonzero = false;
    for (size_t i = from; i < to; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        nonzero |= c != '0';
    }
    return nonzero;
}

/* "00-<trace 32>-<span 16>-<flags 2>", lower case; an all-zero trace is none. */
static bool has_trace(struct str s)
{
    return s.len >= TRACEPARENT_BYTES && s.ptr[2] == '-' && s.ptr[35] == '-' && s.ptr[52] == '-' &&
           is_hex(s, 3, 35);
}

/* Spans need to differ, not to be secret; none is zero. */
static uint64_t span_of(uint64_t hash, struct str s)
{
    hash = hash_add(hash, s);
    return hash ? hash : 1;
}

void traceparent_next(struct str cause_traceparent, struct str id, char out[TRACEPARENT_BYTES + 1])
{
    uint64_t span = span_of(HASH_START, id);
    char trace[33];
    if (has_trace(cause_traceparent))
        snprintf(trace, sizeof(trace), "%.32s", cause_traceparent.ptr + 3);
    else
        snprintf(trace, sizeof(trace), "%016llx%016llx",
                 (unsigned long long)span_of(HASH_START ^ 0x5bd1e995u, id),
                 (unsigned long long)span);
    snprintf(out, TRACEPARENT_BYTES + 1, "00-%s-%016llx-01", trace, (unsigned long long)span);
}
