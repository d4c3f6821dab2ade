#include "topics/event_key.h"

#include "events.h"
#include "ids/order_id.h"

static const struct str absent = {NULL, 0};

static const struct field *find_field(const struct record_type *type, const char *name)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    return NULL;
}

struct str event_field(const struct record_type *type, const void *body, const char *name)
{
    const struct field *field = find_field(type, name);
    struct str value = absent;
    if (field && field->type.kind == FIELD_STRING)
        memcpy(&value, (const char *)body + field->offset, sizeof(value));
    return value;
}

const char *event_key_kind(const char *topic)
{
    for (size_t i = 0; topic && i < topic_count; i++)
        if (strcmp(topics[i].name, topic) == 0)
            return topics[i].key;
    return NULL;
}

static struct str join(struct arena *arena, struct str first, struct str second)
{
    if (first.len == 0 || second.len == 0)
        return absent;
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(first), STR_ARG(second));
}

static struct str order_key(const struct record_type *type, const void *body, struct arena *arena)
{
    struct str id = event_field(type, body, "order_id");
    const struct field *order = find_field(type, "order");
    if (!id.ptr && order && order->type.kind == FIELD_RECORD && !order->type.nullable)
        id = event_field(order->type.record, (const char *)body + order->offset, "order_id");
    if (id.ptr)
        return id.len ? id : absent;
    return order_id_make(arena, event_field(type, body, "store"),
                         event_field(type, body, "external_id"));
}

struct str event_key(const struct record_type *type, const void *body, struct arena *arena)
{
    static const struct {
        const char *kind, *field;
    } plain[] = {{"contact", "contact_id"},
                 {"subject", "subject"},
                 {"supplier id", "supplier_id"},
                 {"lane", "lane"}};
    const char *kind = event_key_kind(type->topic);
    if (!kind)
        return absent;
    if (strcmp(kind, "order id") == 0)
        return order_key(type, body, arena);
    if (strcmp(kind, "supplier/sku") == 0)
        return join(arena, event_field(type, body, "supplier_id"), event_field(type, body, "sku"));
    if (strcmp(kind, "carrier/number") == 0)
        return join(arena, event_field(type, body, "carrier"),
                    event_field(type, body, "tracking_number"));
    if (strcmp(kind, "service/endpoint") == 0)
        return join(arena, event_field(type, body, "service"), event_field(type, body, "endpoint"));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(kind, plain[i].kind) == 0) {
            struct str key = event_field(type, body, plain[i].field);
            return key.len ? key : absent;
        }
    return absent;
}
