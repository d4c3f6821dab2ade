#include "intake/validate.h"

#include "calendar/calendar.h"
#include "ids/order_id.h"
#include "intake/contact.h"
#include "intake/postal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIELD_BYTES_MAX = 64, TEXT_BYTES_MAX = 160, PROMISE_DAYS_MAX = 730, FLAGS_MAX = 4 };

/* One validation: what is found, and the order that comes of it. */
struct validation {
    const struct order_submitted *submitted;
    const struct context *ctx;
    struct order *order;
    struct reject_reason *reasons;
    size_t reason_count;
    struct str flags[FLAGS_MAX];
    size_t flag_count;
};

__attribute__((format(printf, 4, 5))) static void find(struct validation *v, enum reject_code code,
                                                       const char *field, const char *format, ...)
{
    if (v->reason_count >= REASONS_MAX)
        return;
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    v->reasons[v->reason_count++] =
        (struct reject_reason){.code = code,
                               .field = arena_copy(v->ctx->arena, str_from(field)),
                               .text = arena_printf(v->ctx->arena, "%s", text)};
}

static void flag(struct validation *v, const char *name)
{
    if (v->flag_count < FLAGS_MAX)
        v->flags[v->flag_count++] = str_from(name);
}

/* Trimmed and in upper case (ASCII), as codes are written. */
static struct str code_of(struct arena *arena, struct str typed)
{
    typed = str_trim(typed);
    char *code = arena_alloc(arena, typed.len + 1);
    assert(code);
    for (size_t i = 0; i < typed.len; i++) {
        char c = typed.ptr[i];
        code[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return (struct str){code, typed.len};
}

static struct str trimmed(struct str s)
{
    return s.ptr ? str_trim(s) : s;
}

static void check_identity(struct validation *v, struct str key)
{
    const struct order_submitted *s = v->submitted;
    if (str_is_empty(s->store))
        find(v, REJECT_CODE_MISSING_STORE, "store", "the shop's name is missing");
    if (str_is_empty(s->external_id))
        find(v, REJECT_CODE_MISSING_EXTERNAL_ID, "external_id",
             "the shop's own order id is missing");
    if (!str_is_empty(s->store) && !str_is_empty(s->external_id) &&
        !str_equal(order_id_make(v->ctx->arena, s->store, s->external_id), key))
        find(v, REJECT_CODE_ID_MISMATCH, "external_id", "the record's key says %.*s", STR_ARG(key));
    if (s->test)
        find(v, REJECT_CODE_TEST_ORDER, "test", "the shop marked it as a test");
    if (s->placed_at_ms <= 0)
        find(v, REJECT_CODE_MISSING_PLACED_AT, "placed_at_ms", "when it was placed is missing");
    v->order->order_id = key;
    v->order->store = s->store;
    v->order->external_id = s->external_id;
    v->order->order_number = trimmed(s->order_number);
    v->order->version = s->version;
    v->order->placed_at_ms = s->placed_at_ms;
    v->order->shipping_method = trimmed(s->shipping_method);
    v->order->notes = trimmed(s->notes);
}

static void check_currency(struct validation *v)
{
    int digits;
    struct str currency = code_of(v->ctx->arena, v->submitted->currency);
    if (str_is_empty(currency))
        find(v, REJECT_CODE_MISSING_CURRENCY, "currency", "the currency is missing");
    else if (!calendar_currency_digits(currency, &digits))
        find(v, REJECT_CODE_INVALID_CURRENCY, "currency", "%.*s is no currency of ISO 4217",
             STR_ARG(currency));
    v->order->currency = currency;
}

static struct str country_of(struct arena *arena, struct str typed)
{
    struct str country = code_of(arena, typed);
    if (str_equal(country, STR("UK"))) /* reserved for it, and often written */
        return STR("GB");
    if (str_equal(country, STR("EL"))) /* the European Union's code */
        return STR("GR");
    return country;
}

static void check_address(struct validation *v)
{
    const struct address *typed = v->submitted->ship_to;
    if (!typed) {
        find(v, REJECT_CODE_MISSING_ADDRESS, "ship_to", "the delivery address is missing");
        return;
    }
    struct address *address = &v->order->ship_to;
    *address = (struct address){.name = trimmed(typed->name),
                                .company = trimmed(typed->company),
                                .line1 = trimmed(typed->line1),
                                .line2 = trimmed(typed->line2),
                                .city = trimmed(typed->city),
                                .region = trimmed(typed->region),
                                .postal_code = code_of(v->ctx->arena, typed->postal_code),
                                .country = country_of(v->ctx->arena, typed->country)};
    if (str_is_empty(address->line1))
        find(v, REJECT_CODE_MISSING_ADDRESS, "ship_to.line1", "the street is missing");
    if (str_is_empty(address->city))
        find(v, REJECT_CODE_MISSING_CITY, "ship_to.city", "the city is missing");
    if (str_is_empty(address->country)) {
        find(v, REJECT_CODE_MISSING_COUNTRY, "ship_to.country", "the country is missing");
        return;
    }
    if (!calendar_country_is_known(address->country))
        find(v, REJECT_CODE_INVALID_COUNTRY, "ship_to.country",
             "%.*s is no country code of ISO 3166-1", STR_ARG(address->country));
    switch (postal_check(address->country, address->postal_code)) {
    case POSTAL_FITS:
        break;
    case POSTAL_UNUSUAL:
        flag(v, "postal_code_unusual");
        break;
    case POSTAL_MISSING:
        find(v, REJECT_CODE_MISSING_POSTAL_CODE, "ship_to.postal_code",
             "the postal code is missing");
        break;
    case POSTAL_INVALID:
        find(v, REJECT_CODE_INVALID_POSTAL_CODE, "ship_to.postal_code", "%.*s is no postal code",
             STR_ARG(address->postal_code));
        break;
    }
}

/* At least one way to reach the customer; a number that nobody can read is left out and flagged
 * while another way remains (F08). */
static void check_customer(struct validation *v)
{
    const struct customer *typed = v->submitted->customer;
    struct customer *customer = &v->order->customer;
    *customer = typed ? *typed : (struct customer){0};
    customer->name = trimmed(customer->name);
    customer->locale = trimmed(customer->locale);
    struct arena *arena = v->ctx->arena;
    struct str country = v->order->ship_to.country;
    bool email_good = contact_email(arena, &customer->email);
    if (!email_good)
        find(v, REJECT_CODE_INVALID_EMAIL, "customer.email", "this is no e-mail address");
    struct str of_address = v->submitted->ship_to ? v->submitted->ship_to->phone : (struct str){0};
    enum contact_fit at_address = contact_phone(arena, country, &of_address);
    enum contact_fit fit = contact_phone(arena, country, &customer->phone);
    v->order->ship_to.phone = of_address;
    if (fit == CONTACT_ABSENT && of_address.ptr)
        customer->phone = of_address;
    if (fit == CONTACT_UNUSUAL || fit == CONTACT_UNREADABLE || at_address == CONTACT_UNUSUAL ||
        at_address == CONTACT_UNREADABLE)
        flag(v, "phone_unusual");
    if (customer->email.ptr || customer->phone.ptr || !email_good)
        return;
    if (fit == CONTACT_UNREADABLE || at_address == CONTACT_UNREADABLE)
        find(v, REJECT_CODE_INVALID_PHONE,
             fit == CONTACT_UNREADABLE ? "customer.phone" : "ship_to.phone",
             "this is no telephone number, and there is no e-mail address");
    else
        find(v, REJECT_CODE_MISSING_CUSTOMER_CONTACT, "customer",
             "neither an e-mail address nor a telephone number");
}

static void check_time_zone(struct validation *v)
{
    const struct intake_settings *cfg = v->ctx->cfg;
    struct str zone = trimmed(v->submitted->time_zone);
    if (str_is_empty(zone))
        zone = calendar_zone_of_place(v->ctx->arena, v->order->ship_to.country,
                                      v->order->ship_to.region, cfg->time_zone);
    else if (!calendar_zone_is_known(zone))
        find(v, REJECT_CODE_INVALID_TIME_ZONE, "time_zone", "%.*s is no IANA time zone",
             STR_ARG(zone));
    v->order->time_zone = zone;
}

/* A promise is a local date at the destination, so it is compared with the local date of the
 * order. */
static void check_promise(struct validation *v)
{
    const struct order_submitted *s = v->submitted;
    v->order->has_promised_on = s->has_promised_on;
    v->order->promised_on = s->promised_on;
    if (!s->has_promised_on || s->placed_at_ms <= 0)
        return;
    int32_t placed_on = calendar_local_date(v->order->time_zone, s->placed_at_ms);
    if (s->promised_on < placed_on || s->promised_on > placed_on + PROMISE_DAYS_MAX)
        find(v, REJECT_CODE_INVALID_PROMISE, "promised_on",
             "promised %d days after it was placed; 0 to %d make sense", s->promised_on - placed_on,
             PROMISE_DAYS_MAX);
}

static bool is_amount(int64_t minor)
{
    return minor >= 0 && minor <= AMOUNT_MINOR_MAX;
}

static void check_line(struct validation *v, size_t at, const struct order_line *line)
{
    char field[FIELD_BYTES_MAX];
    if (str_is_empty(line->line_id)) {
        snprintf(field, sizeof(field), "lines[%zu].line_id", at);
        find(v, REJECT_CODE_MISSING_LINE_ID, field, "the line's id is missing");
    }
    for (size_t i = 0; i < at && line->line_id.len; i++)
        if (str_equal(v->order->lines.ptr[i].line_id, line->line_id)) {
            snprintf(field, sizeof(field), "lines[%zu].line_id", at);
            find(v, REJECT_CODE_DUPLICATE_LINE_ID, field, "lines[%zu] has the same id", i);
            break;
        }
    if (str_is_empty(line->sku)) {
        snprintf(field, sizeof(field), "lines[%zu].sku", at);
        find(v, REJECT_CODE_MISSING_SKU, field, "the SKU is missing");
    }
    if (line->quantity < 1 || line->quantity > LINE_QUANTITY_MAX) {
        snprintf(field, sizeof(field), "lines[%zu].quantity", at);
        find(v, REJECT_CODE_INVALID_QUANTITY, field, "%d is not between 1 and %d", line->quantity,
             LINE_QUANTITY_MAX);
    }
    if (!is_amount(line->unit_price_minor)) {
        snprintf(field, sizeof(field), "lines[%zu].unit_price_minor", at);
        find(v, REJECT_CODE_INVALID_PRICE, field, "%lld is no price",
             (long long)line->unit_price_minor);
    }
}

static void check_lines(struct validation *v)
{
    const struct intake_settings *cfg = v->ctx->cfg;
    const struct order_line_list *typed = &v->submitted->lines;
    if (typed->len == 0) {
        find(v, REJECT_CODE_NO_LINES, "lines", "there is nothing to deliver");
        return;
    }
    if (typed->len > (size_t)cfg->lines_max) {
        find(v, REJECT_CODE_TOO_MANY_LINES, "lines", "%zu lines; %lld are allowed", typed->len,
             (long long)cfg->lines_max);
        return;
    }
    struct order_line *lines = arena_alloc_array(v->ctx->arena, typed->len, sizeof(*lines));
    assert(lines);
    v->order->lines = (struct order_line_list){lines, typed->len};
    for (size_t i = 0; i < v->order->lines.len; i++) {
        lines[i] = typed->ptr[i];
        lines[i].line_id = trimmed(lines[i].line_id);
        lines[i].sku = trimmed(lines[i].sku);
        lines[i].title = trimmed(lines[i].title);
        check_line(v, i, &lines[i]);
    }
}

static bool check_amount(struct validation *v, const char *field, int64_t minor)
{
    if (is_amount(minor))
        return true;
    find(v, REJECT_CODE_INVALID_PRICE, field, "%lld is no amount", (long long)minor);
    return false;
}

/* The total is the sum of its parts; the tax is part of it or stands in the prices already. */
static void check_total(struct validation *v)
{
    const struct intake_settings *cfg = v->ctx->cfg;
    const struct order_submitted *s = v->submitted;
    struct order *order = v->order;
    order->shipping_minor = s->shipping_minor;
    order->discount_minor = s->discount_minor;
    order->tax_minor = s->tax_minor;
    order->total_minor = s->total_minor;
    bool good = check_amount(v, "shipping_minor", s->shipping_minor);
    good &= check_amount(v, "discount_minor", s->discount_minor);
    good &= check_amount(v, "tax_minor", s->tax_minor);
    good &= check_amount(v, "total_minor", s->total_minor);
    int64_t sum = s->shipping_minor - (good ? s->discount_minor : 0);
    for (size_t i = 0; i < order->lines.len && good; i++) {
        int64_t price;
        good = is_amount(order->lines.ptr[i].unit_price_minor) &&
               order->lines.ptr[i].quantity >= 1 &&
               !__builtin_mul_overflow(order->lines.ptr[i].unit_price_minor,
                                       order->lines.ptr[i].quantity, &price) &&
               !__builtin_add_overflow(sum, price, &sum);
    }
    if (!good || order->lines.len == 0)
        return; /* the parts are named already */
    int64_t without = s->total_minor - sum, with = without - s->tax_minor;
    int64_t tolerance = cfg->total_tolerance_minor;
    if ((without < -tolerance || without > tolerance) && (with < -tolerance || with > tolerance))
        find(v, REJECT_CODE_TOTAL_MISMATCH, "total_minor",
             "%lld, but lines, shipping and discount make %lld and tax is %lld",
             (long long)s->total_minor, (long long)sum, (long long)s->tax_minor);
}

static void check_payment(struct validation *v)
{
    const struct payment *payment = v->submitted->payment;
    if (!payment || payment->status == PAYMENT_STATUS_UNKNOWN) {
        find(v, REJECT_CODE_PAYMENT_UNKNOWN, "payment.status",
             "how it is paid is missing or not understood");
        return;
    }
    v->order->payment = *payment;
    if (payment->status == PAYMENT_STATUS_COD && payment->cod_amount_minor <= 0)
        find(v, REJECT_CODE_COD_AMOUNT_MISSING, "payment.cod_amount_minor",
             "cash on delivery, but how much is missing");
}

void validate_order(struct str key, const struct order_submitted *submitted,
                    const struct context *ctx, struct order *out_order,
                    struct reject_reason_list *out_reasons)
{
    *out_order = (struct order){0};
    *out_reasons = (struct reject_reason_list){0};
    struct validation v = {
        .submitted = submitted,
        .ctx = ctx,
        .order = out_order,
        .reasons = arena_alloc_array(ctx->arena, REASONS_MAX, sizeof(struct reject_reason))};
    check_identity(&v, key);
    check_currency(&v);
    check_address(&v);
    check_customer(&v);
    check_time_zone(&v);
    check_promise(&v);
    check_lines(&v);
    check_total(&v);
    check_payment(&v);
    *out_reasons = (struct reject_reason_list){v.reasons, v.reason_count};
    struct str *flags = arena_alloc_array(ctx->arena, FLAGS_MAX, sizeof(*flags));
    assert(flags);
    memcpy(flags, v.flags, sizeof(v.flags));
    out_order->flags = (struct str_list){flags, v.flag_count};
}
