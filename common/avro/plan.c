#include "avro/plan.h"

#include "avro/record_json.h"

enum { STEPS_MAX = 10000, DEPTH_MAX = 32, FIXED_BYTES_MAX = 1024 * 1024 };

struct planning {
    struct arena *arena;
    struct error *err;
    int32_t steps;
    int depth;
};

static int plan_value(struct planning *p, avro_schema_t writer, const struct value_type *into,
                      struct plan *out);

const char *plan_type_word(avro_type_t type)
{
    static const char *const words[] = {
        [AVRO_STRING] = "string",   [AVRO_BYTES] = "bytes", [AVRO_INT32] = "int",
        [AVRO_INT64] = "long",      [AVRO_FLOAT] = "float", [AVRO_DOUBLE] = "double",
        [AVRO_BOOLEAN] = "boolean", [AVRO_NULL] = "null",   [AVRO_RECORD] = "record",
        [AVRO_ENUM] = "enum",       [AVRO_FIXED] = "fixed", [AVRO_MAP] = "map",
        [AVRO_ARRAY] = "array",     [AVRO_UNION] = "union",
    };
    return (size_t)type < sizeof(words) / sizeof(words[0]) ? words[type] : "?";
}

static const char *kind_word(enum field_kind kind)
{
    static const char *const words[] = {
        [FIELD_BOOLEAN] = "boolean", [FIELD_INT] = "int",       [FIELD_LONG] = "long",
        [FIELD_DOUBLE] = "double",   [FIELD_STRING] = "string", [FIELD_BYTES] = "bytes",
        [FIELD_ENUM] = "enum",       [FIELD_RECORD] = "record", [FIELD_LIST] = "array",
    };
    return words[kind];
}

static int refuse(struct planning *p, avro_type_t wrote, const struct value_type *into)
{
    return error_set(p->err, ERROR_SET_ASIDE, "the writer has %s, we have %s",
                     plan_type_word(wrote), kind_word(into->kind));
}

static void *take(struct planning *p, size_t count, size_t bytes)
{
    void *memory = arena_alloc_array(p->arena, count, bytes);
    if (!memory)
        error_set(p->err, ERROR_SET_ASIDE, "no memory for one more schema");
    return memory;
}

bool plan_same_name(const char *ours, const char *avro)
{
    for (; *ours && (*ours == *avro || (*ours == '.' && *avro == '_')); ours++)
        avro++;
    return *ours == *avro;
}

static bool scalar_fits(avro_type_t wrote, enum field_kind kind)
{
    switch (kind) {
    case FIELD_BOOLEAN:
        return wrote == AVRO_BOOLEAN;
    case FIELD_INT:
        return wrote == AVRO_INT32;
    case FIELD_LONG:
        return wrote == AVRO_INT32 || wrote == AVRO_INT64;
    case FIELD_DOUBLE:
        return wrote == AVRO_INT32 || wrote == AVRO_INT64 || wrote == AVRO_FLOAT ||
               wrote == AVRO_DOUBLE;
    case FIELD_STRING:
    case FIELD_BYTES:
        return wrote == AVRO_STRING || wrote == AVRO_BYTES;
    case FIELD_ENUM:
    case FIELD_RECORD:
    case FIELD_LIST:
        break;
    }
    return false;
}

static int plan_scalar(struct planning *p, const struct value_type *into, struct plan *out)
{
    if (out->wrote == AVRO_NULL) {
        out->may_be_empty = true;
        return into && !into->nullable ? refuse(p, out->wrote, into) : 0;
    }
    return into && !scalar_fits(out->wrote, into->kind) ? refuse(p, out->wrote, into) : 0;
}

static int plan_fixed(struct planning *p, avro_schema_t writer, const struct value_type *into,
                      struct plan *out)
{
    int64_t bytes = avro_schema_fixed_size(writer);
    if (bytes < 0 || bytes > FIXED_BYTES_MAX)
        return error_set(p->err, ERROR_SET_ASIDE, "a fixed of %lld bytes", (long long)bytes);
    out->fixed_bytes = (size_t)bytes;
    out->may_be_empty = bytes == 0;
    return into ? refuse(p, out->wrote, into) : 0;
}

static int plan_enum(struct planning *p, avro_schema_t writer, const struct value_type *into,
                     struct plan *out)
{
    out->count = avro_schema_enum_number_of_symbols(writer);
    if (!into)
        return 0;
    if (into->kind != FIELD_ENUM || !plan_same_name(into->symbols->name, avro_schema_name(writer)))
        return into->kind != FIELD_ENUM
                   ? refuse(p, out->wrote, into)
                   : error_set(p->err, ERROR_SET_ASIDE, "the writer has enum %s, we have %s",
                               avro_schema_name(writer), into->symbols->name);
    int *symbols = take(p, (size_t)out->count, sizeof(*symbols));
    if (!symbols)
        return -1;
    for (int32_t i = 0; i < out->count; i++) {
        const char *name = avro_schema_enum_get(writer, i);
        symbols[i] = into->symbols->default_symbol;
        for (int32_t ours = 0; ours < into->symbols->symbol_count; ours++) {
            if (strcmp(into->symbols->symbols[ours], name) == 0)
                symbols[i] = ours;
        }
    }
    out->symbols = symbols;
    return 0;
}

static int plan_items(struct planning *p, avro_schema_t writer, const struct value_type *into,
                      struct plan *out)
{
    bool list = out->wrote == AVRO_ARRAY;
    if (into && (!list || into->kind != FIELD_LIST))
        return refuse(p, out->wrote, into);
    struct plan *item = take(p, 1, sizeof(*item));
    if (!item ||
        plan_value(p, list ? avro_schema_array_items(writer) : avro_schema_map_values(writer),
                   into ? into->item : NULL, item))
        return item ? error_prefix(p->err, "[]") : -1;
    /* Else a few bytes could ask for any number of items. */
    if (list && item->may_be_empty)
        return error_set(p->err, ERROR_SET_ASIDE, "an array whose items may take no bytes");
    out->parts = item;
    return 0;
}

static int plan_union(struct planning *p, avro_schema_t writer, const struct value_type *into,
                      struct plan *out)
{
    out->count = (int32_t)avro_schema_union_size(writer);
    struct plan *branches = take(p, (size_t)out->count, sizeof(*branches));
    if (!branches)
        return -1;
    int32_t readable = 0;
    for (int32_t i = 0; i < out->count; i++) {
        avro_schema_t branch = avro_schema_union_branch(writer, i);
        if (is_avro_union(branch))
            return error_set(p->err, ERROR_SET_ASIDE, "a union in a union");
        branches[i].unreadable = plan_value(p, branch, into, &branches[i]) != 0;
        readable += !branches[i].unreadable;
    }
    out->parts = branches;
    return readable ? 0 : -1; /* the last branch's error says why */
}

/* Our fields that the writer does not have take their defaults, from one record made beforehand. */
static int plan_defaults(struct planning *p, avro_schema_t writer, struct plan *out)
{
    char *defaults = take(p, 1, out->record->bytes);
    if (!defaults)
        return -1;
    for (size_t i = 0; i < out->record->field_count; i++) {
        const struct field *field = &out->record->fields[i];
        if (avro_schema_record_field_get_index(writer, field->name) >= 0)
            continue;
        if (record_field_default(field, p->arena, defaults, p->err))
            return error_prefix(p->err, "%s", field->name);
    }
    out->defaults = defaults;
    return 0;
}

static const struct field *field_named(const struct record_type *type, const char *name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    }
    return NULL;
}

static int plan_record(struct planning *p, avro_schema_t writer, const struct record_type *type,
                       struct plan *out)
{
    if (type && !plan_same_name(type->name, avro_schema_name(writer)))
        return error_set(p->err, ERROR_SET_ASIDE, "the writer has record %s, we have %s",
                         avro_schema_name(writer), type->name);
    out->record = type;
    out->count = (int32_t)avro_schema_record_size(writer);
    out->may_be_empty = true;
    struct plan *parts = take(p, (size_t)out->count, sizeof(*parts));
    const struct field **fields = take(p, (size_t)out->count, sizeof(*fields));
    if (!parts || !fields)
        return -1;
    for (int32_t i = 0; i < out->count; i++) {
        const char *name = avro_schema_record_field_name(writer, i);
        if (avro_schema_record_field_get_index(writer, name) != i)
            return error_set(p->err, ERROR_SET_ASIDE, "%s: stands twice", name);
        fields[i] = type ? field_named(type, name) : NULL;
        if (plan_value(p, avro_schema_record_field_get_by_index(writer, i),
                       fields[i] ? &fields[i]->type : NULL, &parts[i]))
            return error_prefix(p->err, "%s", name);
        out->may_be_empty &= parts[i].may_be_empty;
    }
    out->parts = parts;
    out->fields = fields;
    return type ? plan_defaults(p, writer, out) : 0;
}

static int plan_by_type(struct planning *p, avro_schema_t writer, const struct value_type *into,
                        struct plan *out)
{
    out->wrote = avro_typeof(writer);
    out->into = into;
    switch ((int)out->wrote) { /* avro-c 1.12 knows one more, AVRO_INVALID */
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_INT32:
    case AVRO_INT64:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_BOOLEAN:
    case AVRO_NULL:
        return plan_scalar(p, into, out);
    case AVRO_FIXED:
        return plan_fixed(p, writer, into, out);
    case AVRO_ENUM:
        return plan_enum(p, writer, into, out);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return plan_items(p, writer, into, out);
    case AVRO_UNION:
        return plan_union(p, writer, into, out);
    case AVRO_RECORD:
        if (into && into->kind != FIELD_RECORD)
            return refuse(p, out->wrote, into);
        return plan_record(p, writer, into ? into->record : NULL, out);
    }
    return error_set(p->err, ERROR_SET_ASIDE, "a type that we do not know");
}

static int plan_value(struct planning *p, avro_schema_t writer, const struct value_type *into,
                      struct plan *out)
{
    /* A named type's second use links to its first. One that holds itself ends at DEPTH_MAX. */
    while (writer && is_avro_link(writer))
        writer = avro_schema_link_target(writer);
    if (!writer || p->depth >= DEPTH_MAX || ++p->steps > STEPS_MAX)
        return error_set(p->err, ERROR_SET_ASIDE,
                         "a schema nested deeper than %d or with more than %d parts", DEPTH_MAX,
                         STEPS_MAX);
    p->depth++;
    int result = plan_by_type(p, writer, into, out);
    p->depth--;
    return result;
}

const struct plan *plan_make(avro_schema_t writer, const struct record_type *type,
                             struct arena *arena, struct error *err)
{
    struct planning p = {.arena = arena, .err = err};
    struct plan *plan = take(&p, 1, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->wrote = AVRO_RECORD;
    return plan_record(&p, writer, type, plan) ? NULL : plan;
}
