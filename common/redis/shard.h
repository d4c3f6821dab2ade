/* One of a store's Redis servers: a connection that has the store's scripts. */
#ifndef WAYBILL_REDIS_SHARD_H
#define WAYBILL_REDIS_SHARD_H

#include "redis/redis.h"

enum { SHA_BYTES = 40 };

struct shard {
    struct redis *redis;
    bool has_scripts; /* on this connection */
    /* The names under which a server knows the scripts, once connected. */
    char apply_sha[SHA_BYTES], token_sha[SHA_BYTES];
};

/* Connects if need be: enough for reading, which a server that is full or a replica allows. */
MUST_CHECK int shard_connect(struct shard *shard, struct error *err);

/* Connects if need be, and then loads the scripts; to be called before commands are queued. */
MUST_CHECK int shard_ready(struct shard *shard, struct error *err);

/* The next answer, which must be of that kind; anything else is ERROR_FATAL, ERROR_RETRY when the
 * scripts have been flushed, or ERROR_SET_ASIDE when the key is not ours, and drops the connection.
 * `what` names the command in the text. */
MUST_CHECK int shard_expect(struct shard *shard, const char *what, enum redis_kind kind,
                            struct redis_answer *out, struct error *err);

/* That failure, of an answer that the caller has looked at. Returns -1. */
int shard_unexpected(struct shard *shard, const char *what, const struct redis_answer *answer,
                     struct error *err);

/* Somebody else has put a key of another kind where ours should be (WRONGTYPE). */
bool shard_is_not_ours(const struct redis_answer *answer);

#endif
