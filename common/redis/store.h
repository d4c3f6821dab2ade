/* The states of one service in Redis: a fold of its changelog, one hash and one sorted set per
 * task.
 *
 * `{prefix}{service}:{task}` in braces (so that both keys live in one cluster slot) is a hash:
 * field `p` is the position, opaque here; all other fields are the caller's (`s:<type>:<key>`,
 * `i:<id>`). The same name with `:due` is the sorted set: members are the caller's, scores > 0 say
 * when (Unix ms), scores < 0 mark what is pending, in their order. Task i lives on urls[i %
 * url_count].
 *
 * All functions: -1 with ERROR_RETRY = Redis is away, nothing is known about what was done; call
 * again after a pause (the next call connects anew). ERROR_DENIED = Redis does not let us. Redis
 * not being there is never reported as "absent". ERROR_FATAL = a bug or a server that cannot run
 * the scripts. ERROR_SET_ASIDE = a name of ours is somebody else's key of another kind: to be wiped
 * and rebuilt (a hash that is none just holds nothing). */
#ifndef WAYBILL_REDIS_STORE_H
#define WAYBILL_REDIS_STORE_H

#include "base/arena.h"
#include "base/error.h"

struct store;

struct store_settings {
    const char *const *urls; /* see redis.h */
    size_t url_count;
    const struct redis_access *access;  /* the same for all; may be NULL; must last */
    const char *prefix;                 /* "waybill." */
    const char *service;                /* "intake" */
    int connect_timeout_ms, timeout_ms; /* 0 = the defaults of redis.h */
};

/* Checks the settings; does not connect yet. */
MUST_CHECK int store_open(struct store **out, const struct store_settings *cfg, struct error *err);
void store_close(struct store *store);

/* Every Redis answers. */
MUST_CHECK int store_ping(struct store *store, struct error *err);

/* The commands that a store uses, NULL at the end, as Redis' ACL names them ("script|load"), and
 * all keys begin with "{<prefix><service>:" or "<prefix>bucket:". */
extern const char *const store_commands[];

/* Those of them, and others, that are enough for looking from outside and for store_wipe. */
extern const char *const store_view_commands[];

/* Tries, beside what is stored, everything that the store will do, at every Redis: ERROR_DENIED
 * names what we are not allowed. */
MUST_CHECK int store_try(struct store *store, struct error *err);

/* One task's part of a load: what is asked, and what was found. */
struct store_load {
    int32_t task;
    const struct str *fields;
    size_t field_count;
    struct str position; /* out: `p`; ptr NULL = the task has none */
    struct str *values;  /* out: room for field_count, or NULL = in the arena; ptr NULL = absent */
};

/* Reads the position and the fields of each task as they are at one moment per task; all tasks in
 * one round trip per Redis. Values are copied into the arena. On an error nothing in loads is of
 * use. ERROR_ABORT_BATCH: the arena is full. */
MUST_CHECK int store_load(struct store *store, struct store_load *loads, size_t count,
                          struct arena *arena, struct error *err);

struct store_change {
    struct str field;
    struct str value; /* ptr NULL = delete */
};

struct store_due {
    struct str member;
    int64_t score; /* > 0: due then; < 0: pending; 0 = remove */
};

/* What a batch does to one task. */
struct store_batch {
    int32_t task;
    struct str expected; /* the position it was decided on; ptr NULL = none */
    struct str position; /* the new one; not empty */
    const struct store_change *changes;
    size_t change_count;
    const struct store_due *due;
    size_t due_count;
    bool moved; /* out of store_apply: Redis stood elsewhere; not everything was applied */
};

/* Applies each batch if its task still stands at `expected`, else says `moved` and writes nothing
 * more of it. Of a field or member that stands in it more than once, the last counts. In chunks of
 * at most STORE_CHUNK pairs, each compared first; the position is written with the last one. All
 * tasks in one round trip per Redis and chunk. A batch may be applied again after ERROR_RETRY only
 * by taking over. */
MUST_CHECK int store_apply(struct store *store, struct store_batch *batches, size_t count,
                           struct error *err);

enum { STORE_CHUNK = 1000 };

/* Forgets the task: both keys. */
MUST_CHECK int store_wipe(struct store *store, int32_t task, struct error *err);

struct store_due_list {
    struct store_due *ptr;
    size_t len;
};

/* The members that are due: 0 < score <= up_to, lowest first, at most limit; in the arena. */
MUST_CHECK int store_due(struct store *store, int32_t task, int64_t up_to, size_t limit,
                         struct arena *arena, struct store_due_list *out, struct error *err);

/* The members that are pending (score < 0), lowest first, at most limit; in the arena. */
MUST_CHECK int store_pending(struct store *store, int32_t task, size_t limit, struct arena *arena,
                             struct store_due_list *out, struct error *err);

/* The smallest score > 0; INT64_MAX = none. */
MUST_CHECK int store_earliest(struct store *store, int32_t task, int64_t *out, struct error *err);

/* Looking from outside, for tools: nothing is written. */

/* A page of a task's fields or of its members: their names only, in the arena. */
struct store_names {
    struct str *ptr;
    size_t len;
};

/* What a task's hash (`p` left out) or sorted set holds, page by page: *cursor begins at 0 and is
 * 0 again after the last page. What is there all the while comes at least once; what comes or goes
 * meanwhile may. A page holds about `count`. */
MUST_CHECK int store_scan_fields(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                                 struct arena *arena, struct store_names *out, struct error *err);
MUST_CHECK int store_scan_members(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                                  struct arena *arena, struct store_names *out, struct error *err);

/* One task at one moment. */
struct store_view {
    int32_t task;
    const struct str *fields;
    size_t field_count;
    struct str position;       /* out; ptr NULL = none */
    struct str *values;        /* out, per field; ptr NULL = absent */
    int64_t *scores;           /* out, per field, as a member of the sorted set; 0 = it is none */
    int64_t hash_len, due_len; /* out: how many fields and members there are in all */
};
MUST_CHECK int store_look(struct store *store, struct store_view *view, struct arena *arena,
                          struct error *err);

/* Takes one token from a bucket that all workers share: 0 = taken, else how many ms to wait before
 * trying again (nothing taken). rate_per_s > 0 and burst >= 1. A bucket that is not used forgets
 * itself. Lossy: if Redis loses it, it is full again. */
MUST_CHECK int store_take_token(struct store *store, struct str bucket, double rate_per_s,
                                double burst, int64_t now_ms, int64_t *out_wait_ms,
                                struct error *err);

#endif
