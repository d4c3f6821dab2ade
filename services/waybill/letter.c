#include "waybill/letter.h"

#include "base/utf8.h"
#include "topics/operator.h"

#include <string.h>

enum {
    SENT_BYTES_MAX = 1900 * 1024, /* topics take 2 MiB */
    KEY_BYTES_MAX = 512           /* of which the runtime keeps so much */
};

struct str letter_id(const struct decoded *letter, struct arena *arena)
{
    return arena_printf(arena, "%.*s/%d/%lld", STR_ARG(letter->topic->name), letter->partition,
                        (long long)letter->offset);
}

static struct str find(const struct decoded *letter, const char *name)
{
    return event_header_find(letter->headers, letter->header_count, name);
}

struct str letter_header(const struct decoded *letter, const char *name)
{
    struct str value = find(letter, name);
    return value.ptr ? value : STR("?");
}

static bool reason_begins(const struct decoded *letter, const char *text)
{
    return str_starts_with(letter_header(letter, "waybill_error_reason"), str_from(text));
}

/* What the runtime did not keep of it, or never had. */
static const char *what_is_lost(const struct decoded *letter, struct arena *arena)
{
    struct str from = letter_header(letter, "waybill_error_topic");
    struct str bytes = letter_header(letter, "waybill_error_value_bytes");
    int64_t was;
    if (str_equal(from, STR("timer")))
        return "it is a timer's: it has run out and does not come again; what should have happened "
               "then has to be done by an event";
    if (str_equal(from, STR("reply")))
        return "it is a call's outcome, which is not kept: the call itself has come to its end; "
               "tell the service by an event what became of it";
    if (str_equal(from, STR("?")))
        return "it does not say where it first stood: it was not written by a service";
    if (letter->key.len == 0)
        return "it has no key, so nobody can tell whose it is: produce it anew with its key";
    if (letter->key.len >= KEY_BYTES_MAX && reason_begins(letter, "oversize: key of"))
        return "of its key only the beginning was kept";
    if (!utf8_is_valid(letter->key) || memchr(letter->key.ptr, '\0', letter->key.len))
        return "its key is no clean text and would be refused again: produce it anew";
    if (reason_begins(letter, "oversize: headers"))
        return "its headers were too large and were not kept: produce it anew";
    if (reason_begins(letter, "oversize: more than"))
        return "it has too many headers and would be refused again: produce it anew";
    if (letter->value.len == 0)
        return "it has no value";
    if (str_to_int64(bytes, &was) && was != (int64_t)letter->value.len)
        return arena_printf(
                   arena,
                   "of its %lld bytes only %zu were kept: its source has to send it again, "
                   "smaller",
                   (long long)was, letter->value.len)
            .ptr;
    return NULL;
}

const char *letter_why_not(const struct decoded *letter, struct arena *arena)
{
    const char *lost = what_is_lost(letter, arena);
    if (lost)
        return lost;
    if (letter->value.len > SENT_BYTES_MAX)
        return "it is larger than any topic takes: its source has to send it again, smaller";
    if (!letter->type)
        return arena_printf(arena, "it still cannot be read: %s",
                            letter->error ? letter->error : "no schema")
            .ptr;
    return NULL;
}

/* What we and the runtime put beside the record's own headers. */
static bool is_ours(struct str name)
{
    return str_starts_with(name, STR("waybill_error_")) ||
           str_starts_with(name, STR(OPERATOR_HEADERS)) || str_equal(name, STR("waybill_hops"));
}

/* Of one that was put back before, where it first stood is in the forebear's words. */
static struct str first(const struct decoded *letter, const char *operator_name,
                        const char *error_name)
{
    struct str value = find(letter, operator_name);
    return value.ptr ? value : letter_header(letter, error_name);
}

size_t letter_put_back(const struct decoded *letter, const struct letter_sender *sender,
                       struct arena *arena, struct event_header out[LETTER_HEADERS_MAX])
{
    enum { OURS = 10 };
    size_t count = 0;
    for (size_t i = 0; i < letter->header_count; i++)
        if (!is_ours(letter->headers[i].name) && count + OURS < LETTER_HEADERS_MAX)
            out[count++] = letter->headers[i];
    struct str id = letter_id(letter, arena);
    char came[RFC3339_BYTES];
    rfc3339_format(letter->time_ms, came);
    struct str time = arena_copy(arena, str_from(came));
    if (!id.ptr || !time.ptr)
        return 0;
    if (!letter->ce.has_time) /* else it would have happened when it is put back */
        out[count++] = (struct event_header){STR("ce_time"), time};
    out[count++] = (struct event_header){STR(OPERATOR_WHAT_HEADER), STR("requeue")};
    out[count++] = (struct event_header){STR(OPERATOR_ID_HEADER), id};
    out[count++] = (struct event_header){
        STR(OPERATOR_TOPIC_HEADER), first(letter, OPERATOR_TOPIC_HEADER, "waybill_error_topic")};
    out[count++] =
        (struct event_header){STR(OPERATOR_PARTITION_HEADER),
                              first(letter, OPERATOR_PARTITION_HEADER, "waybill_error_partition")};
    out[count++] = (struct event_header){
        STR(OPERATOR_OFFSET_HEADER), first(letter, OPERATOR_OFFSET_HEADER, "waybill_error_offset")};
    struct str again =
        sender->again ? str_from(sender->again) : find(letter, OPERATOR_AGAIN_HEADER);
    if (again.ptr)
        out[count++] = (struct event_header){STR(OPERATOR_AGAIN_HEADER), again};
    out[count++] = (struct event_header){STR(OPERATOR_BY_HEADER), str_from(sender->by)};
    out[count++] = (struct event_header){STR(OPERATOR_AT_HEADER), str_from(sender->at)};
    if (sender->why)
        out[count++] = (struct event_header){STR(OPERATOR_WHY_HEADER), str_from(sender->why)};
    return count;
}
