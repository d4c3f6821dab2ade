/* Shopify's order, as its webhooks orders/create, orders/updated, orders/paid, orders/cancelled and
 * orders/delete carry it. Amounts are those of the shop's currency. */
#include "intake/adapters/adapter.h"
#include "intake/adapters/reading.h"

#include <assert.h>

struct shopify {
    const struct json_node *root;
    struct arena *arena;
    int digits; /* of the currency */
    struct order_submitted *order;
    struct error *err;
};

static int money(struct shopify *s, const struct json_node *object, const char *path,
                 int64_t *out_minor)
{
    return reading_money(object, path, s->digits, out_minor, s->err);
}

/* Adds up one member of all items of a list. */
static int money_sum(struct shopify *s, const struct json_node *list, const char *path,
                     int64_t *out_minor)
{
    int64_t sum = 0, item = 0;
    for (size_t i = 0; list && i < list->count; i++) {
        if (money(s, json_item(list, i), path, &item))
            return -1;
        sum += item;
    }
    *out_minor = sum;
    return 0;
}

static int read_amounts(struct shopify *s)
{
    const struct json_node *shipping = json_member(s->root, STR("shipping_lines"));
    int64_t tip_minor;
    if (money_sum(s, shipping, "price", &s->order->shipping_minor) ||
        money(s, s->root, "total_discounts", &s->order->discount_minor) ||
        money(s, s->root, "total_tax", &s->order->tax_minor) ||
        money(s, s->root, "total_price", &s->order->total_minor) ||
        money(s, s->root, "total_tip_received", &tip_minor))
        return -1;
    if ((!shipping || shipping->count == 0) &&
        money(s, s->root, "total_shipping_price_set.shop_money.amount", &s->order->shipping_minor))
        return -1;
    s->order->total_minor -= tip_minor; /* the courier's, not for what is delivered */
    s->order->shipping_method = reading_text(s->root, "shipping_lines.0.title");
    return 0;
}

/* A gift card or a download is not delivered: it leaves the order with its share of the amounts. */
static int leave_out(struct shopify *s, const struct json_node *item, const struct order_line *line)
{
    int64_t discount_minor, tax_minor;
    if (money_sum(s, json_member(item, STR("discount_allocations")), "amount", &discount_minor) ||
        money_sum(s, json_member(item, STR("tax_lines")), "price", &tax_minor))
        return -1;
    bool tax_inside = json_bool(json_member(s->root, STR("taxes_included")), false);
    s->order->discount_minor -= discount_minor;
    s->order->tax_minor -= tax_minor;
    s->order->total_minor -=
        line->unit_price_minor * line->quantity - discount_minor + (tax_inside ? 0 : tax_minor);
    return 0;
}

static int read_line(struct shopify *s, const struct json_node *item, struct order_line *out)
{
    int64_t quantity = 0;
    json_int64(json_member(item, STR("quantity")), &quantity);
    if (quantity < 0 || quantity > INT32_MAX)
        quantity = 0;
    *out = (struct order_line){
        .line_id = reading_either(reading_text(item, "id"), STR("")),
        .sku = reading_either(reading_text(item, "sku"), STR("")),
        .title = reading_either(reading_text(item, "name"), reading_text(item, "title")),
        .quantity = (int32_t)quantity};
    return money(s, item, "price", &out->unit_price_minor);
}

static int read_lines(struct shopify *s)
{
    const struct json_node *items = json_member(s->root, STR("line_items"));
    size_t count = items && items->kind == JSON_IS_LIST ? items->count : 0;
    struct order_line *lines = arena_alloc_array(s->arena, count + 1, sizeof(*lines));
    assert(lines);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json_node *item = json_item(items, i);
        if (read_line(s, item, &lines[kept]))
            return error_prefix(s->err, "line_items[%zu]", i);
        if (json_bool(json_member(item, STR("requires_shipping")), true))
            kept++;
        else if (leave_out(s, item, &lines[kept]))
            return error_prefix(s->err, "line_items[%zu]", i);
    }
    s->order->lines = (struct order_line_list){lines, kept};
    return 0;
}

static const struct address *read_address(struct shopify *s)
{
    const struct json_node *from = json_member(s->root, STR("shipping_address"));
    struct address *address = arena_alloc(s->arena, sizeof(*address));
    assert(address);
    if (json_is_null(from))
        return NULL;
    struct str none = STR("");
    *address = (struct address){
        .name = reading_either(reading_text(from, "name"),
                               reading_name(s->arena, from, "first_name", "last_name")),
        .company = reading_text(from, "company"),
        .line1 = reading_either(reading_text(from, "address1"), none),
        .line2 = reading_text(from, "address2"),
        .city = reading_either(reading_text(from, "city"), none),
        .region =
            reading_either(reading_text(from, "province_code"), reading_text(from, "province")),
        .postal_code = reading_either(reading_text(from, "zip"), none),
        .country = reading_either(reading_text(from, "country_code"), none),
        .phone = reading_text(from, "phone")};
    return address;
}

static const struct customer *read_customer(struct shopify *s)
{
    struct customer *customer = arena_alloc(s->arena, sizeof(*customer));
    const struct json_node *from = json_member(s->root, STR("customer"));
    assert(customer);
    *customer = (struct customer){
        .customer_id = reading_text(from, "id"),
        .name = reading_either(reading_name(s->arena, from, "first_name", "last_name"),
                               reading_text(s->root, "billing_address.name")),
        .email = reading_either(
            reading_text(s->root, "email"),
            reading_either(reading_text(s->root, "contact_email"), reading_text(from, "email"))),
        .phone = reading_either(reading_text(s->root, "phone"), reading_text(from, "phone")),
        .locale = reading_text(s->root, "customer_locale")};
    return customer;
}

static bool is_cash_on_delivery(const struct json_node *gateways)
{
    static const struct str names[] = {STR_INIT("cash_on_delivery"),
                                       STR_INIT("Cash on Delivery (COD)"), STR_INIT("cod")};
    for (size_t i = 0; gateways && i < gateways->count; i++)
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (str_equal(json_text(json_item(gateways, i)), names[n]))
                return true;
    return false;
}

static const struct payment *read_payment(struct shopify *s)
{
    static const struct {
        struct str from;
        enum payment_status to;
    } statuses[] = {
        {STR_INIT("pending"), PAYMENT_STATUS_PENDING},
        {STR_INIT("authorized"), PAYMENT_STATUS_AUTHORISED},
        {STR_INIT("partially_paid"), PAYMENT_STATUS_PENDING},
        {STR_INIT("paid"), PAYMENT_STATUS_PAID},
        {STR_INIT("partially_refunded"), PAYMENT_STATUS_PAID},
        {STR_INIT("refunded"), PAYMENT_STATUS_REFUNDED},
        {STR_INIT("voided"), PAYMENT_STATUS_FAILED},
        {STR_INIT("expired"), PAYMENT_STATUS_FAILED},
    };
    struct payment *payment = arena_alloc(s->arena, sizeof(*payment));
    assert(payment);
    *payment = (struct payment){.method = reading_text(s->root, "payment_gateway_names.0")};
    struct str status = reading_text(s->root, "financial_status");
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (str_equal(status, statuses[i].from))
            payment->status = statuses[i].to;
    if (payment->status == PAYMENT_STATUS_PENDING &&
        is_cash_on_delivery(json_member(s->root, STR("payment_gateway_names")))) {
        payment->status = PAYMENT_STATUS_COD;
        payment->cod_amount_minor = s->order->total_minor;
    }
    return payment;
}

static int read_order(struct shopify *s, struct str store, struct str external_id)
{
    struct str currency = reading_either(reading_text(s->root, "currency"), STR(""));
    s->digits = reading_currency_digits(s->arena, currency);
    *s->order = (struct order_submitted){
        .store = store,
        .external_id = external_id,
        .order_number =
            reading_either(reading_text(s->root, "name"), reading_text(s->root, "order_number")),
        .currency = currency,
        .notes = reading_text(s->root, "note"),
        .test = json_bool(json_member(s->root, STR("test")), false)};
    if (reading_time(s->arena, s->root, "created_at", &s->order->placed_at_ms, s->err) ||
        reading_time(s->arena, s->root, "updated_at", &s->order->version, s->err) ||
        read_amounts(s) || read_lines(s))
        return -1;
    s->order->customer = read_customer(s);
    s->order->ship_to = read_address(s);
    s->order->payment = read_payment(s);
    return 0;
}

static int read_cancel(const struct json_node *root, struct arena *arena, struct payload *out,
                       struct error *err)
{
    struct str reason = reading_text(root, "cancel_reason");
    struct str by = str_equal(reason, STR("customer")) || str_equal(reason, STR("fraud"))
                        ? reason
                        : STR("merchant");
    out->kind = PAYLOAD_CANCEL;
    out->cancel = (struct cancel_submitted){
        .reason = reading_either(reason, STR("cancelled_in_store")), .requested_by = by};
    return reading_time(arena, root, "cancelled_at", &out->cancel.requested_at_ms, err);
}

int shopify_read(const struct json_node *root, struct str topic, struct str store,
                 struct arena *arena, struct payload *out, struct error *err)
{
    struct payload payload = {.external_id = reading_text(root, "id")};
    if (topic.ptr && !str_starts_with(topic, STR("orders/")))
        return error_set(err, ERROR_SET_ASIDE, "Shopify's %.*s is not read here", STR_ARG(topic));
    if (root->kind != JSON_IS_OBJECT || !payload.external_id.ptr)
        return error_set(err, ERROR_SET_ASIDE, "no order of Shopify: it has no id");
    bool deleted = str_equal(topic, STR("orders/delete"));
    if (deleted || !json_is_null(json_member(root, STR("cancelled_at")))) {
        if (read_cancel(root, arena, &payload, err))
            return -1;
    } else {
        struct shopify s = {.root = root, .arena = arena, .order = &payload.order, .err = err};
        payload.kind = PAYLOAD_ORDER;
        if (read_order(&s, store, payload.external_id))
            return -1;
    }
    *out = payload;
    return 0;
}
