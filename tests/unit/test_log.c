/* What a log line looks like, that too many of a kind are counted instead, and that people are
 * masked. */
/* links: waybill_log */
#include "log/log.h"
#include "log/mask.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int ends[2];
static char text[64 * 1024];

static void begin(struct log_options options)
{
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_NONBLOCK), 0);
    fcntl(ends[1], F_SETPIPE_SZ, (int)sizeof(text));
    options.fd = ends[1];
    options.service = "intake";
    log_setup(&options);
}

/* What was written, from after the time. */
static const char *written(void)
{
    ssize_t len = read(ends[0], text, sizeof(text) - 1);
    text[len < 0 ? 0 : len] = '\0';
    close(ends[0]);
    close(ends[1]);
    const char *level = strstr(text, "level");
    return level ? level : text;
}

static int lines(void)
{
    int count = 0;
    written();
    for (const char *c = text; *c; c++)
        count += *c == '\n';
    return count;
}

static void test_writes_nothing_below_the_level(void)
{
    begin((struct log_options){.level = LOG_WARNING});
    log_info("quiet");
    log_debug("quieter", LOG_INT("n", 1));
    CU_ASSERT_FALSE(log_wants(LOG_INFO));
    CU_ASSERT_STRING_EQUAL(written(), "");
}

static void test_writes_logfmt_and_quotes_only_what_needs_it(void)
{
    begin((struct log_options){.level = LOG_INFO});
    log_info("took over", LOG_INT("task", 3), LOG_TEXT("from", "changelog"),
             LOG_BOOL("wiped", true), LOG_DOUBLE("s", 0.25), LOG_TEXT("why", "a \"b\"=c\n"),
             LOG_TEXT("none", ""));
    CU_ASSERT_STRING_EQUAL(written(), "level=info service=intake msg=\"took over\" task=3 "
                                      "from=changelog wiped=true s=0.25 "
                                      "why=\"a \\\"b\\\"=c\\n\" none=\"\"\n");
    CU_ASSERT_EQUAL(strncmp(text, "time=20", 7), 0);
}

static void test_writes_json(void)
{
    begin((struct log_options){.level = LOG_INFO, .format = LOG_JSON});
    log_error("lost", LOG_TEXT("what", "\x01 tab\t"), LOG_INT("n", -5), LOG_BOOL("b", false));
    CU_ASSERT_STRING_EQUAL(strstr(written(), "\"service\"") ? strstr(text, "\"level\"") : text,
                           "\"level\":\"error\",\"service\":\"intake\",\"msg\":\"lost\","
                           "\"what\":\"\\u0001 tab\\u0009\",\"n\":-5,\"b\":false}\n");
    CU_ASSERT_EQUAL(text[0], '{');
}

static void test_cuts_a_line_that_is_too_long_and_keeps_it_whole(void)
{
    static char big[3 * LOG_LINE_BYTES + 1];
    for (size_t i = 0; i + 3 <= sizeof(big) - 1; i += 3)
        memcpy(big + i, "€", 3);
    begin((struct log_options){.level = LOG_INFO, .format = LOG_JSON});
    log_info("big", LOG_TEXT("a", big), LOG_TEXT("b", "after"));
    written();
    size_t len = strlen(text);
    CU_ASSERT_TRUE(len <= LOG_LINE_BYTES);
    CU_ASSERT_STRING_EQUAL(text + len - 9, "€…\"}\n");
    CU_ASSERT_PTR_NULL(strstr(text, "after"));
}

static void test_counts_repeats_beyond_the_burst(void)
{
    begin((struct log_options){.level = LOG_INFO, .burst = 2, .window_ms = 50});
    for (int i = 0; i < 10; i++)
        log_warning("redis is away");
    log_warning("another line");
    usleep(60 * 1000);
    log_warning("redis is away");
    CU_ASSERT_EQUAL(lines(), 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "msg=\"redis is away\" suppressed=8\n"));
}

static void *shout(void *unused)
{
    for (int i = 0; i < 100; i++)
        log_info("from a thread", LOG_INT("i", i));
    return unused;
}

static void test_lines_of_threads_do_not_mix(void)
{
    pthread_t threads[4];
    begin((struct log_options){.level = LOG_INFO, .burst = 1000, .window_ms = 60000});
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, shout, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(lines(), 400);
    int starts = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n') + 1)
        starts += strncmp(line, "time=", 5) == 0;
    CU_ASSERT_EQUAL(starts, 400);
}

static void test_masks_people(void)
{
    char out[MASK_BYTES];
    CU_ASSERT_STRING_EQUAL(mask_email(STR("anna@example.com"), out), "a***@e***.com");
    CU_ASSERT_STRING_EQUAL(mask_email(STR("anna@localhost"), out), "a***@l***");
    CU_ASSERT_STRING_EQUAL(mask_email(STR("no address"), out), "n***");
    CU_ASSERT_STRING_EQUAL(mask_email(STR("@x"), out), "@***");
    CU_ASSERT_STRING_EQUAL(mask_phone(STR("+491701234567"), out), "+49********67");
    CU_ASSERT_STRING_EQUAL(mask_phone(STR("123"), out), "1***");
    CU_ASSERT_STRING_EQUAL(mask_text(STR("Ärger"), out), "Ä***");
    CU_ASSERT_STRING_EQUAL(mask_text(STR(""), out), "");
    CU_ASSERT_STRING_EQUAL(mask_text((struct str){NULL, 0}, out), "");
}

static void test_masks_fit_whatever_comes(void)
{
    char out[MASK_BYTES], big[500];
    memset(big, 'x', sizeof(big));
    struct str s = {big, sizeof(big)};
    CU_ASSERT_TRUE(strlen(mask_phone(s, out)) < MASK_BYTES);
    big[1] = '@';
    big[100] = '.';
    CU_ASSERT_TRUE(strlen(mask_email(s, out)) < MASK_BYTES);
}
