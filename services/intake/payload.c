/* A store's own bytes become what other systems submit, and take the same way (F01). */
#include "ids/order_id.h"
#include "intake/adapters/adapter.h"
#include "intake/course.h"

static const struct {
    struct str name;
    adapter *read;
} sources[] = {
    {STR_INIT("shopify"), shopify_read},
    {STR_INIT("woocommerce"), woocommerce_read},
};

static adapter *adapter_of(struct str source)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (str_equal(source, sources[i].name))
            return sources[i].read;
    return NULL;
}

enum verdict intake_payload(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    const struct payload_received *received = as_payload_received(ev);
    adapter *read = adapter_of(received->source);
    if (!read)
        return set_aside(out, "no adapter for the source %.*s", STR_ARG(received->source));
    struct str store, rest;
    str_split(ev->key, ':', &store, &rest);
    struct error err = {0};
    const struct json_node *root = json_parse(ctx->arena, received->body, &err);
    struct payload payload;
    if (!root || read(root, received->topic, store, ctx->arena, &payload, &err))
        return set_aside(out, "unreadable payload of %.*s: %s", STR_ARG(received->source),
                         err.text);
    struct str order_id = order_id_make(ctx->arena, store, payload.external_id);
    if (!str_equal(order_id, ev->key))
        return set_aside(out, "the payload's order is %.*s, the record's key %.*s",
                         STR_ARG(order_id), STR_ARG(ev->key));
    switch (payload.kind) {
    case PAYLOAD_NOTHING:
        break;
    case PAYLOAD_ORDER:
        return submit_order(ev->key, &payload.order, state, ctx, out);
    case PAYLOAD_CANCEL:
        payload.cancel.order_id = order_id;
        return cancel_order(ev->key, &payload.cancel, state, ctx, out);
    }
    return DONE;
}
