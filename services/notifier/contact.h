/* One contact's messages while a rule works on them. */
#ifndef WAYBILL_NOTIFIER_CONTACT_H
#define WAYBILL_NOTIFIER_CONTACT_H

#include "notifier/notifier.h"

struct contact {
    struct contact_state state; /* its list may be changed in place */
    struct str id;
    const struct notifier_settings *cfg;
    const struct context *ctx;
    struct effects *out;
};

/* dispatch.c: sends what may go now, drops what must not go, and sets the timers of the rest. The
 * last thing every rule of a contact does. */
void dispatch(struct contact *contact);

/* send.c: the call that hands a message over. False if it cannot be written; then the channel
 * counts as refused. */
bool send_message(const struct contact *contact, const struct contact_message *message);

/* "<message id>/email/1": one intent per try. */
struct str send_intent_id(const struct contact *contact, const struct contact_message *message);

/* Could it still go that way? */
bool contact_may_use(const struct contact_state *state, const struct contact_message *message,
                     enum message_channel channel);

/* It ended so; texts and addresses are not needed any more. */
void contact_end(const struct contact *contact, struct contact_message *message,
                 enum message_status status);
void contact_suppress(const struct contact *contact, struct contact_message *message,
                      const char *reason);
void contact_fail(const struct contact *contact, struct contact_message *message);

#endif
