/* Any text as a writer schema from the schemas topic, and bytes behind the first NUL as what it
 * wrote. avro-c 1.11.1 leaks when it refuses some; that is its own. */
/* links: waybill_events waybill_avro */
#include "fuzz_input.h"

#include "avro/schemas.h"
#include "events.h"

#include <assert.h>

enum { ID = 9001, BYTES_MAX = 64 * 1024, ARENA_BYTES_MAX = 16 * 1024 * 1024 };

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libavro.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char framed[5 + BYTES_MAX] = {0, 0, 0, ID >> 8, ID & 255};
    struct input in = {data, size};
    struct error err = {0};
    struct arena arena;
    const struct record_type *type;
    const void *body;
    struct avro_schemas *schemas = avro_schemas_new(record_types, record_type_count);
    assert(schemas);
    arena_init(&arena, ARENA_BYTES_MAX);
    (void)!avro_schemas_add(schemas, ID, input_until(&in, '\0'), &err);
    struct str bytes = input_bytes(&in, BYTES_MAX);
    if (bytes.len > 0)
        memcpy(framed + 5, bytes.ptr, bytes.len);
    (void)!avro_schemas_decode(schemas, (struct str){framed, 5 + bytes.len}, &arena, &type, &body,
                               &err);
    arena_done(&arena);
    avro_schemas_free(schemas);
    return 0;
}
