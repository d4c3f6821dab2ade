/* What a planned message says, in the customer's language. */
#ifndef WAYBILL_NOTIFIER_WORDING_H
#define WAYBILL_NOTIFIER_WORDING_H

#include "notifier/notifier.h"

/* Fills subject, text, sms_text and locale; text and sms_text only if there is an address for them.
 * plan->order is known. Nothing of the supplier is in it (F29). */
void wording_write(const struct message_plan *plan, const struct plan_message *message,
                   const struct context *ctx, struct message_planned *out);

/* A URL whose {name} became the value, percent-encoded; absent if url is. */
struct str wording_link(struct arena *arena, struct str url, const char *name, struct str value);

#endif
