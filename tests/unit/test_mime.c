/* One e-mail as bytes. Expected bytes are written by hand after RFC 2045, 2047 and 5322. */
/* links: waybill_mime */
#include "mime/mime.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena = {.bytes_max = 8 << 20};

static struct mime_message a_message(void)
{
    return (struct mime_message){.from = STR("shop@example.com"),
                                 .to = STR("ana@example.org"),
                                 .subject = STR("Order 17"),
                                 .text = STR("Hello\n"),
                                 .message_id = STR("m1@example.com"),
                                 .date_ms = 1768471200000};
}

static bool contains(struct str bytes, const char *part)
{
    bool found = bytes.ptr && memmem(bytes.ptr, bytes.len, part, strlen(part));
    if (!found)
        printf("no \"%s\" in:\n%.*s\n", part, STR_ARG(bytes));
    return found;
}

/* Every line ends in CRLF, none is longer than `max`, and no CR or LF stands alone. */
static bool lines_hold(struct str bytes, size_t max)
{
    size_t column = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n')
            return false;
        if (bytes.ptr[i] == '\r') {
            if (i + 1 == bytes.len || bytes.ptr[i + 1] != '\n' || column > max)
                return false;
            i++;
            column = 0;
        } else {
            column++;
        }
    }
    return column == 0;
}

static void test_builds_nothing_when_an_address_is_not_usable(void)
{
    static const char *const bad[] = {"",
                                      "ana",
                                      "@example.org",
                                      "ana@",
                                      "a@b@c",
                                      "ana@example.org\r\nBcc: all@example.org",
                                      "ana@example.org, eve@example.org",
                                      "<ana@example.org>",
                                      "ana maria@example.org",
                                      "an\xC3\xA1@example.org",
                                      "ana@example.org\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mime_message message = a_message();
        message.to = str_from(bad[i]);
        CU_ASSERT_FALSE(mime_address_is_usable(message.to));
        CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
        message = a_message();
        message.from = str_from(bad[i]);
        CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    }
    struct mime_message message = a_message();
    message.to = (struct str){"ana@example.org\0.evil", 21};
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
}

static void test_builds_nothing_when_an_id_or_url_breaks_the_line(void)
{
    struct mime_message message = a_message();
    message.message_id = STR("m1@x>\r\nX: y");
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    message = a_message();
    message.thread_id = STR("no-at-sign");
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    message = a_message();
    message.unsubscribe = STR("https://x/\r\nX: y");
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
}

static void test_builds_nothing_when_over_a_limit(void)
{
    static char many[MIME_TEXT_BYTES_MAX + 1];
    memset(many, 'a', sizeof(many));
    struct mime_message message = a_message();
    message.text = (struct str){many, sizeof(many)};
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    message = a_message();
    message.subject = (struct str){many, MIME_SUBJECT_BYTES_MAX + 1};
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    struct arena small = {.bytes_max = 10};
    message = a_message();
    CU_ASSERT_PTR_NULL(mime_build(&small, &message).ptr);
    arena_done(&small);
}

static void test_builds_every_header_when_all_is_given(void)
{
    struct mime_message message = a_message();
    message.from_name = STR("The Shop");
    message.thread_id = STR("m0@example.com");
    message.unsubscribe = STR("https://example.com/u?c=1");
    struct str built = mime_build(&arena, &message);
    CU_ASSERT_TRUE(str_equal(built, STR("Date: Thu, 15 Jan 2026 10:00:00 +0000\r\n"
                                        "From: The Shop <shop@example.com>\r\n"
                                        "To: <ana@example.org>\r\n"
                                        "Subject: Order 17\r\n"
                                        "Message-ID: <m1@example.com>\r\n"
                                        "In-Reply-To: <m0@example.com>\r\n"
                                        "References: <m0@example.com>\r\n"
                                        "Auto-Submitted: auto-generated\r\n"
                                        "List-Unsubscribe: <https://example.com/u?c=1>\r\n"
                                        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
                                        "MIME-Version: 1.0\r\n"
                                        "Content-Type: text/plain; charset=utf-8\r\n"
                                        "Content-Transfer-Encoding: quoted-printable\r\n"
                                        "\r\n"
                                        "Hello\r\n")));
}

static void test_builds_the_same_bytes_when_built_again(void)
{
    struct mime_message message = a_message();
    CU_ASSERT_TRUE(str_equal(mime_build(&arena, &message), mime_build(&arena, &message)));
}

static void test_one_click_is_offered_only_when_unsubscribing_over_https(void)
{
    struct mime_message message = a_message();
    message.unsubscribe = STR("mailto:stop@example.com");
    struct str built = mime_build(&arena, &message);
    CU_ASSERT_TRUE(contains(built, "List-Unsubscribe: <mailto:stop@example.com>\r\n"));
    CU_ASSERT_PTR_NULL(memmem(built.ptr, built.len, "One-Click", 9));
}

static void test_subject_adds_no_header_when_it_has_line_breaks(void)
{
    struct mime_message message = a_message();
    message.subject = STR("Hi\r\nBcc: all@example.org\r\n\r\nbody");
    message.from_name = STR("Shop\" <eve@example.org>\r\nX: y");
    struct str built = mime_build(&arena, &message);
    CU_ASSERT_PTR_NULL(memmem(built.ptr, built.len, "Bcc", 3));
    CU_ASSERT_PTR_NULL(memmem(built.ptr, built.len, "eve@", 4));
    CU_ASSERT_TRUE(lines_hold(built, 76));
    /* base64 of "Hi  Bcc: all@example.org    body" */
    CU_ASSERT_TRUE(
        contains(built, "Subject: =?UTF-8?B?SGkgIEJjYzogYWxsQGV4YW1wbGUub3JnICAgIGJvZHk=?=\r\n"));
}

static void test_subject_is_an_encoded_word_when_it_is_not_ascii(void)
{
    struct mime_message message = a_message();
    message.subject = STR("Olá");
    CU_ASSERT_TRUE(contains(mime_build(&arena, &message), "Subject: =?UTF-8?B?T2zDoQ==?=\r\n"));
    message.subject = STR("=?UTF-8?B?T2zDoQ==?="); /* no way to smuggle one in */
    CU_ASSERT_TRUE(contains(mime_build(&arena, &message),
                            "Subject: =?UTF-8?B?PT9VVEYtOD9CP1QyekRvUT09Pz0=?=\r\n"));
}

static void test_subject_splits_between_characters_when_it_is_long(void)
{
    struct mime_message message = a_message();
    char subject[300] = "";
    for (int i = 0; i < 60; i++)
        strcat(subject, "日");
    message.subject = str_from(subject);
    struct str built = mime_build(&arena, &message);
    CU_ASSERT_TRUE(lines_hold(built, 76));
    CU_ASSERT_TRUE(contains(built, "5pel?=\r\n =?UTF-8?B?5pel"));
}

static void test_text_is_quoted_when_it_holds_signs_and_long_lines(void)
{
    struct mime_message message = a_message();
    message.text = STR("a=b\r\ncafé \n\n.\nend");
    CU_ASSERT_TRUE(contains(mime_build(&arena, &message),
                            "\r\n\r\na=3Db\r\ncaf=C3=A9=20\r\n\r\n.\r\nend\r\n"));
    char line[201];
    memset(line, 'x', 200);
    line[200] = '\0';
    message.text = str_from(line);
    struct str built = mime_build(&arena, &message);
    CU_ASSERT_TRUE(lines_hold(built, 76));
    line[75] = '\0';
    CU_ASSERT_TRUE(contains(built, strcat(line, "=\r\nx")));
}

static void test_builds_nothing_when_a_text_is_not_utf8(void)
{
    struct mime_message message = a_message();
    message.text = STR("a\xFF");
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    message = a_message();
    message.subject = STR("\xE2\x82"); /* a character cut short */
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
    message = a_message();
    message.from_name = STR("\xED\xA0\x80"); /* a surrogate */
    CU_ASSERT_PTR_NULL(mime_build(&arena, &message).ptr);
}

static void test_holds_its_shape_when_fed_noise(void)
{
    static const char *const pieces[] = {"a",  " ",    "\r\n", "\n", "\t", "=", "?",  "é",
                                         "日", "\x01", "<",    ":",  "😀",  ".", "\"", "Bcc: x@y\n"};
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        char noise[1000] = "";
        for (int i = 0; i < round % 60; i++) {
            seed = seed * 1103515245u + 12345u;
            strcat(noise, pieces[seed >> 16 & 15]);
        }
        struct mime_message message = a_message();
        message.subject = message.text = str_from(noise);
        message.from_name = (struct str){noise, strlen(noise) < 200 ? strlen(noise) : 0};
        struct str built = mime_build(&arena, &message);
        CU_ASSERT_TRUE_FATAL(built.ptr != NULL);
        CU_ASSERT_TRUE_FATAL(lines_hold(built, 76));
        const char *headers_end = memmem(built.ptr, built.len, "\r\n\r\n", 4);
        CU_ASSERT_PTR_NULL(memmem(built.ptr, (size_t)(headers_end - built.ptr), "Bcc", 3));
        bool is_ascii = true;
        for (size_t i = 0; i < built.len; i++)
            is_ascii &= built.ptr[i] > 0;
        CU_ASSERT_TRUE_FATAL(is_ascii);
        arena_reset(&arena);
    }
}
