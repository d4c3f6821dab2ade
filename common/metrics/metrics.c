#include "metrics/metrics.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { LABEL_BYTES_MAX = 400, NAME_BYTES_MAX = 120, HELP_BYTES_MAX = 200 };

const double metrics_seconds_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                         0.5,   1,      2.5,   5,    10,    30,   60};
const size_t metrics_seconds_bound_count =
    sizeof(metrics_seconds_bounds) / sizeof(metrics_seconds_bounds[0]);

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* One label set of a family. Never freed before the registry, so pointers stay good. */
struct series {
    struct series *next;
    char labels[LABEL_BYTES_MAX]; /* `a="b",c="d"`, escaped */
};

struct counter {
    struct series series;
    _Atomic uint64_t value;
};

struct gauge {
    struct series series;
    _Atomic double value;
};

struct histogram {
    struct series series;
    size_t bound_count;
    double bounds[METRICS_BUCKETS_MAX];
    _Atomic uint64_t buckets[METRICS_BUCKETS_MAX + 1]; /* each only its own; the last is +Inf */
    _Atomic double sum;
};

struct family {
    struct family *next;
    enum kind kind;
    char name[NAME_BYTES_MAX], help[HELP_BYTES_MAX];
    struct series *first, **link;
};

struct metrics {
    pthread_mutex_t lock; /* guards the lists, not the values */
    struct family *first, **link;
    size_t series_count;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->link = &metrics->first;
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (struct family *family = metrics->first, *next; family; family = next) {
        next = family->next;
        for (struct series *series = family->first, *after; series; series = after) {
            after = series->next;
            free(series);
        }
        free(family);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* Appends `name="value"` with the value's \ " and line ends escaped; false if there is no room. */
static bool add_label(char *out, size_t *len, const struct metric_label *label)
{
    int used =
        snprintf(out + *len, LABEL_BYTES_MAX - *len, "%s%s=\"", *len ? "," : "", label->name);
    if (used < 0 || *len + (size_t)used + 4 >= LABEL_BYTES_MAX)
        return false;
    *len += (size_t)used;
    for (const char *c = label->value; *c; c++) {
        if (*len + 4 >= LABEL_BYTES_MAX)
            return false;
        if (*c == '\\' || *c == '"' || *c == '\n')
            out[(*len)++] = '\\';
        out[(*len)++] = *c == '\n' ? 'n' : *c;
    }
    out[(*len)++] = '"';
    out[*len] = '\0';
    return true;
}

static bool join_labels(const struct metric_label *labels, char out[LABEL_BYTES_MAX])
{
    size_t len = 0, count = 0;
    out[0] = '\0';
    for (; labels && labels->name; labels++)
        if (++count > METRICS_LABELS_MAX || !add_label(out, &len, labels))
            return false;
    return true;
}

static struct family *find_family(struct metrics *metrics, enum kind kind, const char *name,
                                  const char *help)
{
    for (struct family *family = metrics->first; family; family = family->next)
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind);
            return family;
        }
    assert(strlen(name) < NAME_BYTES_MAX && strlen(help) < HELP_BYTES_MAX);
    struct family *family = calloc(1, sizeof(*family));
    if (!family)
        return NULL;
    family->kind = kind;
    strcpy(family->name, name);
    strcpy(family->help, help);
    family->link = &family->first;
    *metrics->link = family;
    metrics->link = &family->next;
    return family;
}

/* The series with that name and labels; a new one has `bytes` zeroed bytes and `bounds`. The lock
 * is held, so that nobody sees a series before it is whole. */
static struct series *find_series(struct metrics *metrics, enum kind kind, const char *name,
                                  const char *help, const char *labels, size_t bytes)
{
    struct family *family = find_family(metrics, kind, name, help);
    if (!family)
        return NULL;
    for (struct series *series = family->first; series; series = series->next)
        if (strcmp(series->labels, labels) == 0)
            return series;
    if (metrics->series_count >= METRICS_SERIES_MAX)
        return NULL;
    struct series *series = calloc(1, bytes);
    if (!series)
        return NULL;
    strcpy(series->labels, labels);
    *family->link = series;
    family->link = &series->next;
    metrics->series_count++;
    return series;
}

static struct series *get_series(struct metrics *metrics, enum kind kind, const char *name,
                                 const char *help, const struct metric_label *labels, size_t bytes)
{
    char joined[LABEL_BYTES_MAX];
    if (!metrics || !join_labels(labels, joined))
        return NULL;
    pthread_mutex_lock(&metrics->lock);
    struct series *series = find_series(metrics, kind, name, help, joined, bytes);
    pthread_mutex_unlock(&metrics->lock);
    return series;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                const struct metric_label *labels)
{
    return (struct counter *)get_series(metrics, COUNTER, name, help, labels,
                                        sizeof(struct counter));
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                            const struct metric_label *labels)
{
    return (struct gauge *)get_series(metrics, GAUGE, name, help, labels, sizeof(struct gauge));
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const struct metric_label *labels, const double *bounds,
                                    size_t bound_count)
{
    char joined[LABEL_BYTES_MAX];
    assert(bound_count <= METRICS_BUCKETS_MAX);
    if (!metrics || !join_labels(labels, joined))
        return NULL;
    pthread_mutex_lock(&metrics->lock);
    struct histogram *histogram = (struct histogram *)find_series(metrics, HISTOGRAM, name, help,
                                                                  joined, sizeof(struct histogram));
    if (histogram && histogram->bound_count == 0) {
        memcpy(histogram->bounds, bounds, bound_count * sizeof(*bounds));
        histogram->bound_count = bound_count;
    }
    pthread_mutex_unlock(&metrics->lock);
    return histogram;
}

static void add_double(_Atomic double *to, double more)
{
    double was = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &was, was + more, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void counter_add(struct counter *counter, uint64_t more)
{
    if (counter)
        atomic_fetch_add_explicit(&counter->value, more, memory_order_relaxed);
}

void gauge_set(struct gauge *gauge, double value)
{
    if (gauge)
        atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, double more)
{
    if (gauge)
        add_double(&gauge->value, more);
}

void histogram_observe(struct histogram *histogram, double value)
{
    if (!histogram)
        return;
    size_t i = 0;
    while (i < histogram->bound_count && value > histogram->bounds[i])
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    add_double(&histogram->sum, value);
}

uint64_t counter_value(const struct counter *counter)
{
    return counter ? atomic_load_explicit(&counter->value, memory_order_relaxed) : 0;
}

double gauge_value(const struct gauge *gauge)
{
    return gauge ? atomic_load_explicit(&gauge->value, memory_order_relaxed) : 0;
}

static void write_number(struct buffer *out, double value)
{
    if (isnan(value))
        buffer_printf(out, "NaN\n");
    else if (isinf(value))
        buffer_printf(out, "%s\n", value > 0 ? "+Inf" : "-Inf");
    else
        buffer_printf(out, "%.15g\n", value);
}

/* `name{labels} ` or `name{labels,more} `. */
static void write_name(struct buffer *out, const char *name, const char *suffix, const char *labels,
                       const char *more)
{
    buffer_printf(out, "%s%s", name, suffix);
    if (*labels || *more)
        buffer_printf(out, "{%s%s%s}", labels, *labels && *more ? "," : "", more);
    buffer_printf(out, " ");
}

static void write_histogram(struct buffer *out, const char *name, const struct histogram *histogram)
{
    uint64_t count = 0;
    char le[48];
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        if (i < histogram->bound_count)
            snprintf(le, sizeof(le), "le=\"%.15g\"", histogram->bounds[i]);
        else
            snprintf(le, sizeof(le), "le=\"+Inf\"");
        write_name(out, name, "_bucket", histogram->series.labels, le);
        buffer_printf(out, "%llu\n", (unsigned long long)count);
    }
    write_name(out, name, "_sum", histogram->series.labels, "");
    write_number(out, atomic_load_explicit(&histogram->sum, memory_order_relaxed));
    write_name(out, name, "_count", histogram->series.labels, "");
    buffer_printf(out, "%llu\n", (unsigned long long)count);
}

static void write_series(struct buffer *out, const struct family *family,
                         const struct series *series)
{
    if (family->kind == HISTOGRAM) {
        write_histogram(out, family->name, (const struct histogram *)series);
        return;
    }
    write_name(out, family->name, "", series->labels, "");
    if (family->kind == COUNTER)
        buffer_printf(out, "%llu\n",
                      (unsigned long long)counter_value((const struct counter *)series));
    else
        write_number(out, gauge_value((const struct gauge *)series));
}

void metrics_write(struct metrics *metrics, struct buffer *out)
{
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    for (const struct family *family = metrics->first; family; family = family->next) {
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                      kind_names[family->kind]);
        for (const struct series *series = family->first; series; series = series->next)
            write_series(out, family, series);
    }
    pthread_mutex_unlock(&metrics->lock);
}
