#include "http/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

enum {
    HEADER_BYTES_MAX = 64 * 1024, /* of an answer */
    HEADER_LINE_BYTES_MAX = 8 * 1024,
    BODY_BYTES_FIRST = 4096,
    CONNECTIONS_KEPT_MAX = 64,
    RETRY_AFTER_S_MAX = 30 * 24 * 3600,
    POLL_MS = 1000 /* at most: a submit wakes the thread */
};

/* One request and its result. Belongs to the caller until it is queued, then to the thread until
 * the result is queued. */
struct transfer {
    TAILQ_ENTRY(transfer) entry;
    CURL *easy;
    struct curl_slist *headers;
    struct http_result result;
    int64_t timeout_ms, connect_timeout_ms;
    size_t body_bytes_max, body_capacity, header_bytes;
    bool sent; /* connected, and the request may have begun to leave: at any try */
    char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(transfer_list, transfer);

struct http {
    pthread_t thread;
    pthread_mutex_t lock; /* of submitted, finished, held, stopping */
    struct transfer_list submitted, finished;
    size_t held; /* submitted and not collected */
    bool stopping;
    CURLM *multi;                /* the thread's, but for curl_multi_wakeup */
    struct transfer_list active; /* the thread's */
    int fd;
};

static void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    free(transfer->result.body);
    free(transfer);
}

static int on_request(void *self, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    ((struct transfer *)self)->sent = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    (void)bytes;
    transfer->header_bytes += size * count;
    return transfer->header_bytes > HEADER_BYTES_MAX ? 0 : size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    struct http_result *result = &transfer->result;
    size_t len = size * count, room = transfer->body_bytes_max - result->body_len;
    result->body_cut = len > room;
    size_t take = result->body_cut ? room : len;
    if (result->body_len + take > transfer->body_capacity) {
        size_t capacity = transfer->body_capacity ? transfer->body_capacity : BODY_BYTES_FIRST;
        while (capacity < result->body_len + take)
            capacity *= 2;
        char *grown = realloc(result->body, capacity);
        if (!grown)
            return 0;
        result->body = grown;
        transfer->body_capacity = capacity;
    }
    if (take)
        memcpy(result->body + result->body_len, bytes, take);
    result->body_len += take;
    return result->body_cut ? 0 : len;
}

static bool is_token(struct str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == 0 || !strchr(others, c)))
            return false;
    }
    return s.len > 0;
}

static bool has_control_bytes(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
            return true;
    return false;
}

static int add_header(struct transfer *transfer, struct str name, const char *before,
                      struct str value, struct error *err)
{
    char line[HEADER_LINE_BYTES_MAX];
    if (!is_token(name) || has_control_bytes(value))
        return error_set(err, ERROR_SET_ASIDE, "header '%.*s' has bytes that may not be there",
                         STR_ARG(name));
    if (name.len + strlen(before) + value.len + 3 > sizeof(line))
        return error_set(err, ERROR_SET_ASIDE, "header '%.*s' is longer than %d bytes",
                         STR_ARG(name), HEADER_LINE_BYTES_MAX);
    if (value.len == 0) /* this is how libcurl is told of an empty one */
        snprintf(line, sizeof(line), "%.*s;", STR_ARG(name));
    else
        snprintf(line, sizeof(line), "%.*s: %s%.*s", STR_ARG(name), before, STR_ARG(value));
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (!longer)
        return error_set(err, ERROR_RETRY, "out of memory for a request");
    transfer->headers = longer;
    return 0;
}

/* libcurl wants NUL-terminated texts, and copies them. */
static int set_text(CURL *easy, CURLoption option, struct str text, struct error *err)
{
    char *copy = strndup(text.ptr ? text.ptr : "", text.len);
    CURLcode code = copy ? curl_easy_setopt(easy, option, copy) : CURLE_OUT_OF_MEMORY;
    free(copy);
    if (code != CURLE_OK)
        return error_set(err, ERROR_SET_ASIDE, "request: %s", curl_easy_strerror(code));
    return 0;
}

static int set_auth(struct transfer *transfer, const struct http_auth *auth, struct error *err)
{
    switch (auth->kind) {
    case HTTP_AUTH_NONE:
        return 0;
    case HTTP_AUTH_BEARER:
        return add_header(transfer, STR("Authorization"), "Bearer ", auth->secret, err);
    case HTTP_AUTH_HEADER:
        return add_header(transfer, auth->header, "", auth->secret, err);
    case HTTP_AUTH_BASIC:
        break;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    if (set_text(transfer->easy, CURLOPT_USERNAME, auth->user, err) != 0)
        return -1;
    return set_text(transfer->easy, CURLOPT_PASSWORD, auth->secret, err);
}

static int set_headers(struct transfer *transfer, const struct http_request *request,
                       struct error *err)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (add_header(transfer, request->headers[i].name, "", request->headers[i].value, err) != 0)
            return -1;
    if (set_auth(transfer, &request->auth, err) != 0)
        return -1;
    /* A large body is sent at once, not after a "100 Continue". */
    struct curl_slist *longer = curl_slist_append(transfer->headers, "Expect:");
    if (!longer)
        return error_set(err, ERROR_RETRY, "out of memory for a request");
    transfer->headers = longer;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    return 0;
}

static int set_request(struct transfer *transfer, const struct http_request *request,
                       struct error *err)
{
    CURL *easy = transfer->easy;
    enum http_url url = http_url_check(request->url);
    if (url == HTTP_URL_REFUSED)
        return error_set(err, ERROR_SET_ASIDE,
                         "URL '%.*s' may not be called: https only, http only "
                         "to this machine",
                         STR_ARG(request->url));
    if (!is_token(request->method))
        return error_set(err, ERROR_SET_ASIDE, "'%.*s' is no HTTP method",
                         STR_ARG(request->method));
    if (set_text(easy, CURLOPT_URL, request->url, err) != 0 ||
        set_headers(transfer, request, err) != 0)
        return -1;
    if (url == HTTP_URL_LOCAL)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (request->ca_file.ptr && set_text(easy, CURLOPT_CAINFO, request->ca_file, err) != 0)
        return -1;
    if (str_equal(request->method, STR("HEAD"))) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request->body.ptr || str_equal(request->method, STR("POST"))) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        if (curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                             request->body.ptr ? request->body.ptr : "") != CURLE_OK)
            return error_set(err, ERROR_RETRY, "out of memory for a request");
    }
    return set_text(easy, CURLOPT_CUSTOMREQUEST, request->method, err);
}

static void set_rest(struct transfer *transfer, const struct http_request *request)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    /* On a kept one an answer may lie that is not ours (a server that answered twice), and libcurl
     * sends a POST again by itself when it dies before the answer. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

static struct transfer *transfer_new(const struct http_request *request, struct error *err)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer)
        transfer->easy = curl_easy_init();
    if (!transfer || !transfer->easy) {
        transfer_free(transfer);
        error_set(err, ERROR_RETRY, "out of memory for a request");
        return NULL;
    }
    transfer->result = (struct http_result){.owner = request->owner, .retry_after_ms = -1};
    transfer->timeout_ms = request->timeout_ms;
    transfer->connect_timeout_ms = request->connect_timeout_ms;
    transfer->body_bytes_max = request->body_bytes_max;
    if (set_request(transfer, request, err) != 0) {
        transfer_free(transfer);
        return NULL;
    }
    set_rest(transfer, request);
    return transfer;
}

int http_submit(struct http *http, const struct http_request *request, struct error *err)
{
    struct transfer *transfer = transfer_new(request, err);
    if (!transfer)
        return -1;
    pthread_mutex_lock(&http->lock);
    bool full = http->held == HTTP_REQUESTS_MAX;
    if (!full) {
        http->held++;
        TAILQ_INSERT_TAIL(&http->submitted, transfer, entry);
    }
    pthread_mutex_unlock(&http->lock);
    if (full) {
        transfer_free(transfer);
        return error_set(err, ERROR_RETRY, "%d HTTP calls are under way", HTTP_REQUESTS_MAX);
    }
    curl_multi_wakeup(http->multi);
    return 0;
}

static void describe_answer(struct transfer *transfer)
{
    struct http_result *result = &transfer->result;
    struct curl_header *header;
    curl_off_t seconds = 0;
    if (curl_easy_header(transfer->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) ==
            CURLHE_OK &&
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK) {
        if (seconds < 0) /* a date that is over */
            seconds = 0;
        if (seconds > RETRY_AFTER_S_MAX)
            seconds = RETRY_AFTER_S_MAX;
        result->retry_after_ms = (int64_t)seconds * 1000;
    }
    snprintf(result->detail, sizeof(result->detail), "HTTP %d%s", (int)result->status,
             result->body_cut ? ", body cut" : "");
}

static void describe_failure(struct transfer *transfer, CURLcode code)
{
    struct http_result *result = &transfer->result;
    const char *text = transfer->error[0] ? transfer->error : curl_easy_strerror(code);
    if (code != CURLE_OPERATION_TIMEDOUT)
        snprintf(result->detail, sizeof(result->detail), "%.*s", HTTP_DETAIL_BYTES_MAX - 1, text);
    else if (transfer->sent)
        snprintf(result->detail, sizeof(result->detail), "timeout after %lld ms",
                 (long long)transfer->timeout_ms);
    else
        snprintf(result->detail, sizeof(result->detail), "no connection after %lld ms",
                 (long long)(transfer->connect_timeout_ms < transfer->timeout_ms
                                 ? transfer->connect_timeout_ms
                                 : transfer->timeout_ms));
}

static void finish(struct http *http, struct transfer *transfer, CURLcode code)
{
    struct http_result *result = &transfer->result;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    result->status = (int32_t)status;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && result->body_cut)) {
        result->end = HTTP_ANSWERED;
        describe_answer(transfer);
    } else {
        result->end = transfer->sent ? HTTP_UNKNOWN : HTTP_NOT_SENT;
        describe_failure(transfer, code);
    }
    curl_multi_remove_handle(http->multi, transfer->easy);
    TAILQ_REMOVE(&http->active, transfer, entry);

    pthread_mutex_lock(&http->lock);
    TAILQ_INSERT_TAIL(&http->finished, transfer, entry);
    eventfd_write(http->fd, 1);
    pthread_mutex_unlock(&http->lock);
}

/* Moves what was submitted to the multi handle; false = stop. */
static bool take_submitted(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    struct transfer_list taken = TAILQ_HEAD_INITIALIZER(taken);
    TAILQ_CONCAT(&taken, &http->submitted, entry);
    bool stopping = http->stopping;
    pthread_mutex_unlock(&http->lock);

    struct transfer *transfer;
    while ((transfer = TAILQ_FIRST(&taken))) {
        TAILQ_REMOVE(&taken, transfer, entry);
        TAILQ_INSERT_TAIL(&http->active, transfer, entry);
        if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
            finish(http, transfer, CURLE_OUT_OF_MEMORY);
    }
    return !stopping;
}

static void *thread_main(void *self)
{
    struct http *http = self;
    while (take_submitted(http)) {
        int running, left;
        CURLMsg *message;
        curl_multi_perform(http->multi, &running);
        while ((message = curl_multi_info_read(http->multi, &left))) {
            struct transfer *transfer = NULL;
            CURLcode code = message->data.result; /* gone with remove_handle */
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            finish(http, transfer, code);
        }
        curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

bool http_collect(struct http *http, struct http_result *out)
{
    pthread_mutex_lock(&http->lock);
    struct transfer *transfer = TAILQ_FIRST(&http->finished);
    if (transfer) {
        TAILQ_REMOVE(&http->finished, transfer, entry);
        http->held--;
    }
    if (transfer && TAILQ_EMPTY(&http->finished)) {
        eventfd_t count;
        eventfd_read(http->fd, &count);
    }
    pthread_mutex_unlock(&http->lock);
    if (!transfer)
        return false;
    *out = transfer->result;
    transfer->result.body = NULL;
    transfer_free(transfer);
    return true;
}

int http_fd(const struct http *http)
{
    return http->fd;
}

/* Signals are the main thread's. */
static int start_thread(struct http *http)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&http->thread, NULL, thread_main, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct http *http_open(struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERROR_FATAL, "libcurl does not start");
        return NULL;
    }
    struct http *http = calloc(1, sizeof(*http));
    if (http) {
        TAILQ_INIT(&http->submitted);
        TAILQ_INIT(&http->finished);
        TAILQ_INIT(&http->active);
        pthread_mutex_init(&http->lock, NULL);
        http->multi = curl_multi_init();
        http->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (http && http->multi && http->fd >= 0) {
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX);
        if (start_thread(http) == 0)
            return http;
    }
    if (http) {
        curl_multi_cleanup(http->multi);
        if (http->fd >= 0)
            close(http->fd);
        pthread_mutex_destroy(&http->lock);
        free(http);
    }
    curl_global_cleanup();
    error_set(err, ERROR_FATAL, "no memory, file descriptor or thread for HTTP calls");
    return NULL;
}

static void free_list(struct transfer_list *list)
{
    struct transfer *transfer;
    while ((transfer = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, transfer, entry);
        transfer_free(transfer);
    }
}

void http_close(struct http *http)
{
    if (!http)
        return;
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_mutex_unlock(&http->lock);
    curl_multi_wakeup(http->multi);
    pthread_join(http->thread, NULL);

    struct transfer *transfer;
    TAILQ_FOREACH(transfer, &http->active, entry)
    curl_multi_remove_handle(http->multi, transfer->easy);
    free_list(&http->active);
    free_list(&http->submitted);
    free_list(&http->finished);
    curl_multi_cleanup(http->multi);
    close(http->fd);
    pthread_mutex_destroy(&http->lock);
    free(http);
    curl_global_cleanup();
}
