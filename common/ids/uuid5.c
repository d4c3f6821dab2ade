#include "ids/uuid5.h"

#include <stdio.h>
#include <uuid/uuid.h>

enum { UUID_TEXT_LEN = 36, LENGTH_TEXT_MAX = 21 };

/* uuid5(DNS namespace, "waybill.events") = 9ee478be-f211-5b14-b211-137da3b76fd7; a change would
 * change all ids. */
static const uuid_t waybill_namespace = {0x9e, 0xe4, 0x78, 0xbe, 0xf2, 0x11, 0x5b, 0x14,
                                         0xb2, 0x11, 0x13, 0x7d, 0xa3, 0xb7, 0x6f, 0xd7};

struct str uuid5(struct arena *arena, const struct str *parts, size_t count)
{
    size_t room = 1;
    for (size_t i = 0; i < count; i++)
        room += LENGTH_TEXT_MAX + parts[i].len;
    char *name = arena_alloc(arena, room);
    char *text = arena_alloc(arena, UUID_TEXT_LEN + 1);
    if (!name || !text)
        return (struct str){NULL, 0};
    /* Netstrings without the comma, "5:hello3:you", so that no two lists of parts look the same. */
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(name + len, room - len, "%zu:", parts[i].len);
        if (parts[i].len)
            memcpy(name + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    uuid_t id;
    uuid_generate_sha1(id, waybill_namespace, name, len);
    uuid_unparse_lower(id, text);
    return (struct str){text, UUID_TEXT_LEN};
}
