/* How messages of each kind travel, unless the settings say otherwise. */
#include "ids/uuid5.h"
#include "notifier/notifier.h"

enum { MINUTE_MS = 60 * 1000 };
#define HOURS(n) ((int64_t)(n)*60 * MINUTE_MS)
#define DAYS(n)  HOURS((n)*24)

#define TRANSACTIONAL .message_class = MESSAGE_CLASS_TRANSACTIONAL, .first = MESSAGE_CHANNEL_EMAIL

/* "out for delivery" is no news the day after; the rest stays true for longer. */
static const struct message_policy policies[MESSAGE_KINDS_MAX] = {
    [MESSAGE_KIND_UNKNOWN] = {TRANSACTIONAL, .expires_after_ms = DAYS(4)},
    [MESSAGE_KIND_ORDER_CONFIRMED] = {TRANSACTIONAL, .immediate = true,
                                      .expires_after_ms = DAYS(4)},
    [MESSAGE_KIND_DISPATCHED] = {TRANSACTIONAL, .expires_after_ms = DAYS(4)},
    [MESSAGE_KIND_OUT_FOR_DELIVERY] = {TRANSACTIONAL, .expires_after_ms = HOURS(16)},
    [MESSAGE_KIND_DELIVERED] = {TRANSACTIONAL, .expires_after_ms = DAYS(4)},
    [MESSAGE_KIND_DELAYED] = {TRANSACTIONAL, .expires_after_ms = DAYS(4)},
    [MESSAGE_KIND_ORDER_CANCELLED] = {TRANSACTIONAL, .expires_after_ms = DAYS(14)},
    [MESSAGE_KIND_FEEDBACK_REQUEST] = {.message_class = MESSAGE_CLASS_FEEDBACK,
                                       .first = MESSAGE_CHANNEL_EMAIL,
                                       .expires_after_ms = DAYS(14)},
};

struct message_policy policy_of(const struct notifier_settings *cfg, enum message_kind kind)
{
    size_t at = (size_t)kind < MESSAGE_KINDS_MAX ? (size_t)kind : MESSAGE_KIND_UNKNOWN;
    return cfg->policies[at].is_set ? cfg->policies[at] : policies[at];
}

struct str policy_message_id(struct arena *arena, struct str order_id, enum message_kind kind,
                             struct str shipment, int32_t number)
{
    return uuid5_of(arena, STR("message"), order_id, str_from(message_kind_name(kind)), shipment,
                    arena_printf(arena, "%d", number));
}
