/* The Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats/) and the health
 * page. */
/* links: waybill_metrics */
#include "metrics/health.h"

#include <arpa/inet.h>
#include <CUnit/CUnit.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct buffer page;

static const char *exposition(struct metrics *metrics)
{
    buffer_done(&page);
    buffer_init(&page, 1 << 20);
    metrics_write(metrics, &page);
    buffer_add(&page, "", 0);
    return buffer_str(&page).ptr;
}

static void test_does_nothing_without_a_registry(void)
{
    CU_ASSERT_PTR_NULL(metrics_counter(NULL, "a", "b", NULL));
    counter_add(NULL, 1);
    gauge_set(NULL, 1);
    gauge_add(NULL, 1);
    histogram_observe(NULL, 1);
    CU_ASSERT_EQUAL(counter_value(NULL), 0);
    metrics_write(NULL, NULL);
    metrics_free(NULL);
}

static void test_writes_counters_and_gauges_with_labels(void)
{
    struct metrics *metrics = metrics_new();
    const struct metric_label quoted[] = {{"topic", "a\"b\\c\nd"}, {"n", "1"}, {NULL, NULL}};
    struct counter *events =
        metrics_counter(metrics, "waybill_events_total", "Events read.", quoted);
    struct gauge *tasks = metrics_gauge(metrics, "waybill_tasks", "Tasks owned.", NULL);
    counter_add(events, 3);
    gauge_set(tasks, 2);
    gauge_add(tasks, -0.5);
    CU_ASSERT_STRING_EQUAL(exposition(metrics),
                           "# HELP waybill_events_total Events read.\n"
                           "# TYPE waybill_events_total counter\n"
                           "waybill_events_total{topic=\"a\\\"b\\\\c\\nd\",n=\"1\"} 3\n"
                           "# HELP waybill_tasks Tasks owned.\n"
                           "# TYPE waybill_tasks gauge\n"
                           "waybill_tasks 1.5\n");
    metrics_free(metrics);
}

static void test_same_name_and_labels_are_the_same_series(void)
{
    struct metrics *metrics = metrics_new();
    const struct metric_label one[] = {{"task", "1"}, {NULL, NULL}};
    const struct metric_label two[] = {{"task", "2"}, {NULL, NULL}};
    struct counter *a = metrics_counter(metrics, "x_total", "x", one);
    CU_ASSERT_PTR_EQUAL(a, metrics_counter(metrics, "x_total", "x", one));
    CU_ASSERT_PTR_NOT_EQUAL(a, metrics_counter(metrics, "x_total", "x", two));
    metrics_free(metrics);
}

static void test_writes_cumulative_buckets(void)
{
    struct metrics *metrics = metrics_new();
    const double bounds[] = {0.1, 1};
    const struct metric_label labels[] = {{"step", "commit"}, {NULL, NULL}};
    struct histogram *seconds =
        metrics_histogram(metrics, "step_seconds", "Time.", labels, bounds, 2);
    histogram_observe(seconds, 0.1);
    histogram_observe(seconds, 0.5);
    histogram_observe(seconds, 7);
    CU_ASSERT_STRING_EQUAL(exposition(metrics),
                           "# HELP step_seconds Time.\n# TYPE step_seconds histogram\n"
                           "step_seconds_bucket{step=\"commit\",le=\"0.1\"} 1\n"
                           "step_seconds_bucket{step=\"commit\",le=\"1\"} 2\n"
                           "step_seconds_bucket{step=\"commit\",le=\"+Inf\"} 3\n"
                           "step_seconds_sum{step=\"commit\"} 7.6\n"
                           "step_seconds_count{step=\"commit\"} 3\n");
    metrics_free(metrics);
}

static void test_writes_what_is_no_number_as_prometheus_does(void)
{
    struct metrics *metrics = metrics_new();
    struct gauge *gauge = metrics_gauge(metrics, "g", "g", NULL);
    gauge_set(gauge, INFINITY);
    CU_ASSERT_PTR_NOT_NULL(strstr(exposition(metrics), "g +Inf\n"));
    gauge_set(gauge, NAN);
    CU_ASSERT_PTR_NOT_NULL(strstr(exposition(metrics), "g NaN\n"));
    metrics_free(metrics);
}

static void test_refuses_labels_beyond_the_limits(void)
{
    static char big[2000];
    struct metrics *metrics = metrics_new();
    const struct metric_label five[] = {{"a", "1"}, {"b", "1"}, {"c", "1"},
                                        {"d", "1"}, {"e", "1"}, {NULL, NULL}};
    CU_ASSERT_PTR_NULL(metrics_counter(metrics, "x_total", "x", five));
    memset(big, 'x', sizeof(big) - 1);
    const struct metric_label huge[] = {{"a", big}, {NULL, NULL}};
    CU_ASSERT_PTR_NULL(metrics_counter(metrics, "x_total", "x", huge));
    metrics_free(metrics);
}

static struct metrics *shared;
static struct health *watched;

static void *work(void *unused)
{
    struct counter *counter = metrics_counter(shared, "n_total", "n", NULL);
    struct histogram *seconds = metrics_histogram(
        shared, "s_seconds", "s", NULL, metrics_seconds_bounds, metrics_seconds_bound_count);
    for (int i = 0; i < 10000; i++) {
        counter_add(counter, 1);
        histogram_observe(seconds, 0.5);
        if (i % 1000 == 0)
            health_turned(watched), health_ready(watched, i % 2000 == 0, "x");
    }
    return unused;
}

static int get(const char *path, char *out, size_t bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(health_port(watched))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
        close(fd);
        return -1;
    }
    char request[200];
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    if (write(fd, request, (size_t)len) != len)
        len = 0;
    size_t used = 0;
    for (ssize_t got; used < bytes - 1 && (got = read(fd, out + used, bytes - 1 - used)) > 0;)
        used += (size_t)got;
    out[used] = '\0';
    close(fd);
    int status = -1;
    return sscanf(out, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

static void start(int64_t stale_after_ms)
{
    struct error err = {0};
    struct health_options options = {.address = "127.0.0.1", .stale_after_ms = stale_after_ms};
    shared = metrics_new();
    CU_ASSERT_EQUAL_FATAL(health_start(&options, shared, &watched, &err), 0);
}

static void stop(void)
{
    health_stop(watched);
    metrics_free(shared);
    watched = NULL;
}

static void test_is_not_ready_before_it_is_told_so(void)
{
    char text[4096];
    start(0);
    CU_ASSERT_EQUAL(get("/readyz", text, sizeof(text)), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not ready: starting\n"));
    health_ready(watched, true, "8 tasks");
    CU_ASSERT_EQUAL(get("/readyz", text, sizeof(text)), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ok: 8 tasks\n"));
    stop();
}

static void test_is_not_live_when_the_loop_stands(void)
{
    char text[4096];
    start(300);
    CU_ASSERT_EQUAL(get("/livez", text, sizeof(text)), 200);
    usleep(400 * 1000);
    CU_ASSERT_EQUAL(get("/livez", text, sizeof(text)), 503);
    health_turned(watched);
    CU_ASSERT_EQUAL(get("/livez", text, sizeof(text)), 200);
    stop();
}

static void test_serves_metrics_and_refuses_the_rest(void)
{
    char text[4096];
    start(0);
    counter_add(metrics_counter(shared, "n_total", "n", NULL), 7);
    CU_ASSERT_EQUAL(get("/metrics", text, sizeof(text)), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "n_total 7\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Content-Type: text/plain; version=0.0.4"));
    CU_ASSERT_EQUAL(get("/secret", text, sizeof(text)), 404);
    stop();
}

static void test_says_so_when_the_port_is_taken_or_the_address_is_none(void)
{
    struct error err;
    struct health *other;
    start(0);
    struct health_options taken = {.address = "127.0.0.1", .port = health_port(watched)};
    CU_ASSERT_EQUAL(health_start(&taken, NULL, &other, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is it taken already?"));
    struct health_options wrong = {.address = "localhost"};
    CU_ASSERT_EQUAL(health_start(&wrong, NULL, &other, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "health page: \"localhost\" is no IP address");
    stop();
}

static void test_counts_exactly_when_threads_and_readers_run_together(void)
{
    pthread_t threads[4];
    char text[8192];
    start(1000);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(get(i % 2 ? "/metrics" : "/livez", text, sizeof(text)), 200);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(get("/metrics", text, sizeof(text)), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "n_total 40000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "s_seconds_sum 20000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "s_seconds_bucket{le=\"0.5\"} 40000\n"));
    stop();
}
