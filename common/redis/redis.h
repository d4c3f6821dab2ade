/* One connection to a Redis: commands go out in a pipeline, answers come back in order. */
#ifndef WAYBILL_REDIS_REDIS_H
#define WAYBILL_REDIS_REDIS_H

#include "base/error.h"
#include "base/str.h"

struct redis;

/* url: `redis://[[user]:password@]host[:port][/db]`, `unix:///path/to.sock[?db=n]`, with hiredis >=
 * 1.0 also `rediss://` (TLS, verified against the system's CAs). User and password may be
 * percent-encoded; they never stand in an error text. A scheme for Sentinel would be one more here:
 * who connects asks the URL, nobody else knows how the master is found. */
struct redis_settings {
    const char *url;
    int connect_timeout_ms; /* 0 = 1000 */
    int timeout_ms;         /* of one answer; 0 = 2000 */
};

enum { REDIS_CONNECT_TIMEOUT_MS = 1000, REDIS_TIMEOUT_MS = 2000, REDIS_DEFAULT_PORT = 6379 };

/* Checks the url and connects not yet; the first command does. ERROR_FATAL: the url is not one of
 * the above. */
MUST_CHECK int redis_open(struct redis **out, const struct redis_settings *cfg, struct error *err);
void redis_close(struct redis *redis);

/* An answer, borrowed until the next redis_ call on that connection. */
struct redis_answer {
    enum { REDIS_NIL, REDIS_INTEGER, REDIS_STRING, REDIS_ARRAY, REDIS_ERROR } kind;
    int64_t integer;
    struct str string; /* STRING, or the text of an ERROR */
    size_t count;      /* ARRAY */
    const void *items;
};

/* Item i of an array. */
struct redis_answer redis_item(const struct redis_answer *array, size_t i);

/* Queues a command and sends nothing yet; connects first if there is no connection. */
MUST_CHECK int redis_send(struct redis *redis, const struct str *args, size_t count,
                          struct error *err);

/* The answer to the oldest command not yet answered. Any failure is ERROR_RETRY ("away"): I/O,
 * timeout, and the answers LOADING, READONLY, OOM, BUSY, MASTERDOWN, MISCONF, NOREPLICAS,
 * CLUSTERDOWN, TRYAGAIN, NOAUTH and its kin; the connection is then dropped together with
 * everything that was queued, and the next command connects anew. What else the server answers with
 * an error (a bug, or NOSCRIPT) is returned as REDIS_ERROR with 0. */
MUST_CHECK int redis_receive(struct redis *redis, struct redis_answer *out, struct error *err);

/* Forgets the connection and what is queued. */
void redis_drop(struct redis *redis);

/* Who this is, for messages: "host:port" or the socket's path. */
const char *redis_name(const struct redis *redis);

#endif
