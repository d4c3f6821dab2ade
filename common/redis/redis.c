/* One connection to a Redis, on hiredis. */
#include "redis/redis.h"
#include "base/buffer.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#ifdef WAYBILL_REDIS_TLS
#include <hiredis/hiredis_ssl.h>
#endif
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum { TEXT_MAX = 256, COMMAND_BYTES_MAX = 1024 * 1024 * 1024 };

/* Where a url points to. */
struct place {
    bool is_unix, is_tls;
    char host[TEXT_MAX]; /* or the socket's path */
    char user[TEXT_MAX], password[TEXT_MAX];
    int port, database;
};

struct redis {
    struct place place;
    char name[TEXT_MAX + 16];
    int connect_timeout_ms, timeout_ms;
    redisContext *context;
    redisReply *reply;   /* what the last answer borrows from */
    struct buffer queue; /* commands not handed to hiredis yet */
    size_t words_left;   /* of the command being queued */
#ifdef WAYBILL_REDIS_TLS
    redisSSLContext *tls;
#endif
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded and NUL-terminated into out[TEXT_MAX]; false if it does not fit or is not
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
        if (c == 0 || len + 1 >= TEXT_MAX)
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
    place->port = REDIS_PORT;
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

static int prepare_tls(struct redis *redis, struct error *err)
{
    if (!redis->place.is_tls)
        return 0;
#ifdef WAYBILL_REDIS_TLS
    redisInitOpenSSL();
    redis->tls = redisCreateSSLContext(NULL, "/etc/ssl/certs", NULL, NULL, redis->place.host, NULL);
    if (redis->tls)
        return 0;
#endif
    return error_set(err, ERROR_FATAL, "Redis %s: rediss:// needs hiredis 1.0 or newer and its TLS",
                     redis->name);
}

int redis_open(struct redis **out, const struct redis_settings *cfg, struct error *err)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    if (!redis)
        return error_set(err, ERROR_FATAL, "out of memory for a Redis connection");
    buffer_init(&redis->queue, COMMAND_BYTES_MAX);
    if (!parse_url(str_from(cfg->url), &redis->place)) {
        redis_close(redis);
        return error_set(err, ERROR_FATAL,
                         "a Redis url must be redis://[[user]:password@]host[:port][/db] or "
                         "unix:///path[?db=n]");
    }
    snprintf(redis->name, sizeof(redis->name), redis->place.is_unix ? "%s" : "%s:%d",
             redis->place.host, redis->place.port);
    redis->connect_timeout_ms =
        cfg->connect_timeout_ms > 0 ? cfg->connect_timeout_ms : REDIS_CONNECT_TIMEOUT_MS;
    redis->timeout_ms = cfg->timeout_ms > 0 ? cfg->timeout_ms : REDIS_TIMEOUT_MS;
    if (prepare_tls(redis, err)) {
        redis_close(redis);
        return -1;
    }
    *out = redis;
    return 0;
}

void redis_drop(struct redis *redis)
{
    if (redis->reply)
        freeReplyObject(redis->reply);
    if (redis->context)
        redisFree(redis->context);
    redis->reply = NULL;
    redis->context = NULL;
    buffer_reset(&redis->queue);
    redis->words_left = 0;
}

void redis_close(struct redis *redis)
{
    if (!redis)
        return;
    redis_drop(redis);
    buffer_done(&redis->queue);
#ifdef WAYBILL_REDIS_TLS
    if (redis->tls)
        redisFreeSSLContext(redis->tls);
#endif
    explicit_bzero(&redis->place, sizeof(redis->place));
    free(redis);
}

const char *redis_name(const struct redis *redis)
{
    return redis->name;
}

static int away(struct redis *redis, const char *what, struct error *err)
{
    error_set(err, ERROR_RETRY, "Redis %s: %s", redis->name, what);
    redis_drop(redis);
    return -1;
}

/* "<mark><count>\r\n": said so often that printf would be most of a restore. */
static void add_count(struct redis *redis, char mark, size_t count)
{
    char text[24];
    size_t at = sizeof(text);
    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = (char)('0' + count % 10);
        count /= 10;
    } while (count > 0);
    text[--at] = mark;
    buffer_add(&redis->queue, text + at, sizeof(text) - at);
}

void redis_command(struct redis *redis, size_t argc)
{
    assert(redis->words_left == 0);
    add_count(redis, '*', argc);
    redis->words_left = argc;
}

void redis_word(struct redis *redis, struct str word)
{
    assert(redis->words_left > 0);
    redis->words_left--;
    add_count(redis, '$', word.len);
    buffer_add_str(&redis->queue, word);
    buffer_add(&redis->queue, "\r\n", 2);
}

void redis_number(struct redis *redis, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);
    redis_word(redis, (struct str){text, (size_t)len});
}

static int log_in(struct redis *redis, struct error *err)
{
    const struct place *place = &redis->place;
    struct redis_answer answer;
    if (place->password[0]) {
        redis_command(redis, place->user[0] ? 3 : 2);
        redis_word(redis, STR("AUTH"));
        if (place->user[0])
            redis_word(redis, str_from(place->user));
        redis_word(redis, str_from(place->password));
        if (redis_receive(redis, &answer, err))
            return -1;
        if (answer.kind == REDIS_ERROR)
            return away(redis, "user or password refused", err);
    }
    if (place->database == 0)
        return 0;
    redis_command(redis, 2);
    redis_word(redis, STR("SELECT"));
    redis_number(redis, place->database);
    if (redis_receive(redis, &answer, err))
        return -1;
    return answer.kind == REDIS_ERROR ? away(redis, "database refused", err) : 0;
}

int redis_connect(struct redis *redis, bool *out_new, struct error *err)
{
    *out_new = !redis->context;
    if (redis->context)
        return 0;
    const struct place *place = &redis->place;
    struct timeval patience = {redis->connect_timeout_ms / 1000,
                               redis->connect_timeout_ms % 1000 * 1000};
    redis->context = place->is_unix ? redisConnectUnixWithTimeout(place->host, patience)
                                    : redisConnectWithTimeout(place->host, place->port, patience);
    if (!redis->context || redis->context->err)
        return away(redis, redis->context ? redis->context->errstr : "out of memory", err);
    patience = (struct timeval){redis->timeout_ms / 1000, redis->timeout_ms % 1000 * 1000};
    redisSetTimeout(redis->context, patience);
#ifdef WAYBILL_REDIS_TLS
    if (redis->tls && redisInitiateSSLWithContext(redis->context, redis->tls) != REDIS_OK)
        return away(redis, redis->context->errstr, err);
#endif
    return log_in(redis, err);
}

/* Answers that mean "not now": the server starts, is a replica, is full, is busy with a script,
 * cannot save, has lost its replicas, or does not let us in. A script passes such an answer on
 * after a minus sign. */
static bool says_not_now(const char *text)
{
    static const char *const codes[] = {"LOADING",    "READONLY",
                                        "OOM",        "BUSY",
                                        "MASTERDOWN", "MISCONF",
                                        "NOREPLICAS", "CLUSTERDOWN",
                                        "TRYAGAIN",   "MOVED",
                                        "NOAUTH",     "NOPERM",
                                        "WRONGPASS",  "ERR max number of clients",
                                        "UNBLOCKED"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        size_t len = strlen(codes[i]);
        const char *inside = strstr(text, codes[i]);
        if (inside && (inside == text || inside[-1] == '-') &&
            (inside[len] == ' ' || inside[len] == 0))
            return true;
    }
    return false;
}

static struct redis_answer answer_of(const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        return (struct redis_answer){.kind = REDIS_INTEGER, .integer = reply->integer};
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return (struct redis_answer){.kind = REDIS_STRING, .string = {reply->str, reply->len}};
    case REDIS_REPLY_ARRAY:
        return (struct redis_answer){
            .kind = REDIS_ARRAY, .count = reply->elements, .items = reply->element};
    case REDIS_REPLY_ERROR:
        return (struct redis_answer){.kind = REDIS_ERROR, .string = {reply->str, reply->len}};
    default:
        return (struct redis_answer){.kind = REDIS_NIL};
    }
}

struct redis_answer redis_item(const struct redis_answer *array, size_t i)
{
    assert(array->kind == REDIS_ARRAY && i < array->count);
    redisReply *const *items = array->items;
    return answer_of(items[i]);
}

int redis_receive(struct redis *redis, struct redis_answer *out, struct error *err)
{
    assert(redis->words_left == 0);
    if (!redis->context)
        return away(redis, "not connected", err);
    if (redis->queue.failed)
        return away(redis, "out of memory, or too much in one go", err);
    if (redis->queue.len > 0) {
        struct str queued = buffer_str(&redis->queue);
        if (redisAppendFormattedCommand(redis->context, queued.ptr, queued.len) != REDIS_OK)
            return away(redis, redis->context->errstr, err);
        buffer_reset(&redis->queue);
    }
    if (redis->reply)
        freeReplyObject(redis->reply);
    redis->reply = NULL;
    void *reply = NULL;
    if (redisGetReply(redis->context, &reply) != REDIS_OK)
        return away(redis, redis->context->errstr, err);
    redis->reply = reply;
    if (redis->reply->type == REDIS_REPLY_ERROR && says_not_now(redis->reply->str)) {
        char text[160]; /* the reply goes with the connection */
        snprintf(text, sizeof(text), "%s", redis->reply->str);
        return away(redis, text, err);
    }
    *out = answer_of(redis->reply);
    return 0;
}
