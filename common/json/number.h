/* Doubles as text. Internal to json/. */
#ifndef WAYBILL_JSON_NUMBER_H
#define WAYBILL_JSON_NUMBER_H

enum { NUMBER_TEXT_BYTES = 32 };

/* The shortest of 15 to 17 digits that reads back as the same (finite) number: 19.99 is "19.99". */
void number_text(double number, char out[NUMBER_TEXT_BYTES]);

#endif
