#include "base/utf8.h"

/* How many bytes the sequence at the head of s takes; 0 = not well formed (RFC 3629, section 4). */
static size_t sequence_bytes(const unsigned char *s, size_t len)
{
    unsigned char first = s[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (bytes == 1)
        return 1;
    if (first < 0xc2 || first > 0xf4 || bytes > len)
        return 0;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return bytes;
}

bool utf8_is_valid(struct str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof(eight)) {
            memcpy(&eight, at + i, sizeof(eight));
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t bytes = sequence_bytes(at + i, s.len - i);
        if (bytes == 0)
            return false;
        i += bytes;
    }
    return true;
}
