/* Damaged bytes into the codec: it may say no, but it must not read or write where it should not.
 * Meant for the build with SANITIZE=ON. MUTATIONS=n in the environment asks for more or fewer. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "avro/framing.h"
#include "avro/record_json.h"
#include "avro/schemas.h"
#include "events.h"
#include "random_record.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MUTATIONS = 500000,
    PER_SEED = 25, /* mutations of one record before the next is made */
    FOREIGN = 10000,
    BYTES_MAX = 1024 * 1024,
    ARENA_BYTES_MAX = 4 * 1024 * 1024
};

/* A writer that has everything Avro has, most of it unknown to us. */
static const char strange_schema[] =
    "{\"type\":\"record\",\"name\":\"stock_level_reported\",\"fields\":["
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"float\",{\"type\":\"array\","
    "\"items\":\"string\"}]}},"
    "{\"name\":\"sku\",\"type\":[\"bytes\",\"null\",\"string\"]},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"f3\",\"size\":3}},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"e2\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"available\",\"type\":\"int\"},{\"name\":\"supplier_id\",\"type\":\"string\"},"
    "{\"name\":\"r\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"r2\","
    "\"fields\":[{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"d\",\"type\":\"double\"}]}}},"
    "{\"name\":\"version\",\"type\":[\"int\",\"long\"]},{\"name\":\"as_of_ms\",\"type\":\"int\"}]}";
static const char strange_bytes[] = "\x04\x02k\x04\x02\x04xy\x00\x02l\x02\x00\x00\x80\x3f\x00"
                                    "\x04\x04"
                                    "ab"
                                    "123\x02\x06\x02s"
                                    "\x01\x12\x01"
                                    "12345678\x00"
                                    "\x02\x0e\x0a";

static struct random generator = {20261125};
static struct arena arena;
static struct avro_schemas *schemas;

static size_t mutation_count(void)
{
    const char *asked = getenv("MUTATIONS");
    return asked ? strtoul(asked, NULL, 10) : MUTATIONS;
}

/* One to four changes: a bit, a byte, a number that means trouble, a cut, a piece doubled or lost.
 */
static size_t mutate(char *bytes, size_t len, size_t room)
{
    static const char *const trouble[] = {"\xff\xff\xff\xff\x0f",
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                          "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                          "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
                                          "\x01\x02",
                                          "\x03",
                                          "\xc0\x80",
                                          "\x7f"};
    for (size_t left = 1 + random_below(&generator, 4); left > 0 && len > 0; left--) {
        size_t at = random_below(&generator, len), piece = random_below(&generator, len - at) % 16;
        const char *number =
            trouble[random_below(&generator, sizeof(trouble) / sizeof(trouble[0]))];
        switch (random_below(&generator, 6)) {
        case 0:
            bytes[at] = (char)(bytes[at] ^ (1 << random_below(&generator, 8)));
            break;
        case 1:
            bytes[at] = (char)random_next(&generator);
            break;
        case 2:
            for (; *number && at < len; at++)
                bytes[at] = *number++;
            break;
        case 3:
            len = at;
            break;
        case 4:
            memmove(bytes + at, bytes + at + piece, len - at - piece);
            len -= piece;
            break;
        default:
            if (len + piece <= room) {
                memmove(bytes + at + piece, bytes + at, len - at);
                len += piece;
            }
            break;
        }
    }
    return len;
}

/* Whatever was read can be written again, and as JSON, if it is not too much. */
static void use(const struct record_type *type, const void *record)
{
    struct buffer out;
    struct str json;
    struct error err;
    int back = 0;
    buffer_init(&out, BYTES_MAX);
    CU_ASSERT_EQUAL(avro_encode(type, record, &out, &err), 0);
    if (random_below(&generator, 16) == 0 && record_to_json(type, record, &arena, &json, &err) == 0)
        back = record_from_json(type, json, &arena, &record, &err);
    CU_ASSERT_TRUE(back == 0 || err.action == ERROR_SET_ASIDE);
    buffer_done(&out);
}

/* The bytes lie at the end of their own memory, so that one byte too far is seen. */
static bool feed(const struct record_type *type, int32_t id, const char *bytes, size_t len)
{
    struct error err = {0};
    const void *record;
    const struct record_type *read_type;
    char *exact = malloc(FRAMING_BYTES + len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
    memcpy(exact, (const char[]){0, 0, (char)(id >> 16), (char)(id >> 8), (char)id}, FRAMING_BYTES);
    memcpy(exact + FRAMING_BYTES, bytes, len);
    struct str body = {exact + FRAMING_BYTES, len};

    arena_reset(&arena);
    bool plain = avro_decode(type, body, &arena, &record, &err) == 0;
    if (plain)
        use(type, record);
    arena_reset(&arena);
    int resolved = avro_schemas_decode(schemas, (struct str){exact, FRAMING_BYTES + len}, &arena,
                                       &read_type, &record, &err);
    CU_ASSERT_TRUE(resolved == 0 || (resolved == -1 && err.action == ERROR_SET_ASIDE));
    if (resolved == 0)
        use(read_type, record);
    free(exact);
    /* The same schema by both ways: the same verdict. */
    if (id != FOREIGN)
        CU_ASSERT_EQUAL(plain, resolved == 0);
    return resolved == 0;
}

static size_t make_seed(const struct record_type *type, bool strange, char *bytes)
{
    struct buffer out;
    struct error err;
    if (strange) {
        memcpy(bytes, strange_bytes, sizeof(strange_bytes) - 1);
        return sizeof(strange_bytes) - 1;
    }
    buffer_init(&out, BYTES_MAX / 2);
    arena_reset(&arena);
    CU_ASSERT_EQUAL_FATAL(avro_encode(type, random_record(&generator, type, &arena), &out, &err),
                          0);
    size_t len = out.len;
    if (len)
        memcpy(bytes, out.ptr, len);
    buffer_done(&out);
    return len;
}

static void test_damaged_records_are_refused_or_read_but_do_no_harm(void)
{
    static char seed[BYTES_MAX], bytes[BYTES_MAX];
    arena_init(&arena, ARENA_BYTES_MAX);
    schemas = avro_schemas_new(record_types, record_type_count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schemas);
    struct error err = {0};
    CU_ASSERT_EQUAL_FATAL(avro_schemas_add(schemas, FOREIGN, str_from(strange_schema), &err), 0);
    /* Our own schemas under foreign ids go by a plan, not by our descriptors alone. */
    for (size_t t = 0; t < record_type_count; t++)
        CU_ASSERT_EQUAL_FATAL(avro_schemas_add(schemas, FOREIGN + record_types[t]->schema_id,
                                               str_from(record_types[t]->schema_json), &err),
                              0);
    CU_ASSERT_TRUE(feed(&stock_level_reported, FOREIGN, strange_bytes, sizeof(strange_bytes) - 1));
    size_t accepted = 0, count = mutation_count(), len = 0;
    const struct record_type *type = NULL;
    bool strange = false;
    for (size_t i = 0; i < count; i++) {
        if (i % PER_SEED == 0) {
            strange = random_below(&generator, 10) == 0;
            type = strange ? &stock_level_reported
                           : record_types[random_below(&generator, record_type_count)];
            len = make_seed(type, strange, seed);
        }
        memcpy(bytes, seed, len);
        size_t mutated = mutate(bytes, len, sizeof(bytes));
        accepted += feed(type, strange ? FOREIGN : FOREIGN + type->schema_id, bytes, mutated);
    }
    printf(" %zu of %zu accepted", accepted, count);
    CU_ASSERT_TRUE(accepted < count);
    avro_schemas_free(schemas);
    arena_done(&arena);
}
