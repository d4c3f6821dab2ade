/* The settings of tracking_ingest. */
#include "config/settings.h"
#include "tracking_ingest/tracking_ingest.h"

#define AT(field) offsetof(struct tracking_ingest_settings, field)

static const struct setting rows[] = {
    {.name = "tracking_ingest.confirm_delay_at",
     .kind = SETTING_TIME_OF_DAY,
     .offset = AT(confirm_delay_minutes),
     .default_text = "09:00",
     .max = 24 * 60 - 1,
     .text = "When, at the destination on the day after the promised one, a parcel that has not "
             "come is called late"},
    {.name = "tracking_ingest.expire_after",
     .kind = SETTING_DURATION,
     .offset = AT(expire_after_ms),
     .default_text = "30d",
     .min = 1000,
     .max = 365 * SETTING_DAY_MS,
     .text = "How long a parcel may be silent before it counts as EXPIRED"},
    {.name = "tracking_ingest.future_tolerance",
     .kind = SETTING_DURATION,
     .offset = AT(future_tolerance_ms),
     .default_text = "2d",
     .max = 365 * SETTING_DAY_MS,
     .text = "How far ahead of now a scan may claim to be; beyond it is set aside"},
    {.name = "tracking_ingest.keep_for",
     .kind = SETTING_DURATION,
     .offset = AT(keep_ms),
     .default_text = "120d",
     .min = 1000,
     .max = 1000 * SETTING_DAY_MS,
     .text = "How long a parcel is remembered after the last that was heard of it; more than "
             "expire_after"},
    {.name = "tracking_ingest.keep_unregistered_for",
     .kind = SETTING_DURATION,
     .offset = AT(keep_unregistered_ms),
     .default_text = "30d",
     .min = 1000,
     .max = 365 * SETTING_DAY_MS,
     .text = "How long scans wait for a supplier to say whose parcel it is"},
    {.name = "tracking_ingest.slip_days_min",
     .kind = SETTING_INT,
     .unit = "days",
     .offset = AT(slip_days_min),
     .default_text = "1",
     .min = 1,
     .max = 60,
     .text =
         "From how many days after the promise on a carrier's expected date is told as a delay"},
    {.name = "tracking_ingest.stall_after",
     .kind = SETTING_DURATION,
     .offset = AT(stall_after_ms),
     .default_text = "7d",
     .min = 1000,
     .max = 365 * SETTING_DAY_MS,
     .text = "How long a parcel on its way may go without a scan before it counts as stalled"},
};

static int check(const void *cfg, struct error *err)
{
    const struct tracking_ingest_settings *settings = cfg;
    if (settings->keep_ms <= settings->expire_after_ms)
        return error_set(
            err, ERROR_FATAL,
            "tracking_ingest.keep_for must be longer than tracking_ingest.expire_after");
    return 0;
}

const struct settings tracking_ingest_settings = {
    .component = "tracking_ingest",
    SETTINGS_ROWS(rows),
    .bytes = sizeof(struct tracking_ingest_settings),
    .check = check,
};
