/* Topics in memory: appended to, read, compacted, deleted. */
#include "sim/fake_state.h"

static struct topic *topic_of(struct fake_world *world, const char *name)
{
    for (size_t i = 0; i < world->topic_count; i++)
        if (strcmp(world->topics[i].name, name) == 0)
            return &world->topics[i];
    assert(world->topic_count < TOPICS_MAX);
    struct topic *topic = &world->topics[world->topic_count++];
    snprintf(topic->name, sizeof(topic->name), "%s", name);
    return topic;
}

struct log *fake_log_of(struct fake_world *world, const char *name, int32_t partition)
{
    assert(partition >= 0 && partition < PARTITIONS_MAX);
    return &topic_of(world, name)->logs[partition];
}

struct stored *fake_append(struct log *log, enum record_state state)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 16;
        log->records = realloc(log->records, (size_t)log->capacity * sizeof(*log->records));
        assert(log->records);
    }
    struct stored *record = &log->records[log->count++];
    *record = (struct stored){.state = state};
    return record;
}

void fake_fill(struct stored *record, struct str key, struct str value,
               const struct event_header *headers, size_t count)
{
    record->key = fake_keep(key);
    record->value = fake_keep(value);
    record->headers = calloc(count + 1, sizeof(*record->headers));
    assert(record->headers);
    record->header_count = count;
    for (size_t i = 0; i < count; i++)
        record->headers[i] =
            (struct event_header){fake_keep(headers[i].name), fake_keep(headers[i].value)};
}

int64_t fake_stable_end(const struct log *log)
{
    for (int64_t i = 0; i < log->count; i++)
        if (log->records[i].state == PENDING)
            return i;
    return log->count;
}

bool fake_take(const struct log *log, int64_t *at, struct kafka_record *out)
{
    int64_t end = fake_stable_end(log);
    for (; *at < end; (*at)++) {
        const struct stored *record = &log->records[*at];
        if (record->state != COMMITTED)
            continue;
        *out = (struct kafka_record){.offset = *at,
                                     .timestamp_ms = 1,
                                     .key = record->key,
                                     .value = record->value,
                                     .headers = record->headers,
                                     .header_count = record->header_count};
        (*at)++;
        return true;
    }
    return false;
}

void fake_record_free(struct stored *record)
{
    fake_drop(&record->key);
    fake_drop(&record->value);
    for (size_t h = 0; h < record->header_count; h++) {
        fake_drop(&record->headers[h].name);
        fake_drop(&record->headers[h].value);
    }
    free(record->headers);
}

void fake_log_free(struct log *log)
{
    for (int64_t i = 0; i < log->count; i++)
        fake_record_free(&log->records[i]);
    free(log->records);
    *log = (struct log){0};
}

void fake_world_write(struct fake_world *world, const char *topic, int32_t partition,
                      const char *key, struct str value, const struct event_header *headers,
                      size_t header_count)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    fake_fill(fake_append(fake_log_of(world, name, partition), COMMITTED),
              key ? str_from(key) : (struct str){NULL, 0}, value, headers, header_count);
}

size_t fake_world_read(struct fake_world *world, const char *topic, struct fake_record *out,
                       size_t most)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    size_t count = 0;
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = fake_log_of(world, name, p);
        struct kafka_record record;
        for (int64_t at = 0; count < most && fake_take(log, &at, &record); count++)
            out[count] = (struct fake_record){
                p, record.offset, record.key, record.value, record.headers, record.header_count};
    }
    return count;
}

void fake_world_compact(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = fake_log_of(world, name, p);
        for (int64_t i = 0; i < log->count; i++)
            for (int64_t later = i + 1; later < log->count; later++)
                if (log->records[i].state == COMMITTED && log->records[later].state == COMMITTED &&
                    str_equal(log->records[i].key, log->records[later].key))
                    log->records[i].state = COMPACTED;
    }
}

void fake_world_forget_deletions(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = fake_log_of(world, name, p);
        for (int64_t i = 0; i < log->count; i++) {
            bool deletes = log->records[i].state == COMMITTED && !log->records[i].value.ptr;
            for (int64_t before = 0; deletes && before <= i; before++)
                if (str_equal(log->records[before].key, log->records[i].key))
                    log->records[before].state = COMPACTED;
        }
    }
}

void fake_world_expire(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = fake_log_of(world, name, p);
        for (; log->low < log->count; log->low++)
            log->records[log->low].state = COMPACTED;
    }
}

void fake_world_make_anew(struct fake_world *world, const char *topic)
{
    char name[NAME];
    snprintf(name, sizeof(name), "t.%s", topic);
    for (int32_t p = 0; p < world->partitions; p++)
        fake_log_free(fake_log_of(world, name, p));
}
