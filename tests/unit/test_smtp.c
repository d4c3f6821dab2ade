/* SMTP against a scripted server, and against a real one with STARTTLS and AUTH. */
/* links: waybill_smtp pthread */
#include "smtp/smtp.h"
#include "stub_server.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

/* What the scripted server says; NULL = the usual. "" = nothing at all, "!" = it hangs up. */
static struct script {
    const char *greeting, *ehlo, *auth, *mail, *rcpt, *data, *dot, *quit;
    size_t hang_up_in_body; /* after so many bytes of the message; 0 = not */
    int stalled;            /* so many connections get no answer to the dot */
} script;

static struct smtp *smtp;

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False = hang up. */
static bool reply(int fd, const char *scripted, const char *usual)
{
    const char *text = scripted ? scripted : usual;
    if (strcmp(text, "!") == 0)
        return false;
    stub_say(fd, text);
    return true;
}

static bool take_message(int fd, int number)
{
    static const char end[] = "\r\n.\r\n";
    char bytes[65536], tail[8] = "\r\n";
    size_t taken = 0;
    while (stub_read(fd, bytes, sizeof(bytes))) {
        size_t len = strlen(bytes);
        taken += len;
        if (script.hang_up_in_body && taken >= script.hang_up_in_body) {
            stub_reset(fd);
            return false;
        }
        char joined[sizeof(tail) + sizeof(bytes)];
        snprintf(joined, sizeof(joined), "%s%s", tail, bytes);
        size_t all = strlen(joined);
        snprintf(tail, sizeof(tail), "%s", joined + (all > 5 ? all - 5 : 0));
        if (strcmp(tail, end) == 0 && number >= script.stalled)
            return reply(fd, script.dot, "250 taken\r\n");
    }
    return false;
}

static void serve(int fd, int number)
{
    char line[4096];
    bool goes_on = reply(fd, script.greeting, "220 stub\r\n");
    while (goes_on && stub_read_until(fd, "\r\n", line, sizeof(line))) {
        if (strncmp(line, "EHLO", 4) == 0 || strncmp(line, "HELO", 4) == 0)
            goes_on = reply(fd, script.ehlo, "250-stub\r\n250 AUTH PLAIN\r\n");
        else if (strncmp(line, "AUTH", 4) == 0)
            goes_on = reply(fd, NULL, "334 \r\n");
        else if (strncmp(line, "MAIL", 4) == 0)
            goes_on = reply(fd, script.mail, "250 ok\r\n");
        else if (strncmp(line, "RCPT", 4) == 0)
            goes_on = reply(fd, script.rcpt, "250 ok\r\n");
        else if (strncmp(line, "DATA", 4) == 0)
            goes_on = reply(fd, script.data, "354 go on\r\n") &&
                      (script.data || take_message(fd, number));
        else if (strncmp(line, "QUIT", 4) == 0)
            goes_on = reply(fd, script.quit, "221 bye\r\n");
        else
            goes_on = reply(fd, script.auth, "235 welcome\r\n"); /* to the password */
    }
}

static void open_with(struct script scripted, int threads_max)
{
    struct error err = {0};
    script = scripted;
    stub_start(serve);
    smtp = smtp_open(threads_max, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(smtp);
}

static void close_all(void)
{
    smtp_close(smtp);
    stub_stop();
}

static struct smtp_request a_mail(void)
{
    static char url[64];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", stub.port);
    return (struct smtp_request){.owner = &smtp,
                                 .url = str_from(url),
                                 .mail_from = STR("shop@example.com"),
                                 .mail_to = STR("jo@example.net"),
                                 .message = STR("Subject: hi\r\n\r\nhello\r\n"),
                                 .timeout_ms = 5000,
                                 .connect_timeout_ms = 5000};
}

static struct smtp_result next_result(void)
{
    struct smtp_result result = {.status = -1};
    struct pollfd wait = {.fd = smtp_fd(smtp), .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&wait, 1, 20000), 1);
    CU_ASSERT(smtp_collect(smtp, &result));
    return result;
}

static struct smtp_result send_mail(struct smtp_request request)
{
    struct error err = {0};
    int failed = smtp_submit(smtp, &request, &err);
    CU_ASSERT_EQUAL_FATAL(failed, 0);
    struct smtp_result result = next_result();
    CU_ASSERT_PTR_EQUAL(result.owner, request.owner);
    return result;
}

static struct smtp_result send_to(struct script scripted)
{
    open_with(scripted, 1);
    struct smtp_request request = a_mail();
    request.timeout_ms = 700;
    struct smtp_result result = send_mail(request);
    close_all();
    return result;
}

static void test_mail_is_accepted_and_arrives_as_written(void)
{
    open_with((struct script){0}, 1);
    struct smtp_request request = a_mail();
    request.message = STR("Subject: hi\r\n\r\n.\r\n..two\r\n.dot\r\n");
    struct smtp_result result = send_mail(request);
    CU_ASSERT_EQUAL(result.end, SMTP_ACCEPTED);
    CU_ASSERT_EQUAL(result.status, 250);
    CU_ASSERT_STRING_EQUAL(result.detail, "250 taken");
    CU_ASSERT_EQUAL(stub_count("MAIL FROM:<shop@example.com>"), 1);
    CU_ASSERT_EQUAL(stub_count("RCPT TO:<jo@example.net>"), 1);
    CU_ASSERT_EQUAL(stub_count("Subject: hi\r\n\r\n..\r\n...two\r\n..dot\r\n.\r\n"), 1);
    request = a_mail();
    request.mail_from = STR("");
    request.message = STR("no line end");
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_ACCEPTED);
    CU_ASSERT_EQUAL(stub_count("MAIL FROM:<>"), 1);
    CU_ASSERT_EQUAL(stub_count("no line end\r\n.\r\n"), 1);
    close_all();
}

static void test_large_mail_is_accepted(void)
{
    size_t len = 3000000;
    char *message = malloc(len + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    for (size_t i = 0; i < len; i++)
        message[i] = "0123456789abcdef\r\n"[i % 18];
    open_with((struct script){0}, 1);
    struct smtp_request request = a_mail();
    request.message = (struct str){message, len};
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_ACCEPTED);
    close_all();
    free(message);
}

static void test_5yz_is_a_definite_no_once_it_is_about_this_mail(void)
{
    static const struct script scripts[] = {{.mail = "550 not from you\r\n"},
                                            {.rcpt = "550-no such\r\n550 user here\r\n"},
                                            {.data = "554 no\r\n"},
                                            {.dot = "554 spam\r\n"}};
    static const char *const details[] = {"550 not from you", "550 user here", "554 no",
                                          "554 spam"};
    for (size_t i = 0; i < 4; i++) {
        struct smtp_result result = send_to(scripts[i]);
        CU_ASSERT_EQUAL(result.end, SMTP_REFUSED);
        CU_ASSERT_EQUAL(result.status, i < 2 ? 550 : 554);
        CU_ASSERT_STRING_EQUAL(result.detail, details[i]);
    }
}

static void test_nothing_was_sent_when_the_server_says_later(void)
{
    static const struct script scripts[] = {
        {.greeting = "421 busy\r\n"}, {.greeting = "554 not here\r\n"}, {.ehlo = "421 bye\r\n"},
        {.mail = "451 later\r\n"},    {.rcpt = "450 grey\r\n"},         {.rcpt = "421 bye\r\n"},
        {.data = "451 later\r\n"},    {.dot = "451 later\r\n"},         {.dot = "452 full\r\n"}};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct smtp_result result = send_to(scripts[i]);
        CU_ASSERT_EQUAL(result.end, SMTP_NOT_SENT);
        CU_ASSERT(strlen(result.detail) > 0);
        if (i > 2)
            CU_ASSERT(result.status / 100 == 4 && atoi(result.detail) == result.status);
    }
}

static void test_nothing_was_sent_when_the_server_is_lost_before_the_dot(void)
{
    static const struct script scripts[] = {
        {.greeting = "!"}, {.ehlo = "!"}, {.mail = "!"}, {.rcpt = "!"}, {.data = "!"},
        {.greeting = ""},  {.mail = ""},  {.rcpt = ""},  {.data = ""},  {.greeting = "hm?\r\n"}};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        CU_ASSERT_EQUAL(send_to(scripts[i]).end, SMTP_NOT_SENT);
}

static void test_nothing_was_sent_when_the_server_is_lost_within_the_message(void)
{
    size_t len = 30000000;
    char *message = malloc(len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    memset(message, 'x', len);
    open_with((struct script){.hang_up_in_body = 100000}, 1);
    struct smtp_request request = a_mail();
    request.message = (struct str){message, len};
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_NOT_SENT);
    close_all();
    free(message);
}

static void test_outcome_is_unknown_when_the_server_is_lost_after_the_dot(void)
{
    struct smtp_result result = send_to((struct script){.dot = "!"});
    CU_ASSERT_EQUAL(result.end, SMTP_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.detail, "after the final dot"));
    int64_t start_ms = mono_ms();
    result = send_to((struct script){.dot = ""});
    CU_ASSERT_EQUAL(result.end, SMTP_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(result.detail, "timeout after the final dot, 700 ms at most");
    CU_ASSERT(mono_ms() - start_ms < 10000);
}

static void test_nothing_was_sent_when_nobody_listens(void)
{
    open_with((struct script){0}, 1);
    char url[64];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", stub_closed_port());
    struct smtp_request request = a_mail();
    request.url = str_from(url);
    struct smtp_result result = send_mail(request);
    CU_ASSERT_EQUAL(result.end, SMTP_NOT_SENT);
    CU_ASSERT_EQUAL(result.status, 0);
    request.url = STR("http://127.0.0.1:1/");
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_NOT_SENT);
    close_all();
}

static void test_credentials_are_told_from_a_refusal(void)
{
    static const struct script scripts[] = {{.auth = "535 wrong\r\n"},
                                            {.mail = "530 log in first\r\n"},
                                            {.ehlo = "250 stub\r\n"} /* offers no AUTH */};
    for (size_t i = 0; i < 3; i++) {
        open_with(scripts[i], 1);
        struct smtp_request request = a_mail();
        request.user = STR("shop");
        request.secret = STR("s3cret");
        struct smtp_result result = send_mail(request);
        CU_ASSERT_EQUAL(result.end, i == 2 ? SMTP_ACCEPTED : SMTP_CREDENTIALS);
        CU_ASSERT_PTR_NULL(strstr(result.detail, "s3cret"));
        close_all();
    }
}

static void test_nothing_is_sent_in_the_clear_when_tls_is_required(void)
{
    open_with((struct script){0}, 1);
    struct smtp_request request = a_mail();
    request.starttls = true;
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_NOT_SENT);
    CU_ASSERT_EQUAL(stub_count("MAIL"), 0);
    close_all();
}

static void test_silent_goodbye_delays_neither_result_nor_close(void)
{
    int64_t start_ms = mono_ms();
    open_with((struct script){.quit = ""}, 1);
    struct smtp_request request = a_mail();
    request.timeout_ms = 60000;
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_ACCEPTED);
    close_all();
    CU_ASSERT(mono_ms() - start_ms < 20000);
}

static void test_stalled_server_holds_up_no_other_thread(void)
{
    open_with((struct script){.stalled = 3}, 4);
    struct error err = {0};
    for (int i = 0; i < 3; i++) {
        struct smtp_request request = a_mail();
        request.timeout_ms = 60000;
        CU_ASSERT_EQUAL(smtp_submit(smtp, &request, &err), 0);
    }
    for (int i = 0; i < 1000 && stub_count("\nhello\r\n") < 3; i++)
        usleep(10000);
    int64_t start_ms = mono_ms();
    CU_ASSERT_EQUAL(send_mail(a_mail()).end, SMTP_ACCEPTED);
    CU_ASSERT(mono_ms() - start_ms < 20000);
    start_ms = mono_ms();
    smtp_close(smtp); /* cuts the three off */
    CU_ASSERT(mono_ms() - start_ms < 20000);
    stub_stop();
}

static void test_mails_wait_for_a_thread_and_all_go(void)
{
    open_with((struct script){0}, 3);
    struct error err = {0};
    for (int i = 0; i < 100; i++) {
        struct smtp_request request = a_mail();
        CU_ASSERT_EQUAL(smtp_submit(smtp, &request, &err), 0);
    }
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(next_result().end, SMTP_ACCEPTED);
    struct smtp_result none;
    CU_ASSERT_FALSE(smtp_collect(smtp, &none));
    CU_ASSERT_EQUAL(stub_count("\nhello\r\n"), 100);
    close_all();
    smtp_close(NULL);
}

static void test_mail_is_refused_when_its_addresses_could_smuggle_commands(void)
{
    static const char *const bad[] = {"", "a@b>\r\nRCPT TO:<c@d", "a b@c", "<a@b>", "a@b\x7f"};
    open_with((struct script){0}, 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        struct smtp_request request = a_mail();
        request.mail_to = str_from(bad[i]);
        CU_ASSERT_EQUAL(smtp_submit(smtp, &request, &err), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    }
    close_all();
}

/* smtp_server.py beside this file, with a certificate of its own. */
struct real_server {
    char folder[32], ca_file[64];
    int port;
    pid_t pid;
    FILE *says, *tell; /* its output and its input */
};

static bool start_real_server(struct real_server *out)
{
    char command[1024], line[64] = "";
    int says[2], tell[2];
    strcpy(out->folder, "/tmp/waybill-smtp-XXXXXX");
    if (!mkdtemp(out->folder) || pipe(says) != 0 || pipe(tell) != 0)
        return false;
    out->port = stub_closed_port();
    snprintf(out->ca_file, sizeof(out->ca_file), "%s/cert.pem", out->folder);
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem "
             "-days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null && "
             "exec /usr/bin/python3 %s/tests/unit/smtp_server.py cert.pem key.pem %d 2>/dev/null",
             out->folder, SOURCE_DIR, out->port);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, tell[0], 0);
    posix_spawn_file_actions_adddup2(&files, says[1], 1);
    posix_spawn_file_actions_addclose(&files, says[0]);
    posix_spawn_file_actions_addclose(&files, tell[1]);
    char *arguments[] = {"sh", "-c", command, NULL};
    int failed = posix_spawn(&out->pid, "/bin/sh", &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    close(tell[0]);
    close(says[1]);
    out->says = fdopen(says[0], "r");
    out->tell = fdopen(tell[1], "w");
    return !failed && fgets(line, sizeof(line), out->says) && strcmp(line, "ready\n") == 0;
}

static void stop_real_server(struct real_server *server)
{
    char file[64];
    fclose(server->tell);
    waitpid(server->pid, NULL, 0);
    fclose(server->says);
    unlink(server->ca_file);
    snprintf(file, sizeof(file), "%s/key.pem", server->folder);
    unlink(file);
    rmdir(server->folder);
}

static void test_real_server_takes_mail_after_starttls_and_auth(void)
{
    struct real_server server;
    CU_ASSERT_FATAL(start_real_server(&server));
    open_with((struct script){0}, 2);
    char url[64], line[256] = "";
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", server.port);
    struct smtp_request request = a_mail();
    request.url = str_from(url);
    request.starttls = true;
    request.user = STR("shop");
    request.secret = STR("s3cret");
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_NOT_SENT); /* a certificate nobody vouches for */
    request.ca_file = str_from(server.ca_file);
    struct smtp_result result = send_mail(request);
    CU_ASSERT_EQUAL(result.end, SMTP_ACCEPTED);
    CU_ASSERT_STRING_EQUAL(result.detail, "250 stored");
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), server.says));
    CU_ASSERT_STRING_EQUAL(line, "mail shop@example.com jo@example.net 22\n");
    request.secret = STR("wrong");
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_CREDENTIALS);
    request.user = (struct str){NULL, 0};
    CU_ASSERT_EQUAL(send_mail(request).end, SMTP_CREDENTIALS);
    request.starttls = false;
    CU_ASSERT_NOT_EQUAL(send_mail(request).end, SMTP_ACCEPTED);
    close_all();
    stop_real_server(&server);
}
