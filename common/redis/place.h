/* What a Redis url says. */
#ifndef WAYBILL_REDIS_PLACE_H
#define WAYBILL_REDIS_PLACE_H

#include "base/error.h"
#include "base/str.h"

enum { PLACE_TEXT_MAX = 256 };

/* All of it NUL-terminated; empty = not said. */
struct place {
    bool is_unix, is_tls;
    char host[PLACE_TEXT_MAX]; /* or the socket's path */
    char user[PLACE_TEXT_MAX], password[PLACE_TEXT_MAX];
    int port, database;
};

/* ERROR_FATAL without the url, which may hold a password. */
MUST_CHECK int place_parse(struct str url, struct place *out, struct error *err);

#endif
