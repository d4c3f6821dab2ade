/* The little language of message texts: {placeholder}, and [a part that is left out when one of its
 * placeholders has no value]. {{ }} [[ ]] stand for the signs themselves. */
#ifndef WAYBILL_NOTIFIER_TEMPLATE_H
#define WAYBILL_NOTIFIER_TEMPLATE_H

#include "base/arena.h"
#include "base/error.h"
#include "events.h"

enum placeholder {
    PLACEHOLDER_BRAND,           /* the shop's name */
    PLACEHOLDER_CARRIER,         /* of the parcel, if the settings know it */
    PLACEHOLDER_COD_AMOUNT,      /* to have ready, cash on delivery only */
    PLACEHOLDER_DELIVERED_ON,    /* a date */
    PLACEHOLDER_EXPECTED,        /* the new date of a late parcel */
    PLACEHOLDER_FEEDBACK_URL,    /* where to answer */
    PLACEHOLDER_HELP,            /* how to get help, from the settings */
    PLACEHOLDER_ITEMS,           /* one line each: of the order, or of the parcel */
    PLACEHOLDER_NAME,            /* of the customer */
    PLACEHOLDER_ORDER_NUMBER,    /* what the customer knows the order by */
    PLACEHOLDER_PAID,            /* the total, if it is paid */
    PLACEHOLDER_PARCEL,          /* "1/2"; "1" while nobody knows how many there will be */
    PLACEHOLDER_PROMISED,        /* a date */
    PLACEHOLDER_REFUND,          /* the total, if it comes back */
    PLACEHOLDER_TOTAL,           /* of the order */
    PLACEHOLDER_TRACKING_NUMBER, /* of the parcel */
    PLACEHOLDER_TRACKING_URL,
    PLACEHOLDER_COUNT
};

/* Absent: not known. */
struct template_values {
    struct str of[PLACEHOLDER_COUNT];
};

struct message_template {
    enum message_kind kind;
    struct str locale; /* "en", "pt-BR" */
    struct str subject, text, sms;
};

/* Refuses (ERROR_FATAL) what could go wrong when a message of that kind is written: unknown
 * placeholders, ones without a value outside [ ], signs that do not pair. */
MUST_CHECK int template_check(struct str text, enum message_kind kind, struct error *err);

/* Values stand as they are: a brace in one means nothing. Absent if the arena is full. */
struct str template_render(struct arena *arena, struct str text,
                           const struct template_values *values);

#endif
