#include "avro/wire.h"

#include "avro/codec.h"
#include "base/utf8.h"

static int cut_off(struct wire *wire)
{
    return error_set(wire->err, ERROR_SET_ASIDE, "the bytes end too early");
}

int wire_read_long(struct wire *wire, int64_t *out)
{
    uint64_t zigzag = 0;
    const unsigned char *at = wire->at;
    for (unsigned shift = 0;; shift += 7) {
        if (at == wire->end)
            return cut_off(wire);
        unsigned char byte = *at++;
        /* The tenth byte holds the 64th bit and nothing else. */
        if (shift == 63 && byte > 1)
            return error_set(wire->err, ERROR_SET_ASIDE, "a number of more than 64 bits");
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    wire->at = at;
    *out = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    return 0;
}

int wire_read_int(struct wire *wire, int32_t *out)
{
    int64_t value;
    if (wire_read_long(wire, &value))
        return -1;
    if (value < INT32_MIN || value > INT32_MAX)
        return error_set(wire->err, ERROR_SET_ASIDE, "%lld does not fit into 32 bits",
                         (long long)value);
    *out = (int32_t)value;
    return 0;
}

int wire_read_bool(struct wire *wire, bool *out)
{
    if (wire_left(wire) < 1)
        return cut_off(wire);
    if (*wire->at > 1)
        return error_set(wire->err, ERROR_SET_ASIDE, "a boolean of %u", *wire->at);
    *out = *wire->at++;
    return 0;
}

int wire_read_float(struct wire *wire, float *out)
{
    const unsigned char *at = wire->at;
    if (wire_skip(wire, sizeof(*out)))
        return -1;
    uint32_t bits = 0;
    for (unsigned i = 0; i < sizeof(bits); i++)
        bits |= (uint32_t)at[i] << (8 * i);
    memcpy(out, &bits, sizeof(*out));
    return 0;
}

int wire_read_double(struct wire *wire, double *out)
{
    const unsigned char *at = wire->at;
    if (wire_skip(wire, sizeof(*out)))
        return -1;
    uint64_t bits = 0;
    for (unsigned i = 0; i < sizeof(bits); i++)
        bits |= (uint64_t)at[i] << (8 * i);
    memcpy(out, &bits, sizeof(*out));
    return 0;
}

int wire_read_bytes(struct wire *wire, struct str *out)
{
    int64_t len;
    if (wire_read_long(wire, &len))
        return -1;
    if (len < 0 || (uint64_t)len > wire_left(wire))
        return error_set(wire->err, ERROR_SET_ASIDE, "a length of %lld where %zu bytes are left",
                         (long long)len, wire_left(wire));
    *out = (struct str){(const char *)wire->at, (size_t)len};
    wire->at += len;
    return 0;
}

int wire_read_string(struct wire *wire, struct str *out)
{
    struct str text;
    if (wire_read_bytes(wire, &text))
        return -1;
    if (!utf8_is_valid(text))
        return error_set(wire->err, ERROR_SET_ASIDE, "a string that is not UTF-8");
    *out = text;
    return 0;
}

int wire_skip(struct wire *wire, size_t bytes)
{
    if (wire_left(wire) < bytes)
        return cut_off(wire);
    wire->at += bytes;
    return 0;
}

int wire_read_block(struct wire *wire, size_t *out_count, const unsigned char **out_end)
{
    int64_t count;
    if (wire_read_long(wire, &count))
        return -1;
    const unsigned char *end = NULL;
    if (count < 0) {
        int64_t bytes;
        if (wire_read_long(wire, &bytes))
            return -1;
        if (bytes < 0 || (uint64_t)bytes > wire_left(wire))
            return error_set(wire->err, ERROR_SET_ASIDE, "a block of %lld bytes where %zu are left",
                             (long long)bytes, wire_left(wire));
        end = wire->at + bytes;
        count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if ((uint64_t)count > wire_left(wire))
        return error_set(wire->err, ERROR_SET_ASIDE, "%lld items where %zu bytes are left",
                         (long long)count, wire_left(wire));
    *out_count = (size_t)count;
    *out_end = end;
    return 0;
}

int wire_end_block(struct wire *wire, const unsigned char *end)
{
    if (end && wire->at != end)
        return error_set(wire->err, ERROR_SET_ASIDE, "a block that is not as long as it says");
    return 0;
}

int wire_no_memory(struct wire *wire)
{
    return error_set(wire->err, ERROR_SET_ASIDE, "needs more than the %zu bytes of memory",
                     wire->arena->bytes_max);
}

int wire_list_grow(struct wire *wire, struct slot_list *list, size_t *capacity, size_t more,
                   size_t item_bytes)
{
    size_t need = list->len + more;
    if (need > AVRO_LIST_ITEMS_MAX)
        return error_set(wire->err, ERROR_SET_ASIDE, "a list of more than %d items",
                         AVRO_LIST_ITEMS_MAX);
    if (need <= *capacity)
        return 0;
    /* Doubled when a list comes in blocks, so that many small ones do not cost their square. */
    size_t room = list->len ? 2 * need : need;
    void *grown = arena_alloc_array(wire->arena, room, item_bytes);
    if (!grown)
        return wire_no_memory(wire);
    if (list->len)
        memcpy(grown, list->ptr, list->len * item_bytes);
    list->ptr = grown;
    *capacity = room;
    return 0;
}

void wire_put_long(struct buffer *out, int64_t value)
{
    unsigned char bytes[10];
    size_t len = 0;
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7)
        bytes[len++] = (unsigned char)(zigzag | 0x80);
    bytes[len++] = (unsigned char)zigzag;
    buffer_add(out, bytes, len);
}

void wire_put_double(struct buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    unsigned char bytes[sizeof(bits)];
    for (unsigned i = 0; i < sizeof(bits); i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    buffer_add(out, bytes, sizeof(bytes));
}

void wire_put_bytes(struct buffer *out, struct str bytes)
{
    wire_put_long(out, (int64_t)bytes.len);
    buffer_add_str(out, bytes);
}
