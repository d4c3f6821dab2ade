/* The settings of feedback: one row each, alphabetical. */
#include "config/settings.h"
#include "feedback/feedback.h"

#define AT(field) offsetof(struct feedback_settings, field)

static const struct setting rows[] = {
    {.name = "feedback.delay",
     .kind = SETTING_DURATION,
     .default_text = "3d",
     .min = 0,
     .max = 365 * SETTING_DAY_MS,
     .offset = AT(delay_ms),
     .text = "How long after the last parcel of an order was delivered its customer is asked"},
    {.name = "feedback.keep",
     .kind = SETTING_DURATION,
     .default_text = "180d",
     .min = 1000,
     .max = 3650 * SETTING_DAY_MS,
     .offset = AT(keep_ms),
     .text = "How long an order is remembered after its last news; longer than feedback.delay"},
    {.name = "feedback.score_samples_min",
     .kind = SETTING_INT,
     .unit = "deliveries",
     .default_text = "10",
     .min = 1,
     .max = 1000000,
     .offset = AT(score_samples_min),
     .text = "How many deliveries with a promise a supplier needs before it has a score"},
};

static int check(const void *target, struct error *err)
{
    const struct feedback_settings *cfg = target;
    if (cfg->keep_ms <= cfg->delay_ms)
        return error_set(err, ERROR_FATAL, "feedback.keep must be longer than feedback.delay");
    return 0;
}

const struct settings feedback_settings = {
    .component = "feedback",
    SETTINGS_ROWS(rows),
    .bytes = sizeof(struct feedback_settings),
    .check = check,
};
