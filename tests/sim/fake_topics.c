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
    *record = (struct stored){.state = state, .txn = -1};
    return record;
}

static struct str put(char **at, struct str s)
{
    if (!s.ptr)
        return s;
    char *start = *at;
    if (s.len)
        memcpy(start, s.ptr, s.len);
    start[s.len] = '\0';
    *at += s.len + 1;
    return (struct str){start, s.len};
}

void fake_fill(struct fake_world *world, struct stored *record, const struct kafka_output *from)
{
    size_t rows = from->header_count * sizeof(struct event_header);
    size_t bytes = rows + from->key.len + from->value.len + 2;
    for (size_t i = 0; i < from->header_count; i++)
        bytes += from->headers[i].name.len + from->headers[i].value.len + 2;
    record->headers = malloc(bytes);
    assert(record->headers);
    char *at = (char *)record->headers + rows;
    record->key = put(&at, from->key);
    record->value = put(&at, from->value);
    record->header_count = from->header_count;
    for (size_t i = 0; i < from->header_count; i++)
        record->headers[i] = (struct event_header){put(&at, from->headers[i].name),
                                                   put(&at, from->headers[i].value)};
    record->timestamp_ms = world->dated ? world->now_ms : 1;
}

int64_t fake_stable_end(struct log *log)
{
    while (log->stable < log->count && log->records[log->stable].state != PENDING)
        log->stable++;
    return log->stable;
}

bool fake_take(struct log *log, int64_t *at, struct kafka_record *out)
{
    int64_t end = fake_stable_end(log);
    for (; *at < end; (*at)++) {
        const struct stored *record = &log->records[*at];
        if (record->state != COMMITTED)
            continue;
        *out = (struct kafka_record){.offset = *at,
                                     .timestamp_ms = record->timestamp_ms,
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
    free(record->headers);
}

void fake_log_free(struct log *log)
{
    for (int64_t i = 0; i < log->count; i++)
        fake_record_free(&log->records[i]);
    free(log->records);
    free(log->read_at);
    *log = (struct log){0};
}

void fake_log_compact(struct log *log, int64_t up_to)
{
    int64_t end = fake_stable_end(log);
    end = up_to < end ? up_to : end;
    for (int64_t i = 0; i < end; i++)
        for (int64_t later = i + 1; later < end && log->records[i].state == COMMITTED; later++)
            if (log->records[later].state == COMMITTED &&
                str_equal(log->records[i].key, log->records[later].key))
                log->records[i].state = COMPACTED;
}

static struct log *named(struct fake_world *world, const char *topic, int32_t partition)
{
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s", world->prefix, topic);
    return fake_log_of(world, name, partition);
}

void fake_world_write(struct fake_world *world, const char *topic, int32_t partition,
                      const char *key, struct str value, const struct event_header *headers,
                      size_t header_count)
{
    struct stored *record = fake_append(named(world, topic, partition), COMMITTED);
    record->moment = ++world->moment;
    fake_fill(world, record,
              &(struct kafka_output){.key = key ? str_from(key) : (struct str){NULL, 0},
                                     .value = value,
                                     .headers = headers,
                                     .header_count = header_count});
}

size_t fake_world_read(struct fake_world *world, const char *topic, struct fake_record *out,
                       size_t most)
{
    size_t count = 0;
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = named(world, topic, p);
        struct kafka_record record;
        for (int64_t at = 0; count < most && fake_take(log, &at, &record); count++)
            out[count] = (struct fake_record){
                p, record.offset, record.key, record.value, record.headers, record.header_count};
    }
    return count;
}

void fake_world_compact(struct fake_world *world, const char *topic)
{
    for (int32_t p = 0; p < world->partitions; p++)
        fake_log_compact(named(world, topic, p), INT64_MAX);
}

void fake_world_forget_deletions(struct fake_world *world, const char *topic)
{
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = named(world, topic, p);
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
    for (int32_t p = 0; p < world->partitions; p++) {
        struct log *log = named(world, topic, p);
        for (; log->low < log->count; log->low++)
            log->records[log->low].state = COMPACTED;
    }
}

void fake_world_make_anew(struct fake_world *world, const char *topic)
{
    for (int32_t p = 0; p < world->partitions; p++)
        fake_log_free(named(world, topic, p));
}
