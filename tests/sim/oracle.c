#include "sim/oracle.h"

#include "avro/codec.h"
#include "base/hash.h"

uint32_t oracle_bucket(struct str text)
{
    return (uint32_t)(hash_add(HASH_START, text) % ORACLE_BUCKETS);
}

struct folded *oracle_folded(struct oracle *oracle, const struct service *rules,
                             const struct record_type *type, struct str key)
{
    struct folded **bucket = &oracle->folded_buckets[oracle_bucket(key)];
    for (struct folded *folded = *bucket; folded; folded = folded->next_bucket)
        if (folded->rules == rules && folded->state_type == type && str_equal(folded->key, key))
            return folded;
    struct folded *folded = arena_alloc(&oracle->arena, sizeof(*folded));
    assert(folded);
    folded->rules = rules;
    folded->state_type = type;
    folded->key = key;
    folded->next = oracle->folded;
    oracle->folded = folded;
    folded->next_bucket = *bucket;
    *bucket = folded;
    return folded;
}

static struct pace *pace_of(struct oracle *oracle, const struct pace *like)
{
    struct pace **bucket = &oracle->pace_buckets[oracle_bucket(like->key)];
    for (struct pace *pace = *bucket; pace; pace = pace->next_bucket)
        if (pace->rules == like->rules && pace->topic == like->topic &&
            pace->partition == like->partition && str_equal(pace->key, like->key))
            return pace;
    struct pace *pace = arena_alloc(&oracle->arena, sizeof(*pace));
    assert(pace);
    *pace = *like;
    pace->next_bucket = *bucket;
    *bucket = pace;
    return pace;
}

int64_t oracle_step(struct oracle *oracle, const struct service *rules, struct str key,
                    const char *topic, int32_t partition, int64_t offset)
{
    struct pace *pace = pace_of(
        oracle,
        &(struct pace){
            .rules = rules, .key = key, .topic = topic, .partition = partition, .offset = -1});
    int64_t before = pace->offset;
    pace->offset = offset;
    return before;
}

struct str oracle_encode(struct oracle *oracle, const struct record_type *type, const void *record)
{
    struct error err = {0};
    buffer_reset(&oracle->scratch);
    if (avro_encode_framed(type, record, &oracle->scratch, &err))
        run_wrong(oracle->run, CHECK_READABLE, "cannot encode %s: %s", type->name, err.text);
    return arena_copy(&oracle->arena, buffer_str(&oracle->scratch));
}

const void *oracle_decode(struct oracle *oracle, struct str framed,
                          const struct record_type **out_type)
{
    struct error err = {0};
    const void *body = NULL;
    *out_type = NULL;
    if (avro_schemas_decode(oracle->schemas, framed, &oracle->arena, out_type, &body, &err) != 0)
        run_wrong(oracle->run, CHECK_READABLE, "cannot decode a record: %s", err.text);
    return body;
}

void oracle_check(struct run *run)
{
    enum { ARENA_BYTES = 256 * 1024 * 1024, SCRATCH_BYTES = 2 * 1024 * 1024 };
    struct oracle *oracle = calloc(1, sizeof(*oracle));
    assert(oracle);
    oracle->run = run;
    arena_init(&oracle->arena, ARENA_BYTES);
    buffer_init(&oracle->scratch, SCRATCH_BYTES);
    oracle->schemas = avro_schemas_new(record_types, record_type_count);
    assert(oracle->schemas);
    oracle_collect_fates(oracle);
    oracle_fold(oracle);
    oracle_check_fates(oracle);
    oracle_check_calls(oracle);
    oracle_check_rest(oracle);
    avro_schemas_free(oracle->schemas);
    buffer_done(&oracle->scratch);
    arena_done(&oracle->arena);
    free(oracle);
}
