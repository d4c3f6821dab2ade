/* The section endpoints: of the settings. */
/* links: waybill_worker */
#include "worker/endpoints.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct error err;

static int parse(const char *yaml, struct endpoints *out)
{
    const struct yaml_node *root;
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    err = (struct error){0};
    int failed = yaml_load_text("shop.yaml", str_from(yaml), &arena, &root, &err);
    CU_ASSERT_EQUAL_FATAL(failed, 0);
    return endpoints_parse(yaml_find(root, "endpoints"), &arena, out, &err);
}

static const struct endpoint *only(struct endpoints *endpoints)
{
    CU_ASSERT_EQUAL_FATAL(endpoints->len, 1);
    return &endpoints->list[0];
}

static void test_http_endpoint_has_its_defaults_when_only_a_url_is_given(void)
{
    struct endpoints endpoints;
    CU_ASSERT_EQUAL(parse("endpoints: {acme: {url: 'https://api.acme.example/v1'}}", &endpoints),
                    0);
    const struct endpoint *acme = only(&endpoints);
    CU_ASSERT(str_equal(acme->name, STR("acme")));
    CU_ASSERT_EQUAL(acme->kind, ENDPOINT_HTTP);
    CU_ASSERT_EQUAL(acme->policy, POLICY_REPEAT);
    CU_ASSERT(acme->honours_keys && !acme->commit_started && !acme->off);
    CU_ASSERT_EQUAL(acme->timeout_ms, 10000);
    CU_ASSERT_EQUAL(acme->in_flight_max, 16);
    CU_ASSERT_EQUAL(acme->give_up_after_ms, 3600000);
    CU_ASSERT_EQUAL(acme->auth.kind, HTTP_AUTH_NONE);
    CU_ASSERT_PTR_NULL(acme->ca_file.ptr);
    CU_ASSERT_PTR_EQUAL(endpoints_find(&endpoints, STR("acme")), acme);
    CU_ASSERT_PTR_NULL(endpoints_find(&endpoints, STR("acm")));
    CU_ASSERT_EQUAL(endpoints_smtp_threads(&endpoints), 0);
}

static void test_mail_endpoint_parks_unless_keys_are_said_to_be_honoured(void)
{
    struct endpoints endpoints;
    CU_ASSERT_EQUAL(
        parse("endpoints:\n"
              "  a: {url: 'smtp://mail.example:587'}\n"
              "  b: {url: 'smtps://mail.example', honours_keys: true, in_flight_max: 7}\n",
              &endpoints),
        0);
    CU_ASSERT_EQUAL(endpoints.list[0].kind, ENDPOINT_SMTP);
    CU_ASSERT_EQUAL(endpoints.list[0].policy, POLICY_PARK);
    CU_ASSERT(endpoints.list[0].commit_started && endpoints.list[0].starttls);
    CU_ASSERT_EQUAL(endpoints.list[1].policy, POLICY_REPEAT);
    CU_ASSERT_FALSE(endpoints.list[1].commit_started);
    CU_ASSERT_EQUAL(endpoints_smtp_threads(&endpoints), 4 + 7);
}

static void test_every_setting_is_read(void)
{
    struct endpoints endpoints;
    setenv("WAYBILL_TEST_TOKEN", "s3cret", 1);
    CU_ASSERT_EQUAL(
        parse("endpoints:\n"
              "  acme:\n"
              "    url: http://127.0.0.1:8080\n"
              "    auth: {kind: header, header: X-Token, secret_env: WAYBILL_TEST_TOKEN}\n"
              "    ca_file: /etc/ca.pem\n"
              "    off: true\n"
              "    on_unknown: query\n"
              "    honours_keys: false\n"
              "    timeout: 2s\n"
              "    connect_timeout: 500ms\n"
              "    body_bytes_max: 1234\n"
              "    in_flight_max: 3\n"
              "    queue_max: 44\n"
              "    rate_per_s: 2.5\n"
              "    attempts_max: 6\n"
              "    give_up_after: 7m\n"
              "    backoff: 10ms\n"
              "    backoff_max: 1s\n"
              "    breaker_failures: 9\n"
              "    breaker_window: 8s\n"
              "    breaker_open: 11s\n",
              &endpoints),
        0);
    const struct endpoint *acme = only(&endpoints);
    CU_ASSERT_EQUAL(acme->auth.kind, HTTP_AUTH_HEADER);
    CU_ASSERT(str_equal(acme->auth.header, STR("X-Token")));
    CU_ASSERT(str_equal(acme->auth.secret, STR("s3cret")));
    CU_ASSERT(str_equal(acme->ca_file, STR("/etc/ca.pem")));
    CU_ASSERT(acme->off && acme->commit_started && !acme->honours_keys);
    CU_ASSERT_EQUAL(acme->policy, POLICY_QUERY);
    CU_ASSERT_EQUAL(acme->timeout_ms, 2000);
    CU_ASSERT_EQUAL(acme->connect_timeout_ms, 500);
    CU_ASSERT_EQUAL(acme->body_bytes_max, 1234);
    CU_ASSERT_EQUAL(acme->in_flight_max, 3);
    CU_ASSERT_EQUAL(acme->queue_max, 44);
    CU_ASSERT_EQUAL(acme->rate_per_s, 2.5);
    CU_ASSERT_EQUAL(acme->burst, 2);
    CU_ASSERT_EQUAL(acme->attempts_max, 6);
    CU_ASSERT_EQUAL(acme->give_up_after_ms, 420000);
    CU_ASSERT_EQUAL(acme->backoff_ms, 10);
    CU_ASSERT_EQUAL(acme->backoff_max_ms, 1000);
    CU_ASSERT_EQUAL(acme->breaker_failures, 9);
    CU_ASSERT_EQUAL(acme->breaker_window_ms, 8000);
    CU_ASSERT_EQUAL(acme->breaker_open_ms, 11000);
}

static void test_secret_is_read_from_a_file_without_its_line_end(void)
{
    char file[] = "/tmp/waybill-secret-XXXXXX", yaml[512];
    int fd = mkstemp(file);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, "pass word\n", 10) == 10);
    close(fd);
    snprintf(yaml, sizeof(yaml),
             "endpoints: {m: {url: 'smtp://m', auth: {kind: basic, user: u, secret_file: %s}}}",
             file);
    struct endpoints endpoints;
    CU_ASSERT_EQUAL(parse(yaml, &endpoints), 0);
    CU_ASSERT(str_equal(only(&endpoints)->auth.secret, STR("pass word")));
    CU_ASSERT(str_equal(only(&endpoints)->auth.user, STR("u")));
    unlink(file);
}

static void test_what_makes_no_sense_is_refused_with_its_place_and_why(void)
{
    static const struct {
        const char *settings, *place, *why;
    } cases[] = {
        {"{}", "endpoints.a", "url"},
        {"{url: 'http://a.example'}", "endpoints.a.url", "may not be called"},
        {"{url: 'https://u:p@a.example'}", "endpoints.a.url", "may not be called"},
        {"{url: 'https://a.example/?x=1'}", "endpoints.a.url", "no ?"},
        {"{url: 'https://a', timeuot: 5s}", "endpoints.a", "timeout"},
        {"{url: 'https://a', timeout: 5}", "endpoints.a.timeout", "5"},
        {"{url: 'https://a', on_unknown: retry}", "endpoints.a.on_unknown", "retry"},
        {"{url: 'https://a', on_unknown: repeat, honours_keys: false}", "endpoints.a.on_unknown",
         "twice"},
        {"{url: 'smtp://a', on_unknown: repeat}", "endpoints.a.on_unknown", "twice"},
        {"{url: 'smtp://a', on_unknown: query}", "endpoints.a.on_unknown", "queried"},
        {"{url: 'https://a', on_unknown: park, commit_started: false}",
         "endpoints.a.commit_started", "cannot"},
        {"{url: 'https://a', in_flight_max: 0}", "endpoints.a.in_flight_max", "0"},
        {"{url: 'https://a', backoff: 10s, backoff_max: 1s}", "endpoints.a", "backoff_max"},
        {"{url: 'https://a', auth: {kind: bearer, secret: open}}", "endpoints.a.auth", "secret"},
        {"{url: 'https://a', auth: {kind: bearer}}", "endpoints.a.auth", "secret_env"},
        {"{url: 'https://a', auth: {kind: bearer, secret_env: WAYBILL_TEST_ABSENT}}",
         "endpoints.a.auth", "WAYBILL_TEST_ABSENT"},
        {"{url: 'https://a', auth: {kind: bearer, secret_file: /nowhere/x}}", "endpoints.a.auth",
         "/nowhere/x"},
        {"{url: 'https://a', auth: {kind: basic, secret_env: HOME}}", "endpoints.a.auth", "user"},
        {"{url: 'smtp://a', auth: {kind: bearer, secret_env: HOME}}", "endpoints.a.auth", "basic"},
        {"{url: 'smtp://a', starttls: false, auth: {kind: basic, user: u, secret_env: HOME}}",
         "endpoints.a", "in the clear"},
        {"5", "endpoints.a", "map"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct endpoints endpoints = {NULL, 77};
        char yaml[512];
        snprintf(yaml, sizeof(yaml), "endpoints:\n  a: %s\n", cases[i].settings);
        CU_ASSERT_EQUAL(parse(yaml, &endpoints), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
        CU_ASSERT_EQUAL(endpoints.len, 77);
        bool told = strstr(err.text, cases[i].place) && strstr(err.text, cases[i].why);
        if (!told)
            fprintf(stderr, "%s -> %s\n", cases[i].settings, err.text);
        CU_ASSERT(told);
    }
    arena_done(&arena);
}
