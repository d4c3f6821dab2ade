/* One connection to a Redis, on hiredis. */
#include "redis/redis.h"
#include "base/buffer.h"
#include "redis/place.h"
#include "redis/redis_tls.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum { COMMAND_BYTES_MAX = 1024 * 1024 * 1024, SECRET_ARENA_BYTES = 256 * 1024 };

struct redis {
    struct place place;
    char name[PLACE_TEXT_MAX + 16];
    struct secret password; /* of the settings */
    int connect_timeout_ms, timeout_ms;
    redisContext *context;
    redisReply *reply;     /* what the last answer borrows from */
    struct buffer queue;   /* commands not handed to hiredis yet */
    size_t words_left;     /* of the command being queued */
    struct redis_tls *tls; /* NULL = in the clear */
    bool answered;         /* on this connection */
};

int redis_open(struct redis **out, const struct redis_settings *cfg, struct error *err)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    if (!redis)
        return error_set(err, ERROR_FATAL, "out of memory for a Redis connection");
    buffer_init(&redis->queue, COMMAND_BYTES_MAX);
    if (place_parse(str_from(cfg->url), &redis->place, err)) {
        redis_close(redis);
        return -1;
    }
    snprintf(redis->name, sizeof(redis->name), redis->place.is_unix ? "%s" : "%s:%d",
             redis->place.host, redis->place.port);
    redis->connect_timeout_ms =
        cfg->connect_timeout_ms > 0 ? cfg->connect_timeout_ms : REDIS_CONNECT_TIMEOUT_MS;
    redis->timeout_ms = cfg->timeout_ms > 0 ? cfg->timeout_ms : REDIS_TIMEOUT_MS;
    const struct redis_access *access = cfg->access;
    if (access && !redis->place.user[0])
        snprintf(redis->place.user, sizeof(redis->place.user), "%.*s", STR_ARG(access->username));
    if (access && !redis->place.password[0])
        redis->password = access->password;
    if (redis->place.is_tls && redis_tls_open(&redis->tls, access, redis->place.host, err)) {
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
    redis->answered = false;
    buffer_reset(&redis->queue);
    redis->words_left = 0;
}

void redis_close(struct redis *redis)
{
    if (!redis)
        return;
    redis_drop(redis);
    buffer_done(&redis->queue);
    redis_tls_close(redis->tls);
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

/* Away; but who is cut off before the first answer is not trusted: in TLS 1.3 the server looks at
 * our certificate, or misses it, after the handshake, and hiredis does not say so. */
static int cut_off(struct redis *redis, struct error *err)
{
    char text[128]; /* the context's goes with it */
    bool is_cut = redis->context->err == REDIS_ERR_EOF ||
                  (redis->context->err == REDIS_ERR_IO && errno == ECONNRESET);
    bool is_refusal = redis->tls && !redis->answered && is_cut;
    snprintf(text, sizeof(text), "%s", redis->context->errstr);
    away(redis, text, err);
    if (is_refusal)
        error_set(err, ERROR_DENIED,
                  "Redis %s closed the connection right after the TLS handshake: does it want a "
                  "certificate (redis.tls_certificate_file), or not trust ours?",
                  redis->name);
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

/* Refused: no connection, and no use in asking again soon. */
static int refused(struct redis *redis, struct str why, struct error *err)
{
    error_set(err, ERROR_DENIED, "Redis %s does not let %s in: %.*s", redis->name,
              redis->place.user[0] ? redis->place.user : "the default user", STR_ARG(why));
    redis_drop(redis);
    return -1;
}

static int log_in_as(struct redis *redis, struct str password, struct error *err)
{
    const struct place *place = &redis->place;
    struct redis_answer answer;
    redis_command(redis, place->user[0] ? 3 : 2);
    redis_word(redis, STR("AUTH"));
    if (place->user[0])
        redis_word(redis, str_from(place->user));
    redis_word(redis, password);
    if (redis_receive(redis, &answer, err))
        return -1;
    return answer.kind == REDIS_ERROR ? refused(redis, answer.string, err) : 0;
}

/* A password that stands in a file is read for each connection: it may have been renewed. */
static int log_in(struct redis *redis, struct error *err)
{
    struct arena arena;
    struct str password = str_from(redis->place.password);
    arena_init(&arena, SECRET_ARENA_BYTES);
    int failed = 0;
    if (redis->password.text.ptr && secret_read(&redis->password, &arena, &password, err)) {
        failed = error_prefix(err, "redis.password_file");
        err->action = ERROR_DENIED;
        redis_drop(redis);
    }
    if (!failed && password.len > 0)
        failed = log_in_as(redis, password, err);
    if (redis->password.text.ptr && password.ptr)
        explicit_bzero((char *)(uintptr_t)password.ptr, password.len);
    arena_done(&arena);
    return failed;
}

static int select_database(struct redis *redis, struct error *err)
{
    struct redis_answer answer;
    if (redis->place.database == 0)
        return 0;
    redis_command(redis, 2);
    redis_word(redis, STR("SELECT"));
    redis_number(redis, redis->place.database);
    if (redis_receive(redis, &answer, err))
        return -1;
    return answer.kind == REDIS_ERROR ? refused(redis, answer.string, err) : 0;
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
    if (redis->tls && redis_tls_begin(redis->tls, redis->context, err)) {
        error_prefix(err, "Redis %s", redis->name);
        redis_drop(redis);
        return -1;
    }
    return log_in(redis, err) || select_database(redis, err) ? -1 : 0;
}

/* Does the answer begin with one of the words? A script passes an answer on after a minus sign. */
static bool says(const char *text, const char *const *words)
{
    for (; *words; words++) {
        size_t len = strlen(*words);
        const char *inside = strstr(text, *words);
        if (inside && (inside == text || inside[-1] == '-') &&
            (inside[len] == ' ' || inside[len] == 0))
            return true;
    }
    return false;
}

/* The server starts, is a replica, is full, is busy with a script, cannot save, has lost its
 * replicas. */
static const char *const not_now[] = {
    "LOADING",    "READONLY",    "OOM",      "BUSY",  "MASTERDOWN", "MISCONF",
    "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "UNBLOCKED",  "ERR max number of clients",
    NULL};

/* It does not let us in, or not do that. */
static const char *const denials[] = {
    "NOAUTH", "NOPERM", "WRONGPASS", "DENIED", "ERR The user executing the script can't", NULL};

/* -1 if the error means one of these; the connection goes, and the answer with it. */
static int look_at_error(struct redis *redis, const char *answer, struct error *err)
{
    char text[160];
    bool is_denial = says(answer, denials);
    if (!is_denial && !says(answer, not_now))
        return 0;
    snprintf(text, sizeof(text), "%s", answer);
    if (is_denial)
        return refused(redis, str_from(text), err);
    return away(redis, text, err);
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
            return cut_off(redis, err);
        buffer_reset(&redis->queue);
    }
    if (redis->reply)
        freeReplyObject(redis->reply);
    redis->reply = NULL;
    void *reply = NULL;
    if (redisGetReply(redis->context, &reply) != REDIS_OK)
        return cut_off(redis, err);
    redis->reply = reply;
    redis->answered = true;
    if (redis->reply->type == REDIS_REPLY_ERROR && look_at_error(redis, redis->reply->str, err))
        return -1;
    *out = answer_of(redis->reply);
    return 0;
}
