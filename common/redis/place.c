/* What a Redis url says. */
#include "redis/place.h"
#include "redis/redis.h"
#include "redis/redis_tls.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded and NUL-terminated into out[PLACE_TEXT_MAX]; false if it does not fit or is not
 * well-formed. */
static bool decode(struct str s, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        int c = s.ptr[i];
        if (c == '%') {
            int high = i + 2 < s.len ? hex(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? hex(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0 || len + 1 >= PLACE_TEXT_MAX)
            return false;
        out[len++] = (char)c;
    }
    out[len] = 0;
    return true;
}

/* A number of a url: absent = what *out is already. */
static bool decode_number(struct str s, int64_t max, int *out)
{
    int64_t value = 0;
    if (s.len == 0)
        return true;
    if (!str_to_int64(s, &value) || value < 0 || value > max)
        return false;
    *out = (int)value;
    return true;
}

/* host, host:port, [v6]:port */
static bool decode_host(struct str s, struct place *place)
{
    struct str host = s, port = {NULL, 0};
    if (s.len > 0 && s.ptr[0] == '[') {
        struct str rest;
        str_split((struct str){s.ptr + 1, s.len - 1}, ']', &host, &rest);
        if (!rest.ptr || (rest.len > 0 && rest.ptr[0] != ':'))
            return false;
        port = rest.len > 0 ? (struct str){rest.ptr + 1, rest.len - 1} : port;
    } else {
        str_split(s, ':', &host, &port);
    }
    return host.len > 0 && decode(host, place->host) && decode_number(port, 65535, &place->port);
}

/* The last '@' ends the user and password, so that one in a password does no harm. */
static bool decode_login(struct str *rest, struct place *place)
{
    const char *at = rest->len ? memrchr(rest->ptr, '@', rest->len) : NULL;
    if (!at)
        return true;
    struct str user, password;
    str_split((struct str){rest->ptr, (size_t)(at - rest->ptr)}, ':', &user, &password);
    *rest = (struct str){at + 1, rest->len - (size_t)(at + 1 - rest->ptr)};
    return decode(user, place->user) && decode(password, place->password);
}

static bool parse_url(struct str url, struct place *place)
{
    struct str rest, query;
    *place = (struct place){.port = REDIS_PORT};
    if (str_starts_with(url, STR("unix://"))) {
        str_split((struct str){url.ptr + 7, url.len - 7}, '?', &rest, &query);
        place->is_unix = true;
        if (query.ptr && !str_starts_with(query, STR("db=")))
            return false;
        struct str database = query.ptr ? (struct str){query.ptr + 3, query.len - 3} : query;
        return rest.len > 0 && decode(rest, place->host) &&
               decode_number(database, INT16_MAX, &place->database);
    }
    place->is_tls = str_starts_with(url, STR("rediss://"));
    size_t scheme = place->is_tls ? 9 : 8;
    if (!place->is_tls && !str_starts_with(url, STR("redis://")))
        return false;
    rest = (struct str){url.ptr + scheme, url.len - scheme};
    struct str where, database;
    if (!decode_login(&rest, place))
        return false;
    str_split(rest, '/', &where, &database);
    return decode_host(where, place) && decode_number(database, INT16_MAX, &place->database);
}

int place_parse(struct str url, struct place *out, struct error *err)
{
    struct place place;
    bool is_one = parse_url(url, &place);
    if (is_one && (!place.is_tls || redis_tls_is_there())) {
        *out = place;
        return 0;
    }
    explicit_bzero(&place, sizeof(place));
    if (is_one)
        return error_set(err, ERROR_FATAL,
                         "redis.urls: rediss:// needs hiredis 1.0 or newer with its TLS; this "
                         "program was built without (Debian 12 has 0.14, Debian 13 has 1.2)");
    return error_set(err, ERROR_FATAL,
                     "redis.urls: a url must be redis://[[user]:password@]host[:port][/db], "
                     "rediss:// likewise with TLS, or unix:///path[?db=n]");
}
