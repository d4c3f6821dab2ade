/* One connection to a Redis: commands go out in a pipeline, answers come back in order.
 *
 * The process must ignore SIGPIPE: hiredis writes to connections that the server has closed. */
#ifndef WAYBILL_REDIS_REDIS_H
#define WAYBILL_REDIS_REDIS_H

#include "base/error.h"
#include "base/str.h"
#include "config/settings.h"
#include "tls/tls.h"

struct redis;

/* As whom we come, and whom we trust; what a url says itself goes before. */
struct redis_access {
    struct str username;    /* of Redis' ACL; absent = the default user */
    struct secret password; /* read from its file for each connection */
    struct tls_files files; /* for rediss:// */
    struct secret key_password;
};

/* url: `redis://[[user]:password@]host[:port][/db]`, `unix:///path/to.sock[?db=n]`, and with
 * hiredis >= 1.0 also `rediss://` (TLS; chain and name are verified). User and password may be
 * percent-encoded; they never stand in an error text. Finding a master through Sentinel would be
 * one more scheme: only redis_connect knows what a url means. */
struct redis_settings {
    const char *url;
    const struct redis_access *access; /* NULL = nothing more; what it points to must last */
    int connect_timeout_ms;            /* 0 = REDIS_CONNECT_TIMEOUT_MS */
    int timeout_ms;                    /* of one answer; 0 = REDIS_TIMEOUT_MS */
};

enum { REDIS_CONNECT_TIMEOUT_MS = 1000, REDIS_TIMEOUT_MS = 5000, REDIS_PORT = 6379 };

/* Checks the url; does not connect yet. ERROR_FATAL: the url is not one of the above. */
MUST_CHECK int redis_open(struct redis **out, const struct redis_settings *cfg, struct error *err);
void redis_close(struct redis *redis);

/* Connects and logs in, if there is no connection; *out_new tells whether it had to. ERROR_RETRY:
 * not now. ERROR_DENIED: the password, the user or a certificate is refused. */
MUST_CHECK int redis_connect(struct redis *redis, bool *out_new, struct error *err);

/* Queues a command of argc words; exactly so many redis_word or redis_number must follow. Nothing
 * is sent before redis_receive. */
void redis_command(struct redis *redis, size_t argc);
void redis_word(struct redis *redis, struct str word);
void redis_number(struct redis *redis, int64_t number);

enum redis_kind { REDIS_NIL, REDIS_INTEGER, REDIS_STRING, REDIS_ARRAY, REDIS_ERROR };

/* An answer; borrowed until the next redis_receive, redis_drop or redis_close. */
struct redis_answer {
    enum redis_kind kind;
    int64_t integer;
    struct str string; /* STRING, or the text of an ERROR */
    size_t count;      /* ARRAY */
    const void *items;
};

/* Item i of an ARRAY, i < count. */
struct redis_answer redis_item(const struct redis_answer *array, size_t i);

/* The answer to the oldest command that has none yet. ERROR_RETRY is "away": no connection, I/O,
 * timeout, and the answers LOADING, READONLY, OOM, BUSY and their kin; ERROR_DENIED are NOAUTH,
 * NOPERM and WRONGPASS. Then the connection is dropped with everything that was queued. What else
 * the server says no to (a bug, or NOSCRIPT) comes as REDIS_ERROR, with 0. */
MUST_CHECK int redis_receive(struct redis *redis, struct redis_answer *out, struct error *err);

/* Forgets the connection and what was queued; the next redis_connect makes a new one. */
void redis_drop(struct redis *redis);

/* Who this is, for messages: "host:port" or the socket's path. */
const char *redis_name(const struct redis *redis);

#endif
