/* E-mail addresses and telephone numbers, made one form (F08). */
#ifndef WAYBILL_INTAKE_CONTACT_H
#define WAYBILL_INTAKE_CONTACT_H

#include "base/arena.h"

/* Trims it and writes its domain in lower case; empty becomes absent. False, and absent, if it is
 * no address. Not all of RFC 5321: quoted local parts and address literals are no customers'. */
bool contact_email(struct arena *arena, struct str *email);

enum contact_fit { CONTACT_ABSENT, CONTACT_GOOD, CONTACT_UNUSUAL, CONTACT_UNREADABLE };

/* Makes it E.164; empty or unreadable becomes absent. country as in phone_normalise. */
enum contact_fit contact_phone(struct arena *arena, struct str country, struct str *phone);

#endif
