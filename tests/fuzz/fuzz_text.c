/* Small readers and writers of outside text. The first byte chooses which. */
/* links: waybill_worker waybill_mime waybill_phone waybill_calendar */
#include "fuzz_input.h"

#include "avro/base64.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "calendar/calendar.h"
#include "config/values.h"
#include "http/http.h"
#include "mime/mime.h"
#include "phone/phone.h"
#include "worker/restore.h"

#include <assert.h>

enum { ARENA_BYTES_MAX = 8 * 1024 * 1024, HEADER_LINE_MAX = 998 };

static void read_time(struct str text)
{
    char written[RFC3339_BYTES];
    int64_t ms, back;
    if (!rfc3339_parse(text, &ms))
        return;
    rfc3339_format(ms, written);
    assert(rfc3339_parse(str_from(written), &back));
    assert(back == ms || ms < INT64_C(-62135596800000) || ms > INT64_C(253402300799999));
}

static void base64(struct arena *arena, struct str bytes)
{
    struct str text = base64_encode(arena, bytes), back = base64_decode(arena, text);
    assert(str_equal(back, bytes));
    struct str any = base64_decode(arena, bytes);
    assert(!any.ptr || str_equal(base64_decode(arena, base64_encode(arena, any)), any));
}

/* Nobody who writes a text may add a header: what comes before the empty line has only our names.
 */
static void check_mail(struct str mail)
{
    static const char *const ours[] = {
        "From:",          "To:",         "Subject:",      "Date:",    "Message-ID:",
        "In-Reply-To:",   "References:", "MIME-Version:", "Content-", "List-Unsubscribe",
        "Auto-Submitted:"};
    while (mail.len > 0 && !str_starts_with(mail, STR("\r\n"))) {
        const char *end = memmem(mail.ptr, mail.len, "\r\n", 2);
        assert(end && end - mail.ptr <= HEADER_LINE_MAX);
        bool known = mail.ptr[0] == ' ' || mail.ptr[0] == '\t';
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            known |= str_starts_with(mail, str_from(ours[i]));
        assert(known);
        size_t used = (size_t)(end - mail.ptr) + 2;
        mail = (struct str){mail.ptr + used, mail.len - used};
    }
    assert(mail.len > 0 && utf8_is_valid(mail));
}

static void mail(struct arena *arena, struct input *in)
{
    struct mime_message message = {.from = STR("shop@example.com"),
                                   .to = STR("ana@example.com"),
                                   .message_id = STR("m1@example.com"),
                                   .date_ms = input_number(in, 6)};
    uint8_t own = input_byte(in);
    if (own & 1)
        message.from = input_until(in, '\0');
    if (own & 2)
        message.to = input_until(in, '\0');
    if (own & 4)
        message.thread_id = input_until(in, '\0');
    if (own & 8)
        message.unsubscribe = input_until(in, '\0');
    message.from_name = input_until(in, '\0');
    message.subject = input_until(in, '\0');
    message.text = input_rest(in);
    struct str bytes = mime_build(arena, &message);
    if (bytes.ptr)
        check_mail(bytes);
}

static void values(struct str text)
{
    struct error err;
    int64_t number, minutes;
    double fraction;
    bool truth;
    char shown[VALUE_SHOWN_BYTES];
    (void)!value_to_int(text, INT64_MIN, INT64_MAX, &number, &err);
    (void)!value_to_double(text, -1e300, 1e300, &fraction, &err);
    (void)!value_to_bool(text, &truth, &err);
    (void)!value_to_time(text, &number, &err);
    if (value_to_duration(text, 0, INT64_MAX, &number, &err) == 0) {
        int64_t back;
        assert(value_to_duration(str_from(value_show_duration(number, shown)), 0, INT64_MAX, &back,
                                 &err) == 0 &&
               back == number);
    }
    if (value_to_bytes(text, 0, INT64_MAX, &number, &err) == 0) {
        int64_t back;
        assert(value_to_bytes(str_from(value_show_bytes(number, shown)), 0, INT64_MAX, &back,
                              &err) == 0 &&
               back == number);
    }
    if (value_to_time_of_day(text, &minutes, &err) == 0)
        assert(minutes >= 0 && minutes < 24 * 60);
    (void)value_nearest(text, (const char *const[]){"kafka.bootstrap_servers", "prefix", NULL});
}

static void place(struct arena *arena, struct input *in)
{
    struct str a = input_until(in, '\0'), b = input_until(in, '\0'), number;
    int digits;
    int64_t at_ms = input_number(in, 8);
    (void)calendar_zone_is_known(a);
    assert(calendar_zone_of_place(arena, a, b, STR("UTC")).len > 0);
    int32_t minutes = calendar_local_minutes(a, at_ms);
    assert(minutes >= 0 && minutes < 24 * 60);
    (void)calendar_local_date(a, at_ms);
    (void)calendar_instant(a, (int32_t)(at_ms % 4000000), minutes);
    (void)calendar_country_is_known(a);
    if (calendar_currency_digits(a, &digits))
        assert(digits >= 0 && digits < 6);
    (void)calendar_format_money(arena, b, a, at_ms);
    (void)calendar_format_date(arena, b, (int32_t)(at_ms % 4000000));
    (void)calendar_format_time(arena, b, a, at_ms % INT64_C(253402300799999));
    if (phone_normalise(arena, a, b, &number) != PHONE_NONE)
        assert(number.len > 3 && number.ptr[0] == '+');
}

static void stored(struct str bytes)
{
    int64_t offset, at_ms;
    struct str record;
    if (stored_position_take(bytes, &offset, &at_ms, &record))
        return;
    struct buffer back;
    buffer_init(&back, bytes.len);
    stored_position_put(&back, offset, at_ms, record);
    assert(str_equal(buffer_str(&back), bytes));
    buffer_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    switch (input_byte(&in) % 7) {
    case 0:
        read_time(input_rest(&in));
        break;
    case 1:
        base64(&arena, input_rest(&in));
        break;
    case 2:
        mail(&arena, &in);
        break;
    case 3:
        (void)http_url_check(input_rest(&in));
        break;
    case 4:
        values(input_rest(&in));
        break;
    case 5:
        place(&arena, &in);
        break;
    default:
        stored(input_rest(&in));
    }
    arena_done(&arena);
    return 0;
}
