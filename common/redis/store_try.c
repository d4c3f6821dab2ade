/* Whether the store may do what it will have to do: told at the start, and not when it first
 * matters. */
#include "redis/store_parts.h"

const char *const store_commands[] = {"ping",   "script|load", "evalsha", "hget", "hmget",
                                      "hset",   "hdel",        "zadd",    "zrem", "zrangebyscore",
                                      "unlink", "pexpire",     NULL};

/* What only the scripts do: when they are refused, the server does not say what it was. */
static const struct {
    const char *command, *suffix, *words[2];
} in_scripts[] = {
    {"HGET", "", {"try"}},          {"HSET", "", {"try", "1"}}, {"HDEL", "", {"try"}},
    {"ZADD", ":due", {"1", "try"}}, {"ZREM", ":due", {"try"}},  {"PEXPIRE", "", {"1000"}},
};

static int try_commands(struct store *store, int32_t task, struct error *err)
{
    for (size_t i = 0; i < sizeof(in_scripts) / sizeof(in_scripts[0]); i++) {
        struct shard *shard = store_shard(store, task, err);
        const char *const *words = in_scripts[i].words;
        char key[STORE_KEY_BYTES_MAX];
        struct redis_answer answer;
        if (!shard)
            return -1;
        redis_command(shard->redis, words[1] ? 4 : 3);
        redis_word(shard->redis, str_from(in_scripts[i].command));
        redis_word(shard->redis, store_key(store, task, in_scripts[i].suffix, key));
        for (size_t word = 0; word < 2 && words[word]; word++)
            redis_word(shard->redis, str_from(words[word]));
        if (redis_receive(shard->redis, &answer, err))
            return -1;
        if (answer.kind == REDIS_ERROR)
            return shard_unexpected(shard, in_scripts[i].command, &answer, err);
    }
    return 0;
}

/* On a task that no topic has, so that nothing that counts is touched. */
static int try_task(struct store *store, int32_t task, struct arena *arena, struct error *err)
{
    const struct str field = STR("try");
    struct store_change set = {field, STR("1")}, drop = {field, {NULL, 0}};
    struct store_due due = {field, 1}, none = {field, 0};
    struct store_batch first = {.task = task,
                                .position = STR("1"),
                                .changes = &set,
                                .change_count = 1,
                                .due = &due,
                                .due_count = 1};
    struct store_batch second = {.task = task,
                                 .expected = STR("1"),
                                 .position = STR("2"),
                                 .changes = &drop,
                                 .change_count = 1,
                                 .due = &none,
                                 .due_count = 1};
    struct store_load load = {.task = task, .fields = &field, .field_count = 1};
    struct store_due_list list;
    return store_wipe(store, task, err) || try_commands(store, task, err) ||
                   store_wipe(store, task, err) || store_apply(store, &first, 1, err) ||
                   store_apply(store, &second, 1, err) || store_load(store, &load, 1, arena, err) ||
                   store_due(store, task, 1, 1, arena, &list, err) || store_wipe(store, task, err)
               ? -1
               : 0;
}

int store_try(struct store *store, struct error *err)
{
    struct arena arena;
    int64_t wait_ms;
    arena_init(&arena, 1 << 20);
    int failed = 0;
    for (size_t i = 0; i < store_shard_count(store) && !failed; i++)
        failed = try_task(store, INT32_MAX - (int32_t)i, &arena, err);
    if (!failed)
        failed = store_take_token(store, STR("try"), 1000, 1000, 0, &wait_ms, err);
    arena_done(&arena);
    return failed;
}
