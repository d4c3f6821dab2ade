/* The notifier decides what a customer is told, when, and by which channel. The plan of an order
 * turns what happens into messages; the dispatcher of a contact sends them, or holds them, or drops
 * what was overtaken. */
#ifndef WAYBILL_NOTIFIER_H
#define WAYBILL_NOTIFIER_H

#include "events.h"
#include "notifier/template.h"
#include "rules/route.h"

/* How messages of a kind travel. */
struct message_policy {
    bool is_set; /* in the settings; if not, the kind's own of policy.c applies */
    enum message_class message_class;
    enum message_channel first; /* the one tried first, if the customer has it */
    bool immediate;             /* an e-mail of this kind goes at any hour and over any cap (F60) */
    int64_t expires_after_ms;   /* counted from what it tells; not worth sending later */
};

enum { MESSAGE_KINDS_MAX = 32, CARRIERS_MAX = 500, TEMPLATES_MAX = 1000 };

struct carrier_link {
    struct str carrier; /* "default": of the carriers that have none */
    struct str url;
};

struct notifier_settings {
    struct str brand;        /* what customers know the shop by */
    struct str feedback_url; /* absent: none; {order_id} is filled in */
    struct str help;         /* how to get help, a line of text; absent: none */
    struct str locale;       /* of customers whose language nobody knows */
    struct str mail_from;
    struct str sms_from;
    struct str unsubscribe_url; /* absent: by mail; {contact_id} is filled in */
    int64_t cap_per_day;
    int64_t keep_ms;
    int64_t quiet_from_minutes, quiet_until_minutes;
    int64_t retry_after_ms;
    struct message_policy policies[MESSAGE_KINDS_MAX]; /* by kind */
    struct message_template *templates;
    size_t template_count;
    struct carrier_link *carriers;
    size_t carrier_count;
};

/* Filled from file, environment and flags into a struct notifier_settings. */
extern const struct settings notifier_settings;

/* plan.c: by order id */
rule plan_event;  /* any event that the table of plan.c names */
rule plan_forget; /* timer "forget" */

/* contact.c: by contact id */
rule contact_planned;   /* message.planned */
rule contact_withdrawn; /* message.withdrawn */
rule contact_opted;     /* contact.opted_out */
rule contact_reported;  /* message.reported */
rule contact_replied;   /* the outcome of a call */
rule contact_release;   /* timer "release": what was held may go now */
rule contact_forget;    /* timer "forget" */

/* policy.c */
struct message_policy policy_of(const struct notifier_settings *cfg, enum message_kind kind);

/* The one id of a message, whoever asks: what was decided twice is the same message (F74). shipment
 * may be absent. */
struct str policy_message_id(struct arena *arena, struct str order_id, enum message_kind kind,
                             struct str shipment, int32_t number);

#endif
