/* The five bytes before every value in Kafka (Confluent framing): a zero, and the writer's schema
 * id as 4 bytes, big end first. */
#ifndef WAYBILL_AVRO_FRAMING_H
#define WAYBILL_AVRO_FRAMING_H

#include "base/buffer.h"
#include "base/error.h"

enum { FRAMING_BYTES = 5 };

void framing_put(struct buffer *out, int32_t schema_id);

/* Error (ERROR_SET_ASIDE) if there is no frame. */
MUST_CHECK int framing_split(struct str value, int32_t *out_schema_id, struct str *out_body,
                             struct error *err);

#endif
