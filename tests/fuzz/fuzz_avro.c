/* Any bytes as a value of any type: by the descriptors, by a plan, and as JSON. The first byte
 * chooses the type. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/record_json.h"
#include "avro/schemas.h"
#include "events.h"

#include <stdlib.h>

enum { PLANNED = 10000, ARENA_BYTES_MAX = 16 * 1024 * 1024, BYTES_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct avro_schemas *planned_schemas(void)
{
    struct error err;
    struct avro_schemas *schemas = avro_schemas_new(record_types, record_type_count);
    for (size_t i = 0; schemas && i < record_type_count; i++) {
        if (avro_schemas_add(schemas, PLANNED + record_types[i]->schema_id,
                             str_from(record_types[i]->schema_json), &err))
            abort();
    }
    return schemas;
}

/* What was read can be written again and says the same. */
static void again(const struct record_type *type, const void *record, struct arena *arena)
{
    struct buffer out;
    struct error err;
    const void *back;
    buffer_init(&out, BYTES_MAX);
    if (avro_encode(type, record, &out, &err) ||
        avro_decode(type, buffer_str(&out), arena, &back, &err))
        abort();
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct avro_schemas *schemas;
    static char framed[BYTES_MAX];
    if (!schemas)
        schemas = planned_schemas();
    if (size < 1 || size > BYTES_MAX - 5)
        return 0;
    const struct record_type *type = record_types[data[0] % record_type_count], *read_type;
    struct str body = {(const char *)data + 1, size - 1}, text;
    struct arena arena;
    struct error err;
    const void *record;
    int32_t id = PLANNED + type->schema_id;
    arena_init(&arena, ARENA_BYTES_MAX);

    int plain = avro_decode(type, body, &arena, &record, &err);
    if (plain == 0) {
        again(type, record, &arena);
        if (record_to_json(type, record, &arena, &text, &err) == 0 &&
            record_from_json(type, text, &arena, &record, &err) == 0)
            again(type, record, &arena);
    }
    memcpy(framed, (const char[]){0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id},
           5);
    memcpy(framed + 5, body.ptr, body.len);
    if (avro_schemas_decode(schemas, (struct str){framed, body.len + 5}, &arena, &read_type,
                            &record, &err) != plain)
        abort();
    if (record_from_json(type, body, &arena, &record, &err) == 0)
        again(type, record, &arena);
    arena_done(&arena);
    return 0;
}
