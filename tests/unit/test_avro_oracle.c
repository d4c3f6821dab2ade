/* Our codec beside avro-c's generic values, over random records of every type.
 *
 * avro-c 1.11.1 leaks on cut strings and takes memory for what a length claims, so it only gets to
 * see what ours has accepted: what avro-c rejects, we must have rejected. */
/* links: waybill_events waybill_avro */
#include "avro/codec.h"
#include "events.h"
#include "random_record.h"

#include <avro.h>
#include <CUnit/CUnit.h>
#include <stdio.h>

enum { RECORDS_PER_TYPE = 40, MUTATIONS_PER_RECORD = 50, BYTES_MAX = 1024 * 1024 };

static void set_value(avro_value_t *to, const struct value_type *type, const void *slot);

static void set_record(avro_value_t *to, const struct record_type *type, const char *record)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        avro_value_t value, branch = {NULL, NULL};
        const void *slot = record + field->offset;
        CU_ASSERT_EQUAL_FATAL(avro_value_get_by_index(to, i, &value, NULL), 0);
        if (field->type.nullable) {
            if (field->type.kind == FIELD_STRING || field->type.kind == FIELD_BYTES)
                slot = ((const struct str *)slot)->ptr ? slot : NULL;
            else if (field->type.kind == FIELD_RECORD)
                memcpy(&slot, slot, sizeof(slot));
            else
                slot = ((const bool *)record)[field->has_offset] ? slot : NULL;
            CU_ASSERT_EQUAL_FATAL(avro_value_set_branch(&value, slot != NULL, &branch), 0);
            value = branch;
        }
        if (slot)
            set_value(&value, &field->type, slot);
        else
            avro_value_set_null(&value);
    }
}

static void set_list(avro_value_t *to, const struct value_type *type, const void *slot)
{
    struct {
        const char *ptr;
        size_t len;
    } list;
    memcpy(&list, slot, sizeof(list));
    for (size_t i = 0; i < list.len; i++) {
        avro_value_t item;
        CU_ASSERT_EQUAL_FATAL(avro_value_append(to, &item, NULL), 0);
        set_value(&item, type->item, list.ptr + i * type->item_bytes);
    }
}

/* Gives avro-c what stands in our struct. */
static void set_value(avro_value_t *to, const struct value_type *type, const void *slot)
{
    const struct str *text = slot;
    char terminated[256] = {0};
    int result = 0;
    switch (type->kind) {
    case FIELD_BOOLEAN:
        result = avro_value_set_boolean(to, *(const bool *)slot);
        break;
    case FIELD_INT:
        result = avro_value_set_int(to, *(const int32_t *)slot);
        break;
    case FIELD_LONG:
        result = avro_value_set_long(to, *(const int64_t *)slot);
        break;
    case FIELD_DOUBLE:
        result = avro_value_set_double(to, *(const double *)slot);
        break;
    case FIELD_STRING:
        memcpy(terminated, text->ptr, text->len);
        result = avro_value_set_string_len(to, terminated, text->len + 1);
        break;
    case FIELD_BYTES:
        memcpy(terminated, text->ptr, text->len);
        result = avro_value_set_bytes(to, terminated, text->len);
        break;
    case FIELD_ENUM:
        result = avro_value_set_enum(to, *(const int *)slot);
        break;
    case FIELD_RECORD:
        set_record(to, type->record, slot);
        break;
    case FIELD_LIST:
        set_list(to, type, slot);
        break;
    }
    CU_ASSERT_EQUAL_FATAL(result, 0);
}

struct oracle {
    avro_schema_t schema;
    avro_value_iface_t *iface;
};

static struct oracle oracle_of(const struct record_type *type)
{
    struct oracle oracle;
    CU_ASSERT_EQUAL_FATAL(
        avro_schema_from_json_length(type->schema_json, strlen(type->schema_json), &oracle.schema),
        0);
    oracle.iface = avro_generic_class_from_schema(oracle.schema);
    CU_ASSERT_PTR_NOT_NULL_FATAL(oracle.iface);
    return oracle;
}

static void oracle_done(struct oracle *oracle)
{
    avro_value_iface_decref(oracle->iface);
    avro_schema_decref(oracle->schema);
}

static bool oracle_reads(struct oracle *oracle, struct str bytes, avro_value_t *value)
{
    avro_reader_t reader = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    avro_generic_value_new(oracle->iface, value);
    bool good = avro_value_read(reader, value) == 0;
    avro_reader_free(reader);
    return good;
}

static void check_both_ways(struct oracle *oracle, const struct record_type *type,
                            const void *record, struct arena *arena)
{
    static char theirs[BYTES_MAX];
    struct buffer ours, again;
    struct error err;
    buffer_init(&ours, BYTES_MAX);
    buffer_init(&again, BYTES_MAX);
    CU_ASSERT_EQUAL_FATAL(avro_encode(type, record, &ours, &err), 0);

    avro_value_t set, read;
    avro_generic_value_new(oracle->iface, &set);
    set_record(&set, type, record);
    avro_writer_t writer = avro_writer_memory(theirs, sizeof(theirs));
    CU_ASSERT_EQUAL(avro_value_write(writer, &set), 0);
    struct str their_bytes = {theirs, (size_t)avro_writer_tell(writer)};
    avro_writer_free(writer);
    CU_ASSERT_TRUE(str_equal(buffer_str(&ours), their_bytes));

    CU_ASSERT_TRUE(oracle_reads(oracle, buffer_str(&ours), &read));
    CU_ASSERT_TRUE(avro_value_equal(&set, &read));
    avro_value_decref(&set);
    avro_value_decref(&read);

    const void *decoded = NULL;
    CU_ASSERT_EQUAL_FATAL(avro_decode(type, their_bytes, arena, &decoded, &err), 0);
    CU_ASSERT_EQUAL(avro_encode(type, decoded, &again, &err), 0);
    CU_ASSERT_TRUE(str_equal(buffer_str(&ours), buffer_str(&again)));
    buffer_done(&ours);
    buffer_done(&again);
}

static void test_both_write_and_read_the_same_bytes_for_every_type(void)
{
    struct random random = {20261123};
    struct arena arena;
    arena_init(&arena, 16 * 1024 * 1024);
    for (size_t t = 0; t < record_type_count; t++) {
        struct oracle oracle = oracle_of(record_types[t]);
        for (int i = 0; i < RECORDS_PER_TYPE; i++) {
            arena_reset(&arena);
            const void *record = random_record(&random, record_types[t], &arena);
            check_both_ways(&oracle, record_types[t], record, &arena);
        }
        oracle_done(&oracle);
    }
    arena_done(&arena);
}

static void mutate(struct random *random, struct buffer *bytes)
{
    static const char likely[] = {0, 1, 2, 3, 4, 0x7f, (char)0x80, (char)0xff};
    for (size_t i = 1 + random_below(random, 3); i > 0 && bytes->len > 0; i--) {
        char *at = bytes->ptr + random_below(random, bytes->len);
        if (random_below(random, 2))
            *at = likely[random_below(random, sizeof(likely))];
        else
            *at = (char)(*at ^ (1 << random_below(random, 8)));
    }
}

/* Some of what ours accepts after a few changed bytes; avro-c must accept it, too. */
static void check_mutations(struct random *random, struct oracle *oracle,
                            const struct record_type *type, struct arena *arena, size_t *accepted)
{
    struct buffer bytes;
    struct error err;
    buffer_init(&bytes, BYTES_MAX);
    arena_reset(arena);
    CU_ASSERT_EQUAL_FATAL(avro_encode(type, random_record(random, type, arena), &bytes, &err), 0);
    for (int i = 0; i < MUTATIONS_PER_RECORD; i++) {
        const void *out;
        avro_value_t value;
        mutate(random, &bytes);
        arena_reset(arena);
        if (avro_decode(type, buffer_str(&bytes), arena, &out, &err))
            continue;
        bool read = oracle_reads(oracle, buffer_str(&bytes), &value);
        CU_ASSERT_TRUE(read);
        if (!read)
            printf("  avro-c on %s: %s\n", type->name, avro_strerror());
        avro_value_decref(&value);
        ++*accepted;
    }
    buffer_done(&bytes);
}

static void test_what_avro_c_rejects_is_rejected(void)
{
    struct random random = {20261124};
    struct arena arena;
    size_t accepted = 0;
    arena_init(&arena, 16 * 1024 * 1024);
    for (size_t t = 0; t < record_type_count; t++) {
        struct oracle oracle = oracle_of(record_types[t]);
        for (int i = 0; i < RECORDS_PER_TYPE; i++)
            check_mutations(&random, &oracle, record_types[t], &arena, &accepted);
        oracle_done(&oracle);
    }
    arena_done(&arena);
    CU_ASSERT_TRUE(accepted > 1000);
}
