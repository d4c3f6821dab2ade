/* Settings of intake: one row each, alphabetical. */
#include "intake/intake.h"

#include "calendar/calendar.h"
#include "config/settings.h"

#define AT(field) offsetof(struct intake_settings, field)

static const struct setting rows[] = {
    {.name = "intake.early_notice_wait",
     .kind = SETTING_DURATION,
     .default_text = "7d",
     .min = 1000,
     .max = 3650 * SETTING_DAY_MS,
     .offset = AT(early_notice_wait_ms),
     .text = "How long a payment or a cancel that came before its order waits for it"},
    {.name = "intake.keep",
     .kind = SETTING_DURATION,
     .default_text = "120d",
     .min = 1000,
     .max = 3650 * SETTING_DAY_MS,
     .offset = AT(keep_ms),
     .text = "How long an order is remembered after its last news; a repeat after that is new"},
    {.name = "intake.lines_max",
     .kind = SETTING_INT,
     .unit = "lines",
     .default_text = "200",
     .min = 1,
     .max = 500,
     .offset = AT(lines_max),
     .text = "Orders with more lines are rejected"},
    {.name = "intake.payment_wait",
     .kind = SETTING_DURATION,
     .default_text = "3d",
     .min = 1000,
     .max = 3650 * SETTING_DAY_MS,
     .offset = AT(payment_wait_ms),
     .text = "How long an order waits for its payment before it is cancelled"},
    {.name = "intake.time_zone",
     .kind = SETTING_STRING,
     .default_text = "UTC",
     .offset = AT(time_zone),
     .text = "IANA zone of destinations whose country tells none"},
    {.name = "intake.total_tolerance",
     .kind = SETTING_INT,
     .unit = "minor units",
     .default_text = "0",
     .min = 0,
     .max = 10000,
     .offset = AT(total_tolerance_minor),
     .text = "How far an order's total may be from the sum of its parts"},
};

static int check(const void *cfg, struct error *err)
{
    const struct intake_settings *settings = cfg;
    if (!calendar_zone_is_known(settings->time_zone))
        return error_set(err, ERROR_FATAL, "intake.time_zone: %.*s is no IANA time zone",
                         STR_ARG(settings->time_zone));
    return 0;
}

const struct settings intake_settings = {.component = "intake",
                                         SETTINGS_ROWS(rows),
                                         .bytes = sizeof(struct intake_settings),
                                         .check = check};
