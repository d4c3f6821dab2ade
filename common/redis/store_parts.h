/* What the two halves of the store share: which server and which keys a task has. */
#ifndef WAYBILL_REDIS_STORE_PARTS_H
#define WAYBILL_REDIS_STORE_PARTS_H

#include "redis/shard.h"
#include "redis/store.h"

enum { STORE_KEY_BYTES_MAX = 512 };

size_t store_shard_count(const struct store *store);

/* The task's server, connected; NULL with err. */
struct shard *store_shard(struct store *store, int32_t task, struct error *err);

/* The same without the scripts, which a full server does not load. */
struct shard *store_shard_bare(struct store *store, int32_t task, struct error *err);

/* The name of one of the task's keys: suffix "" = the hash, ":due" = the sorted set. */
struct str store_key(const struct store *store, int32_t task, const char *suffix,
                     char text[STORE_KEY_BYTES_MAX]);

/* The string, copied; absent if nil. */
int store_copy_string(const struct redis_answer *answer, struct arena *arena, struct str *out,
                      struct error *err);
int store_arena_full(struct error *err); /* returns -1 */

#endif
