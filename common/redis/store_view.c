/* A store as one looks at it from outside: pages of names, and fields with their scores at one
 * moment. */
#include "redis/store.h"
#include "redis/store_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const store_view_commands[] = {"hmget",  "hlen",  "hscan",  "zcard",
                                           "zscore", "zscan", "unlink", NULL};

enum { LOOKS_MAX = 50 };

/* ---- pages ---- */

/* "names, value, names, value" of HSCAN and ZSCAN. */
static int take_page(struct shard *shard, const char *command, struct arena *arena,
                     uint64_t *cursor, struct store_names *out, struct error *err)
{
    struct redis_answer answer;
    if (shard_expect(shard, command, REDIS_ARRAY, &answer, err))
        return -1;
    if (answer.count != 2)
        return shard_unexpected(shard, command, &answer, err);
    struct redis_answer next = redis_item(&answer, 0), list = redis_item(&answer, 1);
    if (next.kind != REDIS_STRING || list.kind != REDIS_ARRAY)
        return shard_unexpected(shard, command, &answer, err);
    struct store_names names = {
        .ptr = arena_alloc_array(arena, list.count / 2 + 1, sizeof(*out->ptr))};
    if (!names.ptr)
        return store_arena_full(err);
    for (size_t i = 0; i + 1 < list.count; i += 2) {
        struct redis_answer name = redis_item(&list, i);
        if (store_copy_string(&name, arena, &names.ptr[names.len], err))
            return -1;
        if (!str_equal(names.ptr[names.len], STR("p")))
            names.len++;
    }
    *cursor = strtoull(next.string.ptr, NULL, 10); /* hiredis ends it with NUL */
    *out = names;
    return 0;
}

static int scan(struct store *store, int32_t task, const char *command, const char *suffix,
                uint64_t *cursor, size_t count, struct arena *arena, struct store_names *out,
                struct error *err)
{
    char key[STORE_KEY_BYTES_MAX], number[24];
    struct shard *shard = store_shard_bare(store, task, err);
    if (!shard)
        return -1;
    snprintf(number, sizeof(number), "%" PRIu64, *cursor);
    redis_command(shard->redis, 5);
    redis_word(shard->redis, str_from(command));
    redis_word(shard->redis, store_key(store, task, suffix, key));
    redis_word(shard->redis, str_from(number));
    redis_word(shard->redis, STR("COUNT"));
    redis_number(shard->redis, (int64_t)count);
    return take_page(shard, command, arena, cursor, out, err);
}

int store_scan_fields(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                      struct arena *arena, struct store_names *out, struct error *err)
{
    return scan(store, task, "HSCAN", "", cursor, count, arena, out, err);
}

int store_scan_members(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                       struct arena *arena, struct store_names *out, struct error *err)
{
    return scan(store, task, "ZSCAN", ":due", cursor, count, arena, out, err);
}

/* ---- one moment ---- */

static void word_position(struct redis *redis, struct str hash, size_t fields)
{
    redis_command(redis, 3 + fields);
    redis_word(redis, STR("HMGET"));
    redis_word(redis, hash);
    redis_word(redis, STR("p"));
}

/* No MULTI, which a full server refuses: the position is asked for again at the end. */
static void ask(struct store *store, struct shard *shard, const struct store_view *view)
{
    char key[STORE_KEY_BYTES_MAX], due[STORE_KEY_BYTES_MAX];
    struct redis *redis = shard->redis;
    struct str hash = store_key(store, view->task, "", key);
    struct str set = store_key(store, view->task, ":due", due);
    word_position(redis, hash, view->field_count);
    for (size_t i = 0; i < view->field_count; i++)
        redis_word(redis, view->fields[i]);
    redis_command(redis, 2);
    redis_word(redis, STR("HLEN"));
    redis_word(redis, hash);
    redis_command(redis, 2);
    redis_word(redis, STR("ZCARD"));
    redis_word(redis, set);
    for (size_t i = 0; i < view->field_count; i++) {
        redis_command(redis, 3);
        redis_word(redis, STR("ZSCORE"));
        redis_word(redis, set);
        redis_word(redis, view->fields[i]);
    }
    word_position(redis, hash, 0);
}

/* Position, then values, from the answer to HMGET. */
static int take_values(struct shard *shard, struct store_view *view, struct arena *arena,
                       struct error *err)
{
    struct redis_answer answer;
    if (shard_expect(shard, "HMGET", REDIS_ARRAY, &answer, err))
        return -1;
    if (answer.count != view->field_count + 1)
        return shard_unexpected(shard, "HMGET", &answer, err);
    struct redis_answer item = redis_item(&answer, 0);
    if (store_copy_string(&item, arena, &view->position, err))
        return -1;
    for (size_t i = 0; i < view->field_count; i++) {
        item = redis_item(&answer, i + 1);
        if (store_copy_string(&item, arena, &view->values[i], err))
            return -1;
    }
    return 0;
}

static int take_scores(struct shard *shard, struct store_view *view, struct error *err)
{
    struct redis_answer answer;
    if (shard_expect(shard, "HLEN", REDIS_INTEGER, &answer, err))
        return -1;
    view->hash_len = answer.integer;
    if (shard_expect(shard, "ZCARD", REDIS_INTEGER, &answer, err))
        return -1;
    view->due_len = answer.integer;
    for (size_t i = 0; i < view->field_count; i++) {
        if (redis_receive(shard->redis, &answer, err))
            return -1;
        if (answer.kind != REDIS_STRING && answer.kind != REDIS_NIL)
            return shard_unexpected(shard, "ZSCORE", &answer, err);
        view->scores[i] =
            answer.kind == REDIS_STRING ? (int64_t)strtod(answer.string.ptr, NULL) : 0;
    }
    return 0;
}

/* 1 = the position is still the same. */
static int take_end(struct shard *shard, const struct store_view *view, struct error *err)
{
    struct redis_answer answer;
    if (shard_expect(shard, "HMGET", REDIS_ARRAY, &answer, err))
        return -1;
    if (answer.count != 1)
        return shard_unexpected(shard, "HMGET", &answer, err);
    struct redis_answer item = redis_item(&answer, 0);
    bool is_there = item.kind == REDIS_STRING;
    return is_there == (view->position.ptr != NULL) &&
           (!is_there || str_equal(item.string, view->position));
}

static int look_once(struct store *store, struct store_view *view, struct arena *arena,
                     struct error *err)
{
    struct shard *shard = store_shard_bare(store, view->task, err);
    if (!shard)
        return -1;
    ask(store, shard, view);
    if (take_values(shard, view, arena, err) || take_scores(shard, view, err)) {
        redis_drop(shard->redis); /* answers that nobody has fetched */
        return -1;
    }
    return take_end(shard, view, err);
}

int store_look(struct store *store, struct store_view *view, struct arena *arena, struct error *err)
{
    view->values = arena_alloc_array(arena, view->field_count + 1, sizeof(*view->values));
    view->scores = arena_alloc_array(arena, view->field_count + 1, sizeof(*view->scores));
    if (!view->values || !view->scores)
        return store_arena_full(err);
    for (int tries = 0; tries < LOOKS_MAX; tries++) {
        int seen = look_once(store, view, arena, err);
        if (seen != 0)
            return seen < 0 ? -1 : 0;
    }
    return error_set(err, ERROR_RETRY, "Redis: task %" PRId32 " moves on faster than one can look",
                     view->task);
}
