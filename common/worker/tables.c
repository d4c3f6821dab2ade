#include "worker/tables.h"

#include "base/hash.h"
#include "log/log.h"

#include <stdlib.h>

enum { BUCKETS = 65536, SCHEMA_IDS_MAX = 10000 };

struct row {
    struct row *next;
    struct arena arena; /* key, value and body */
    struct str key, value;
    const struct record_type *type;
    const void *body;
};

struct tables_held {
    struct tables view; /* first: what rules see is this */
    struct worker *worker;
    struct row *buckets[BUCKETS];
    size_t count;
    uint64_t changes;
    struct row *waiting; /* newest first */
    int32_t schema_ids[SCHEMA_IDS_MAX];
    size_t schema_count;
    struct error conflict; /* the first schema that stands under one of our ids and is another */
};

static uint32_t bucket_of(const struct record_type *type, struct str key)
{
    return (uint32_t)(hash_add(HASH_START ^ (uint64_t)type->schema_id, key) % BUCKETS);
}

static struct row **find_link(struct tables_held *held, const struct record_type *type,
                              struct str key)
{
    struct row **link = &held->buckets[bucket_of(type, key)];
    while (*link && !((*link)->type == type && str_equal((*link)->key, key)))
        link = &(*link)->next;
    return link;
}

static const void *find(const struct tables *tables, const struct record_type *type, struct str key)
{
    const struct tables_held *held = (const struct tables_held *)tables;
    const struct row *row = held->buckets[bucket_of(type, key)];
    while (row && !(row->type == type && str_equal(row->key, key)))
        row = row->next;
    return row ? row->body : NULL;
}

int tables_open(struct worker *worker, struct error *err)
{
    struct tables_held *held = calloc(1, sizeof(*held));
    if (!held)
        return error_set(err, ERROR_FATAL, "no memory for tables");
    held->view.find = find;
    held->worker = worker;
    worker->tables = held;
    return 0;
}

static void free_row(struct row *row)
{
    arena_done(&row->arena);
    free(row);
}

void tables_close(struct worker *worker)
{
    struct tables_held *held = worker->tables;
    if (!held)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct row *row = held->buckets[i], *next; row; row = next) {
            next = row->next;
            free_row(row);
        }
    for (struct row *row = held->waiting, *next; row; row = next) {
        next = row->next;
        free_row(row);
    }
    free(held);
    worker->tables = NULL;
}

bool tables_have_schema(const struct tables_held *held, int32_t id)
{
    for (size_t i = 0; i < held->schema_count; i++)
        if (held->schema_ids[i] == id)
            return true;
    return false;
}

const char *tables_conflict(const struct tables_held *held)
{
    return held->conflict.action == ERROR_NONE ? NULL : held->conflict.text;
}

const struct tables *tables_seen_by_rules(const struct tables_held *held)
{
    return &held->view;
}

uint64_t tables_changes(const struct tables_held *held)
{
    return held->changes;
}

static struct row *read_row(const struct kafka_record *record)
{
    struct row *row = calloc(1, sizeof(*row));
    if (!row)
        return NULL;
    arena_init(&row->arena, VALUE_BYTES_MAX);
    row->value = arena_copy(&row->arena, record->value);
    row->key = arena_copy(&row->arena, record->key);
    if (row->value.ptr && row->key.ptr)
        return row;
    free_row(row);
    return NULL;
}

/* A later record of that type under the same key takes the earlier one's place. */
static void keep_row(struct tables_held *held, struct row *row)
{
    struct row **link = find_link(held, row->type, row->key);
    struct row *old = *link;
    if (!old && held->count >= TABLE_ROWS_MAX) {
        log_error("a table is full; a row is left out", LOG_INT("rows", held->count));
        free_row(row);
        return;
    }
    held->changes++;
    row->next = old ? old->next : NULL;
    *link = row;
    if (old)
        free_row(old);
    else
        held->count++;
}

/* A row whose schema is not known yet waits for it: between topics there is no order. */
static void take_row(struct tables_held *held, struct row *row)
{
    struct error why = {0};
    int known = avro_schemas_decode(held->worker->schemas, row->value, &row->arena, &row->type,
                                    &row->body, &why);
    if (known == AVRO_UNKNOWN_ID) {
        row->next = held->waiting;
        held->waiting = row;
    } else if (known == 0) {
        keep_row(held, row);
    } else {
        if (known < 0)
            log_warning("a table's record is of no use", LOG_TEXT("why", why.text));
        free_row(row);
    }
}

/* In the order in which they came. */
static void try_waiting(struct tables_held *held)
{
    struct row *newest = held->waiting, *oldest = NULL;
    held->waiting = NULL;
    while (newest) {
        struct row *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct row *next = oldest->next;
        take_row(held, oldest);
        oldest = next;
    }
}

static bool is_ours(int64_t id)
{
    for (size_t i = 0; i < record_type_count; i++)
        if (record_types[i]->schema_id == id)
            return true;
    return false;
}

/* Key: the id as decimal digits; value: the schema's JSON text. */
static void take_schema(struct tables_held *held, const struct kafka_record *record)
{
    int64_t id;
    struct error why = {0};
    if (!record->value.ptr || !str_to_int64(record->key, &id) || id <= 0 || id > INT32_MAX)
        return;
    if (avro_schemas_add(held->worker->schemas, (int32_t)id, record->value, &why)) {
        log_warning("schema is of no use", LOG_INT("id", id), LOG_TEXT("why", why.text));
        if (is_ours(id) && held->conflict.action == ERROR_NONE)
            held->conflict = why;
    }
    if (!tables_have_schema(held, (int32_t)id) && held->schema_count < SCHEMA_IDS_MAX)
        held->schema_ids[held->schema_count++] = (int32_t)id;
    try_waiting(held);
}

static void take_record(struct tables_held *held, const struct kafka_record *record)
{
    struct row *row = read_row(record);
    if (row)
        take_row(held, row);
    else
        log_error("no memory for a table's row");
}

static void forget_key(struct tables_held *held, struct str key)
{
    for (size_t i = 0; i < record_type_count; i++) {
        struct row **link = find_link(held, record_types[i], key);
        struct row *old = *link;
        if (!old)
            continue;
        *link = old->next;
        free_row(old);
        held->count--;
        held->changes++;
    }
}

int tables_follow(struct worker *worker, int timeout_ms, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    for (int i = 0; i < TABLES_PER_TURN_MAX; i++) {
        struct kafka_record record;
        int got = log->tables_next(log->self, i == 0 ? timeout_ms : 0, &record, err);
        if (got <= 0)
            return got;
        if (record.topic == 0)
            take_schema(worker->tables, &record);
        else if (record.value.ptr)
            take_record(worker->tables, &record);
        else
            forget_key(worker->tables, record.key);
        log->release(log->self, &record);
    }
    return 0;
}
