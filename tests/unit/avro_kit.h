/* A foreign writer: its schema, and what its bytes are to us. */
#ifndef WAYBILL_TESTS_AVRO_KIT_H
#define WAYBILL_TESTS_AVRO_KIT_H

#include "avro/framing.h"
#include "avro/schemas.h"
#include "events.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

enum { WRITER = 9001 };

struct foreign {
    struct avro_schemas *schemas;
    struct arena arena;
    struct error err;
    struct buffer framed;
    const struct record_type *type; /* of what was read last */
};

static inline void foreign_done(struct foreign *f)
{
    avro_schemas_free(f->schemas);
    arena_done(&f->arena);
    buffer_done(&f->framed);
    *f = (struct foreign){0};
}

/* A fresh set of schemas, with this one added under WRITER; what adding it returned. */
static inline int foreign_add(struct foreign *f, struct str json)
{
    foreign_done(f);
    f->schemas = avro_schemas_new(record_types, record_type_count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->schemas);
    return avro_schemas_add(f->schemas, WRITER, json, &f->err);
}

/* JSON for people: 'text' instead of \"text\". */
static inline struct str with_quotes(struct buffer *out, const char *text)
{
    buffer_init(out, 1024 * 1024);
    for (; *text; text++)
        buffer_add(out, *text == '\'' ? "\"" : text, 1);
    return buffer_str(out);
}

/* The writer has a record of that name with these fields: "order_id 'string'; lines {'type':…}". */
static inline int writer_has(struct foreign *f, const char *record, const char *fields)
{
    struct buffer text, json;
    struct str rest = str_from(fields), entry, name, type;
    buffer_init(&text, 1024 * 1024);
    buffer_printf(&text, "{'type':'record','name':'%s','namespace':'waybill','fields':[", record);
    for (const char *comma = ""; rest.ptr && rest.len; comma = ",") {
        str_split(rest, ';', &entry, &rest);
        str_split(str_trim(entry), ' ', &name, &type);
        buffer_printf(&text, "%s{'name':'%.*s','type':%.*s}", comma, STR_ARG(name), STR_ARG(type));
    }
    buffer_printf(&text, "]}");
    int result = foreign_add(f, with_quotes(&json, text.ptr));
    buffer_done(&text);
    buffer_done(&json);
    return result;
}

static inline int read_framed(struct foreign *f, struct str framed, const void **out)
{
    arena_done(&f->arena);
    arena_init(&f->arena, 1024 * 1024);
    f->err = (struct error){0};
    f->type = NULL;
    return avro_schemas_decode(f->schemas, framed, &f->arena, &f->type, out, &f->err);
}

/* The writer's bytes as one of our structs; NULL and f->err if they are refused. */
static inline const void *reads(struct foreign *f, struct str body)
{
    const void *out = NULL;
    buffer_done(&f->framed);
    buffer_init(&f->framed, 100000);
    framing_put(&f->framed, WRITER);
    buffer_add_str(&f->framed, body);
    return read_framed(f, buffer_str(&f->framed), &out) ? NULL : out;
}

static inline void says(const struct foreign *f, const char *text)
{
    CU_ASSERT_STRING_EQUAL(f->err.text, text);
    if (strcmp(f->err.text, text) != 0)
        printf("  said: %s\n", f->err.text);
}

#endif
