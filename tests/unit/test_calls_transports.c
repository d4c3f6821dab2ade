/* Calls over real HTTP and SMTP, against servers that misbehave on purpose. */
/* links: waybill_worker pthread */
#include "stub_server.h"
#include "worker/calls.h"

#include <CUnit/CUnit.h>
#include <time.h>

static struct transports_real real;
static struct transports transports;
static struct endpoint endpoint;
static struct endpoints endpoints = {&endpoint, 1};
static struct calls *calls;

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The first connection is reset after the request, the second is told to wait, the third is well.
 */
static void serve_http(int fd, int number)
{
    char request[4096];
    if (!stub_read_until(fd, "}", request, sizeof(request)))
        return;
    if (number == 0)
        stub_reset(fd);
    else if (number == 1)
        stub_say(fd, "HTTP/1.1 429 L\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n");
    else
        stub_say(fd, "HTTP/1.1 201 C\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"id\":7}");
}

/* Takes the mail and hangs up instead of saying so. */
static void serve_smtp(int fd, int number)
{
    char bytes[4096];
    (void)number;
    stub_say(fd, "220 stub\r\n");
    for (int i = 0; i < 3; i++) { /* EHLO, MAIL, RCPT */
        stub_read_until(fd, "\r\n", bytes, sizeof(bytes));
        stub_say(fd, "250 ok\r\n");
    }
    stub_read_until(fd, "\r\n", bytes, sizeof(bytes));
    stub_say(fd, "354 go on\r\n");
    stub_read_until(fd, "\r\n.\r\n", bytes, sizeof(bytes));
}

static void open_all(void (*serve)(int fd, int number), struct endpoint to, const char *scheme)
{
    static char url[64];
    struct error err = {0};
    stub_start(serve);
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d", scheme, stub.port);
    endpoint = to;
    endpoint.name = STR("acme");
    endpoint.url = str_from(url);
    endpoint.timeout_ms = endpoint.connect_timeout_ms = 3000;
    endpoint.body_bytes_max = 100;
    endpoint.in_flight_max = endpoint.queue_max = endpoint.attempts_max = 10;
    endpoint.give_up_after_ms = 60000;
    endpoint.backoff_ms = endpoint.backoff_max_ms = 50;
    real = (struct transports_real){.http = http_open(&err), .smtp = smtp_open(2, &err)};
    transports = transports_of(&real);
    struct calls_options options = {
        .user_agent = STR("waybill/test"), .session_timeout_ms = 100, .bytes_max = 1 << 20};
    calls = calls_new(&endpoints, &transports, &options);
    CU_ASSERT_FATAL(real.http && real.smtp && calls);
}

static void close_all(void)
{
    http_close(real.http);
    smtp_close(real.smtp);
    calls_free(calls);
    stub_stop();
}

static struct calls_reply *run(const struct task_intent *intent)
{
    struct calls_reply *reply = NULL;
    CU_ASSERT_EQUAL(calls_offer(calls, STR("i:1"), intent, 0, 1, CALLS_FRESH), CALLS_TAKEN);
    for (int64_t until_ms = mono_ms() + 10000; !reply && mono_ms() < until_ms;) {
        int64_t next_ms = calls_tick(calls, 1, mono_ms(), true);
        struct calls_mark mark;
        size_t cursor = 0;
        if (calls_next_mark(calls, &cursor, &mark))
            calls_started_committed(calls, mark.id);
        struct pollfd fds[] = {{.fd = http_fd(real.http), .events = POLLIN},
                               {.fd = smtp_fd(real.smtp), .events = POLLIN}};
        int64_t wait_ms = next_ms - mono_ms();
        poll(fds, 2, wait_ms < 0 ? 0 : wait_ms > 50 ? 50 : (int)wait_ms);
        reply = calls_next_reply(calls);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    return reply;
}

static void test_http_call_is_repeated_with_its_key_until_it_is_answered(void)
{
    open_all(serve_http, (struct endpoint){.honours_keys = true}, "http");
    int64_t start_ms = mono_ms();
    struct calls_reply *reply = run(&(struct task_intent){.intent_id = STR("fo/1"),
                                                          .state_type = STR("order"),
                                                          .key = STR("k"),
                                                          .endpoint = STR("acme"),
                                                          .path = STR("/orders"),
                                                          .body = STR("{}")});
    CU_ASSERT_EQUAL(reply->reply.outcome, OUTCOME_OK);
    CU_ASSERT_EQUAL(reply->reply.attempts, 3);
    CU_ASSERT(str_equal(reply->reply.body, STR("{\"id\":7}")));
    CU_ASSERT(mono_ms() - start_ms >= 1000);
    CU_ASSERT_EQUAL(stub_count("POST /orders HTTP/1.1\r\n"), 3);
    CU_ASSERT_EQUAL(stub_count("Idempotency-Key: \"fo/1\"\r\n"), 3);
    close_all();
}

static void test_mail_is_parked_when_the_answer_to_it_is_lost(void)
{
    open_all(
        serve_smtp,
        (struct endpoint){.kind = ENDPOINT_SMTP, .policy = POLICY_PARK, .commit_started = true},
        "smtp");
    struct calls_reply *reply = run(&(struct task_intent){.intent_id = STR("m1"),
                                                          .state_type = STR("contact"),
                                                          .key = STR("k"),
                                                          .endpoint = STR("acme"),
                                                          .mail_from = STR("a@example.com"),
                                                          .mail_to = STR("b@example.net"),
                                                          .body = STR("Subject: x\r\n\r\ny\r\n")});
    CU_ASSERT_EQUAL(reply->reply.outcome, OUTCOME_UNKNOWN);
    CU_ASSERT(reply->reply.parked);
    CU_ASSERT_EQUAL(reply->reply.attempts, 1);
    CU_ASSERT_EQUAL(stub_count("DATA\r\n"), 1);
    close_all();
}
