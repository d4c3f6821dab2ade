#include "json/number.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIGITS_EXACT = 15, DIGITS_MAX = 17 };

void number_text(double number, char out[NUMBER_TEXT_BYTES])
{
    for (int digits = DIGITS_EXACT; digits <= DIGITS_MAX; digits++) {
        snprintf(out, NUMBER_TEXT_BYTES, "%.*g", digits, number);
        double again = strtod(out, NULL);
        if (again >= number && again <= number)
            break;
    }
}
