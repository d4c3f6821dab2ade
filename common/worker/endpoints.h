/* The places outside that a service calls: the section `endpoints:` of its settings.
 *
 *   endpoints:
 *     acme:                              # the name that intents give
 *       url: https://api.acme.example/v1 # https, smtp, smtps; http to this machine only
 *       auth: {kind: bearer, secret_env: ACME_TOKEN}
 *                                        # kind bearer | basic (user) | header (header); the secret
 *                                        # from secret_env: VARIABLE or secret_file: PATH
 *       ca_file: /etc/acme/ca.pem        # default: the system's certificates
 *       starttls: true                   # smtp: false sends in the clear, then without auth
 *       off: false                       # calls stay pending; without a restart: waybill endpoint
 *       on_unknown: repeat               # or query, park; default: repeat for http, park for smtp
 *       honours_keys: true               # the other side knows Idempotency-Key; smtp: false
 *       commit_started: false            # tell "never sent" from "perhaps" after a crash, for one
 *                                        # more transaction per call; always with query and park
 *       timeout: 10s                     # smtp: 30s
 *       connect_timeout: 3s
 *       body_bytes_max: 65536            # of an answer
 *       in_flight_max: 16                # smtp: 4
 *       queue_max: 10000                 # that wait in memory; more wait in the store
 *       rate_per_s: 0                    # 0 = no limit
 *       burst: 1                         # default: the rate of one second
 *       attempts_max: 1000
 *       give_up_after: 1h                # then the rule is told: not sent, or unknown
 *       backoff: 200ms                   # full jitter, doubled each time
 *       backoff_max: 30s
 *       breaker_failures: 5              # within breaker_window; 0 = no breaker
 *       breaker_window: 10s
 *       breaker_open: 5s                 # then one call tries */
#ifndef WAYBILL_WORKER_ENDPOINTS_H
#define WAYBILL_WORKER_ENDPOINTS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/yaml.h"
#include "http/http.h"

enum { ENDPOINTS_MAX = 1000 };

enum endpoint_kind { ENDPOINT_HTTP, ENDPOINT_SMTP };

/* What to do when nobody knows whether a call happened. */
enum endpoint_policy {
    POLICY_REPEAT, /* the other side honours our Idempotency-Key: call again with the same */
    POLICY_QUERY,  /* GET the intent's lookup_path: 2xx = it happened, 404 = it did not */
    POLICY_PARK    /* a person decides */
};

struct endpoint {
    struct str name;
    enum endpoint_kind kind;
    struct str url; /* http://, https://, smtp://, smtps:// */
    struct http_auth auth;
    struct str ca_file;
    bool starttls; /* smtp:// */
    bool off;      /* the kill switch: calls stay pending */

    enum endpoint_policy policy;
    bool honours_keys;   /* knows Idempotency-Key */
    bool commit_started; /* `started` is committed before the first call of what is asked from now
                            on (task_intent.marks_first); always true for query and park */

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

/* Reads the section. Strings (NUL-terminated behind their ends) live in the arena. Secrets are read
 * here, and never get into err. All errors are ERROR_FATAL and name file, line and setting. */
int endpoints_parse(const struct yaml_node *section, struct arena *arena, struct endpoints *out,
                    struct error *err) MUST_CHECK;

#endif
