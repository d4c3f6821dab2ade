#include "intake/contact.h"

#include "phone/phone.h"

/* RFC 5321, 4.5.3.1 */
enum { EMAIL_BYTES_MAX = 254, LOCAL_BYTES_MAX = 64, LABEL_BYTES_MAX = 63 };

static bool is_local_part(struct str local)
{
    if (local.len < 1 || local.len > LOCAL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < local.len; i++) {
        unsigned char c = (unsigned char)local.ptr[i];
        if (c <= ' ' || c == 0x7f || strchr("\"(),:;<>@[\\]", c))
            return false;
        if (c == '.' && (i == 0 || i + 1 == local.len || local.ptr[i + 1] == '.'))
            return false;
    }
    return true;
}

/* Letters of other scripts (above ASCII) may stand in both parts (RFC 6531). */
static bool is_label(struct str label)
{
    if (label.len < 1 || label.len > LABEL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = (unsigned char)label.ptr[i];
        bool inside = i > 0 && i + 1 < label.len;
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c < 0x80 && !(c == '-' && inside))
            return false;
    }
    return true;
}

static bool is_domain(struct str domain)
{
    size_t labels = 0;
    while (domain.ptr) {
        struct str label;
        str_split(domain, '.', &label, &domain);
        if (!is_label(label))
            return false;
        labels++;
    }
    return labels >= 2;
}

bool contact_email(struct arena *arena, struct str *email)
{
    struct str typed = email->ptr ? str_trim(*email) : *email;
    *email = (struct str){0};
    if (str_is_empty(typed))
        return true;
    const char *at = memchr(typed.ptr, '@', typed.len);
    if (!at || typed.len > EMAIL_BYTES_MAX)
        return false;
    struct str copy = arena_copy(arena, typed);
    if (!copy.ptr)
        return false;
    size_t local_len = (size_t)(at - typed.ptr);
    char *domain = (char *)copy.ptr + local_len + 1;
    size_t domain_len = typed.len - local_len - 1;
    for (size_t i = 0; i < domain_len; i++)
        if (domain[i] >= 'A' && domain[i] <= 'Z')
            domain[i] = (char)(domain[i] - 'A' + 'a');
    if (!is_local_part((struct str){copy.ptr, local_len}) ||
        !is_domain((struct str){domain, domain_len}))
        return false;
    *email = copy;
    return true;
}

enum contact_fit contact_phone(struct arena *arena, struct str country, struct str *phone)
{
    struct str typed = phone->ptr ? str_trim(*phone) : *phone;
    *phone = (struct str){0};
    if (str_is_empty(typed))
        return CONTACT_ABSENT;
    switch (phone_normalise(arena, typed, country, phone)) {
    case PHONE_VALID:
        return CONTACT_GOOD;
    case PHONE_UNUSUAL:
        return CONTACT_UNUSUAL;
    case PHONE_NONE:
        break;
    }
    return CONTACT_UNREADABLE;
}
