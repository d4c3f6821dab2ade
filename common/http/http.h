/* HTTP calls by libcurl: one thread owns the multi handle; requests go in and results come out by a
 * queue.
 *
 * Redirects are not followed. https only, but for 127.0.0.0/8, ::1 and localhost. HTTP/1.1. */
#ifndef WAYBILL_HTTP_HTTP_H
#define WAYBILL_HTTP_HTTP_H

#include "base/error.h"
#include "base/str.h"

struct http;

enum http_auth_kind { HTTP_AUTH_NONE, HTTP_AUTH_BEARER, HTTP_AUTH_BASIC, HTTP_AUTH_HEADER };

struct http_auth {
    enum http_auth_kind kind;
    struct str user;   /* BASIC */
    struct str header; /* HEADER: its name */
    struct str secret; /* token, password or header value */
};

struct http_header {
    struct str name, value;
};

struct http_request {
    void *owner;       /* comes back with the result */
    struct str method; /* "POST" */
    struct str url;
    const struct http_header *headers;
    size_t header_count;
    struct str body; /* absent = no body */
    struct http_auth auth;
    struct str ca_file; /* absent = the system's certificates */
    int64_t timeout_ms; /* of the whole call, connecting included */
    int64_t connect_timeout_ms;
    size_t body_bytes_max;
};

enum http_end {
    HTTP_ANSWERED, /* status and headers came, and the body up to body_bytes_max */
    HTTP_NOT_SENT, /* no byte of the request left: not resolved, refused, TLS failed, … */
    HTTP_UNKNOWN   /* timeout or reset when the request may have been sent */
};

enum { HTTP_DETAIL_BYTES_MAX = 200, HTTP_REQUESTS_MAX = 4096 };

struct http_result {
    void *owner;
    enum http_end end;
    int32_t status; /* 0 = no answer */
    char *body;     /* malloced, the receiver frees it; NULL = empty */
    size_t body_len;
    bool body_cut;                      /* the answer was longer than body_bytes_max */
    int64_t retry_after_ms;             /* of the Retry-After header; -1 = there was none */
    char detail[HTTP_DETAIL_BYTES_MAX]; /* for a person: "timeout after 5000 ms" */
};

/* Starts the thread. ERROR_FATAL when it cannot. */
struct http *http_open(struct error *err) MUST_CHECK;

/* Ends the thread; what is under way is cut off and its results are lost. NULL is fine. */
void http_close(struct http *http);

/* Takes over a copy; exactly one result with this owner follows. Each has a connection of its own.
 * ERROR_RETRY: HTTP_REQUESTS_MAX are under way. ERROR_SET_ASIDE: the request can never be sent (URL
 * not allowed, control bytes in a header). A proxy of the environment is used, but not to this
 * machine. */
int http_submit(struct http *http, const struct http_request *request,
                struct error *err) MUST_CHECK;

/* The next finished one, or false. */
bool http_collect(struct http *http, struct http_result *out) MUST_CHECK;

/* An eventfd that is readable while results wait. Only for poll; do not read it. */
int http_fd(const struct http *http);

enum http_url {
    HTTP_URL_REFUSED, /* not to be called */
    HTTP_URL_LOCAL,   /* http or https to this machine */
    HTTP_URL_REMOTE   /* https to another one */
};

/* Refused: another scheme, http to another machine, user or password in it, anything but printable
 * ASCII. */
enum http_url http_url_check(struct str url);

#endif
