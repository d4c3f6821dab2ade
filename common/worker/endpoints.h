/* The places outside that a service calls: the section `endpoints:` of its settings. */
#ifndef WAYBILL_WORKER_ENDPOINTS_H
#define WAYBILL_WORKER_ENDPOINTS_H

#include "base/arena.h"
#include "base/error.h"
#include "http/http.h"

enum { ENDPOINTS_MAX = 1000 };

enum endpoint_kind { ENDPOINT_HTTP, ENDPOINT_SMTP };

/* What to do when nobody knows whether a call happened. */
enum endpoint_policy {
    POLICY_REPEAT, /* the other side honours our Idempotency-Key: call again with the same */
    POLICY_QUERY,  /* GET the intent's lookup_path: 2xx = it happened, 404 = it did not */
    POLICY_PARK    /* a person decides */
};

/* Strings live as long as the arena that endpoints_parse was given. */
struct endpoint {
    struct str name;
    enum endpoint_kind kind;
    struct str url; /* http://, https://, smtp://, smtps:// */
    struct http_auth auth;
    struct str ca_file;
    bool starttls; /* smtp:// */
    bool off;      /* the kill switch: calls stay pending */

    enum endpoint_policy policy;
    bool honours_keys;   /* knows Idempotency-Key; if not, each call has a connection of its own */
    bool commit_started; /* `started` is committed before the first call; always true for query and
                            park */

    int64_t timeout_ms, connect_timeout_ms;
    size_t body_bytes_max; /* of an answer */
    int32_t in_flight_max;
    int32_t queue_max; /* calls that wait in memory; more stay in the store */
    double rate_per_s; /* 0 = no limit */
    int32_t burst;

    int32_t attempts_max;
    int64_t give_up_after_ms;
    int64_t backoff_ms, backoff_max_ms;
    int32_t breaker_failures; /* 0 = no breaker */
    int64_t breaker_window_ms, breaker_open_ms;
};

struct endpoints {
    struct endpoint *list;
    size_t len;
};

/* NULL = there is none of this name. */
const struct endpoint *endpoints_find(const struct endpoints *endpoints, struct str name);

/* How many SMTP threads it takes that no endpoint waits for another one's. */
int endpoints_smtp_threads(const struct endpoints *endpoints);

/* An endpoint with the defaults of its kind, which the URL's scheme tells; name and url are
 * borrowed. ERROR_FATAL when the URL is none that may be called. */
int endpoint_init(struct endpoint *out, struct str name, struct str url,
                  struct error *err) MUST_CHECK;

#endif
