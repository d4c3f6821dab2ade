/* Any bytes as what another version of a program wrote. Writer schemas are made of our own: fields
 * reversed, left out, added, of narrower types. What ours reads, avro-c reads, too; and what was
 * read is a record that can be written. First byte: the type; second: the change. */
/* links: waybill_events waybill_avro */
#include "fuzz_input.h"

#include "avro/codec.h"
#include "avro/schemas.h"
#include "events.h"

#include <assert.h>
#include <avro.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum change { SAME, REVERSED, WITHOUT_DEFAULTS, WITH_MORE, NARROWER, CHANGES };
enum { CHANGED_ID = 20000, ARENA_BYTES_MAX = 16 * 1024 * 1024, BYTES_MAX = 1024 * 1024 };

/* NULL = our reader cannot take this change of this type, or avro-c does not know the schema. */
struct writer {
    avro_schema_t schema;
    avro_value_iface_t *iface;
};
static struct writer *writers;

static const char more[] =
    "[{\"name\":\"x1\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
    "{\"name\":\"x2\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"x_%"
    "d\","
    "\"fields\":[{\"name\":\"a\",\"type\":[\"null\",\"double\"]}]}}},"
    "{\"name\":\"x3\",\"type\":{\"type\":\"fixed\",\"name\":\"f_%d\",\"size\":3}},"
    "{\"name\":\"x4\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"x5\",\"type\":[\"float\",\"boolean\",\"bytes\"]}]";

static void reverse(json_t *fields)
{
    size_t count = json_array_size(fields);
    for (size_t i = 0; i + 1 < count; i++) {
        json_t *last = json_incref(json_array_get(fields, count - 1));
        json_array_remove(fields, count - 1);
        json_array_insert_new(fields, i, last);
    }
}

static void drop_defaults(json_t *fields)
{
    for (size_t i = json_array_size(fields); i-- > 0;)
        if (json_object_get(json_array_get(fields, i), "default"))
            json_array_remove(fields, i);
}

/* Each second one stands before ours, the others behind. */
static void add_more(json_t *fields)
{
    static int number;
    char text[600];
    number++;
    snprintf(text, sizeof(text), more, number, number);
    json_t *added = json_loads(text, 0, NULL), *one;
    size_t i;
    json_array_foreach(added, i, one)
        json_array_insert(fields, i % 2 ? 0 : json_array_size(fields), one);
    json_decref(added);
}

static void narrow(json_t *fields)
{
    static const char *const steps[][2] = {
        {"long", "int"}, {"double", "float"}, {"string", "bytes"}, {"bytes", "string"}};
    json_t *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        const char *type = json_string_value(json_object_get(field, "type"));
        for (size_t s = 0; type && s < sizeof(steps) / sizeof(steps[0]); s++)
            if (strcmp(type, steps[s][0]) == 0) {
                json_object_set_new(field, "type", json_string(steps[s][1]));
                break;
            }
    }
}

static void change_all(json_t *node, enum change change)
{
    json_t *fields = json_object_get(node, "fields"), *child;
    const char *name;
    size_t i;
    json_object_foreach(node, name, child) change_all(child, change);
    json_array_foreach(node, i, child) change_all(child, change);
    if (!json_is_array(fields))
        return;
    if (change == REVERSED)
        reverse(fields);
    else if (change == WITHOUT_DEFAULTS)
        drop_defaults(fields);
    else if (change == WITH_MORE)
        add_more(fields);
    else if (change == NARROWER)
        narrow(fields);
}

static void make_writer(struct avro_schemas *schemas, size_t type, enum change change)
{
    struct writer *writer = &writers[type * CHANGES + change];
    json_t *root = json_loads(record_types[type]->schema_json, 0, NULL);
    struct error err;
    change_all(root, change);
    char *text = json_dumps(root, JSON_COMPACT);
    int32_t id = CHANGED_ID + (int32_t)(type * CHANGES + change);
    if (avro_schemas_add(schemas, id, str_from(text), &err) == 0 &&
        avro_schema_from_json_length(text, strlen(text), &writer->schema) == 0)
        writer->iface = avro_generic_class_from_schema(writer->schema);
    free(text);
    json_decref(root);
}

static struct avro_schemas *make_writers(void)
{
    struct avro_schemas *schemas = avro_schemas_new(record_types, record_type_count);
    writers = calloc(record_type_count * CHANGES, sizeof(*writers));
    assert(schemas && writers);
    for (size_t type = 0; type < record_type_count; type++)
        for (int change = SAME; change < CHANGES; change++)
            make_writer(schemas, type, (enum change)change);
    return schemas;
}

/* avro-c 1.11.1 leaks on what it refuses and believes any length, so it sees only what ours took.
 */
static bool oracle_reads(const struct writer *writer, struct str bytes)
{
    avro_value_t value;
    avro_generic_value_new(writer->iface, &value);
    avro_reader_t reader = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    bool read = avro_value_read(reader, &value) == 0;
    avro_reader_free(reader);
    avro_value_decref(&value);
    return read;
}

/* What was read can be written, and reads back. */
static void again(const struct record_type *type, const void *record, struct arena *arena)
{
    struct buffer out;
    struct error err;
    const void *back;
    buffer_init(&out, BYTES_MAX);
    if (avro_encode(type, record, &out, &err) == 0)
        assert(avro_decode(type, buffer_str(&out), arena, &back, &err) == 0);
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct avro_schemas *schemas;
    static char framed[BYTES_MAX];
    if (!schemas)
        schemas = make_writers();
    struct input in = {data, size};
    size_t type = input_byte(&in) % record_type_count;
    size_t number = type * CHANGES + input_byte(&in) % CHANGES;
    struct str bytes = input_rest(&in);
    if (!writers[number].iface || bytes.len > BYTES_MAX - 5)
        return 0;
    uint32_t id = CHANGED_ID + (uint32_t)number;
    memcpy(framed, (const char[]){0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id},
           5);
    memcpy(framed + 5, bytes.ptr, bytes.len);
    struct arena arena;
    struct error err;
    const struct record_type *read_type;
    const void *record;
    arena_init(&arena, ARENA_BYTES_MAX);
    if (avro_schemas_decode(schemas, (struct str){framed, bytes.len + 5}, &arena, &read_type,
                            &record, &err) == 0) {
        assert(read_type == record_types[type]);
        assert(oracle_reads(&writers[number], bytes));
        again(read_type, record, &arena);
    }
    arena_done(&arena);
    return 0;
}
