#include "worker/meters.h"

void meters_register(struct meters *meters, struct metrics *metrics, const char *service)
{
    const struct metric_label labels[] = {{"service", service}, {0}};
    const struct {
        struct counter **counter;
        const char *name, *help;
    } counters[] = {
        {&meters->read, "waybill_records_read_total", "Records taken from input topics"},
        {&meters->decided, "waybill_events_decided_total", "Rules that came to a decision"},
        {&meters->duplicates, "waybill_events_duplicate_total",
         "Inbound events dropped because their id was seen before"},
        {&meters->ignored, "waybill_events_ignored_total", "Events that no route wants"},
        {&meters->events_unknown, "waybill_events_unknown_total",
         "Events of types that only a newer program knows, passed over"},
        {&meters->states_of_others, "waybill_states_of_other_versions_total",
         "States read that another version of the service wrote"},
        {&meters->rekeyed, "waybill_records_rekeyed_total",
         "Records sent on to the partition that their key belongs to"},
        {&meters->dead_letters, "waybill_dead_letters_total", "Records set aside with a reason"},
        {&meters->emitted, "waybill_events_emitted_total", "Events written to topics"},
        {&meters->batches, "waybill_batches_total", "Transactions committed"},
        {&meters->batches_failed, "waybill_batches_failed_total",
         "Batches thrown away and decided again"},
        {&meters->takeovers, "waybill_takeovers_total", "Tasks taken over"},
        {&meters->restored_records, "waybill_restored_records_total",
         "Changelog records read to bring the store up"},
        {&meters->timers, "waybill_timers_fired_total", "Keys whose timers came due"},
        {&meters->replies, "waybill_replies_total", "Replies of calls taken into batches"},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        *counters[i].counter = metrics_counter(metrics, counters[i].name, counters[i].help, labels);
    meters->tasks_ready =
        metrics_gauge(metrics, "waybill_tasks_ready", "Tasks at work here", labels);
    meters->tasks_restoring =
        metrics_gauge(metrics, "waybill_tasks_restoring", "Tasks being taken over here", labels);
    meters->tasks_refused = metrics_gauge(
        metrics, "waybill_tasks_refused",
        "Tasks that this program is too old for: start the version that wrote their states",
        labels);
    meters->lag = metrics_gauge(metrics, "waybill_input_lag_records",
                                "Records of this worker's partitions not yet decided", labels);
    meters->calls_running =
        metrics_gauge(metrics, "waybill_calls_running", "Calls on their way", labels);
    const struct {
        struct histogram **histogram;
        const char *name, *help;
    } histograms[] = {
        {&meters->commit_seconds, "waybill_commit_seconds", "How long a commit takes"},
        {&meters->batch_seconds, "waybill_batch_seconds", "From the first record to the apply"},
        {&meters->event_age_seconds, "waybill_event_age_seconds",
         "How old an event is when it is decided (F06)"},
        {&meters->restore_seconds, "waybill_restore_seconds", "How long a take-over takes"},
    };
    for (size_t i = 0; i < sizeof(histograms) / sizeof(histograms[0]); i++)
        *histograms[i].histogram =
            metrics_histogram(metrics, histograms[i].name, histograms[i].help, labels,
                              metrics_seconds_bounds, metrics_seconds_bound_count);
}
