#include "metrics/health.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    CONNECTIONS_MAX = 32,
    IDLE_SECONDS_MAX = 10,
    REQUEST_MEMORY_BYTES = 16 * 1024,
    PAGE_BYTES_MAX = 16 * 1024 * 1024
};

struct health {
    struct MHD_Daemon *daemon;
    struct metrics *metrics;
    int64_t stale_after_ms;
    _Atomic int64_t turned_ms; /* monotonic */
    pthread_mutex_t lock;      /* guards ready and reason */
    bool ready;
    char reason[HEALTH_REASON_BYTES];
    uint16_t port;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct str body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)body.ptr, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_metrics(struct health *health, struct MHD_Connection *connection)
{
    struct buffer page;
    buffer_init(&page, PAGE_BYTES_MAX);
    metrics_write(health->metrics, &page);
    enum MHD_Result result =
        page.failed ? answer(connection, 500, "text/plain", STR("out of memory\n"))
                    : answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8",
                             buffer_str(&page));
    buffer_done(&page);
    return result;
}

static enum MHD_Result answer_live(struct health *health, struct MHD_Connection *connection)
{
    char text[80];
    int64_t ago_ms = monotonic_ms() - atomic_load(&health->turned_ms);
    bool live = health->stale_after_ms == 0 || ago_ms <= health->stale_after_ms;
    snprintf(text, sizeof(text), "%s: the loop turned %lld ms ago\n", live ? "ok" : "stuck",
             (long long)(ago_ms < 0 ? 0 : ago_ms));
    return answer(connection, live ? 200 : 503, "text/plain", str_from(text));
}

static enum MHD_Result answer_ready(struct health *health, struct MHD_Connection *connection)
{
    char text[HEALTH_REASON_BYTES + 16];
    pthread_mutex_lock(&health->lock);
    bool ready = health->ready;
    snprintf(text, sizeof(text), "%s: %s\n", ready ? "ok" : "not ready", health->reason);
    pthread_mutex_unlock(&health->lock);
    return answer(connection, ready ? 200 : 503, "text/plain", str_from(text));
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **connection_self)
{
    struct health *health = self;
    (void)version, (void)upload, (void)connection_self;
    if (*upload_bytes > 0) { /* nobody here reads a body */
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer(connection, 405, "text/plain", STR("GET only\n"));
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(health, connection);
    if (strcmp(url, "/livez") == 0)
        return answer_live(health, connection);
    if (strcmp(url, "/readyz") == 0)
        return answer_ready(health, connection);
    return answer(connection, 404, "text/plain", STR("see /metrics, /livez, /readyz\n"));
}

/* false if the address is neither IPv4 nor IPv6. */
static bool parse_address(const struct health_options *options, struct sockaddr_storage *out,
                          bool *out_ipv6)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, options->address, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof(v4));
        *out_ipv6 = false;
        return true;
    }
    memcpy(out, &v6, sizeof(v6));
    if (inet_pton(AF_INET6, options->address, &v6.sin6_addr) != 1)
        return false;
    memcpy(out, &v6, sizeof(v6));
    *out_ipv6 = true;
    return true;
}

/* The port that the system chose. */
static uint16_t bound_port(struct MHD_Daemon *daemon, uint16_t wanted)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info && info->port ? info->port : wanted;
}

int health_start(const struct health_options *options, struct metrics *metrics, struct health **out,
                 struct error *err)
{
    struct sockaddr_storage address;
    bool ipv6;
    if (!parse_address(options, &address, &ipv6))
        return error_set(err, ERROR_FATAL, "health page: \"%s\" is no IP address",
                         options->address);
    struct health *health = calloc(1, sizeof(*health));
    if (!health)
        return error_set(err, ERROR_FATAL, "health page: out of memory");
    health->metrics = metrics;
    health->stale_after_ms = options->stale_after_ms;
    pthread_mutex_init(&health->lock, NULL);
    strcpy(health->reason, "starting");
    health_turned(health);
    unsigned flags =
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | (ipv6 ? (unsigned)MHD_USE_IPv6 : 0);
    health->daemon = MHD_start_daemon(
        flags, options->port, NULL, NULL, handle, health, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY_BYTES, MHD_OPTION_END);
    if (!health->daemon) {
        health_stop(health);
        return error_set(err, ERROR_FATAL,
                         "health page: cannot listen on %s port %u: is it taken already?",
                         options->address, options->port);
    }
    health->port = bound_port(health->daemon, options->port);
    *out = health;
    return 0;
}

void health_stop(struct health *health)
{
    if (!health)
        return;
    if (health->daemon)
        MHD_stop_daemon(health->daemon);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

uint16_t health_port(const struct health *health)
{
    return health->port;
}

void health_turned(struct health *health)
{
    if (health)
        atomic_store(&health->turned_ms, monotonic_ms());
}

void health_ready(struct health *health, bool ready, const char *reason)
{
    if (!health)
        return;
    pthread_mutex_lock(&health->lock);
    health->ready = ready;
    snprintf(health->reason, sizeof(health->reason), "%s", reason);
    pthread_mutex_unlock(&health->lock);
}
