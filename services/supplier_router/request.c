/* Bodies of the supplier contract. */
#include "supplier_router/request.h"

#include "base/rfc3339.h"
#include "json/json.h"
#include "json/json_writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

enum { REASONS_MAX = 100 };

/* ---- what is sent ---- */

static struct str iso_time(struct arena *arena, int64_t at_ms)
{
    char text[RFC3339_BYTES];
    rfc3339_format(at_ms, text);
    return arena_copy(arena, str_from(text));
}

/* 2026-01-20 */
static struct str iso_date(struct arena *arena, int32_t date)
{
    struct str midnight = iso_time(arena, date * INT64_C(86400000));
    return (struct str){midnight.ptr, strlen("YYYY-MM-DD")};
}

static void add_given(struct json_writer *w, struct str name, struct str text)
{
    if (text.len > 0)
        json_add_text(w, name, text);
}

static void add_recipient(struct json_writer *w, const struct order *order)
{
    const struct address *to = &order->ship_to;
    const struct customer *customer = &order->customer;
    json_open_object(w, STR("recipient"));
    add_given(w, STR("name"), to->name.len > 0 ? to->name : customer->name);
    add_given(w, STR("phone"), to->phone.len > 0 ? to->phone : customer->phone);
    add_given(w, STR("email"), customer->email);
    json_open_object(w, STR("address"));
    add_given(w, STR("company"), to->company);
    json_add_text(w, STR("line1"), to->line1);
    add_given(w, STR("line2"), to->line2);
    json_add_text(w, STR("city"), to->city);
    add_given(w, STR("region"), to->region);
    json_add_text(w, STR("postal_code"), to->postal_code);
    json_add_text(w, STR("country"), to->country);
    json_close_object(w);
    json_close_object(w);
}

static void add_money(struct json_writer *w, struct str name, int64_t amount_minor,
                      struct str currency)
{
    json_open_object(w, name);
    json_add_int64(w, STR("amount_minor"), amount_minor);
    json_add_text(w, STR("currency"), currency);
    json_close_object(w);
}

static int64_t unit_price(const struct order *order, struct str line_id)
{
    for (size_t i = 0; i < order->lines.len; i++)
        if (str_equal(order->lines.ptr[i].line_id, line_id))
            return order->lines.ptr[i].unit_price_minor;
    return 0;
}

static void add_payment(struct json_writer *w, const struct order *order, int64_t cod_minor)
{
    json_open_object(w, STR("payment"));
    json_add_text(w, STR("mode"), cod_minor > 0 ? STR("COD") : STR("PREPAID"));
    if (cod_minor > 0)
        add_money(w, STR("cod_amount"), cod_minor, order->currency);
    json_close_object(w);
}

static void add_lines(struct json_writer *w, const struct order *order,
                      const struct router_fulfilment *fulfilment)
{
    json_open_list(w, STR("lines"));
    for (size_t i = 0; i < fulfilment->lines.len; i++) {
        const struct router_line *line = &fulfilment->lines.ptr[i];
        json_open_object(w, (struct str){0});
        json_add_text(w, STR("line_id"), line->line_id);
        json_add_text(w, STR("supplier_sku"), line->sku);
        json_add_int64(w, STR("quantity"), line->quantity);
        add_money(w, STR("unit_price"), unit_price(order, line->line_id), order->currency);
        json_close_object(w);
    }
    json_close_list(w);
}

struct str request_body(const struct order *order, const struct router_fulfilment *fulfilment,
                        struct arena *arena)
{
    struct json_writer w;
    json_writer_init(&w, arena);
    json_open_object(&w, (struct str){0});
    json_add_text(&w, STR("reference_id"), fulfilment->fulfilment_order_id);
    json_add_text(&w, STR("order_number"),
                  order->order_number.len > 0 ? order->order_number : order->external_id);
    if (fulfilment->has_ship_by_ms)
        json_add_text(&w, STR("ship_by"), iso_time(arena, fulfilment->ship_by_ms));
    if (order->has_promised_on)
        json_add_text(&w, STR("promised_by"), iso_date(arena, order->promised_on));
    add_recipient(&w, order);
    add_given(&w, STR("shipping_method"), order->shipping_method);
    add_payment(&w, order, fulfilment->cod_minor);
    add_lines(&w, order, fulfilment);
    add_given(&w, STR("notes"), order->notes);
    json_close_object(&w);
    return json_writer_done(&w);
}

/* ---- what comes back ---- */

struct request_answer request_answer(struct str body, struct arena *arena)
{
    const struct json_node *root = json_parse(arena, body, NULL);
    return (struct request_answer){
        .supplier_order_id = json_text(json_member(root, STR("supplier_order_id"))),
        .accepted = str_equal(json_text(json_member(root, STR("state"))), STR("ACCEPTED"))};
}

/* "<store>:<external id>/<number>" as we write it, of the same store. All else is the supplier's
 * own use of the name, which is its business; so is another case of ours. */
static bool names_another(struct str named, struct str ours)
{
    const char *colon = memchr(ours.ptr, ':', ours.len);
    size_t store = colon ? (size_t)(colon - ours.ptr) + 1 : 0;
    size_t digits = 0;
    while (digits < named.len && isdigit((unsigned char)named.ptr[named.len - 1 - digits]))
        digits++;
    return store > 0 && digits > 0 && named.len > store + digits + 1 &&
           memcmp(named.ptr, ours.ptr, store) == 0 && named.ptr[named.len - 1 - digits] == '/' &&
           !(named.len == ours.len && strncasecmp(named.ptr, ours.ptr, ours.len) == 0);
}

struct call_reply request_reply(const struct call_reply *reply, struct str fulfilment_order_id,
                                struct arena *arena)
{
    struct call_reply believed = *reply;
    if (reply->by_person || (reply->outcome != OUTCOME_OK && reply->outcome != OUTCOME_REFUSED))
        return believed;
    const struct json_node *root = json_parse(arena, reply->body, NULL);
    struct str named = json_text(json_member(root, STR("reference_id")));
    if (!names_another(named, fulfilment_order_id))
        return believed;
    believed.outcome = OUTCOME_UNKNOWN;
    believed.detail = arena_printf(arena, "the answer is about another order, %.*s",
                                   (int)(named.len < 200 ? named.len : 200), named.ptr);
    return believed;
}

static struct rejection reason_of(const struct json_node *node)
{
    if (node->kind != JSON_IS_OBJECT)
        return (struct rejection){.code = STR("other"), .text = json_text(node)};
    struct rejection reason = {.code = json_text(json_member(node, STR("code"))),
                               .line_id = json_text(json_member(node, STR("line_id"))),
                               .sku = json_text(json_member(node, STR("sku"))),
                               .text = json_text(json_member(node, STR("text")))};
    if (!reason.sku.ptr)
        reason.sku = json_text(json_member(node, STR("supplier_sku")));
    if (reason.code.len == 0)
        reason.code = STR("other");
    return reason;
}

struct rejection_list request_reasons(struct str body, int32_t status, struct arena *arena)
{
    const struct json_node *root = json_parse(arena, body, NULL);
    const struct json_node *reasons = json_member(root, STR("reasons"));
    struct rejection_list list = {.ptr = arena_alloc_array(arena, REASONS_MAX, sizeof(*list.ptr))};
    assert(list.ptr);
    for (size_t i = 0; json_item(reasons, i) && list.len < REASONS_MAX; i++)
        list.ptr[list.len++] = reason_of(json_item(reasons, i));
    if (list.len == 0 && json_member(root, STR("code")))
        list.ptr[list.len++] = reason_of(root);
    if (list.len == 0)
        list.ptr[list.len++] =
            (struct rejection){.code = STR("other"),
                               .text = arena_printf(arena, "refused with status %" PRId32, status)};
    for (size_t i = 0; i < list.len; i++)
        if (!list.ptr[i].text.ptr)
            list.ptr[i].text = STR("");
    return list;
}
