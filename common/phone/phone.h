/* Telephone numbers as people type them, made one form. libphonenumber stands behind this door.
 *
 * Pure: the same arguments give the same answer. Numbers in the answer are E.164 ("+919876543210").
 */
#ifndef WAYBILL_PHONE_PHONE_H
#define WAYBILL_PHONE_PHONE_H

#include "base/arena.h"

enum { PHONE_BYTES_MAX = 64 }; /* of what was typed; more is no number */

enum phone_quality {
    PHONE_NONE,    /* no number can be read from it, or one of an impossible length */
    PHONE_UNUSUAL, /* a number, but not one that the country's plan gives out */
    PHONE_VALID
};

/* Reads a number typed in that country (ISO 3166-1 alpha-2; a number with + or the country's
 * international prefix needs none). out_e164 is set, in the arena, unless the answer is PHONE_NONE;
 * a full arena reads as PHONE_NONE, too. */
enum phone_quality phone_normalise(struct arena *arena, struct str typed, struct str country,
                                   struct str *out_e164);

#endif
