/* Personal data, made unreadable but still recognisable to who knows it. */
#ifndef WAYBILL_LOG_MASK_H
#define WAYBILL_LOG_MASK_H

#include "base/str.h"

enum { MASK_BYTES = 64 };

/* Each writes NUL-terminated text into out and returns it; absent and empty give "". */

/* "anna@example.com" -> "a***@e***.com"; what is no address is masked as text. */
const char *mask_email(struct str email, char out[MASK_BYTES]);

/* "+491701234567" -> "+49*******67": country code's first two digits and the last two. */
const char *mask_phone(struct str phone, char out[MASK_BYTES]);

/* "Anna Schmidt" -> "A***": the first character (UTF-8) stays. For names, streets, free texts. */
const char *mask_text(struct str text, char out[MASK_BYTES]);

#endif
