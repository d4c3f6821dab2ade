/* The states of one service in Redis: what each task's hash and sorted set are asked and told. */
#include "redis/store.h"
#include "base/hash.h"
#include "base/partition.h"
#include "redis/store_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct store {
    char *name; /* "{prefix}{service}" of the settings */
    char *prefix;
    struct shard *shards;
    size_t shard_count;
};

int store_open(struct store **out, const struct store_settings *cfg, struct error *err)
{
    if (cfg->url_count == 0)
        return error_set(err, ERROR_FATAL, "no Redis url is set");
    struct store *store = calloc(1, sizeof(*store));
    if (!store || !(store->shards = calloc(cfg->url_count, sizeof(*store->shards))) ||
        !(store->prefix = strdup(cfg->prefix)) ||
        asprintf(&store->name, "%s%s", cfg->prefix, cfg->service) < 0) {
        store_close(store);
        return error_set(err, ERROR_FATAL, "out of memory for the store");
    }
    for (; store->shard_count < cfg->url_count; store->shard_count++) {
        struct redis_settings redis = {cfg->urls[store->shard_count], cfg->access,
                                       cfg->connect_timeout_ms, cfg->timeout_ms};
        if (redis_open(&store->shards[store->shard_count].redis, &redis, err)) {
            store_close(store);
            return -1;
        }
    }
    *out = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->shard_count; i++)
        redis_close(store->shards[i].redis);
    free(store->shards);
    free(store->prefix);
    free(store->name);
    free(store);
}

static size_t shard_index(const struct store *store, int32_t task)
{
    assert(task >= 0);
    return (size_t)task % store->shard_count;
}

/* Both keys of a task stand in braces, so that a cluster keeps them together. */
struct str store_key(const struct store *store, int32_t task, const char *suffix,
                     char text[STORE_KEY_BYTES_MAX])
{
    int len = snprintf(text, STORE_KEY_BYTES_MAX, "{%s:%" PRId32 "}%s", store->name, task, suffix);
    assert(len < STORE_KEY_BYTES_MAX);
    return (struct str){text, (size_t)len};
}

struct shard *store_shard(struct store *store, int32_t task, struct error *err)
{
    struct shard *shard = &store->shards[shard_index(store, task)];
    return shard_ready(shard, err) ? NULL : shard;
}

struct shard *store_shard_bare(struct store *store, int32_t task, struct error *err)
{
    struct shard *shard = &store->shards[shard_index(store, task)];
    return shard_connect(shard, err) ? NULL : shard;
}

static void word_hash(const struct store *store, struct shard *shard, int32_t task)
{
    char text[STORE_KEY_BYTES_MAX];
    redis_word(shard->redis, store_key(store, task, "", text));
}

static void word_due(const struct store *store, struct shard *shard, int32_t task)
{
    char text[STORE_KEY_BYTES_MAX];
    redis_word(shard->redis, store_key(store, task, ":due", text));
}

size_t store_shard_count(const struct store *store)
{
    return store->shard_count;
}

int store_ping(struct store *store, struct error *err)
{
    struct redis_answer answer;
    for (size_t i = 0; i < store->shard_count; i++) {
        struct shard *shard = &store->shards[i];
        if (shard_ready(shard, err))
            return -1;
        redis_command(shard->redis, 1);
        redis_word(shard->redis, STR("PING"));
        if (shard_expect(shard, "PING", REDIS_STRING, &answer, err))
            return -1;
    }
    return 0;
}

/* ---- load ---- */

int store_arena_full(struct error *err)
{
    return error_set(err, ERROR_ABORT_BATCH, "the batch is too large for its memory");
}

int store_copy_string(const struct redis_answer *answer, struct arena *arena, struct str *out,
                      struct error *err)
{
    *out = (struct str){NULL, 0};
    if (answer->kind != REDIS_STRING)
        return 0;
    *out = arena_copy(arena, answer->string);
    return out->ptr ? 0 : store_arena_full(err);
}

static int receive_load(struct shard *shard, struct store_load *load, struct arena *arena,
                        struct error *err)
{
    struct redis_answer answer;
    if (redis_receive(shard->redis, &answer, err))
        return -1;
    bool nothing = shard_is_not_ours(&answer);
    if (!nothing && (answer.kind != REDIS_ARRAY || answer.count != load->field_count + 1))
        return shard_unexpected(shard, "HMGET", &answer, err);
    if (!load->values)
        load->values = arena_alloc_array(arena, load->field_count + 1, sizeof(*load->values));
    if (!load->values)
        return store_arena_full(err);
    if (nothing) {
        load->position = (struct str){NULL, 0};
        memset(load->values, 0, load->field_count * sizeof(*load->values));
        return 0;
    }
    struct redis_answer item = redis_item(&answer, 0);
    if (store_copy_string(&item, arena, &load->position, err))
        return -1;
    for (size_t i = 0; i < load->field_count; i++) {
        item = redis_item(&answer, i + 1);
        if (store_copy_string(&item, arena, &load->values[i], err))
            return -1;
    }
    return 0;
}

static void drop_all(struct store *store)
{
    for (size_t i = 0; i < store->shard_count; i++)
        redis_drop(store->shards[i].redis);
}

int store_load(struct store *store, struct store_load *loads, size_t count, struct arena *arena,
               struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct shard *shard = store_shard(store, loads[i].task, err);
        if (!shard)
            goto failed;
        redis_command(shard->redis, loads[i].field_count + 3);
        redis_word(shard->redis, STR("HMGET"));
        word_hash(store, shard, loads[i].task);
        redis_word(shard->redis, STR("p"));
        for (size_t field = 0; field < loads[i].field_count; field++)
            redis_word(shard->redis, loads[i].fields[field]);
    }
    for (size_t i = 0; i < count; i++)
        if (receive_load(&store->shards[shard_index(store, loads[i].task)], &loads[i], arena, err))
            goto failed;
    return 0;
failed:
    drop_all(store); /* answers that nobody has fetched must not meet other questions */
    return -1;
}

/* ---- apply, restore ---- */

/* A part of a batch: at most STORE_CHUNK changes and due entries. */
struct chunk {
    const struct store_change *changes;
    size_t change_count;
    const struct store_due *due;
    size_t due_count;
    /* Overtaken by a later one of the same name: the script's commands know no order between them.
     */
    bool old_change[STORE_CHUNK], old_due[STORE_CHUNK];
    size_t sets, deletes, adds, removals; /* how many of each that are not overtaken */
};

enum { NAME_SLOTS = 2048 }; /* more than STORE_CHUNK, a power of two */

/* Remembers a name; false if it was there already. slots: zeroed before the first. */
static bool is_first(const struct str *slots[NAME_SLOTS], const struct str *name)
{
    size_t at = hash_add(HASH_START, *name) % NAME_SLOTS;
    while (slots[at] && !str_equal(*slots[at], *name))
        at = (at + 1) % NAME_SLOTS;
    if (slots[at])
        return false;
    slots[at] = name;
    return true;
}

/* From the last to the first: what was met already overtakes. */
static void find_overtaken(struct chunk *chunk)
{
    const struct str *slots[NAME_SLOTS] = {0};
    for (size_t i = chunk->change_count; i-- > 0;) {
        chunk->old_change[i] = !is_first(slots, &chunk->changes[i].field);
        if (!chunk->old_change[i])
            *(chunk->changes[i].value.ptr ? &chunk->sets : &chunk->deletes) += 1;
    }
    memset(slots, 0, sizeof(slots));
    for (size_t i = chunk->due_count; i-- > 0;) {
        chunk->old_due[i] = !is_first(slots, &chunk->due[i].member);
        if (!chunk->old_due[i])
            *(chunk->due[i].score != 0 ? &chunk->adds : &chunk->removals) += 1;
    }
}

static size_t chunk_count(const struct store_batch *batch)
{
    size_t pairs = batch->change_count + batch->due_count;
    return pairs == 0 ? 1 : (pairs + STORE_CHUNK - 1) / STORE_CHUNK;
}

static void chunk_at(const struct store_batch *batch, size_t index, struct chunk *out)
{
    size_t from = index * STORE_CHUNK, pairs = batch->change_count + batch->due_count;
    size_t until = from + STORE_CHUNK < pairs ? from + STORE_CHUNK : pairs;
    *out = (struct chunk){0};
    for (size_t i = from; i < until; i++) {
        if (i < batch->change_count) {
            out->changes = out->changes ? out->changes : &batch->changes[i];
            out->change_count++;
        } else {
            out->due = out->due ? out->due : &batch->due[i - batch->change_count];
            out->due_count++;
        }
    }
    find_overtaken(out);
}

static void word_sets(struct redis *redis, const struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->change_count; i++)
        if (chunk->changes[i].value.ptr && !chunk->old_change[i]) {
            redis_word(redis, chunk->changes[i].field);
            redis_word(redis, chunk->changes[i].value);
        }
}

static void word_deletes(struct redis *redis, const struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->change_count; i++)
        if (!chunk->changes[i].value.ptr && !chunk->old_change[i])
            redis_word(redis, chunk->changes[i].field);
}

static void word_adds(struct redis *redis, const struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->due_count; i++)
        if (chunk->due[i].score != 0 && !chunk->old_due[i]) {
            redis_number(redis, chunk->due[i].score);
            redis_word(redis, chunk->due[i].member);
        }
}

static void word_removals(struct redis *redis, const struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->due_count; i++)
        if (chunk->due[i].score == 0 && !chunk->old_due[i])
            redis_word(redis, chunk->due[i].member);
}

static void send_apply(struct store *store, struct shard *shard, const struct store_batch *batch,
                       const struct chunk *chunk, bool is_last)
{
    struct redis *redis = shard->redis;
    size_t words = chunk->sets * 2 + chunk->deletes + chunk->adds * 2 + chunk->removals;
    redis_command(redis, 5 + 6 + words);
    redis_word(redis, STR("EVALSHA"));
    redis_word(redis, (struct str){shard->apply_sha, SHA_BYTES});
    redis_word(redis, STR("2"));
    word_hash(store, shard, batch->task);
    word_due(store, shard, batch->task);
    redis_word(redis, batch->expected);
    redis_word(redis, is_last ? batch->position : STR(""));
    redis_number(redis, (int64_t)chunk->sets * 2);
    redis_number(redis, (int64_t)chunk->deletes);
    redis_number(redis, (int64_t)chunk->adds * 2);
    redis_number(redis, (int64_t)chunk->removals);
    word_sets(redis, chunk);
    word_deletes(redis, chunk);
    word_adds(redis, chunk);
    word_removals(redis, chunk);
}

int store_apply(struct store *store, struct store_batch *batches, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        assert(batches[i].position.len > 0);
        struct shard *shard = store_shard(store, batches[i].task, err);
        if (!shard)
            goto failed;
        size_t chunks = chunk_count(&batches[i]);
        for (size_t at = 0; at < chunks; at++) {
            struct chunk chunk;
            chunk_at(&batches[i], at, &chunk);
            send_apply(store, shard, &batches[i], &chunk, at + 1 == chunks);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct shard *shard = &store->shards[shard_index(store, batches[i].task)];
        batches[i].moved = false;
        for (size_t left = chunk_count(&batches[i]); left > 0; left--) {
            struct redis_answer answer;
            if (shard_expect(shard, "apply", REDIS_INTEGER, &answer, err))
                goto failed;
            batches[i].moved = batches[i].moved || answer.integer == 0;
        }
    }
    return 0;
failed:
    drop_all(store);
    return -1;
}

int store_wipe(struct store *store, int32_t task, struct error *err)
{
    struct redis_answer answer;
    struct shard *shard = store_shard_bare(store, task, err);
    if (!shard)
        return -1;
    redis_command(shard->redis, 3);
    redis_word(shard->redis, STR("UNLINK"));
    word_hash(store, shard, task);
    word_due(store, shard, task);
    return shard_expect(shard, "UNLINK", REDIS_INTEGER, &answer, err);
}

/* ---- what is due ---- */

static int receive_due(struct shard *shard, struct arena *arena, struct store_due_list *out,
                       struct error *err)
{
    struct redis_answer answer;
    if (shard_expect(shard, "ZRANGEBYSCORE", REDIS_ARRAY, &answer, err))
        return -1;
    struct store_due_list list = {.len = answer.count / 2};
    list.ptr = arena_alloc_array(arena, list.len + 1, sizeof(*list.ptr));
    if (!list.ptr)
        return store_arena_full(err);
    for (size_t i = 0; i < list.len; i++) {
        struct redis_answer member = redis_item(&answer, i * 2);
        struct redis_answer score = redis_item(&answer, i * 2 + 1);
        if (store_copy_string(&member, arena, &list.ptr[i].member, err))
            return -1;
        list.ptr[i].score = (int64_t)strtod(score.string.ptr, NULL); /* hiredis ends it with NUL */
    }
    *out = list;
    return 0;
}

static int range(struct store *store, int32_t task, struct str from, struct str to, size_t limit,
                 struct arena *arena, struct store_due_list *out, struct error *err)
{
    struct shard *shard = store_shard(store, task, err);
    if (!shard)
        return -1;
    redis_command(shard->redis, 8);
    redis_word(shard->redis, STR("ZRANGEBYSCORE"));
    word_due(store, shard, task);
    redis_word(shard->redis, from);
    redis_word(shard->redis, to);
    redis_word(shard->redis, STR("WITHSCORES"));
    redis_word(shard->redis, STR("LIMIT"));
    redis_number(shard->redis, 0);
    redis_number(shard->redis, (int64_t)limit);
    return receive_due(shard, arena, out, err);
}

int store_due(struct store *store, int32_t task, int64_t up_to, size_t limit, struct arena *arena,
              struct store_due_list *out, struct error *err)
{
    char to[24];
    snprintf(to, sizeof(to), "%" PRId64, up_to);
    return range(store, task, STR("(0"), str_from(to), limit, arena, out, err);
}

int store_pending(struct store *store, int32_t task, size_t limit, struct arena *arena,
                  struct store_due_list *out, struct error *err)
{
    return range(store, task, STR("-inf"), STR("(0"), limit, arena, out, err);
}

int store_earliest(struct store *store, int32_t task, int64_t *out, struct error *err)
{
    struct redis_answer answer;
    struct shard *shard = store_shard(store, task, err);
    if (!shard)
        return -1;
    redis_command(shard->redis, 8);
    redis_word(shard->redis, STR("ZRANGEBYSCORE"));
    word_due(store, shard, task);
    redis_word(shard->redis, STR("(0"));
    redis_word(shard->redis, STR("+inf"));
    redis_word(shard->redis, STR("WITHSCORES"));
    redis_word(shard->redis, STR("LIMIT"));
    redis_number(shard->redis, 0);
    redis_number(shard->redis, 1);
    if (shard_expect(shard, "ZRANGEBYSCORE", REDIS_ARRAY, &answer, err))
        return -1;
    *out = answer.count == 2 ? (int64_t)strtod(redis_item(&answer, 1).string.ptr, NULL) : INT64_MAX;
    return 0;
}

/* ---- tokens ---- */

int store_take_token(struct store *store, struct str bucket, double rate_per_s, double burst,
                     int64_t now_ms, int64_t *out_wait_ms, struct error *err)
{
    assert(rate_per_s > 0 && burst >= 1);
    int32_t index = partition_of(bucket, (int32_t)store->shard_count);
    struct shard *shard = &store->shards[index];
    struct redis_answer answer;
    char key[STORE_KEY_BYTES_MAX], number[40];
    if (shard_ready(shard, err))
        return -1;
    snprintf(key, sizeof(key), "%sbucket:%.*s", store->prefix, STR_ARG(bucket));
    redis_command(shard->redis, 7);
    redis_word(shard->redis, STR("EVALSHA"));
    redis_word(shard->redis, (struct str){shard->token_sha, SHA_BYTES});
    redis_word(shard->redis, STR("1"));
    redis_word(shard->redis, str_from(key));
    snprintf(number, sizeof(number), "%.9g", rate_per_s);
    redis_word(shard->redis, str_from(number));
    snprintf(number, sizeof(number), "%.9g", burst);
    redis_word(shard->redis, str_from(number));
    redis_number(shard->redis, now_ms);
    if (shard_expect(shard, "token", REDIS_INTEGER, &answer, err))
        return -1;
    *out_wait_ms = answer.integer;
    return 0;
}
