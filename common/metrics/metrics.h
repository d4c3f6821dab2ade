/* Counters, gauges and histograms in Prometheus' text form.
 *
 * Register at start (or when a partition is assigned), keep the pointer, change it from any thread:
 * values are atomics. Names as Prometheus wants them: waybill_<what>_<base unit>, counters end in
 * _total. Never a label whose values are orders, people or other unbounded things. */
#ifndef WAYBILL_METRICS_H
#define WAYBILL_METRICS_H

#include "base/buffer.h"

enum { METRICS_SERIES_MAX = 20000, METRICS_BUCKETS_MAX = 32, METRICS_LABELS_MAX = 4 };

struct metrics; /* the registry */
struct counter;
struct gauge;
struct histogram;

struct metric_label {
    const char *name, *value;
};

/* Names, help and label values are copied; labels: NULL or a row {NULL, NULL} at the end.
 * Registering the same name and labels again gives the same series. NULL when a limit is reached or
 * memory is out; every function below does nothing on NULL, so a worker never stops for a metric.
 * The registry frees all series. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                const struct metric_label *labels);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                            const struct metric_label *labels);
/* bounds: ascending upper bounds (le); +Inf is added. */
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const struct metric_label *labels, const double *bounds,
                                    size_t bound_count);

/* 1 ms … 60 s, for durations in seconds. */
extern const double metrics_seconds_bounds[];
extern const size_t metrics_seconds_bound_count;

void counter_add(struct counter *counter, uint64_t more);
void gauge_set(struct gauge *gauge, double value);
void gauge_add(struct gauge *gauge, double more);
void histogram_observe(struct histogram *histogram, double value);

/* What it stands at; 0 for NULL. For tests and summaries. */
uint64_t counter_value(const struct counter *counter);
double gauge_value(const struct gauge *gauge);

/* Appends the whole exposition (text/plain; version=0.0.4), families in the order of registration.
 */
void metrics_write(struct metrics *metrics, struct buffer *out);

#endif
