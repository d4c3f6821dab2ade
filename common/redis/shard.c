/* One of a store's Redis servers: the scripts, and answers of the kind they must be. */
#include "redis/shard.h"

/* Applies a chunk if the position is the expected one. ARGV: expected ('' = none), new position
 * ('' = not yet), and how many words follow for each of the four commands; then these words. */
static const char apply_script[] =
    "if (redis.call('HGET', KEYS[1], 'p') or '') ~= ARGV[1] then return 0 end\n"
    "local at = 7\n"
    "local function run(command, key, words)\n"
    "  words = tonumber(words)\n"
    "  if words > 0 then redis.call(command, key, unpack(ARGV, at, at + words - 1)) end\n"
    "  at = at + words\n"
    "end\n"
    "run('HSET', KEYS[1], ARGV[3])\n"
    "run('HDEL', KEYS[1], ARGV[4])\n"
    "run('ZADD', KEYS[2], ARGV[5])\n"
    "run('ZREM', KEYS[2], ARGV[6])\n"
    "if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'p', ARGV[2]) end\n"
    "return 1\n";

/* A token bucket. ARGV: tokens per second, size, now in ms. Clocks of workers differ a little: time
 * does not run back for a bucket, unless by more than a minute (then the clock had been wrong). */
static const char token_script[] =
    "local rate, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local old = redis.call('HMGET', KEYS[1], 'tokens', 'at')\n"
    "local tokens, at = tonumber(old[1]) or burst, tonumber(old[2]) or now\n"
    "if at > now + 60000 then at = now end\n"
    "if now < at then now = at end\n"
    "tokens = math.min(burst, tokens + (now - at) * rate / 1000)\n"
    "local wait = 0\n"
    "if tokens >= 1 then tokens = tokens - 1\n"
    "else wait = math.ceil((1 - tokens) * 1000 / rate) end\n"
    "redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens),\n"
    "           'at', string.format('%.0f', now))\n"
    "redis.call('PEXPIRE', KEYS[1],\n"
    "           string.format('%.0f', math.min(burst * 1000 / rate, 86400000) + 1000))\n"
    "return wait\n";

bool shard_is_not_ours(const struct redis_answer *answer)
{
    /* From a script the word stands somewhere in the text. */
    return answer->kind == REDIS_ERROR &&
           memmem(answer->string.ptr, answer->string.len, "WRONGTYPE", strlen("WRONGTYPE"));
}

int shard_unexpected(struct shard *shard, const char *what, const struct redis_answer *answer,
                     struct error *err)
{
    bool is_error = answer->kind == REDIS_ERROR;
    struct str text = is_error ? answer->string : STR("unexpected answer");
    /* Somebody has flushed the scripts: a new connection loads them again. */
    bool no_script = is_error && str_starts_with(text, STR("NOSCRIPT"));
    error_set(err,
              no_script                   ? ERROR_RETRY
              : shard_is_not_ours(answer) ? ERROR_SET_ASIDE
                                          : ERROR_FATAL,
              "Redis %s: %s: %.*s", redis_name(shard->redis), what, STR_ARG(text));
    redis_drop(shard->redis); /* the answers to what else was queued */
    return -1;
}

static int load_script(struct shard *shard, const char *script, char sha[SHA_BYTES],
                       struct error *err)
{
    struct redis_answer answer;
    redis_command(shard->redis, 3);
    redis_word(shard->redis, STR("SCRIPT"));
    redis_word(shard->redis, STR("LOAD"));
    redis_word(shard->redis, str_from(script));
    if (redis_receive(shard->redis, &answer, err))
        return -1;
    if (answer.kind != REDIS_STRING || answer.string.len != SHA_BYTES)
        return shard_unexpected(shard, "SCRIPT LOAD", &answer, err);
    memcpy(sha, answer.string.ptr, SHA_BYTES);
    return 0;
}

int shard_connect(struct shard *shard, struct error *err)
{
    bool is_new;
    if (redis_connect(shard->redis, &is_new, err))
        return -1;
    shard->has_scripts = shard->has_scripts && !is_new;
    return 0;
}

int shard_ready(struct shard *shard, struct error *err)
{
    if (shard_connect(shard, err))
        return -1;
    if (!shard->has_scripts && (load_script(shard, apply_script, shard->apply_sha, err) ||
                                load_script(shard, token_script, shard->token_sha, err)))
        return -1;
    shard->has_scripts = true;
    return 0;
}

int shard_expect(struct shard *shard, const char *what, enum redis_kind kind,
                 struct redis_answer *out, struct error *err)
{
    struct redis_answer answer;
    if (redis_receive(shard->redis, &answer, err))
        return -1;
    if (answer.kind != kind)
        return shard_unexpected(shard, what, &answer, err);
    *out = answer;
    return 0;
}
