#include "avro/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct str base64_encode(struct arena *arena, struct str bytes)
{
    size_t len = (bytes.len + 2) / 3 * 4;
    char *text = arena_alloc(arena, len + 1);
    if (!text)
        return (struct str){NULL, 0};
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    for (size_t i = 0, to = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                         (left > 2 ? at[i + 2] : 0);
        text[to++] = digits[three >> 18];
        text[to++] = digits[three >> 12 & 63];
        text[to++] = left > 1 ? digits[three >> 6 & 63] : '=';
        text[to++] = left > 2 ? digits[three & 63] : '=';
    }
    return (struct str){text, len};
}

struct str base64_decode(struct arena *arena, struct str text)
{
    const struct str wrong = {NULL, 0};
    if (text.len % 4)
        return wrong;
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    size_t len = text.len / 4 * 3 - padding;
    char *bytes = arena_alloc(arena, len + 1);
    if (!bytes)
        return wrong;
    uint32_t bits = 0;
    size_t to = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit =
            i < text.len - padding && text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (!digit && i < text.len - padding)
            return wrong;
        bits = bits << 6 | (uint32_t)(digit ? digit - digits : 0);
        for (unsigned byte = 0; i % 4 == 3 && byte < 3 && to < len; byte++)
            bytes[to++] = (char)(bits >> (16 - 8 * byte));
    }
    return (struct str){bytes, len};
}
