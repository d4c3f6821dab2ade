/* One attempt of a call: what is sent, and what the answer means. */
#include "base/buffer.h"
#include "worker/calls_state.h"

#include <assert.h>

static bool had_answer(int32_t status)
{
    return status >= 200 && status < 500;
}

/* A lookup: 2xx = it happened, 404 = it did not; everything else says nothing. */
static enum attempt_kind lookup_kind(const struct http_result *result)
{
    if (result->end != HTTP_ANSWERED)
        return ATTEMPT_UNKNOWN;
    if (result->status / 100 == 2)
        return ATTEMPT_OK;
    return result->status == 404 ? ATTEMPT_ABSENT : ATTEMPT_UNKNOWN;
}

static enum attempt_kind answer_kind(const struct endpoint *endpoint,
                                     const struct http_result *result)
{
    switch (result->status) {
    case 301: /* our URL is out of date; 302 and 303 may follow a deed that was done */
    case 307:
    case 308:
    case 401:
    case 403:
    case 407:
        return ATTEMPT_CREDENTIALS;
    case 408:
    case 425:
    case 429:
        return ATTEMPT_NOT_SENT;
    case 409: /* with keys: still in progress; without: something like it is there already */
        return endpoint->honours_keys ? ATTEMPT_IN_PROGRESS : ATTEMPT_UNKNOWN;
    case 503:
        return result->retry_after_ms >= 0 ? ATTEMPT_NOT_SENT : ATTEMPT_UNKNOWN;
    default:
        break;
    }
    if (result->status / 100 == 2)
        return ATTEMPT_OK;
    return result->status / 100 == 4 ? ATTEMPT_REFUSED : ATTEMPT_UNKNOWN;
}

static enum attempt_kind call_kind(const struct endpoint *endpoint,
                                   const struct http_result *result)
{
    switch (result->end) {
    case HTTP_ANSWERED:
        return answer_kind(endpoint, result);
    case HTTP_NOT_SENT:
        return ATTEMPT_NOT_SENT;
    case HTTP_UNKNOWN:
        break;
    }
    return ATTEMPT_UNKNOWN;
}

struct attempt attempt_of_http(const struct call *call, const struct http_result *result)
{
    return (struct attempt){.kind = call->asks ? lookup_kind(result)
                                               : call_kind(call->target->endpoint, result),
                            .healthy = result->end == HTTP_ANSWERED && had_answer(result->status),
                            .status = result->status,
                            .retry_after_ms = result->retry_after_ms,
                            .body = result->body,
                            .body_len = result->body_len,
                            .detail = result->detail};
}

static enum attempt_kind mail_kind(enum smtp_end end)
{
    switch (end) {
    case SMTP_ACCEPTED:
        return ATTEMPT_OK;
    case SMTP_REFUSED:
        return ATTEMPT_REFUSED;
    case SMTP_CREDENTIALS:
        return ATTEMPT_CREDENTIALS;
    case SMTP_NOT_SENT:
        return ATTEMPT_NOT_SENT;
    case SMTP_UNKNOWN:
        break;
    }
    return ATTEMPT_UNKNOWN;
}

struct attempt attempt_of_smtp(const struct smtp_result *result)
{
    /* 421 = the server is about to leave; other 4yz speak of this mail only */
    bool temporary = result->end == SMTP_NOT_SENT && result->status / 100 == 4;
    bool spoke = result->end == SMTP_ACCEPTED || result->end == SMTP_REFUSED ||
                 result->end == SMTP_CREDENTIALS;
    return (struct attempt){.kind = mail_kind(result->end),
                            .healthy = spoke || (temporary && result->status != 421),
                            .status = result->status,
                            .retry_after_ms = -1,
                            .detail = result->detail};
}

/* An RFC 8941 string: quoted, printable ASCII. What is neither is percent-encoded. */
static void add_quoted(struct buffer *out, struct str key)
{
    buffer_add(out, "\"", 1);
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (c < ' ' || c >= 0x7f)
            buffer_printf(out, "%%%02X", c);
        else if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else
            buffer_add(out, &key.ptr[i], 1);
    }
    buffer_add(out, "\"", 1);
}

/* The path may not reach into the host: "https://supplier" + ".example.net/". */
static int build_url(const struct endpoint *endpoint, struct str path, struct buffer *out,
                     struct error *err)
{
    struct str base = endpoint->url;
    if (path.len > 0 && path.ptr[0] != '/' && path.ptr[0] != '?')
        return error_set(err, ERROR_SET_ASIDE, "path '%.*s' does not begin with / or ?",
                         STR_ARG(path));
    if (base.len > 0 && base.ptr[base.len - 1] == '/' && path.len > 0 && path.ptr[0] == '/')
        base.len--;
    buffer_add_str(out, base);
    buffer_add_str(out, path);
    if (out->failed)
        return error_set(err, ERROR_SET_ASIDE, "the URL is longer than %d bytes", URL_BYTES_MAX);
    return 0;
}

/* Ours and the intent's own. A lookup carries no key and no content. */
static int build_headers(const struct calls *calls, const struct call *call, struct buffer *key,
                         struct http_header *out, size_t *out_count, struct error *err)
{
    const struct task_intent *intent = &call->intent;
    size_t n = 0;
    out[n++] = (struct http_header){STR("User-Agent"), calls->options.user_agent};
    if (intent->traceparent.ptr)
        out[n++] = (struct http_header){STR("traceparent"), intent->traceparent};
    if (!call->asks) {
        add_quoted(key, intent->idempotency_key.ptr ? intent->idempotency_key : intent->intent_id);
        if (key->failed)
            return error_set(err, ERROR_SET_ASIDE, "the idempotency key is longer than %d bytes",
                             URL_BYTES_MAX);
        out[n++] = (struct http_header){STR("Idempotency-Key"), buffer_str(key)};
        if (intent->content_type.ptr)
            out[n++] = (struct http_header){STR("Content-Type"), intent->content_type};
        if (intent->headers.len > CALL_HEADERS_MAX - n)
            return error_set(err, ERROR_SET_ASIDE, "more than %d headers", CALL_HEADERS_MAX);
        for (size_t i = 0; i < intent->headers.len; i++)
            out[n++] =
                (struct http_header){intent->headers.ptr[i].name, intent->headers.ptr[i].value};
    }
    *out_count = n;
    return 0;
}

static int submit_http(struct calls *calls, struct call *call, struct buffer *url,
                       struct buffer *key, struct error *err)
{
    const struct endpoint *endpoint = call->target->endpoint;
    const struct task_intent *intent = &call->intent;
    struct http_header headers[CALL_HEADERS_MAX];
    size_t header_count = 0;
    if (build_url(endpoint, call->asks ? intent->lookup_path : intent->path, url, err) != 0 ||
        build_headers(calls, call, key, headers, &header_count, err) != 0)
        return -1;
    struct str method = intent->method.ptr ? intent->method : STR("POST");
    struct http_request request = {.owner = call,
                                   .method = call->asks ? STR("GET") : method,
                                   .url = buffer_str(url),
                                   .headers = headers,
                                   .header_count = header_count,
                                   .body = call->asks ? (struct str){NULL, 0} : intent->body,
                                   .auth = endpoint->auth,
                                   .ca_file = endpoint->ca_file,
                                   .timeout_ms = endpoint->timeout_ms,
                                   .connect_timeout_ms = endpoint->connect_timeout_ms,
                                   .body_bytes_max = endpoint->body_bytes_max};
    return calls->transports.http_submit(calls->transports.self, &request, err);
}

static int submit_smtp(struct calls *calls, struct call *call, struct error *err)
{
    const struct endpoint *endpoint = call->target->endpoint;
    const struct task_intent *intent = &call->intent;
    struct smtp_request request = {.owner = call,
                                   .url = endpoint->url,
                                   .starttls = endpoint->starttls,
                                   .user = endpoint->auth.user,
                                   .secret = endpoint->auth.secret,
                                   .ca_file = endpoint->ca_file,
                                   .mail_from = intent->mail_from,
                                   .mail_to = intent->mail_to,
                                   .message = intent->body,
                                   .timeout_ms = endpoint->timeout_ms,
                                   .connect_timeout_ms = endpoint->connect_timeout_ms};
    return calls->transports.smtp_submit(calls->transports.self, &request, err);
}

int attempt_submit(struct calls *calls, struct call *call, struct error *err)
{
    if (call->target->endpoint->kind == ENDPOINT_SMTP)
        return submit_smtp(calls, call, err);
    struct buffer url, key;
    buffer_init(&url, URL_BYTES_MAX);
    buffer_init(&key, URL_BYTES_MAX);
    int failed = submit_http(calls, call, &url, &key, err);
    buffer_done(&url);
    buffer_done(&key);
    return failed;
}

static int real_http_submit(void *self, const struct http_request *request, struct error *err)
{
    return http_submit(((struct transports_real *)self)->http, request, err);
}

static bool real_http_collect(void *self, struct http_result *out)
{
    return http_collect(((struct transports_real *)self)->http, out);
}

static int real_smtp_submit(void *self, const struct smtp_request *request, struct error *err)
{
    struct transports_real *real = self;
    assert(real->smtp);
    return smtp_submit(real->smtp, request, err);
}

static bool real_smtp_collect(void *self, struct smtp_result *out)
{
    struct transports_real *real = self;
    return real->smtp && smtp_collect(real->smtp, out);
}

struct transports transports_of(struct transports_real *real)
{
    return (struct transports){.self = real,
                               .http_submit = real_http_submit,
                               .http_collect = real_http_collect,
                               .smtp_submit = real_smtp_submit,
                               .smtp_collect = real_smtp_collect};
}
