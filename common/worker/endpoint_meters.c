#include "worker/endpoint_meters.h"

#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { FOLLOW_MS = 1000, ENDS = 5, NAME_BYTES = 128 };

static const char *const ends[ENDS] = {"ok", "refused", "unknown", "not_sent", "parked"};

struct endpoint_meter {
    char name[NAME_BYTES];
    struct counter *attempts, *retries, *lookups, *ended[ENDS];
    struct gauge *waiting, *in_flight, *breaker_open, *off, *stopped;
    struct endpoint_stats last;
};

struct endpoint_meters {
    struct endpoint_meter *list;
    size_t count;
    int64_t due_mono_ms;
};

static void make(struct endpoint_meter *meter, struct metrics *metrics, const char *service)
{
    const struct metric_label labels[] = {{"service", service}, {"endpoint", meter->name}, {0}};
    meter->attempts =
        metrics_counter(metrics, "waybill_call_attempts_total", "Requests sent", labels);
    meter->retries = metrics_counter(metrics, "waybill_call_retries_total",
                                     "Requests sent again for the same intent", labels);
    meter->lookups = metrics_counter(metrics, "waybill_call_lookups_total",
                                     "Questions whether a call had happened", labels);
    for (size_t i = 0; i < ENDS; i++) {
        const struct metric_label with_end[] = {
            {"service", service}, {"endpoint", meter->name}, {"outcome", ends[i]}, {0}};
        meter->ended[i] =
            metrics_counter(metrics, "waybill_calls_ended_total", "Calls by outcome", with_end);
    }
    meter->waiting = metrics_gauge(metrics, "waybill_calls_waiting", "Calls not yet sent", labels);
    meter->in_flight = metrics_gauge(metrics, "waybill_calls_in_flight", "Calls sent", labels);
    meter->breaker_open = metrics_gauge(metrics, "waybill_endpoint_breaker_open",
                                        "1 while the circuit breaker holds calls back", labels);
    meter->off = metrics_gauge(metrics, "waybill_endpoint_off",
                               "1 = switched off, by the settings or by a person", labels);
    meter->stopped = metrics_gauge(metrics, "waybill_endpoint_stopped",
                                   "1 = stopped by a person (waybill endpoint stop)", labels);
}

int endpoint_meters_open(struct worker *worker, struct metrics *metrics, struct error *err)
{
    struct endpoint_meters *meters = calloc(1, sizeof(*meters));
    struct endpoint_stats stats;
    size_t count = 0;
    while (calls_stats(worker->calls, count, 0, &stats))
        count++;
    worker->endpoint_meters = meters;
    if (!meters || !(meters->list = calloc(count + 1, sizeof(*meters->list))))
        return error_set(err, ERROR_FATAL, "no memory for metrics of endpoints");
    for (; meters->count < count && calls_stats(worker->calls, meters->count, 0, &stats);
         meters->count++) {
        struct endpoint_meter *meter = &meters->list[meters->count];
        snprintf(meter->name, sizeof(meter->name), "%.*s", STR_ARG(stats.name));
        make(meter, metrics, worker->service->name);
    }
    return 0;
}

void endpoint_meters_close(struct worker *worker)
{
    if (worker->endpoint_meters)
        free(worker->endpoint_meters->list);
    free(worker->endpoint_meters);
    worker->endpoint_meters = NULL;
}

/* A server's own words may name a person: words with an @ are left out. */
static const char *without_addresses(const char *text, char out[HTTP_DETAIL_BYTES_MAX])
{
    struct str rest = str_from(text), word;
    size_t used = 0;
    out[0] = '\0';
    while (rest.len > 0 && used < HTTP_DETAIL_BYTES_MAX - 1) {
        str_split(rest, ' ', &word, &rest);
        if (word.len > 0 && memchr(word.ptr, '@', word.len))
            word = STR("***");
        int added = snprintf(out + used, HTTP_DETAIL_BYTES_MAX - used, "%s%.*s", used ? " " : "",
                             STR_ARG(word));
        used += added > 0 ? (size_t)added : 0;
    }
    return out;
}

static void follow(struct endpoint_meter *meter, const struct endpoint_stats *now)
{
    const struct endpoint_stats *last = &meter->last;
    char words[HTTP_DETAIL_BYTES_MAX];
    counter_add(meter->attempts, now->attempts - last->attempts);
    counter_add(meter->retries, now->retries - last->retries);
    counter_add(meter->lookups, now->lookups - last->lookups);
    counter_add(meter->ended[0], now->ok - last->ok);
    counter_add(meter->ended[1], now->refused - last->refused);
    counter_add(meter->ended[2], now->unknown - last->unknown);
    counter_add(meter->ended[3], now->not_sent - last->not_sent);
    counter_add(meter->ended[4], now->parked - last->parked);
    gauge_set(meter->waiting, (double)now->waiting);
    gauge_set(meter->in_flight, (double)now->in_flight);
    gauge_set(meter->breaker_open, now->breaker == BREAKER_OPEN ? 1 : 0);
    gauge_set(meter->off, now->off ? 1 : 0);
    gauge_set(meter->stopped, now->stopped ? 1 : 0);
    if (now->credentials_refused > last->credentials_refused)
        log_error("an endpoint does not take our credentials; its calls wait",
                  LOG_STR("endpoint", now->name),
                  LOG_TEXT("answer", without_addresses(now->refusal, words)));
    if (now->breaker == BREAKER_OPEN && last->breaker != BREAKER_OPEN)
        log_warning("an endpoint keeps failing; its calls pause", LOG_STR("endpoint", now->name),
                    LOG_TEXT("last", without_addresses(now->trouble, words)));
    if (now->breaker == BREAKER_CLOSED && last->breaker != BREAKER_CLOSED)
        log_info("an endpoint works again", LOG_STR("endpoint", now->name));
    if (str_equal(now->name, STR("?")) && now->waiting > 0 && last->waiting == 0)
        log_warning("calls wait for an endpoint that our settings do not have: add it, and start "
                    "again",
                    LOG_TEXT("endpoint", without_addresses(now->trouble, words)),
                    LOG_INT("calls", now->waiting));
    if (now->parked > last->parked)
        log_warning("calls were parked: nobody knows whether they happened; a person decides",
                    LOG_STR("endpoint", now->name), LOG_INT("calls", now->parked - last->parked),
                    LOG_TEXT("last", without_addresses(now->trouble, words)));
    meter->last = *now;
}

void endpoint_meters_follow(struct worker *worker)
{
    struct endpoint_meters *meters = worker->endpoint_meters;
    int64_t mono_ms = worker->ports->clock.mono_ms(worker->ports->clock.self);
    if (mono_ms < meters->due_mono_ms)
        return;
    meters->due_mono_ms = mono_ms + FOLLOW_MS;
    struct endpoint_stats now;
    for (size_t i = 0; i < meters->count && calls_stats(worker->calls, i, mono_ms, &now); i++)
        follow(&meters->list[i], &now);
}
