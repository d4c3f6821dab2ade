#include "worker/endpoints.h"

#include "config/values.h"

#include <stdlib.h>

enum { SECRET_BYTES_MAX = 8 * 1024, DAY_MS = 24 * 3600 * 1000, SMTP_THREADS_MAX = 256 };

static const char *const endpoint_keys[] = {"attempts_max",
                                            "auth",
                                            "backoff",
                                            "backoff_max",
                                            "body_bytes_max",
                                            "breaker_failures",
                                            "breaker_open",
                                            "breaker_window",
                                            "burst",
                                            "ca_file",
                                            "commit_started",
                                            "connect_timeout",
                                            "give_up_after",
                                            "honours_keys",
                                            "in_flight_max",
                                            "off",
                                            "on_unknown",
                                            "queue_max",
                                            "rate_per_s",
                                            "starttls",
                                            "timeout",
                                            "url",
                                            NULL};
static const char *const auth_keys[] = {"header",      "kind", "secret_env",
                                        "secret_file", "user", NULL};
static const char *const auth_kinds[] = {[HTTP_AUTH_NONE] = "none",
                                         [HTTP_AUTH_BEARER] = "bearer",
                                         [HTTP_AUTH_BASIC] = "basic",
                                         [HTTP_AUTH_HEADER] = "header",
                                         NULL};
static const char *const policies[] = {
    [POLICY_REPEAT] = "repeat", [POLICY_QUERY] = "query", [POLICY_PARK] = "park", NULL};

const struct endpoint *endpoints_find(const struct endpoints *endpoints, struct str name)
{
    for (size_t i = 0; i < endpoints->len; i++)
        if (str_equal(endpoints->list[i].name, name))
            return &endpoints->list[i];
    return NULL;
}

int endpoints_smtp_threads(const struct endpoints *endpoints)
{
    int threads = 0;
    for (size_t i = 0; i < endpoints->len; i++)
        if (endpoints->list[i].kind == ENDPOINT_SMTP)
            threads += endpoints->list[i].in_flight_max;
    return threads < SMTP_THREADS_MAX ? threads : SMTP_THREADS_MAX;
}

static int read_url(const struct yaml_node *node, struct endpoint *out, struct error *err)
{
    if (yaml_get_str(node, "url", &out->url, err) != 0)
        return -1;
    if (str_starts_with(out->url, STR("smtp://")) || str_starts_with(out->url, STR("smtps://"))) {
        out->kind = ENDPOINT_SMTP;
        return 0;
    }
    if (http_url_check(out->url) == HTTP_URL_REFUSED)
        return yaml_fail(
            yaml_find(node, "url"), err,
            "'%.*s' may not be called: https, smtp, smtps, or http to this machine; no "
            "user or password in it",
            STR_ARG(out->url));
    if (memchr(out->url.ptr, '?', out->url.len) || memchr(out->url.ptr, '#', out->url.len))
        return yaml_fail(yaml_find(node, "url"), err,
                         "paths are added to a URL, so it has no ? and no #");
    out->kind = ENDPOINT_HTTP;
    return 0;
}

static void set_defaults(struct endpoint *out)
{
    bool http = out->kind == ENDPOINT_HTTP;
    out->starttls = true;
    out->honours_keys = http;
    out->timeout_ms = http ? 10000 : 30000;
    out->connect_timeout_ms = 3000;
    out->body_bytes_max = 65536;
    out->in_flight_max = http ? 16 : 4;
    out->queue_max = 10000;
    out->attempts_max = 1000;
    out->give_up_after_ms = 3600 * 1000;
    out->backoff_ms = 200;
    out->backoff_max_ms = 30 * 1000;
    out->breaker_failures = 5;
    out->breaker_window_ms = 10 * 1000;
    out->breaker_open_ms = 5 * 1000;
}

static int read_secret(const struct yaml_node *auth, struct arena *arena, struct str *out,
                       struct error *err)
{
    struct str variable = {NULL, 0}, file = {NULL, 0};
    if (yaml_maybe_str(auth, "secret_env", &variable, err) != 0 ||
        yaml_maybe_str(auth, "secret_file", &file, err) != 0)
        return -1;
    if (!variable.ptr == !file.ptr)
        return yaml_fail(auth, err, "needs secret_env: VARIABLE or secret_file: PATH, not both");
    if (variable.ptr) {
        const char *value = getenv(variable.ptr);
        if (!value || !*value)
            return yaml_fail(auth, err, "the environment has no %s", variable.ptr);
        *out = arena_copy(arena, str_from(value));
    } else {
        struct error why = {0};
        if (value_read_file(file.ptr, SECRET_BYTES_MAX, arena, out, &why) != 0)
            return yaml_fail(auth, err, "%s", why.text);
        while (out->len > 0 && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
            out->len--;
    }
    return out->len > 0 ? 0 : yaml_fail(auth, err, "the secret is empty");
}

static int read_auth(const struct yaml_node *node, struct arena *arena, struct endpoint *out,
                     struct error *err)
{
    const struct yaml_node *auth = NULL;
    int kind = HTTP_AUTH_NONE;
    if (yaml_maybe_map(node, "auth", &auth, err) != 0)
        return -1;
    if (!auth)
        return 0;
    if (yaml_check_keys(auth, auth_keys, err) != 0 ||
        yaml_get_choice(auth, "kind", auth_kinds, &kind, err) != 0)
        return -1;
    out->auth.kind = (enum http_auth_kind)kind;
    if (kind == HTTP_AUTH_NONE)
        return 0;
    if (kind == HTTP_AUTH_BASIC && yaml_get_str(auth, "user", &out->auth.user, err) != 0)
        return -1;
    if (kind == HTTP_AUTH_HEADER && yaml_get_str(auth, "header", &out->auth.header, err) != 0)
        return -1;
    if (out->kind == ENDPOINT_SMTP && kind != HTTP_AUTH_BASIC)
        return yaml_fail(auth, err, "mail servers know only kind: basic");
    return read_secret(auth, arena, &out->auth.secret, err);
}

/* The settings that decide what may be sent twice. */
static int read_policy(const struct yaml_node *node, struct endpoint *out, struct error *err)
{
    if (yaml_maybe_bool(node, "honours_keys", &out->honours_keys, err) != 0)
        return -1;
    int policy = out->honours_keys ? POLICY_REPEAT : POLICY_PARK;
    if (yaml_maybe_choice(node, "on_unknown", policies, &policy, err) != 0)
        return -1;
    out->policy = (enum endpoint_policy)policy;
    if (out->policy == POLICY_REPEAT && !out->honours_keys)
        return yaml_fail(yaml_find(node, "on_unknown"), err,
                         "repeat would do things twice where keys are not honoured: use query or "
                         "park, or say honours_keys: true");
    if (out->policy == POLICY_QUERY && out->kind == ENDPOINT_SMTP)
        return yaml_fail(yaml_find(node, "on_unknown"), err, "a mail server cannot be queried");
    out->commit_started = out->policy != POLICY_REPEAT;
    if (yaml_maybe_bool(node, "commit_started", &out->commit_started, err) != 0)
        return -1;
    if (!out->commit_started && out->policy != POLICY_REPEAT)
        return yaml_fail(yaml_find(node, "commit_started"), err,
                         "query and park cannot do without");
    return 0;
}

static int read_int(const struct yaml_node *node, const char *key, int64_t min, int32_t *out,
                    struct error *err)
{
    int64_t value = *out;
    if (yaml_maybe_int(node, key, min, 1000000, &value, err) != 0)
        return -1;
    *out = (int32_t)value;
    return 0;
}

static int read_limits(const struct yaml_node *node, struct endpoint *out, struct error *err)
{
    int64_t body_bytes_max = (int64_t)out->body_bytes_max;
    if (yaml_maybe_int(node, "body_bytes_max", 0, 16 * 1024 * 1024, &body_bytes_max, err) != 0 ||
        read_int(node, "in_flight_max", 1, &out->in_flight_max, err) != 0 ||
        read_int(node, "queue_max", 1, &out->queue_max, err) != 0 ||
        yaml_maybe_double(node, "rate_per_s", 0, 1e6, &out->rate_per_s, err) != 0)
        return -1;
    out->body_bytes_max = (size_t)body_bytes_max;
    out->burst = out->rate_per_s > 1 ? (int32_t)out->rate_per_s : 1;
    return read_int(node, "burst", 1, &out->burst, err);
}

static int read_retries(const struct yaml_node *node, struct endpoint *out, struct error *err)
{
    if (yaml_maybe_duration(node, "timeout", 1, DAY_MS, &out->timeout_ms, err) != 0 ||
        yaml_maybe_duration(node, "connect_timeout", 1, DAY_MS, &out->connect_timeout_ms, err) !=
            0 ||
        yaml_maybe_duration(node, "give_up_after", 1, 30LL * DAY_MS, &out->give_up_after_ms, err) !=
            0 ||
        yaml_maybe_duration(node, "backoff", 1, DAY_MS, &out->backoff_ms, err) != 0 ||
        yaml_maybe_duration(node, "backoff_max", 1, DAY_MS, &out->backoff_max_ms, err) != 0 ||
        yaml_maybe_duration(node, "breaker_window", 1, DAY_MS, &out->breaker_window_ms, err) != 0 ||
        yaml_maybe_duration(node, "breaker_open", 1, DAY_MS, &out->breaker_open_ms, err) != 0 ||
        read_int(node, "attempts_max", 1, &out->attempts_max, err) != 0 ||
        read_int(node, "breaker_failures", 0, &out->breaker_failures, err) != 0)
        return -1;
    if (out->backoff_max_ms < out->backoff_ms)
        return yaml_fail(node, err, "backoff_max is below backoff");
    return 0;
}

static int read_endpoint(const struct yaml_node *node, struct arena *arena, struct endpoint *out,
                         struct error *err)
{
    *out = (struct endpoint){.name = node->key};
    if (node->kind != YAML_MAP)
        return yaml_fail(node, err, "an endpoint is a map with at least a url");
    if (yaml_check_keys(node, endpoint_keys, err) != 0 || read_url(node, out, err) != 0)
        return -1;
    set_defaults(out);
    if (yaml_maybe_str(node, "ca_file", &out->ca_file, err) != 0 ||
        yaml_maybe_bool(node, "starttls", &out->starttls, err) != 0 ||
        yaml_maybe_bool(node, "off", &out->off, err) != 0 ||
        read_auth(node, arena, out, err) != 0 || read_policy(node, out, err) != 0 ||
        read_limits(node, out, err) != 0 || read_retries(node, out, err) != 0)
        return -1;
    if (out->kind == ENDPOINT_SMTP && out->auth.kind != HTTP_AUTH_NONE && !out->starttls &&
        str_starts_with(out->url, STR("smtp://")))
        return yaml_fail(node, err, "a password is not sent in the clear: starttls: true or smtps");
    return 0;
}

int endpoints_parse(const struct yaml_node *section, struct arena *arena, struct endpoints *out,
                    struct error *err)
{
    if (section->kind != YAML_MAP && section->kind != YAML_NULL)
        return yaml_fail(section, err, "endpoints is a map from names to endpoints");
    if (section->count > ENDPOINTS_MAX)
        return yaml_fail(section, err, "more than %d endpoints", ENDPOINTS_MAX);
    struct endpoint *list = arena_alloc_array(arena, section->count, sizeof(*list));
    if (!list)
        return error_set(err, ERROR_FATAL, "no memory for the endpoints");
    size_t len = 0;
    for (const struct yaml_node *node = yaml_items(section); node; node = node->next)
        if (read_endpoint(node, arena, &list[len++], err) != 0)
            return -1;
    *out = (struct endpoints){.list = list, .len = len};
    return 0;
}
