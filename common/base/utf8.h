/* Whether bytes are text. */
#ifndef WAYBILL_BASE_UTF8_H
#define WAYBILL_BASE_UTF8_H

#include "base/str.h"

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(struct str s);

#endif
