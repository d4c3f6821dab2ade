#include "avro/framing.h"

void framing_put(struct buffer *out, int32_t schema_id)
{
    uint32_t id = (uint32_t)schema_id;
    const unsigned char frame[FRAMING_BYTES] = {0, (unsigned char)(id >> 24),
                                                (unsigned char)(id >> 16), (unsigned char)(id >> 8),
                                                (unsigned char)id};
    buffer_add(out, frame, sizeof(frame));
}

int framing_split(struct str value, int32_t *out_schema_id, struct str *out_body, struct error *err)
{
    if (value.len < FRAMING_BYTES)
        return error_set(err, ERROR_SET_ASIDE,
                         "a value of %zu bytes is too short for a schema id (0, then 4 bytes)",
                         value.len);
    const unsigned char *at = (const unsigned char *)value.ptr;
    if (at[0] != 0)
        return error_set(err, ERROR_SET_ASIDE,
                         "a value must begin with 0 and a schema id of 4 bytes, not with 0x%02x",
                         at[0]);
    *out_schema_id =
        (int32_t)((uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4]);
    *out_body = (struct str){value.ptr + FRAMING_BYTES, value.len - FRAMING_BYTES};
    return 0;
}
