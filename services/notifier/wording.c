#include "notifier/wording.h"

#include "calendar/calendar.h"
#include "notifier/english.h"

#include <assert.h>
#include <strings.h>

enum { VALUE_BYTES_MAX = 120, ITEMS_BYTES_MAX = 48 * 1024 };

/* ---- which template ---- */

static bool same_locale(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char left = a.ptr[i] == '_' ? '-' : a.ptr[i], right = b.ptr[i] == '_' ? '-' : b.ptr[i];
        if (strncasecmp(&left, &right, 1) != 0)
            return false;
    }
    return true;
}

/* "pt" of "pt-BR". */
static struct str language_of(struct str locale)
{
    size_t len = 0;
    while (len < locale.len && locale.ptr[len] != '-' && locale.ptr[len] != '_')
        len++;
    return (struct str){locale.ptr, len};
}

static const struct message_template *find_in(const struct message_template *list, size_t count,
                                              enum message_kind kind, struct str locale)
{
    for (size_t i = 0; locale.len > 0 && i < count; i++) {
        if (list[i].kind == kind && same_locale(list[i].locale, locale))
            return &list[i];
    }
    return NULL;
}

/* The customer's locale, their language, the shop's locale; then plain English. */
static const struct message_template *choose_template(const struct notifier_settings *cfg,
                                                      enum message_kind kind, struct str locale)
{
    const struct str wanted[] = {locale, language_of(locale), cfg->locale, language_of(cfg->locale),
                                 STR("en")};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const struct message_template *found =
            find_in(cfg->templates, cfg->template_count, kind, wanted[i]);
        if (!found)
            found = find_in(english, english_count, kind, wanted[i]);
        if (found)
            return found;
    }
    return NULL;
}

/* ---- what stands in it ---- */

struct writer {
    const struct message_plan *plan;
    const struct plan_message *message;
    const struct notifier_settings *cfg;
    struct arena *arena;
    struct str locale; /* of dates and amounts */
};

/* A text from outside on one line, not too long: nobody writes a second message into ours. */
static struct str tame(struct arena *arena, struct str text)
{
    size_t len = text.len < VALUE_BYTES_MAX ? text.len : VALUE_BYTES_MAX;
    while (len < text.len && len > 0 && (text.ptr[len] & 0xC0) == 0x80)
        len--;
    char *copy = arena_alloc(arena, len + 1);
    for (size_t i = 0; copy && i < len; i++)
        copy[i] = (unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127 ? ' ' : text.ptr[i];
    struct str tamed = copy ? str_trim((struct str){copy, len}) : (struct str){NULL, 0};
    return tamed.len > 0 ? tamed : (struct str){NULL, 0};
}

static struct str first_of(struct str a, struct str b)
{
    return a.len > 0 ? a : b;
}

static struct str money(const struct writer *w, int64_t amount_minor)
{
    return calendar_format_money(w->arena, w->locale, w->plan->order->currency, amount_minor);
}

static const struct order_line *find_line(const struct order *order, struct str line_id)
{
    for (size_t i = 0; i < order->lines.len; i++) {
        if (str_equal(order->lines.ptr[i].line_id, line_id))
            return &order->lines.ptr[i];
    }
    return NULL;
}

/* "2 x Blue mug", with what they cost if that is asked for (F61). */
static struct str item(const struct writer *w, const struct order_line *line, int32_t quantity,
                       bool with_price)
{
    struct str title = first_of(tame(w->arena, line->title), tame(w->arena, line->sku));
    int64_t price = 0;
    if (!with_price || __builtin_mul_overflow(line->unit_price_minor, (int64_t)quantity, &price))
        return arena_printf(w->arena, "%d x %.*s", quantity, STR_ARG(title));
    return arena_printf(w->arena, "%d x %.*s: %.*s", quantity, STR_ARG(title),
                        STR_ARG(money(w, price)));
}

/* One below the other; what would be too much becomes an ellipsis. */
static struct str join_lines(struct arena *arena, const struct str *lines, size_t count)
{
    static const struct str ellipsis = STR_INIT("…");
    size_t bytes = 0, fitting = 0;
    while (fitting < count && bytes + lines[fitting].len < ITEMS_BYTES_MAX)
        bytes += lines[fitting++].len + 1;
    char *out = count > 0 ? arena_alloc(arena, bytes + ellipsis.len) : NULL;
    if (!out)
        return (struct str){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < fitting; i++) {
        memcpy(out + len, lines[i].ptr, lines[i].len);
        len += lines[i].len;
        out[len++] = '\n';
    }
    if (fitting == count)
        return (struct str){out, len - 1};
    memcpy(out + len, ellipsis.ptr, ellipsis.len);
    return (struct str){out, len + ellipsis.len};
}

static struct str order_items(const struct writer *w)
{
    const struct order_line_list *lines = &w->plan->order->lines;
    struct str *items = arena_alloc_array(w->arena, lines->len, sizeof(*items));
    for (size_t i = 0; items && i < lines->len; i++)
        items[i] = item(w, &lines->ptr[i], lines->ptr[i].quantity, true);
    struct str joined = join_lines(w->arena, items, items ? lines->len : 0);
    return joined.ptr ? joined : STR("");
}

/* Absent if the supplier did not say what is in it. */
static struct str parcel_items(const struct writer *w, const struct plan_parcel *parcel)
{
    struct str *items = arena_alloc_array(w->arena, parcel->lines.len, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; items && i < parcel->lines.len; i++) {
        const struct line_quantity *in = &parcel->lines.ptr[i];
        const struct order_line *line = find_line(w->plan->order, in->line_id);
        if (line)
            items[count++] = item(w, line, in->quantity, false);
    }
    return join_lines(w->arena, items, count);
}

/* Letters, digits and -._~ stay; the rest is percent-encoded (RFC 3986). */
static struct str encode(struct arena *arena, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * value.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || (c && strchr("-._~", c));
        if (is_plain) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return (struct str){out, len};
}

struct str wording_link(struct arena *arena, struct str url, const char *name, struct str value)
{
    struct str field = arena_printf(arena, "{%s}", name);
    const char *at = url.len > 0 ? memmem(url.ptr, url.len, field.ptr, field.len) : NULL;
    if (!at)
        return url;
    size_t before = (size_t)(at - url.ptr);
    struct str after = {at + field.len, url.len - before - field.len};
    struct str encoded = encode(arena, value);
    return arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(((struct str){url.ptr, before})),
                        STR_ARG(encoded), STR_ARG(after));
}

static const struct carrier_link *find_link(const struct notifier_settings *cfg, struct str carrier)
{
    for (size_t i = 0; i < cfg->carrier_count; i++)
        if (str_equal(cfg->carriers[i].carrier, carrier))
            return &cfg->carriers[i];
    return NULL;
}

/* F29, F63: what a supplier calls its carrier, and where it lets one follow a parcel, may show who
 * the supplier is. So the link is the settings' own, and only a carrier that they name is named. */
static void add_carrier_values(const struct writer *w, struct str carrier, struct str number,
                               struct template_values *values)
{
    const struct carrier_link *known = find_link(w->cfg, carrier);
    const struct carrier_link *link = known ? known : find_link(w->cfg, STR("default"));
    values->of[PLACEHOLDER_TRACKING_NUMBER] = tame(w->arena, number);
    if (known)
        values->of[PLACEHOLDER_CARRIER] = tame(w->arena, carrier);
    if (!link || (!known && memmem(link->url.ptr, link->url.len, "{carrier}", strlen("{carrier}"))))
        return;
    struct str url = wording_link(w->arena, link->url, "tracking_number", number);
    values->of[PLACEHOLDER_TRACKING_URL] = wording_link(w->arena, url, "carrier", carrier);
}

static void add_parcel_values(const struct writer *w, struct template_values *values)
{
    const struct plan_parcel_list *parcels = &w->plan->parcels;
    struct str carrier, number;
    size_t at = 0;
    while (at < parcels->len && !str_equal(parcels->ptr[at].shipment, w->message->shipment))
        at++;
    str_split(w->message->shipment, '/', &carrier, &number);
    add_carrier_values(w, carrier, number, values);
    values->of[PLACEHOLDER_PARCEL] = w->plan->parcels_complete
                                         ? arena_printf(w->arena, "%zu/%zu", at + 1, parcels->len)
                                         : arena_printf(w->arena, "%zu", at + 1);
    values->of[PLACEHOLDER_ITEMS] =
        at < parcels->len ? parcel_items(w, &parcels->ptr[at]) : (struct str){NULL, 0};
    if (!w->message->has_date)
        return;
    struct str date = calendar_format_date(w->arena, w->locale, w->message->date);
    if (w->message->kind == MESSAGE_KIND_DELIVERED)
        values->of[PLACEHOLDER_DELIVERED_ON] = date;
    else
        values->of[PLACEHOLDER_EXPECTED] = date;
}

static void add_order_values(const struct writer *w, struct template_values *values)
{
    const struct order *order = w->plan->order;
    struct str total = money(w, order->total_minor);
    values->of[PLACEHOLDER_BRAND] = w->cfg->brand;
    values->of[PLACEHOLDER_HELP] = w->cfg->help;
    values->of[PLACEHOLDER_FEEDBACK_URL] =
        wording_link(w->arena, w->cfg->feedback_url, "order_id", order->order_id);
    values->of[PLACEHOLDER_NAME] =
        tame(w->arena, first_of(order->customer.name, order->ship_to.name));
    values->of[PLACEHOLDER_ORDER_NUMBER] =
        tame(w->arena, first_of(order->order_number, order->external_id));
    values->of[PLACEHOLDER_TOTAL] = total;
    values->of[PLACEHOLDER_ITEMS] = order_items(w);
    if (order->has_promised_on)
        values->of[PLACEHOLDER_PROMISED] =
            calendar_format_date(w->arena, w->locale, order->promised_on);
    if (order->payment.status == PAYMENT_STATUS_PAID)
        values->of[PLACEHOLDER_PAID] = total;
    if (order->payment.status == PAYMENT_STATUS_COD && order->payment.cod_amount_minor > 0)
        values->of[PLACEHOLDER_COD_AMOUNT] = money(w, order->payment.cod_amount_minor);
    if (w->message->refund_due)
        values->of[PLACEHOLDER_REFUND] = total;
}

void wording_write(const struct message_plan *plan, const struct plan_message *message,
                   const struct context *ctx, struct message_planned *out)
{
    const struct notifier_settings *cfg = ctx->cfg;
    struct str locale = first_of(plan->order->customer.locale, cfg->locale);
    const struct message_template *template = choose_template(cfg, message->kind, locale);
    struct template_values values = {0};
    assert(template);
    /* Dates and amounts in the language of the text around them. */
    if (!same_locale(language_of(locale), language_of(template->locale)))
        locale = template->locale;
    struct writer w = {plan, message, cfg, ctx->arena, locale};
    add_order_values(&w, &values);
    if (message->shipment.ptr)
        add_parcel_values(&w, &values);
    out->locale = locale;
    out->subject = template_render(ctx->arena, template->subject, &values);
    if (out->email.ptr)
        out->text = template_render(ctx->arena, template->text, &values);
    if (out->phone.ptr)
        out->sms_text = template_render(ctx->arena, template->sms, &values);
}
