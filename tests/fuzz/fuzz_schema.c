/* Any bytes as a writer schema from the schemas topic. avro-c 1.11.1 leaks when it refuses some;
 * that is its own. */
/* links: waybill_events waybill_avro */
#include "avro/schemas.h"
#include "events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libavro.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct avro_schemas *schemas = avro_schemas_new(record_types, record_type_count);
    if (schemas)
        (void)!avro_schemas_add(schemas, 9001, (struct str){(const char *)data, size}, &err);
    avro_schemas_free(schemas);
    return 0;
}
