/* WooCommerce's order (REST API v3), as its webhooks order.created, order.updated and order.deleted
 * carry it. Its line amounts are without tax; times ending in _gmt are UTC without saying so. */
#include "intake/adapters/adapter.h"
#include "intake/adapters/reading.h"

#include <assert.h>

struct woo {
    const struct json_node *root;
    struct arena *arena;
    int digits; /* of the currency */
    struct order_submitted *order;
    struct error *err;
};

static int money(struct woo *w, const struct json_node *object, const char *path,
                 int64_t *out_minor)
{
    return reading_money(object, path, w->digits, out_minor, w->err);
}

static int read_amounts(struct woo *w)
{
    struct order_submitted *order = w->order;
    if (money(w, w->root, "shipping_total", &order->shipping_minor) ||
        money(w, w->root, "discount_total", &order->discount_minor) ||
        money(w, w->root, "total_tax", &order->tax_minor) ||
        money(w, w->root, "total", &order->total_minor))
        return -1;
    const struct json_node *fees = json_member(w->root, STR("fee_lines"));
    for (size_t i = 0; fees && i < fees->count; i++) {
        int64_t fee_minor;
        if (money(w, json_item(fees, i), "total", &fee_minor))
            return error_prefix(w->err, "fee_lines[%zu]", i);
        if (fee_minor < 0)
            order->discount_minor -= fee_minor;
        else
            order->shipping_minor += fee_minor;
    }
    order->shipping_method = reading_text(w->root, "shipping_lines.0.method_title");
    return 0;
}

/* The unit price is the line's subtotal (before discounts) divided, rounded up; what the rounding
 * adds is taken off again as a discount, so that the sum stays the store's. */
static int read_line(struct woo *w, const struct json_node *item, struct order_line *out)
{
    int64_t quantity = 0, subtotal_minor;
    if (money(w, item, "subtotal", &subtotal_minor))
        return -1;
    json_int64(json_member(item, STR("quantity")), &quantity);
    if (quantity < 0 || quantity > INT32_MAX)
        quantity = 0;
    *out = (struct order_line){.line_id = reading_either(reading_text(item, "id"), STR("")),
                               .sku = reading_either(reading_text(item, "sku"), STR("")),
                               .title = reading_text(item, "name"),
                               .quantity = (int32_t)quantity,
                               .unit_price_minor = subtotal_minor};
    if (quantity > 0 && subtotal_minor >= 0) {
        out->unit_price_minor = (subtotal_minor + quantity - 1) / quantity;
        w->order->discount_minor += out->unit_price_minor * quantity - subtotal_minor;
    }
    return 0;
}

static int read_lines(struct woo *w)
{
    const struct json_node *items = json_member(w->root, STR("line_items"));
    size_t count = items && items->kind == JSON_IS_LIST ? items->count : 0;
    struct order_line *lines = arena_alloc_array(w->arena, count + 1, sizeof(*lines));
    assert(lines);
    for (size_t i = 0; i < count; i++)
        if (read_line(w, json_item(items, i), &lines[i]))
            return error_prefix(w->err, "line_items[%zu]", i);
    w->order->lines = (struct order_line_list){lines, count};
    return 0;
}

/* Without a delivery address the goods go where the bill goes. */
static const struct address *read_address(struct woo *w)
{
    const struct json_node *from = json_member(w->root, STR("shipping"));
    const struct json_node *billing = json_member(w->root, STR("billing"));
    if (!reading_text(from, "address_1").ptr)
        from = billing;
    struct address *address = arena_alloc(w->arena, sizeof(*address));
    assert(address);
    if (json_is_null(from))
        return NULL;
    struct str none = STR("");
    *address = (struct address){.name = reading_name(w->arena, from, "first_name", "last_name"),
                                .company = reading_text(from, "company"),
                                .line1 = reading_either(reading_text(from, "address_1"), none),
                                .line2 = reading_text(from, "address_2"),
                                .city = reading_either(reading_text(from, "city"), none),
                                .region = reading_text(from, "state"),
                                .postal_code = reading_either(reading_text(from, "postcode"), none),
                                .country = reading_either(reading_text(from, "country"), none),
                                .phone = reading_text(from, "phone")};
    return address;
}

static const struct customer *read_customer(struct woo *w)
{
    struct customer *customer = arena_alloc(w->arena, sizeof(*customer));
    const struct json_node *from = json_member(w->root, STR("billing"));
    assert(customer);
    struct str id = reading_text(w->root, "customer_id");
    *customer =
        (struct customer){.customer_id = str_equal(id, STR("0")) ? (struct str){0} : id, /* guest */
                          .name = reading_name(w->arena, from, "first_name", "last_name"),
                          .email = reading_text(from, "email"),
                          .phone = reading_text(from, "phone")};
    return customer;
}

static const struct payment *read_payment(struct woo *w)
{
    static const struct {
        struct str from;
        enum payment_status to;
    } statuses[] = {
        {STR_INIT("pending"), PAYMENT_STATUS_PENDING},
        {STR_INIT("on-hold"), PAYMENT_STATUS_PENDING},
        {STR_INIT("processing"), PAYMENT_STATUS_PAID},
        {STR_INIT("completed"), PAYMENT_STATUS_PAID},
        {STR_INIT("failed"), PAYMENT_STATUS_FAILED},
        {STR_INIT("refunded"), PAYMENT_STATUS_REFUNDED},
    };
    struct payment *payment = arena_alloc(w->arena, sizeof(*payment));
    assert(payment);
    *payment = (struct payment){.method = reading_text(w->root, "payment_method")};
    struct str status = reading_text(w->root, "status");
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (str_equal(status, statuses[i].from))
            payment->status = statuses[i].to;
    bool paid = reading_text(w->root, "date_paid_gmt").ptr != NULL;
    if (payment->status == PAYMENT_STATUS_PENDING && paid)
        payment->status = PAYMENT_STATUS_PAID;
    if (payment->status == PAYMENT_STATUS_PAID && !paid && str_equal(payment->method, STR("cod"))) {
        payment->status = PAYMENT_STATUS_COD;
        payment->cod_amount_minor = w->order->total_minor;
    }
    return payment;
}

static int read_order(struct woo *w, struct str store, struct str external_id)
{
    struct str currency = reading_either(reading_text(w->root, "currency"), STR(""));
    w->digits = reading_currency_digits(w->arena, currency);
    *w->order = (struct order_submitted){.store = store,
                                         .external_id = external_id,
                                         .order_number = reading_text(w->root, "number"),
                                         .currency = currency,
                                         .notes = reading_text(w->root, "customer_note")};
    if (reading_time(w->arena, w->root, "date_created_gmt", &w->order->placed_at_ms, w->err) ||
        reading_time(w->arena, w->root, "date_modified_gmt", &w->order->version, w->err) ||
        read_amounts(w) || read_lines(w))
        return -1;
    w->order->customer = read_customer(w);
    w->order->ship_to = read_address(w);
    w->order->payment = read_payment(w);
    return 0;
}

static enum payload_kind kind_of(struct str topic, struct str status)
{
    if (str_equal(topic, STR("order.deleted")) || str_equal(status, STR("cancelled")) ||
        str_equal(status, STR("trash")))
        return PAYLOAD_CANCEL;
    if (str_equal(status, STR("checkout-draft")) || str_equal(status, STR("auto-draft")))
        return PAYLOAD_NOTHING;
    return PAYLOAD_ORDER;
}

int woocommerce_read(const struct json_node *root, struct str topic, struct str store,
                     struct arena *arena, struct payload *out, struct error *err)
{
    struct payload payload = {.external_id = reading_text(root, "id")};
    if (topic.ptr && !str_starts_with(topic, STR("order.")))
        return error_set(err, ERROR_SET_ASIDE, "WooCommerce's %.*s is not read here",
                         STR_ARG(topic));
    if (root->kind != JSON_IS_OBJECT || !payload.external_id.ptr)
        return error_set(err, ERROR_SET_ASIDE, "no order of WooCommerce: it has no id");
    payload.kind = kind_of(topic, reading_text(root, "status"));
    if (payload.kind == PAYLOAD_CANCEL) {
        payload.cancel = (struct cancel_submitted){.reason = STR("cancelled_in_store"),
                                                   .requested_by = STR("merchant")};
        if (reading_time(arena, root, "date_modified_gmt", &payload.cancel.requested_at_ms, err))
            return -1;
    }
    struct woo w = {.root = root, .arena = arena, .order = &payload.order, .err = err};
    if (payload.kind == PAYLOAD_ORDER && read_order(&w, store, payload.external_id))
        return -1;
    *out = payload;
    return 0;
}
