#include "log/mask.h"

enum { STARS = 3 };

/* The bytes of the first UTF-8 character of s that still fit. */
static size_t first_character(struct str s)
{
    size_t len = s.len > 0;
    while (len < s.len && len < 4 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
        len++;
    return len;
}

static size_t add(char *out, size_t at, const char *bytes, size_t len)
{
    if (at + len >= MASK_BYTES)
        len = MASK_BYTES - 1 - at;
    memcpy(out + at, bytes, len);
    return at + len;
}

static size_t add_masked(char *out, size_t at, struct str s)
{
    at = add(out, at, s.ptr, first_character(s));
    return add(out, at, "***", STARS);
}

const char *mask_text(struct str text, char out[MASK_BYTES])
{
    size_t len = text.len ? add_masked(out, 0, text) : 0;
    out[len] = '\0';
    return out;
}

const char *mask_email(struct str email, char out[MASK_BYTES])
{
    struct str user, domain;
    str_split(email, '@', &user, &domain);
    if (!domain.ptr || user.len == 0 || domain.len == 0)
        return mask_text(email, out);
    size_t dot = domain.len;
    while (dot > 0 && domain.ptr[dot - 1] != '.')
        dot--;
    size_t len = add_masked(out, 0, user);
    len = add(out, len, "@", 1);
    len = add_masked(out, len, domain);
    if (dot > 1)
        len = add(out, len, domain.ptr + dot - 1, domain.len - dot + 1);
    out[len] = '\0';
    return out;
}

const char *mask_phone(struct str phone, char out[MASK_BYTES])
{
    size_t head = phone.len && phone.ptr[0] == '+' ? 3 : 2, tail = 2;
    if (phone.len <= head + tail)
        return mask_text(phone, out);
    size_t len = add(out, 0, phone.ptr, head);
    for (size_t i = head; i + tail < phone.len && len < MASK_BYTES - 4; i++)
        out[len++] = '*';
    len = add(out, len, phone.ptr + phone.len - tail, tail);
    out[len] = '\0';
    return out;
}
