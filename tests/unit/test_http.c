/* HTTP against a real server on loopback that misbehaves on purpose. */
/* links: waybill_http pthread */
#include "http/http.h"
#include "stub_server.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static struct http *http;

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_many(int fd, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        stub_say(fd, text);
}

/* Each path misbehaves in its own way. */
static void answer_path(int fd, const char *path)
{
    if (strncmp(path, "/hello", 6) == 0)
        stub_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    else if (strncmp(path, "/none", 5) == 0)
        stub_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    else if (strncmp(path, "/redirect", 9) == 0)
        stub_say(fd, "HTTP/1.1 307 T\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n");
    else if (strncmp(path, "/refuse", 7) == 0)
        stub_say(fd, "HTTP/1.1 422 U\r\nContent-Length: 2\r\n\r\nno");
    else if (strncmp(path, "/later", 6) == 0)
        stub_say(fd, "HTTP/1.1 429 L\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    else if (strncmp(path, "/past", 5) == 0)
        stub_say(fd, "HTTP/1.1 503 L\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "Content-Length: 0\r\n\r\n");
    else if (strncmp(path, "/forever", 8) == 0)
        stub_say(fd, "HTTP/1.1 503 L\r\nRetry-After: 99999999999999999999\r\n"
                     "Content-Length: 0\r\n\r\n");
    else if (strncmp(path, "/large", 6) == 0) {
        stub_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 10000000\r\n\r\n");
        send_many(fd, "0123456789", 100000);
    } else if (strncmp(path, "/half", 5) == 0) {
        stub_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf");
        shutdown(fd, SHUT_RDWR);
    } else if (strncmp(path, "/headers", 8) == 0) {
        stub_say(fd, "HTTP/1.1 200 OK\r\n");
        send_many(fd, "X-More: and more and more and more and more and more\r\n", 100000);
    } else if (strncmp(path, "/reset", 6) == 0) {
        stub_reset(fd);
    } else if (strncmp(path, "/garbage", 8) == 0) {
        stub_say(fd, "this is not HTTP\r\n\r\n");
        shutdown(fd, SHUT_RDWR);
    } else if (strncmp(path, "/drip", 5) == 0) {
        stub_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (int i = 0; i < 1000 && !atomic_load(&stub.stopping); i++) {
            stub_say(fd, "x");
            usleep(20000);
        }
    } /* else silent */
}

static void serve(int fd, int number)
{
    char request[65536];
    (void)number;
    while (stub_read_until(fd, "\r\n\r\n", request, sizeof(request))) {
        char *length = strstr(request, "Content-Length: ");
        size_t body = length ? (size_t)atoi(length + 16) : 0;
        size_t have = strlen(strstr(request, "\r\n\r\n") + 4);
        char rest[65536];
        while (have < body && stub_read(fd, rest, sizeof(rest)))
            have += strlen(rest);
        char *path = strchr(request, ' ');
        if (path)
            answer_path(fd, path + 1);
    }
}

/* A kept-alive connection that dies when its second request comes. */
static void serve_once_per_connection(int fd, int number)
{
    char request[65536];
    (void)number;
    if (stub_read_until(fd, "}", request, sizeof(request)))
        answer_path(fd, "/hello");
    stub_read_until(fd, "}", request, sizeof(request)); /* and no answer */
}

static void open_with(void (*how)(int fd, int number))
{
    struct error err = {0};
    stub_start(how);
    http = http_open(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(http);
}

static void close_all(void)
{
    http_close(http);
    stub_stop();
}

static struct http_request a_request(const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", stub.port, path);
    return (struct http_request){.owner = &http,
                                 .method = STR("POST"),
                                 .url = str_from(url),
                                 .body = STR("{}"),
                                 .timeout_ms = 10000,
                                 .connect_timeout_ms = 10000,
                                 .body_bytes_max = 1000};
}

static struct http_result next_result(void)
{
    struct http_result result = {.end = HTTP_ANSWERED, .status = -1};
    struct pollfd wait = {.fd = http_fd(http), .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&wait, 1, 20000), 1);
    CU_ASSERT(http_collect(http, &result));
    return result;
}

static struct http_result call(struct http_request request)
{
    struct error err = {0};
    int failed = http_submit(http, &request, &err);
    CU_ASSERT_EQUAL(failed, 0);
    if (failed)
        return (struct http_result){.status = -1};
    struct http_result result = next_result();
    CU_ASSERT_PTR_EQUAL(result.owner, request.owner);
    return result;
}

static bool body_is(struct http_result *result, const char *text)
{
    bool equal = result->body_len == strlen(text) &&
                 (result->body_len == 0 || memcmp(result->body, text, result->body_len) == 0);
    free(result->body);
    return equal;
}

static void test_answer_comes_back_with_status_and_body(void)
{
    open_with(serve);
    struct http_result result = call(a_request("/hello"));
    CU_ASSERT_EQUAL(result.end, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(result.status, 200);
    CU_ASSERT_EQUAL(result.retry_after_ms, -1);
    CU_ASSERT(body_is(&result, "hello"));
    result = call(a_request("/none"));
    CU_ASSERT_EQUAL(result.status, 204);
    CU_ASSERT(body_is(&result, ""));
    result = call(a_request("/refuse"));
    CU_ASSERT_EQUAL(result.status, 422);
    CU_ASSERT_STRING_EQUAL(result.detail, "HTTP 422");
    CU_ASSERT(body_is(&result, "no"));
    struct http_result none;
    CU_ASSERT_FALSE(http_collect(http, &none));
    struct pollfd wait = {.fd = http_fd(http), .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&wait, 1, 0), 0);
    CU_ASSERT_EQUAL(stub.count, 3); /* each has a connection of its own */
    close_all();
}

static void test_request_says_what_it_was_given(void)
{
    open_with(serve);
    struct http_header headers[] = {{STR("Idempotency-Key"), STR("\"k 1\"")},
                                    {STR("X-Empty"), STR("")}};
    struct http_request request = a_request("/hello?a=1");
    request.headers = headers;
    request.header_count = 2;
    request.auth = (struct http_auth){.kind = HTTP_AUTH_BEARER, .secret = STR("s3cret")};
    struct http_result result = call(request);
    CU_ASSERT(body_is(&result, "hello"));
    CU_ASSERT_EQUAL(stub_count("POST /hello?a=1 HTTP/1.1\r\n"), 1);
    CU_ASSERT_EQUAL(stub_count("Idempotency-Key: \"k 1\"\r\n"), 1);
    CU_ASSERT_EQUAL(stub_count("X-Empty:\r\n"), 1);
    CU_ASSERT_EQUAL(stub_count("Authorization: Bearer s3cret\r\n"), 1);
    CU_ASSERT_EQUAL(stub_count("\r\n\r\n{}"), 1);
    request.auth = (struct http_auth){
        .kind = HTTP_AUTH_BASIC, .user = STR("Aladdin"), .secret = STR("open sesame")};
    result = call(request);
    free(result.body);
    CU_ASSERT_EQUAL(stub_count("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), 1);
    request.auth =
        (struct http_auth){.kind = HTTP_AUTH_HEADER, .header = STR("X-Token"), .secret = STR("t")};
    result = call(request);
    free(result.body);
    CU_ASSERT_EQUAL(stub_count("X-Token: t\r\n"), 1);
    request.method = STR("GET");
    request.body = (struct str){NULL, 0};
    result = call(request);
    free(result.body);
    CU_ASSERT_EQUAL(stub_count("GET /hello?a=1 HTTP/1.1\r\n"), 1);
    close_all();
}

static void test_large_request_is_sent_whole_without_waiting_for_leave(void)
{
    static char body[2000000];
    memset(body, 'b', sizeof(body));
    open_with(serve);
    struct http_request request = a_request("/hello");
    request.body = (struct str){body, sizeof(body)};
    struct http_result result = call(request);
    CU_ASSERT(body_is(&result, "hello"));
    CU_ASSERT_EQUAL(stub_count("Expect:"), 0);
    close_all();
}

static void test_redirect_is_not_followed(void)
{
    open_with(serve);
    struct http_result result = call(a_request("/redirect"));
    CU_ASSERT_EQUAL(result.end, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(result.status, 307);
    CU_ASSERT_EQUAL(stub_count("/hello"), 0);
    close_all();
}

static void test_retry_after_is_read_as_seconds_or_date(void)
{
    open_with(serve);
    CU_ASSERT_EQUAL(call(a_request("/later")).retry_after_ms, 7000);
    CU_ASSERT_EQUAL(call(a_request("/past")).retry_after_ms, 0);
    int64_t forever_ms = call(a_request("/forever")).retry_after_ms;
    CU_ASSERT(forever_ms >= 0 && forever_ms <= 30LL * 24 * 3600 * 1000);
    close_all();
}

static void test_body_is_cut_when_it_is_over_the_limit(void)
{
    open_with(serve);
    struct http_result result = call(a_request("/large"));
    CU_ASSERT_EQUAL(result.end, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(result.status, 201);
    CU_ASSERT(result.body_cut);
    CU_ASSERT_EQUAL(result.body_len, 1000);
    CU_ASSERT(result.body && memcmp(result.body, "0123456789", 10) == 0);
    free(result.body);
    struct http_request exact = a_request("/hello");
    exact.body_bytes_max = 5;
    result = call(exact);
    CU_ASSERT_FALSE(result.body_cut);
    CU_ASSERT(body_is(&result, "hello"));
    exact = a_request("/hello");
    exact.body_bytes_max = 0;
    result = call(exact);
    CU_ASSERT(result.body_cut && result.status == 200);
    CU_ASSERT(body_is(&result, ""));
    close_all();
}

static void test_outcome_is_unknown_when_the_request_left_and_no_whole_answer_came(void)
{
    static const char *const paths[] = {"/reset",   "/half",   "/headers",
                                        "/garbage", "/silent", "/drip"};
    open_with(serve);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct http_request request = a_request(paths[i]);
        request.timeout_ms = 500;
        struct http_result result = call(request);
        CU_ASSERT_EQUAL(result.end, HTTP_UNKNOWN);
        CU_ASSERT(strlen(result.detail) > 0);
        if (i >= 4)
            CU_ASSERT_STRING_EQUAL(result.detail, "timeout after 500 ms");
        free(result.body);
    }
    close_all();
}

static void test_nothing_was_sent_when_no_connection_came_up(void)
{
    open_with(serve);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", stub_closed_port());
    struct http_request request = a_request("/");
    request.url = str_from(url);
    struct http_result result = call(request);
    CU_ASSERT_EQUAL(result.end, HTTP_NOT_SENT);
    CU_ASSERT_EQUAL(result.status, 0);
    CU_ASSERT(strlen(result.detail) > 0);

    request.url = STR("https://does-not-exist.invalid/");
    request.timeout_ms = 3000;
    CU_ASSERT_EQUAL(call(request).end, HTTP_NOT_SENT);

    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", stub.port); /* it speaks no TLS */
    request.url = str_from(url);
    request.timeout_ms = 300;
    CU_ASSERT_EQUAL(call(request).end, HTTP_NOT_SENT);
    close_all();
}

static void test_nothing_was_sent_when_connecting_takes_too_long(void)
{
    int port, listener = stub_listen(&port);
    listen(listener, 0); /* nobody accepts, and the queue is full at once */
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fillers[3];
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&at, sizeof(at));
    }
    usleep(50000);
    open_with(serve);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
    struct http_request request = a_request("/");
    request.url = str_from(url);
    request.connect_timeout_ms = 300;
    struct http_result result = call(request);
    CU_ASSERT_EQUAL(result.end, HTTP_NOT_SENT);
    CU_ASSERT_STRING_EQUAL(result.detail, "no connection after 300 ms");
    close_all();
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
    close(listener);
}

/* libcurl sends a POST again by itself when a kept connection dies before an answer. */
static void test_call_to_a_server_that_hangs_up_is_sent_once(void)
{
    open_with(serve_once_per_connection);
    struct http_request request = a_request("/hello");
    for (int i = 1; i <= 2; i++) {
        struct http_result result = call(request);
        CU_ASSERT_EQUAL(result.status, 200);
        free(result.body);
        CU_ASSERT_EQUAL(stub_count("POST /hello"), i);
    }
    CU_ASSERT_EQUAL(stub.count, 2);
    close_all();
}

static void test_slow_call_holds_up_no_other(void)
{
    open_with(serve);
    struct error err = {0};
    struct http_request slow = a_request("/silent");
    slow.timeout_ms = 60000;
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(http_submit(http, &slow, &err), 0);
    int64_t start_ms = mono_ms();
    for (int i = 0; i < 20; i++) {
        struct http_result result = call(a_request("/hello"));
        CU_ASSERT_EQUAL(result.status, 200);
        free(result.body);
    }
    CU_ASSERT(mono_ms() - start_ms < 20000);
    close_all();
}

static void test_request_is_refused_when_it_can_never_be_sent(void)
{
    open_with(serve);
    struct http_header bad[] = {{STR("X"), STR("a\r\nY: b")},
                                {STR("X: y\r\nZ"), STR("b")},
                                {STR(""), STR("b")},
                                {STR("X"), {"a\0b", 3}}};
    for (size_t i = 0; i < 4; i++) {
        struct error err = {0};
        struct http_request request = a_request("/hello");
        request.headers = &bad[i];
        request.header_count = 1;
        CU_ASSERT_EQUAL(http_submit(http, &request, &err), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    }
    struct http_request request = a_request("/hello");
    struct error err = {0};
    request.auth = (struct http_auth){.kind = HTTP_AUTH_BEARER, .secret = STR("a\nb")};
    CU_ASSERT_EQUAL(http_submit(http, &request, &err), -1);
    CU_ASSERT_PTR_NULL(strstr(err.text, "a\nb"));
    request = a_request("/hello");
    request.method = STR("GET /x HTTP/1.1\r\n");
    CU_ASSERT_EQUAL(http_submit(http, &request, &err), -1);
    close_all();
}

static void test_url_is_refused_unless_it_is_encrypted_or_local(void)
{
    static const char *const remote[] = {"https://a.example/", "https://8.8.8.8:1/x?y=z"};
    static const char *const local[] = {"http://127.0.0.1/",   "http://127.9.9.9:80/",
                                        "http://localhost:1/", "http://[::1]:8080/x",
                                        "https://localhost/",  "HTTP://LOCALHOST/"};
    static const char *const refused[] = {"",
                                          "a.example",
                                          "http://a.example/",
                                          "http://10.0.0.1/",
                                          "http://128.0.0.1/",
                                          "http://0.0.0.0/",
                                          "http://localhost.a.example/",
                                          "http://127.0.0.1.a.example/",
                                          "http://127.0.0.1@a.example/",
                                          "https://user:pw@a.example/",
                                          "https://user@a.example/",
                                          "ftp://127.0.0.1/",
                                          "file:///etc/passwd",
                                          "smtp://127.0.0.1/",
                                          "https://a.example/a b",
                                          "https://a.example/\r\nx",
                                          "http://[::2]/",
                                          "https://"};
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
        CU_ASSERT_EQUAL(http_url_check(str_from(remote[i])), HTTP_URL_REMOTE);
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        CU_ASSERT_EQUAL(http_url_check(str_from(local[i])), HTTP_URL_LOCAL);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        enum http_url kind = http_url_check(str_from(refused[i]));
        if (kind != HTTP_URL_REFUSED)
            fprintf(stderr, "accepted: %s\n", refused[i]);
        CU_ASSERT_EQUAL(kind, HTTP_URL_REFUSED);
    }
}

/* A TLS server with a certificate of its own, made in a folder that the caller removes. */
static pid_t start_tls_server(char *folder, int port)
{
    char command[1024];
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem "
             "-days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null && "
             "exec openssl s_server -quiet -www -accept 127.0.0.1:%d -key key.pem -cert cert.pem "
             ">/dev/null 2>&1",
             folder, port);
    char *arguments[] = {"sh", "-c", command, NULL};
    pid_t pid;
    return posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, NULL) == 0 ? pid : -1;
}

static bool is_listening(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int failed = connect(fd, (struct sockaddr *)&at, sizeof(at));
        close(fd);
        if (!failed)
            return true;
        usleep(20000);
    }
    return false;
}

static void test_server_is_only_trusted_by_its_certificate(void)
{
    char folder[] = "/tmp/waybill-tls-XXXXXX", url[64], ca_file[64];
    int port = stub_closed_port();
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    pid_t pid = start_tls_server(folder, port);
    CU_ASSERT_FATAL(pid > 0 && is_listening(port));
    open_with(serve);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    snprintf(ca_file, sizeof(ca_file), "%s/cert.pem", folder);
    struct http_request request = a_request("/");
    request.url = str_from(url);
    request.method = STR("GET");
    request.body = (struct str){NULL, 0};
    struct http_result result = call(request);
    CU_ASSERT_EQUAL(result.end, HTTP_NOT_SENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.detail, "certificate"));
    free(result.body);
    request.ca_file = str_from(ca_file);
    result = call(request);
    CU_ASSERT_EQUAL(result.end, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(result.status, 200);
    free(result.body);
    close_all();
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 2; i++) {
        char file[64];
        snprintf(file, sizeof(file), "%s/%s", folder, i ? "key.pem" : "cert.pem");
        unlink(file);
    }
    rmdir(folder);
}

static void test_close_cuts_off_what_is_under_way(void)
{
    open_with(serve);
    struct error err = {0};
    struct http_request silent = a_request("/silent");
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(http_submit(http, &silent, &err), 0);
    int64_t start_ms = mono_ms();
    usleep(50000);
    close_all();
    CU_ASSERT(mono_ms() - start_ms < 8000); /* of the 10 s that they may take */
    http_close(NULL);
}

static void test_queue_is_bounded(void)
{
    open_with(serve);
    struct error err = {0};
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", stub_closed_port());
    struct http_request request = a_request("/");
    request.url = str_from(url);
    for (int i = 0; i < HTTP_REQUESTS_MAX; i++)
        CU_ASSERT_EQUAL(http_submit(http, &request, &err), 0);
    CU_ASSERT_EQUAL(http_submit(http, &request, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    for (int i = 0; i < HTTP_REQUESTS_MAX; i++)
        CU_ASSERT_EQUAL(next_result().end, HTTP_NOT_SENT);
    CU_ASSERT_EQUAL(http_submit(http, &request, &err), 0);
    next_result();
    close_all();
}
