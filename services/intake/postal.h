/* Postal codes: what a country's look like (F08). */
#ifndef WAYBILL_INTAKE_POSTAL_H
#define WAYBILL_INTAKE_POSTAL_H

#include "base/str.h"

enum postal_fit {
    POSTAL_FITS,
    POSTAL_UNUSUAL, /* may be one, but not the country's form */
    POSTAL_MISSING, /* empty, in a country that has them */
    POSTAL_INVALID  /* no postal code anywhere */
};

/* code: trimmed and upper case; country: ISO 3166-1 alpha-2. */
enum postal_fit postal_check(struct str country, struct str code);

#endif
