/* One plain e-mail as bytes for SMTP: RFC 5322, 2045 and 2047. Pure: the same message gives the
 * same bytes, so that a message sent again carries the same Message-ID and Date.
 *
 * Nothing that a customer or a supplier wrote can add a header: addresses and ids with anything but
 * visible ASCII are refused, texts must be UTF-8 and are encoded. */
#ifndef WAYBILL_MIME_MIME_H
#define WAYBILL_MIME_MIME_H

#include "base/arena.h"

enum {
    MIME_ADDRESS_BYTES_MAX = 254,
    MIME_ID_BYTES_MAX = 200,
    MIME_URL_BYTES_MAX = 900,
    MIME_NAME_BYTES_MAX = 200,
    MIME_SUBJECT_BYTES_MAX = 1000,
    MIME_TEXT_BYTES_MAX = 128 * 1024
};

struct mime_message {
    struct str from, to;    /* "shop@example.com" */
    struct str from_name;   /* any text; empty = none */
    struct str subject;     /* any text; line breaks become spaces */
    struct str text;        /* lines end in LF or CRLF */
    struct str message_id;  /* "left@domain", without the angle brackets */
    struct str thread_id;   /* the message that this one follows, to show them together; or empty */
    struct str unsubscribe; /* an https or mailto URL (RFC 2369, 8058); or empty */
    int64_t date_ms;
};

/* One mailbox that may stand in a header and in the envelope: visible ASCII, one @, not too long.
 */
bool mime_address_is_usable(struct str address);

/* The whole message: CRLF lines of at most 998 bytes, of text at most 76, dots not stuffed (libcurl
 * does that). {NULL, 0} if an address, an id or a URL is not usable, a text is not UTF-8, something
 * is over its limit, or the arena is full. */
struct str mime_build(struct arena *arena, const struct mime_message *message);

#endif
