#include "avro/codec.h"
#include "avro/plan.h"

/* Plans are at most DEPTH_MAX deep, and so is the recursion here. */

static int skip_value(const struct plan *plan, struct wire *wire);

/* The branch of a union that the writer took; of anything else, itself. */
static const struct plan *taken(const struct plan *plan, struct wire *wire)
{
    if (plan->wrote != AVRO_UNION)
        return plan;
    int64_t branch;
    if (wire_read_long(wire, &branch))
        return NULL;
    if (branch < 0 || branch >= plan->count) {
        error_set(wire->err, ERROR_SET_ASIDE, "branch %lld of a union of %d", (long long)branch,
                  plan->count);
        return NULL;
    }
    return &plan->parts[branch];
}

static int skip_items(const struct plan *plan, struct wire *wire)
{
    for (;;) {
        size_t count;
        const unsigned char *end;
        struct str key;
        if (wire_read_block(wire, &count, &end))
            return -1;
        for (size_t i = 0; i < count; i++) {
            if ((plan->wrote == AVRO_MAP && wire_read_string(wire, &key)) ||
                skip_value(plan->parts, wire))
                return -1;
        }
        if (wire_end_block(wire, end))
            return -1;
        if (count == 0)
            return 0;
    }
}

static int skip_enum(const struct plan *plan, struct wire *wire)
{
    int32_t symbol;
    if (wire_read_int(wire, &symbol))
        return -1;
    if (symbol < 0 || symbol >= plan->count)
        return error_set(wire->err, ERROR_SET_ASIDE, "symbol %d of %d", symbol, plan->count);
    return 0;
}

static int skip_value(const struct plan *plan, struct wire *wire)
{
    union {
        int32_t int32;
        int64_t int64;
        bool truth;
        struct str bytes;
    } ignored;
    plan = taken(plan, wire);
    if (!plan)
        return -1;
    switch ((int)plan->wrote) { /* avro-c 1.12 knows one more, AVRO_INVALID */
    case AVRO_NULL:
        return 0;
    case AVRO_BOOLEAN:
        return wire_read_bool(wire, &ignored.truth);
    case AVRO_INT32:
        return wire_read_int(wire, &ignored.int32);
    case AVRO_INT64:
        return wire_read_long(wire, &ignored.int64);
    case AVRO_FLOAT:
        return wire_skip(wire, sizeof(float));
    case AVRO_DOUBLE:
        return wire_skip(wire, sizeof(double));
    case AVRO_STRING:
        return wire_read_string(wire, &ignored.bytes);
    case AVRO_BYTES:
        return wire_read_bytes(wire, &ignored.bytes);
    case AVRO_FIXED:
        return wire_skip(wire, plan->fixed_bytes);
    case AVRO_ENUM:
        return skip_enum(plan, wire);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return skip_items(plan, wire);
    case AVRO_RECORD:
        for (int32_t i = 0; i < plan->count; i++) {
            if (skip_value(&plan->parts[i], wire))
                return -1;
        }
        return 0;
    }
    return error_set(wire->err, ERROR_SET_ASIDE, "a type that we do not know");
}

static int read_long(const struct plan *plan, struct wire *wire, int64_t *out)
{
    int32_t narrow;
    if (plan->wrote != AVRO_INT32)
        return wire_read_long(wire, out);
    if (wire_read_int(wire, &narrow))
        return -1;
    *out = narrow;
    return 0;
}

static int read_double(const struct plan *plan, struct wire *wire, double *out)
{
    float narrow;
    int64_t whole;
    if (plan->wrote == AVRO_DOUBLE)
        return wire_read_double(wire, out);
    if (plan->wrote == AVRO_FLOAT) {
        if (wire_read_float(wire, &narrow))
            return -1;
        *out = (double)narrow;
        return 0;
    }
    if (read_long(plan, wire, &whole))
        return -1;
    *out = (double)whole;
    return 0;
}

static int read_enum(const struct plan *plan, struct wire *wire, int *out)
{
    int32_t symbol;
    if (wire_read_int(wire, &symbol))
        return -1;
    if (symbol < 0 || symbol >= plan->count)
        return error_set(wire->err, ERROR_SET_ASIDE, "symbol %d of %d", symbol, plan->count);
    if (plan->symbols[symbol] < 0)
        return error_set(wire->err, ERROR_SET_ASIDE,
                         "the writer's symbol %d is not in our %s, which has no default", symbol,
                         plan->into->symbols->name);
    *out = plan->symbols[symbol];
    return 0;
}

static int read_value(const struct plan *plan, struct wire *wire, void *slot);

static int read_list(const struct plan *plan, struct wire *wire, void *slot)
{
    size_t item_bytes = plan->into->item_bytes;
    struct slot_list list = {0};
    size_t capacity = 0;
    for (;;) {
        size_t count;
        const unsigned char *end;
        if (wire_read_block(wire, &count, &end) ||
            wire_list_grow(wire, &list, &capacity, count, item_bytes))
            return -1;
        for (size_t i = 0; i < count; i++, list.len++) {
            const struct plan *item = taken(plan->parts, wire);
            if (!item || read_value(item, wire, slot_list_item(&list, list.len, item_bytes)))
                return error_prefix(wire->err, "[%zu]", list.len);
        }
        if (wire_end_block(wire, end))
            return -1;
        if (count == 0)
            break;
    }
    memcpy(slot, &list, sizeof(list));
    return 0;
}

/* Not of a union, and not into a nullable field: the caller has dealt with both. */
static int read_value(const struct plan *plan, struct wire *wire, void *slot)
{
    if (plan->unreadable || plan->wrote == AVRO_NULL)
        return error_set(wire->err, ERROR_SET_ASIDE, "the writer's %s has no place in our field",
                         plan_type_word(plan->wrote));
    switch (plan->into->kind) {
    case FIELD_BOOLEAN:
        return wire_read_bool(wire, slot);
    case FIELD_INT:
        return wire_read_int(wire, slot);
    case FIELD_LONG:
        return read_long(plan, wire, slot);
    case FIELD_DOUBLE:
        return read_double(plan, wire, slot);
    case FIELD_STRING:
        return wire_read_string(wire, slot);
    case FIELD_BYTES:
        return wire_read_bytes(wire, slot);
    case FIELD_ENUM:
        return read_enum(plan, wire, slot);
    case FIELD_RECORD:
        return plan_read(plan, wire, slot);
    case FIELD_LIST:
        return read_list(plan, wire, slot);
    }
    return error_set(wire->err, ERROR_SET_ASIDE, "a type that we do not know");
}

static int read_field(const struct plan *part, struct wire *wire, const struct field *field,
                      void *record)
{
    const struct plan *plan = taken(part, wire);
    if (!plan)
        return -1;
    if (plan->wrote == AVRO_NULL && field->type.nullable)
        return 0;
    void *slot = slot_fill(field, record, wire->arena);
    return slot ? read_value(plan, wire, slot) : wire_no_memory(wire);
}

int plan_read(const struct plan *plan, struct wire *wire, void *record)
{
    memcpy(record, plan->defaults, plan->record->bytes);
    for (int32_t i = 0; i < plan->count; i++) {
        const struct field *field = plan->fields[i];
        if (field && read_field(&plan->parts[i], wire, field, record))
            return error_prefix(wire->err, "%s", field->name);
        if (!field && skip_value(&plan->parts[i], wire))
            return error_prefix(wire->err, "field %d of the writer", i);
    }
    return 0;
}
