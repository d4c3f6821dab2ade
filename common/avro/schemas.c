#include "avro/schemas.h"

#include "avro/codec.h"
#include "avro/framing.h"
#include "avro/plan.h"
#include "json/json.h"

#include <avro/errors.h>
#include <stdlib.h>

enum {
    PLANS_BYTES_MAX = 256 * 1024 * 1024,
    PARSE_BYTES_MAX = 64 * 1024 * 1024, /* of the tree of one schema's text */
    ENTRIES_FIRST = 128
};

/* One schema id. */
struct entry {
    int32_t id;
    const struct record_type *type; /* ours of that name; NULL = we have none */
    const struct plan *plan;        /* NULL = exactly ours, or refused */
    struct str json;
    const struct error *refused; /* what to say to everything with this id */
};

struct avro_schemas {
    const struct record_type *const *types;
    size_t type_count;
    struct entry *entries; /* by id */
    size_t entry_count, entry_capacity;
    struct arena arena; /* plans and texts; given back only as a whole */
};

void avro_schemas_free(struct avro_schemas *schemas)
{
    if (!schemas)
        return;
    arena_done(&schemas->arena);
    free(schemas->entries);
    free(schemas);
}

/* Where the id is, or would be. */
static size_t place_of(const struct avro_schemas *schemas, int32_t id)
{
    size_t low = 0, high = schemas->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (schemas->entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct entry *entry_of(const struct avro_schemas *schemas, int32_t id)
{
    size_t at = place_of(schemas, id);
    return at < schemas->entry_count && schemas->entries[at].id == id ? &schemas->entries[at]
                                                                      : NULL;
}

static int insert(struct avro_schemas *schemas, struct entry entry, struct error *err)
{
    if (schemas->entry_count == AVRO_SCHEMAS_MAX)
        return error_set(err, ERROR_SET_ASIDE, "there are %d schemas already", AVRO_SCHEMAS_MAX);
    if (schemas->entry_count == schemas->entry_capacity) {
        size_t capacity = schemas->entry_capacity ? 2 * schemas->entry_capacity : ENTRIES_FIRST;
        struct entry *grown = reallocarray(schemas->entries, capacity, sizeof(*grown));
        if (!grown)
            return error_set(err, ERROR_FATAL, "no memory for one more schema");
        schemas->entries = grown;
        schemas->entry_capacity = capacity;
    }
    size_t at = place_of(schemas, entry.id);
    memmove(&schemas->entries[at + 1], &schemas->entries[at],
            (schemas->entry_count - at) * sizeof(*schemas->entries));
    schemas->entries[at] = entry;
    schemas->entry_count++;
    return 0;
}

struct avro_schemas *avro_schemas_new(const struct record_type *const *types, size_t count)
{
    struct avro_schemas *schemas = calloc(1, sizeof(*schemas));
    if (!schemas)
        return NULL;
    arena_init(&schemas->arena, PLANS_BYTES_MAX);
    schemas->types = types;
    schemas->type_count = count;
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {
            .id = types[i]->schema_id, .type = types[i], .json = str_from(types[i]->schema_json)};
        if (insert(schemas, entry, NULL)) {
            avro_schemas_free(schemas);
            return NULL;
        }
    }
    return schemas;
}

static const struct record_type *type_named(const struct avro_schemas *schemas, const char *name)
{
    for (size_t i = 0; i < schemas->type_count; i++) {
        if (plan_same_name(schemas->types[i]->name, name))
            return schemas->types[i];
    }
    return NULL;
}

/* A schema that avro-c has read; the caller gives it back. NULL and err if it is none. avro-c has
 * no limits of its own, so the text is measured first. */
static avro_schema_t parse(struct str json, int64_t *out_major, struct error *err)
{
    if (json.len > AVRO_SCHEMA_BYTES_MAX) {
        error_set(err, ERROR_SET_ASIDE, "a schema of %zu bytes, more than %d", json.len,
                  AVRO_SCHEMA_BYTES_MAX);
        return NULL;
    }
    struct arena arena;
    arena_init(&arena, PARSE_BYTES_MAX);
    const struct json_node *root = json_parse(&arena, json, err);
    bool is_json = root;
    const struct json_node *state = json_member(root, STR("waybill.state"));
    *out_major = 0;
    (void)json_int64(json_member(state, STR("major")), out_major);
    arena_done(&arena);
    if (!is_json)
        return NULL;
    avro_schema_t schema = NULL;
    if (avro_schema_from_json_length(json.ptr, json.len, &schema)) {
        error_set(err, ERROR_SET_ASIDE, "not an Avro schema: %s", avro_strerror());
        return NULL;
    }
    if (!is_avro_record(schema)) {
        error_set(err, ERROR_SET_ASIDE, "not the schema of a record");
        avro_schema_decref(schema);
        return NULL;
    }
    return schema;
}

static bool same_schema(struct str known_json, avro_schema_t schema)
{
    int64_t major;
    avro_schema_t known = parse(known_json, &major, NULL);
    bool same = known && avro_schema_equal(known, schema);
    if (known)
        avro_schema_decref(known);
    return same;
}

/* What to say from now on to values with this id. NULL if there is no memory. */
static const struct error *keep(struct avro_schemas *schemas, const struct error *err)
{
    struct error *kept = arena_alloc(&schemas->arena, sizeof(*kept));
    if (kept)
        *kept = *err;
    return kept;
}

static int add_new(struct avro_schemas *schemas, int32_t id, struct str json, avro_schema_t schema,
                   int64_t major, struct error *err)
{
    struct entry entry = {.id = id, .json = arena_copy(&schemas->arena, json)};
    if (!entry.json.ptr)
        return error_set(err, ERROR_FATAL, "no memory for one more schema");
    struct error why = {0};
    entry.type = type_named(schemas, avro_schema_name(schema));
    if (entry.type && major > entry.type->state_major)
        error_set(&why, ERROR_FATAL,
                  "%s: written by major version %lld, this program knows %d: use a newer program",
                  entry.type->name, (long long)major, entry.type->state_major);
    else if (entry.type) {
        entry.plan = plan_make(schema, entry.type, &schemas->arena, &why);
        if (!entry.plan)
            error_prefix(&why, "%s", entry.type->name);
    }
    if (why.action != ERROR_NONE && !entry.plan) {
        entry.refused = keep(schemas, &why);
        if (!entry.refused)
            return error_set(err, ERROR_FATAL, "no memory for one more schema");
    }
    if (insert(schemas, entry, err))
        return -1;
    return entry.refused ? error_set(err, why.action, "schema %d: %s", id, why.text) : 0;
}

int avro_schemas_add(struct avro_schemas *schemas, int32_t id, struct str json, struct error *err)
{
    const struct entry *known = entry_of(schemas, id);
    if (known && str_equal(known->json, json))
        return 0;
    int64_t major;
    avro_schema_t schema = parse(json, &major, err);
    if (!schema)
        return error_prefix(err, "schema %d", id);
    int result = 0;
    if (!known)
        result = add_new(schemas, id, json, schema, major, err);
    else if (!same_schema(known->json, schema))
        result =
            error_set(err, ERROR_SET_ASIDE,
                      "schema id %d stands for %s already, with other fields: a changed schema "
                      "takes a new id (schemas/README.md)",
                      id, known->type ? known->type->name : "another schema");
    avro_schema_decref(schema);
    return result;
}

static int read_planned(const struct entry *entry, struct str body, struct arena *arena,
                        const void **out, struct error *err)
{
    const unsigned char *at = (const unsigned char *)body.ptr;
    struct wire wire = {.at = at, .end = at + body.len, .arena = arena, .err = err};
    void *record = arena_alloc(arena, entry->type->bytes);
    int result = record ? plan_read(entry->plan, &wire, record) : wire_no_memory(&wire);
    if (result == 0 && wire.at != wire.end)
        result = error_set(err, ERROR_SET_ASIDE, "%zu bytes too many", wire_left(&wire));
    if (result)
        return error_prefix(err, "%s (schema %d)", entry->type->name, entry->id);
    *out = record;
    return 0;
}

int avro_schemas_decode(struct avro_schemas *schemas, struct str framed, struct arena *arena,
                        const struct record_type **out_type, const void **out_body,
                        struct error *err)
{
    int32_t id;
    struct str body;
    if (framing_split(framed, &id, &body, err))
        return -1;
    const struct entry *entry = entry_of(schemas, id);
    if (!entry) {
        error_set(err, ERROR_SET_ASIDE, "schema id %d is not known", id);
        return AVRO_UNKNOWN_ID;
    }
    if (!entry->type)
        return AVRO_UNKNOWN_TYPE;
    if (entry->refused)
        return error_set(err, entry->refused->action, "schema %d: %s", id, entry->refused->text);
    int result = entry->plan ? read_planned(entry, body, arena, out_body, err)
                             : avro_decode(entry->type, body, arena, out_body, err);
    if (result == 0)
        *out_type = entry->type;
    return result;
}
