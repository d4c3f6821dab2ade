/* A store as one looks at it from outside: pages of names, and fields with their scores at one
 * moment. */
#include "redis/store.h"
#include "redis/store_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
    struct shard *shard = store_shard(store, task, err);
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

static void ask(struct store *store, struct shard *shard, const struct store_view *view)
{
    char key[STORE_KEY_BYTES_MAX], due[STORE_KEY_BYTES_MAX];
    struct redis *redis = shard->redis;
    struct str hash = store_key(store, view->task, "", key);
    struct str set = store_key(store, view->task, ":due", due);
    redis_command(redis, 1);
    redis_word(redis, STR("MULTI"));
    redis_command(redis, 3 + view->field_count);
    redis_word(redis, STR("HMGET"));
    redis_word(redis, hash);
    redis_word(redis, STR("p"));
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
    redis_command(redis, 1);
    redis_word(redis, STR("EXEC"));
}

enum { VALUES, HASH_LEN, DUE_LEN, SCORES }; /* the answers, in this order */

static int take_view(struct shard *shard, const struct redis_answer *all, struct store_view *view,
                     struct arena *arena, struct error *err)
{
    struct redis_answer values = redis_item(all, VALUES), hash_len = redis_item(all, HASH_LEN),
                        due_len = redis_item(all, DUE_LEN);
    if (values.kind != REDIS_ARRAY || values.count != view->field_count + 1 ||
        hash_len.kind != REDIS_INTEGER || due_len.kind != REDIS_INTEGER)
        return shard_unexpected(shard, "EXEC", values.kind == REDIS_ERROR ? &values : all, err);
    view->hash_len = hash_len.integer;
    view->due_len = due_len.integer;
    struct redis_answer item = redis_item(&values, 0);
    if (store_copy_string(&item, arena, &view->position, err))
        return -1;
    for (size_t i = 0; i < view->field_count; i++) {
        item = redis_item(&values, i + 1);
        if (store_copy_string(&item, arena, &view->values[i], err))
            return -1;
        item = redis_item(all, SCORES + i);
        if (item.kind != REDIS_STRING && item.kind != REDIS_NIL)
            return shard_unexpected(shard, "ZSCORE", &item, err);
        view->scores[i] = item.kind == REDIS_STRING ? (int64_t)strtod(item.string.ptr, NULL) : 0;
    }
    return 0;
}

int store_look(struct store *store, struct store_view *view, struct arena *arena, struct error *err)
{
    struct redis_answer answer;
    struct shard *shard = store_shard(store, view->task, err);
    if (!shard)
        return -1;
    view->values = arena_alloc_array(arena, view->field_count + 1, sizeof(*view->values));
    view->scores = arena_alloc_array(arena, view->field_count + 1, sizeof(*view->scores));
    if (!view->values || !view->scores)
        return store_arena_full(err);
    ask(store, shard, view);
    size_t commands = SCORES + view->field_count;
    for (size_t i = 0; i < commands + 1; i++) /* "OK" to MULTI, "QUEUED" to each */
        if (shard_expect(shard, "MULTI", REDIS_STRING, &answer, err))
            return -1;
    if (shard_expect(shard, "EXEC", REDIS_ARRAY, &answer, err))
        return -1;
    if (answer.count != commands)
        return shard_unexpected(shard, "EXEC", &answer, err);
    return take_view(shard, &answer, view, arena, err);
}
