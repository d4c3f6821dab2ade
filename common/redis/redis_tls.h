/* TLS to a Redis: chain and name are verified. Only with hiredis 1.0 or newer. */
#ifndef WAYBILL_REDIS_TLS_H
#define WAYBILL_REDIS_TLS_H

#include "redis/redis.h"

struct redisContext;
struct redis_tls;

bool redis_tls_is_there(void);

/* Reads the certificates; access may be NULL: the system's CAs, and no certificate of ours. host:
 * the name or address that the server's certificate must be for. */
MUST_CHECK int redis_tls_open(struct redis_tls **out, const struct redis_access *access,
                              const char *host, struct error *err);
void redis_tls_close(struct redis_tls *tls);

/* The handshake on a connection that stands. ERROR_DENIED: one side does not trust the other. */
MUST_CHECK int redis_tls_begin(struct redis_tls *tls, struct redisContext *context,
                               struct error *err);

#endif
