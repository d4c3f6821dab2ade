#include "smtp/smtp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* How far the talk with the server has come. */
enum stage {
    STAGE_SESSION,  /* connecting, greeting, EHLO, STARTTLS */
    STAGE_AUTH,     /* AUTH and what it exchanges */
    STAGE_ENVELOPE, /* MAIL, RCPT, DATA, and the message before its end */
    STAGE_DOT       /* the whole message has left: the final dot may have */
};

struct finished {
    TAILQ_ENTRY(finished) entry;
    struct smtp_result result;
};

/* One request, from submit until its connection is closed. */
struct mail {
    TAILQ_ENTRY(mail) entry;
    struct smtp *smtp;
    CURL *easy;
    struct curl_slist *recipients;
    char *message;
    size_t message_len, message_sent;
    int64_t timeout_ms;
    enum stage stage;
    bool replied;              /* to the last command, or to the final dot */
    bool quitting;             /* all is said */
    struct finished *finished; /* for the collector; ours until it is queued */
    int32_t status;
    char reply[SMTP_DETAIL_BYTES_MAX]; /* last line of the last reply */
    char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(mail_list, mail);
TAILQ_HEAD(finished_list, finished);

struct smtp {
    pthread_mutex_t lock; /* of all but stopping and fd */
    pthread_cond_t submitted_more;
    struct mail_list submitted;
    struct finished_list finished;
    size_t held; /* submitted and not collected */
    int submitted_count, threads_max, thread_count, idle_count;
    atomic_bool stopping;
    int fd;
    pthread_t threads[];
};

static void mail_free(struct mail *mail)
{
    if (!mail)
        return;
    curl_easy_cleanup(mail->easy);
    curl_slist_free_all(mail->recipients);
    free(mail->message);
    free(mail->finished);
    free(mail);
}

static size_t on_read(char *out, size_t size, size_t count, void *self)
{
    struct mail *mail = self;
    size_t left = mail->message_len - mail->message_sent, room = size * count;
    size_t take = left < room ? left : room;
    if (take == 0) { /* asked only when everything before has left; libcurl sends the dot now */
        mail->stage = STAGE_DOT;
        mail->replied = false;
        return 0;
    }
    memcpy(out, mail->message + mail->message_sent, take);
    mail->message_sent += take;
    return take;
}

static void command_sent(struct mail *mail, struct str line)
{
    mail->quitting = str_starts_with(line, STR("QUIT"));
    if (mail->quitting)
        return;
    mail->replied = false;
    if (str_starts_with(line, STR("AUTH")))
        mail->stage = STAGE_AUTH;
    else if (str_starts_with(line, STR("MAIL ")))
        mail->stage = STAGE_ENVELOPE;
}

static void line_received(struct mail *mail, struct str line)
{
    line = str_trim(line);
    int64_t code;
    if (line.len < 3 || !str_to_int64((struct str){line.ptr, 3}, &code) ||
        (line.len > 3 && line.ptr[3] == '-'))
        return;
    mail->replied = true;
    mail->status = (int32_t)code;
    snprintf(mail->reply, sizeof(mail->reply), "%.*s", STR_ARG(line));
    for (char *c = mail->reply; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static int on_talk(CURL *easy, curl_infotype kind, char *bytes, size_t len, void *self)
{
    struct mail *mail = self;
    (void)easy;
    if (mail->quitting)
        return 0;
    if (kind == CURLINFO_HEADER_OUT)
        command_sent(mail, (struct str){bytes, len});
    else if (kind == CURLINFO_HEADER_IN)
        line_received(mail, (struct str){bytes, len});
    return 0;
}

static int on_progress(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&((struct mail *)self)->smtp->stopping);
}

static enum smtp_end end_of(const struct mail *mail, CURLcode code)
{
    int kind = mail->replied ? mail->status / 100 : 0;
    switch (mail->stage) {
    case STAGE_DOT:
        if (kind == 2)
            return SMTP_ACCEPTED;
        if (kind == 0)
            return SMTP_UNKNOWN;
        return kind == 5 ? SMTP_REFUSED : SMTP_NOT_SENT;
    case STAGE_ENVELOPE:
        if (kind == 5 && (mail->status == 530 || mail->status == 535))
            return SMTP_CREDENTIALS;
        return kind == 5 ? SMTP_REFUSED : SMTP_NOT_SENT;
    case STAGE_AUTH:
        return kind == 5 || code == CURLE_LOGIN_DENIED ? SMTP_CREDENTIALS : SMTP_NOT_SENT;
    case STAGE_SESSION:
        break;
    }
    return SMTP_NOT_SENT;
}

static void describe(const struct mail *mail, CURLcode code, struct smtp_result *result)
{
    const char *when = result->end == SMTP_UNKNOWN ? " after the final dot" : "";
    const char *text = mail->error[0] ? mail->error : curl_easy_strerror(code);
    if (mail->replied && result->status >= 200 && (code == CURLE_OK || result->status >= 400))
        snprintf(result->detail, sizeof(result->detail), "%s", mail->reply);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(result->detail, sizeof(result->detail), "timeout%s, %lld ms at most", when,
                 (long long)mail->timeout_ms);
    else
        snprintf(result->detail, sizeof(result->detail), "%.150s%s", text, when);
}

static void finish(struct smtp *smtp, struct mail *mail, CURLcode code)
{
    struct smtp_result *result = &mail->finished->result;
    result->end = end_of(mail, code);
    result->status = mail->status;
    describe(mail, code, result);

    pthread_mutex_lock(&smtp->lock);
    TAILQ_INSERT_TAIL(&smtp->finished, mail->finished, entry);
    eventfd_write(smtp->fd, 1);
    pthread_mutex_unlock(&smtp->lock);
    mail->finished = NULL;

    /* Without this, cleaning up says QUIT and waits for the answer of a server that may be silent.
     */
    curl_socket_t fd;
    if (curl_easy_getinfo(mail->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
        fd != CURL_SOCKET_BAD)
        shutdown(fd, SHUT_RD);
    mail_free(mail);
}

static void *thread_main(void *self)
{
    struct smtp *smtp = self;
    pthread_mutex_lock(&smtp->lock);
    while (!atomic_load(&smtp->stopping)) {
        struct mail *mail = TAILQ_FIRST(&smtp->submitted);
        if (!mail) {
            smtp->idle_count++;
            pthread_cond_wait(&smtp->submitted_more, &smtp->lock);
            smtp->idle_count--;
            continue;
        }
        TAILQ_REMOVE(&smtp->submitted, mail, entry);
        smtp->submitted_count--;
        pthread_mutex_unlock(&smtp->lock);
        finish(smtp, mail, curl_easy_perform(mail->easy));
        pthread_mutex_lock(&smtp->lock);
    }
    pthread_mutex_unlock(&smtp->lock);
    return NULL;
}

static bool is_address(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || strchr("<>\x7f", s.ptr[i]))
            return false;
    return true;
}

/* libcurl wants NUL-terminated texts, and copies them. */
static int set_text(CURL *easy, CURLoption option, struct str text, struct error *err)
{
    char *copy = strndup(text.ptr ? text.ptr : "", text.len);
    CURLcode code = copy ? curl_easy_setopt(easy, option, copy) : CURLE_OUT_OF_MEMORY;
    free(copy);
    if (code != CURLE_OK)
        return error_set(err, ERROR_SET_ASIDE, "mail: %s", curl_easy_strerror(code));
    return 0;
}

static int set_texts(struct mail *mail, const struct smtp_request *request, struct error *err)
{
    CURL *easy = mail->easy;
    if (str_is_empty(request->mail_to) || !is_address(request->mail_to) ||
        !is_address(request->mail_from))
        return error_set(err, ERROR_SET_ASIDE,
                         "mail: the sender's or recipient's address has bytes "
                         "that may not be there, or is missing");
    char *recipient = strndup(request->mail_to.ptr, request->mail_to.len);
    if (recipient)
        mail->recipients = curl_slist_append(NULL, recipient);
    free(recipient);
    mail->message = malloc(request->message.len + 1);
    if (!mail->recipients || !mail->message)
        return error_set(err, ERROR_RETRY, "out of memory for a mail");
    if (request->message.len)
        memcpy(mail->message, request->message.ptr, request->message.len);
    mail->message_len = request->message.len;

    if (set_text(easy, CURLOPT_URL, request->url, err) != 0 ||
        set_text(easy, CURLOPT_MAIL_FROM, request->mail_from, err) != 0)
        return -1;
    if (request->ca_file.ptr && set_text(easy, CURLOPT_CAINFO, request->ca_file, err) != 0)
        return -1;
    if (!request->user.ptr)
        return 0;
    if (set_text(easy, CURLOPT_USERNAME, request->user, err) != 0)
        return -1;
    return set_text(easy, CURLOPT_PASSWORD, request->secret, err);
}

static void set_rest(struct mail *mail, const struct smtp_request *request)
{
    CURL *easy = mail->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     request->starttls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, mail->recipients);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, mail);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* for on_talk; nothing is printed */
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_talk);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, mail);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, mail);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, mail->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
}

static struct mail *mail_new(struct smtp *smtp, const struct smtp_request *request,
                             struct error *err)
{
    struct mail *mail = calloc(1, sizeof(*mail));
    if (mail) {
        mail->smtp = smtp;
        mail->timeout_ms = request->timeout_ms;
        mail->easy = curl_easy_init();
        mail->finished = calloc(1, sizeof(*mail->finished));
    }
    if (!mail || !mail->easy || !mail->finished) {
        mail_free(mail);
        error_set(err, ERROR_RETRY, "out of memory for a mail");
        return NULL;
    }
    mail->finished->result.owner = request->owner;
    if (set_texts(mail, request, err) != 0) {
        mail_free(mail);
        return NULL;
    }
    set_rest(mail, request);
    return mail;
}

/* Under the lock. One more thread if all are busy; without any, nothing would ever be sent. */
static bool has_thread(struct smtp *smtp)
{
    if (smtp->idle_count > smtp->submitted_count || smtp->thread_count == smtp->threads_max)
        return true;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    if (pthread_create(&smtp->threads[smtp->thread_count], NULL, thread_main, smtp) == 0)
        smtp->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return smtp->thread_count > 0;
}

int smtp_submit(struct smtp *smtp, const struct smtp_request *request, struct error *err)
{
    struct mail *mail = mail_new(smtp, request, err);
    if (!mail)
        return -1;
    pthread_mutex_lock(&smtp->lock);
    bool taken = smtp->held < SMTP_REQUESTS_MAX && has_thread(smtp);
    if (taken) {
        smtp->held++;
        smtp->submitted_count++;
        TAILQ_INSERT_TAIL(&smtp->submitted, mail, entry);
        pthread_cond_signal(&smtp->submitted_more);
    }
    pthread_mutex_unlock(&smtp->lock);
    if (taken)
        return 0;
    mail_free(mail);
    return error_set(err, ERROR_RETRY, "%d mails are under way, or no thread can be started",
                     SMTP_REQUESTS_MAX);
}

bool smtp_collect(struct smtp *smtp, struct smtp_result *out)
{
    pthread_mutex_lock(&smtp->lock);
    struct finished *finished = TAILQ_FIRST(&smtp->finished);
    if (finished) {
        TAILQ_REMOVE(&smtp->finished, finished, entry);
        smtp->held--;
    }
    if (finished && TAILQ_EMPTY(&smtp->finished)) {
        eventfd_t count;
        eventfd_read(smtp->fd, &count);
    }
    pthread_mutex_unlock(&smtp->lock);
    if (!finished)
        return false;
    *out = finished->result;
    free(finished);
    return true;
}

int smtp_fd(const struct smtp *smtp)
{
    return smtp->fd;
}

struct smtp *smtp_open(int threads_max, struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERROR_FATAL, "libcurl does not start");
        return NULL;
    }
    struct smtp *smtp = calloc(1, sizeof(*smtp) + (size_t)threads_max * sizeof(smtp->threads[0]));
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!smtp || fd < 0) {
        free(smtp);
        if (fd >= 0)
            close(fd);
        curl_global_cleanup();
        error_set(err, ERROR_FATAL, "no memory or file descriptor for SMTP");
        return NULL;
    }
    TAILQ_INIT(&smtp->submitted);
    TAILQ_INIT(&smtp->finished);
    pthread_mutex_init(&smtp->lock, NULL);
    pthread_cond_init(&smtp->submitted_more, NULL);
    smtp->threads_max = threads_max;
    smtp->fd = fd;
    return smtp;
}

void smtp_close(struct smtp *smtp)
{
    if (!smtp)
        return;
    pthread_mutex_lock(&smtp->lock);
    atomic_store(&smtp->stopping, true);
    pthread_cond_broadcast(&smtp->submitted_more);
    pthread_mutex_unlock(&smtp->lock);
    for (int i = 0; i < smtp->thread_count; i++)
        pthread_join(smtp->threads[i], NULL);

    struct mail *mail;
    while ((mail = TAILQ_FIRST(&smtp->submitted))) {
        TAILQ_REMOVE(&smtp->submitted, mail, entry);
        mail_free(mail);
    }
    struct finished *finished;
    while ((finished = TAILQ_FIRST(&smtp->finished))) {
        TAILQ_REMOVE(&smtp->finished, finished, entry);
        free(finished);
    }
    close(smtp->fd);
    pthread_cond_destroy(&smtp->submitted_more);
    pthread_mutex_destroy(&smtp->lock);
    free(smtp);
    curl_global_cleanup();
}
