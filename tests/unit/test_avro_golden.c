/* Bytes and JSON that an independent implementation (fastavro; tests/golden/avro/make.py) made. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/framing.h"
#include "avro/record_json.h"
#include "avro/schemas.h"
#include "events.h"
#include "json/json.h"

#include <CUnit/CUnit.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITER = 9001, BYTES_MAX = 1024 * 1024 };

static struct arena arena;
static struct error err;

static struct str read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    char *text = arena_alloc(&arena, BYTES_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    size_t len = fread(text, 1, BYTES_MAX, file);
    fclose(file);
    return (struct str){text, len};
}

static struct str framed_hex(struct str hex)
{
    char *bytes = arena_alloc(&arena, FRAMING_BYTES + hex.len / 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    memcpy(bytes, (const char[]){0, 0, 0, WRITER >> 8, WRITER & 0xff}, FRAMING_BYTES);
    for (size_t i = 0; i < hex.len / 2; i++) {
        char pair[3] = {hex.ptr[2 * i], hex.ptr[2 * i + 1], 0};
        bytes[FRAMING_BYTES + i] = (char)strtoul(pair, NULL, 16);
    }
    return (struct str){bytes, FRAMING_BYTES + hex.len / 2};
}

static bool encodes_to(const struct record_type *type, const void *record, struct str expected)
{
    struct buffer out;
    buffer_init(&out, BYTES_MAX);
    bool same = avro_encode(type, record, &out, &err) == 0 && str_equal(buffer_str(&out), expected);
    buffer_done(&out);
    return same;
}

/* bytes by the writer's schema; if that is still ours, the same from JSON and to JSON. */
static void check_record(struct avro_schemas *schemas, bool ours, struct str json,
                         struct str framed)
{
    const struct record_type *type = NULL;
    const void *resolved = NULL, *decoded = NULL, *from_json = NULL;
    struct str text;
    struct str bytes = {framed.ptr + FRAMING_BYTES, framed.len - FRAMING_BYTES};
    int result = avro_schemas_decode(schemas, framed, &arena, &type, &resolved, &err);
    CU_ASSERT_EQUAL_FATAL(result, 0);
    CU_ASSERT_EQUAL_FATAL(record_from_json(type, json, &arena, &from_json, &err), 0);
    CU_ASSERT_EQUAL_FATAL(record_to_json(type, resolved, &arena, &text, &err), 0);
    if (!ours)
        return;
    CU_ASSERT_TRUE(encodes_to(type, from_json, bytes));
    CU_ASSERT_TRUE(encodes_to(type, resolved, bytes));
    CU_ASSERT_EQUAL_FATAL(avro_decode(type, bytes, &arena, &decoded, &err), 0);
    CU_ASSERT_TRUE(encodes_to(type, decoded, bytes));
    CU_ASSERT_TRUE(str_equal(text, json));
    if (!str_equal(text, json))
        printf("  expected %.*s\n  got      %.*s\n", STR_ARG(json), STR_ARG(text));
}

static bool is_ours(struct str schema)
{
    for (size_t i = 0; i < record_type_count; i++) {
        if (str_equal(schema, str_from(record_types[i]->schema_json)))
            return true;
    }
    return false;
}

static void check_file(const char *path, size_t *ours)
{
    arena_init(&arena, 16 * BYTES_MAX);
    err = (struct error){0};
    const struct json_node *golden = json_parse(&arena, read_file(path), &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(golden);
    struct str schema = json_text(json_member(golden, STR("schema")));
    struct avro_schemas *schemas = avro_schemas_new(record_types, record_type_count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schemas);
    if (avro_schemas_add(schemas, WRITER, schema, &err))
        printf("  %s: %s\n", path, err.text);
    const struct json_node *records = json_member(golden, STR("records"));
    CU_ASSERT_TRUE(records && records->count == 3);
    for (size_t i = 0; records && i < records->count; i++)
        check_record(schemas, is_ours(schema),
                     json_text(json_member(&records->items[i], STR("json"))),
                     framed_hex(json_text(json_member(&records->items[i], STR("hex")))));
    *ours += is_ours(schema);
    avro_schemas_free(schemas);
    arena_done(&arena);
}

static void test_agrees_with_fastavro_on_every_event(void)
{
    glob_t files;
    size_t ours = 0;
    CU_ASSERT_EQUAL_FATAL(glob(SOURCE_DIR "/tests/golden/avro/*.json", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_file(files.gl_pathv[i], &ours);
    printf(" %zu events, %zu of them as they are today", files.gl_pathc, ours);
    CU_ASSERT_TRUE(files.gl_pathc >= 64 && ours >= 1);
    globfree(&files);
}
