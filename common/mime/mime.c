#include "mime/mime.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <time.h>

enum {
    MESSAGE_BYTES_MAX = 2 * 1024 * 1024, /* the longest text, all of it encoded */
    TEXT_LINE_MAX = 76,
    WORD_BYTES_MAX = 39 /* of text in one encoded word: 64 with its frame, 73 behind "Subject: " */
};

/* --- characters ------------------------------------------------------------------------------ */

static bool is_visible(char c)
{
    return c > ' ' && c <= '~';
}

/* May stand inside <…> in a header as it is. */
static bool is_plain(struct str s, size_t bytes_max)
{
    if (s.len > bytes_max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_visible(s.ptr[i]) || strchr("<>", s.ptr[i]))
            return false;
    }
    return true;
}

bool mime_address_is_usable(struct str address)
{
    struct str local, domain;
    if (address.len == 0 || !is_plain(address, MIME_ADDRESS_BYTES_MAX))
        return false;
    for (size_t i = 0; i < address.len; i++) {
        if (strchr("\"(),:;[\\]", address.ptr[i]))
            return false;
    }
    str_split(address, '@', &local, &domain);
    return local.len > 0 && domain.len > 0 && !memchr(domain.ptr, '@', domain.len);
}

static bool id_is_usable(struct str id)
{
    return id.len > 0 && is_plain(id, MIME_ID_BYTES_MAX) && memchr(id.ptr, '@', id.len);
}

/* Takes one character off the front of *s, which is UTF-8. */
static struct str take_character(struct str *s)
{
    size_t bytes = 1;
    while (bytes < s->len && (s->ptr[bytes] & 0xC0) == 0x80)
        bytes++;
    struct str taken = {s->ptr, bytes};
    s->ptr += bytes;
    s->len -= bytes;
    return taken;
}

static bool is_text(struct str s, size_t bytes_max)
{
    return s.len <= bytes_max && utf8_is_valid(s);
}

/* --- headers --------------------------------------------------------------------------------- */

static void add_base64(struct buffer *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned second = i + 1 < len ? bytes[i + 1] : 0, third = i + 2 < len ? bytes[i + 2] : 0;
        unsigned three = (unsigned)bytes[i] << 16 | second << 8 | third;
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        i + 1 < len ? digits[three >> 6 & 63] : '=',
                        i + 2 < len ? digits[three & 63] : '='};
        buffer_add(out, four, sizeof(four));
    }
}

/* RFC 2047: encoded words, each on a line of its own, none splitting a character. */
static void add_encoded_words(struct buffer *out, struct str text)
{
    unsigned char word[WORD_BYTES_MAX + 4];
    while (text.len > 0) {
        size_t len = 0;
        while (text.len > 0 && len + 4 <= WORD_BYTES_MAX) {
            struct str character = take_character(&text);
            bool is_control =
                character.len == 1 && (character.ptr[0] < ' ' || character.ptr[0] == 127);
            memcpy(word + len, is_control ? " " : character.ptr, character.len);
            len += character.len;
        }
        buffer_add_str(out, STR("=?UTF-8?B?"));
        add_base64(out, word, len);
        buffer_add_str(out, text.len > 0 ? STR("?=\r\n ") : STR("?="));
    }
}

/* A text that needs no encoding anywhere in a header: words of letters, digits and mild signs. */
static bool is_simple(struct str text)
{
    if (text.len == 0 || text.len > WORD_BYTES_MAX || text.ptr[0] == ' ' ||
        text.ptr[text.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_word && !memchr(" -_!#'*+/", c, 9))
            return false;
    }
    return true;
}

static void add_text(struct buffer *out, struct str text)
{
    if (is_simple(text))
        buffer_add_str(out, text);
    else
        add_encoded_words(out, text);
}

static void add_date(struct buffer *out, int64_t date_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(date_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        buffer_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[utc.tm_wday],
                      utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                      utc.tm_sec);
}

static void add_line(struct buffer *out, const char *before, struct str value, const char *after)
{
    buffer_add_str(out, str_from(before));
    buffer_add_str(out, value);
    buffer_add_str(out, str_from(after));
}

static void add_headers(struct buffer *out, const struct mime_message *message)
{
    add_date(out, message->date_ms);
    buffer_add_str(out, STR("From: "));
    if (message->from_name.len > 0) {
        add_text(out, message->from_name);
        buffer_add_str(out, is_simple(message->from_name) ? STR(" ") : STR("\r\n "));
    }
    add_line(out, "<", message->from, ">\r\n");
    add_line(out, "To: <", message->to, ">\r\n");
    buffer_add_str(out, STR("Subject: "));
    add_text(out, message->subject);
    add_line(out, "\r\nMessage-ID: <", message->message_id, ">\r\n");
    if (message->thread_id.len > 0) {
        add_line(out, "In-Reply-To: <", message->thread_id, ">\r\n");
        add_line(out, "References: <", message->thread_id, ">\r\n");
    }
    /* RFC 3834: so that vacation replies stay quiet. */
    buffer_add_str(out, STR("Auto-Submitted: auto-generated\r\n"));
    if (message->unsubscribe.len > 0)
        add_line(out, "List-Unsubscribe: <", message->unsubscribe, ">\r\n");
    if (str_starts_with(message->unsubscribe, STR("https:")))
        buffer_add_str(out, STR("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    buffer_add_str(out, STR("MIME-Version: 1.0\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Transfer-Encoding: quoted-printable\r\n"));
}

/* --- text ------------------------------------------------------------------------------------ */

/* One line of text, without its end, as quoted-printable. */
static void add_quoted_line(struct buffer *out, struct str line)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t column = 0;
    while (line.len > 0) {
        struct str character = take_character(&line);
        char c = character.ptr[0];
        bool is_last = line.len == 0;
        bool as_it_is = (is_visible(c) && c != '=') || ((c == ' ' || c == '\t') && !is_last);
        size_t width = as_it_is ? 1 : 3 * character.len;
        /* One column stays free for the "=" of a soft line break. */
        if (column + width > TEXT_LINE_MAX - 1) {
            buffer_add_str(out, STR("=\r\n"));
            column = 0;
        }
        column += width;
        if (as_it_is) {
            buffer_add_str(out, character);
            continue;
        }
        for (size_t i = 0; i < character.len; i++) {
            unsigned char byte = (unsigned char)character.ptr[i];
            buffer_add(out, (char[]){'=', hex[byte >> 4], hex[byte & 15]}, 3);
        }
    }
    buffer_add_str(out, STR("\r\n"));
}

static void add_quoted_text(struct buffer *out, struct str text)
{
    while (text.len > 0) {
        struct str line, rest;
        str_split(text, '\n', &line, &rest);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        add_quoted_line(out, line);
        text = rest;
    }
}

struct str mime_build(struct arena *arena, const struct mime_message *message)
{
    struct str none = {NULL, 0};
    if (!mime_address_is_usable(message->from) || !mime_address_is_usable(message->to) ||
        !id_is_usable(message->message_id) ||
        (message->thread_id.len > 0 && !id_is_usable(message->thread_id)) ||
        !is_plain(message->unsubscribe, MIME_URL_BYTES_MAX) ||
        !is_text(message->from_name, MIME_NAME_BYTES_MAX) ||
        !is_text(message->subject, MIME_SUBJECT_BYTES_MAX) ||
        !is_text(message->text, MIME_TEXT_BYTES_MAX))
        return none;
    struct buffer bytes;
    buffer_init(&bytes, MESSAGE_BYTES_MAX);
    add_headers(&bytes, message);
    buffer_add_str(&bytes, STR("\r\n"));
    add_quoted_text(&bytes, message->text);
    struct str built = bytes.failed ? none : arena_copy(arena, buffer_str(&bytes));
    buffer_done(&bytes);
    return built;
}
