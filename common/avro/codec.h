/* Avro binary of our own records, by their descriptors: struct -> bytes and back with the same
 * schema.
 *
 * What another version of a program wrote is read by avro/schemas.h. */
#ifndef WAYBILL_AVRO_CODEC_H
#define WAYBILL_AVRO_CODEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "rules/record.h"

enum { AVRO_LIST_ITEMS_MAX = 10000 }; /* of one list, both ways */

/* Appends the record. An absent string or bytes that may not be null is written as empty. Errors
 * (ERROR_SET_ASIDE, buffer unchanged): a string that is not UTF-8, an enum out of range, a list
 * that is too long, a buffer that is full; the text names the field: "order.accepted: order:
 * lines[3]: sku: …"
 */
MUST_CHECK int avro_encode(const struct record_type *type, const void *record, struct buffer *out,
                           struct error *err);

/* The same behind the 5 bytes of avro/framing.h that say type->schema_id. */
MUST_CHECK int avro_encode_framed(const struct record_type *type, const void *record,
                                  struct buffer *out, struct error *err);

/* A struct of that type in the arena. Strings are borrowed from bytes. All of bytes must be used.
 * Errors are ERROR_SET_ASIDE and name the field; a full arena, too. */
MUST_CHECK int avro_decode(const struct record_type *type, struct str bytes, struct arena *arena,
                           const void **out, struct error *err);

#endif
