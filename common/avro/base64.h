/* Bytes as text (RFC 4648, section 4). Internal to avro/. */
#ifndef WAYBILL_AVRO_BASE64_H
#define WAYBILL_AVRO_BASE64_H

#include "base/arena.h"

/* {NULL, 0} if the arena is full. */
struct str base64_encode(struct arena *arena, struct str bytes);

/* {NULL, 0} if text is not base64 with padding, or the arena is full. */
struct str base64_decode(struct arena *arena, struct str text);

#endif
