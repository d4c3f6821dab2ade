/* What the generator knows of an Avro record: how its C struct is laid out. The codec, the CLI's
 * JSON and the test kit walk these tables; rules only name them. Generated from the .avsc files by
 * schemas/avsc2c.py. */
#ifndef WAYBILL_RULES_RECORD_H
#define WAYBILL_RULES_RECORD_H

#include "base/str.h"

struct record_type;

enum field_kind {
    FIELD_BOOLEAN, /* bool */
    FIELD_INT,     /* int32_t */
    FIELD_LONG,    /* int64_t */
    FIELD_DOUBLE,  /* double (Avro float is read into it, too) */
    FIELD_STRING,  /* struct str */
    FIELD_BYTES,   /* struct str */
    FIELD_ENUM,    /* an enum, as int; the symbols' order is the Avro order */
    FIELD_RECORD,  /* the struct itself; a pointer to it when nullable */
    FIELD_LIST     /* struct { T *ptr; size_t len; }, never nullable */
};

enum field_logical { LOGICAL_NONE, LOGICAL_DATE, LOGICAL_TIMESTAMP_MS };

struct enum_type {
    const char *name; /* "payment_status" */
    const char *const *symbols;
    int32_t symbol_count;
    int32_t default_symbol; /* what an unknown symbol of a newer writer becomes; -1 = none */
};

/* What a field or a list's item is. */
struct value_type {
    enum field_kind kind;
    enum field_logical logical;
    bool nullable; /* union ["null", T]: STRING, BYTES -> ptr NULL; RECORD -> pointer NULL; the
                      others -> has_<field> false */
    const struct record_type *record; /* RECORD */
    const struct enum_type *symbols;  /* ENUM */
    const struct value_type *item;    /* LIST */
    size_t item_bytes;                /* LIST: sizeof one item */
};

struct field {
    const char *name;
    struct value_type type;
    size_t offset;
    size_t has_offset; /* of the bool has_<field>, for nullable scalars */
    const char
        *default_json; /* the default as JSON text; NULL = the field has none and must be there */
};

struct record_type {
    const char *name; /* of an event: "order.accepted"; of a part or a state: "order_line" */
    const char
        *topic; /* without prefix; NULL for parts, states and events that several topics carry */
    int32_t schema_id;   /* 0 for parts */
    int32_t state_major; /* of a state: refuse what a newer major wrote */
    size_t bytes;        /* sizeof the struct */
    const struct field *fields;
    size_t field_count;
    const char *schema_json; /* the writer schema, complete (parts inlined); NULL for parts */
};

#endif
