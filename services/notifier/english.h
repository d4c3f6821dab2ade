/* The built-in wording. */
#ifndef WAYBILL_NOTIFIER_ENGLISH_H
#define WAYBILL_NOTIFIER_ENGLISH_H

#include "notifier/template.h"

extern const struct message_template english[];
extern const size_t english_count;

#endif
