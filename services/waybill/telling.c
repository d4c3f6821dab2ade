#include "waybill/telling.h"

#include "base/buffer.h"
#include "calendar/calendar.h"
#include "cloudevents/cloudevents.h"

#include <ctype.h>

enum { TEXT_BYTES_MAX = 8192, ITEMS_SHOWN_MAX = 8, DEPTH_MAX = 6, NAME_BYTES_MAX = 64 };

/* A value found: what it is, where it is, and the record that it stands in. */
struct found {
    const struct field *field;
    const char *at; /* the value; NULL = absent */
    const struct record_type *record;
    const char *body; /* of record */
};

struct writer {
    struct arena *arena;
    struct buffer out;
};

static const struct telling *find_telling(const char *name)
{
    for (size_t i = 0; i < telling_count; i++)
        if (strcmp(tellings[i].name, name) == 0)
            return &tellings[i];
    return NULL;
}

static const struct field *find_field(const struct record_type *type, struct str name)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (str_equal(str_from(type->fields[i].name), name))
            return &type->fields[i];
    return NULL;
}

/* Down the path; body NULL = only the types are followed. False if there is no such field. */
static bool find_value(const struct record_type *type, const void *body, struct str path,
                       struct found *out)
{
    const char *at = body;
    for (;;) {
        struct str name, rest;
        str_split(path, '.', &name, &rest);
        const struct field *field = find_field(type, name);
        if (!field)
            return false;
        *out = (struct found){field, at ? at + field->offset : NULL, type, at};
        bool scalar = field->type.kind != FIELD_RECORD && field->type.kind != FIELD_STRING &&
                      field->type.kind != FIELD_BYTES;
        if (at && field->type.nullable && scalar && !*(const bool *)(at + field->has_offset))
            out->at = NULL;
        if (field->type.kind == FIELD_RECORD && field->type.nullable && out->at)
            out->at = *(const char *const *)(const void *)out->at;
        if (!rest.ptr)
            return true;
        if (field->type.kind != FIELD_RECORD)
            return false;
        type = field->type.record;
        at = out->at;
        path = rest;
    }
}

static int64_t number_at(const struct value_type *type, const char *at)
{
    int32_t small;
    int64_t large;
    if (type->kind == FIELD_LONG) {
        memcpy(&large, at, sizeof(large));
        return large;
    }
    memcpy(&small, at, sizeof(small));
    return small;
}

struct list {
    const char *ptr;
    size_t len;
};

static struct list list_at(const char *at)
{
    struct list list;
    memcpy(&list, at, sizeof(list));
    return list;
}

static struct str str_at(const char *at)
{
    struct str s;
    memcpy(&s, at, sizeof(s));
    return s;
}

static double double_at(const char *at)
{
    double d;
    memcpy(&d, at, sizeof(d));
    return d;
}

static bool is_empty(const struct found *found)
{
    if (!found->at)
        return true;
    switch (found->field->type.kind) {
    case FIELD_STRING:
    case FIELD_BYTES:
        return str_at(found->at).len == 0;
    case FIELD_BOOLEAN:
        return !*(const bool *)found->at;
    case FIELD_DOUBLE:
        return double_at(found->at) == 0;
    case FIELD_INT:
    case FIELD_LONG:
    case FIELD_ENUM:
        return number_at(&found->field->type, found->at) == 0 &&
               found->field->type.logical != LOGICAL_DATE;
    case FIELD_LIST:
        return list_at(found->at).len == 0;
    case FIELD_RECORD:
        return false;
    }
    return true;
}

/* OUT_FOR_DELIVERY -> "out for delivery"; an unknown number as such. */
static void write_symbol(struct writer *w, const struct enum_type *symbols, int64_t index)
{
    if (index < 0 || index >= symbols->symbol_count) {
        buffer_printf(&w->out, "?%lld", (long long)index);
        return;
    }
    for (const char *c = symbols->symbols[index]; *c; c++)
        buffer_printf(&w->out, "%c", *c == '_' ? ' ' : tolower((unsigned char)*c));
}

/* Minutes are enough for people. */
static void write_time(struct writer *w, int64_t ms)
{
    char text[RFC3339_BYTES];
    rfc3339_format(ms, text);
    buffer_printf(&w->out, "%.10s %.5s", text, text + 11);
}

static void write_date(struct writer *w, int64_t days)
{
    char text[RFC3339_BYTES];
    rfc3339_format(days * 86400000, text);
    buffer_printf(&w->out, "%.10s", text);
}

static void write_template(struct writer *w, const char *text, const struct record_type *type,
                           const void *body, int depth);

static void write_value(struct writer *w, const struct value_type *type, const char *at, int depth);

static void write_list(struct writer *w, const struct value_type *type, const char *at, int depth)
{
    struct list list = list_at(at);
    for (size_t i = 0; i < list.len; i++) {
        if (i)
            buffer_printf(&w->out, ", ");
        if (i == ITEMS_SHOWN_MAX) {
            buffer_printf(&w->out, "… %zu more", list.len - i);
            return;
        }
        write_value(w, type->item, list.ptr + i * type->item_bytes, depth);
    }
}

static void write_value(struct writer *w, const struct value_type *type, const char *at, int depth)
{
    switch (type->kind) {
    case FIELD_STRING:
        buffer_add_str(&w->out, str_at(at));
        break;
    case FIELD_BYTES:
        buffer_printf(&w->out, "%zu bytes", str_at(at).len);
        break;
    case FIELD_BOOLEAN:
        buffer_printf(&w->out, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case FIELD_DOUBLE:
        buffer_printf(&w->out, "%.4g", double_at(at));
        break;
    case FIELD_ENUM:
        write_symbol(w, type->symbols, number_at(type, at));
        break;
    case FIELD_INT:
    case FIELD_LONG:
        if (type->logical == LOGICAL_TIMESTAMP_MS)
            write_time(w, number_at(type, at));
        else if (type->logical == LOGICAL_DATE)
            write_date(w, number_at(type, at));
        else
            buffer_printf(&w->out, "%lld", (long long)number_at(type, at));
        break;
    case FIELD_RECORD: {
        const struct telling *telling = find_telling(type->record->name);
        if (telling && depth < DEPTH_MAX)
            write_template(w, telling->text, type->record, at, depth + 1);
        break;
    }
    case FIELD_LIST:
        write_list(w, type, at, depth);
        break;
    }
}

static void write_money(struct writer *w, const struct found *found)
{
    struct found currency;
    struct str code = STR("");
    if (find_value(found->record, found->body, STR("currency"), &currency) && currency.at)
        code = str_at(currency.at);
    buffer_add_str(&w->out, calendar_format_money(w->arena, STR("en"), code,
                                                  number_at(&found->field->type, found->at)));
}

/* The number with its unit: "1 day", "2 days". */
static void write_days(struct writer *w, const struct found *found, int depth)
{
    size_t before = w->out.len;
    write_value(w, &found->field->type, found->at, depth);
    struct str number = {w->out.ptr + before, w->out.len - before};
    buffer_printf(&w->out, str_equal(number, STR("1")) ? " day" : " days");
}

/* The field's text between braces: "path", "path:money", "path:days", "path?text". */
struct slot {
    struct str path, text;
    bool is_money, is_days, is_condition;
};

static struct slot parse_slot(struct str inside)
{
    struct slot slot = {0};
    struct str how;
    str_split(inside, '?', &slot.path, &slot.text);
    slot.is_condition = slot.text.ptr != NULL;
    str_split(slot.path, ':', &slot.path, &how);
    slot.is_money = str_equal(how, STR("money"));
    slot.is_days = str_equal(how, STR("days"));
    return slot;
}

static void write_slot(struct writer *w, struct str inside, const struct record_type *type,
                       const void *body, int depth)
{
    struct slot slot = parse_slot(inside);
    struct found found;
    if (!find_value(type, body, slot.path, &found) || !found.at)
        return;
    if (slot.is_condition) {
        if (!is_empty(&found))
            buffer_add_str(&w->out, slot.text);
    } else if (slot.is_money)
        write_money(w, &found);
    else if (slot.is_days)
        write_days(w, &found, depth);
    else
        write_value(w, &found.field->type, found.at, depth);
}

/* The text up to the closing character, which is passed over. */
static struct str cut(const char **at, char close)
{
    const char *end = strchr(*at, close);
    struct str inside = {*at, end ? (size_t)(end - *at) : strlen(*at)};
    *at = end ? end + 1 : *at + inside.len;
    return inside;
}

/* Has every field of this part of a template something to say? */
static bool group_is_full(struct str group, const struct record_type *type, const void *body)
{
    const char *end = group.ptr + group.len;
    for (const char *at = group.ptr; at < end; at++) {
        struct found found;
        if (*at != '{')
            continue;
        at++;
        struct slot slot = parse_slot(cut(&at, '}'));
        if (!find_value(type, body, slot.path, &found) || is_empty(&found))
            return false;
        at--;
    }
    return true;
}

static void write_range(struct writer *w, struct str text, const struct record_type *type,
                        const void *body, int depth)
{
    const char *end = text.ptr + text.len;
    for (const char *at = text.ptr; at < end;) {
        if (*at == '{') {
            at++;
            write_slot(w, cut(&at, '}'), type, body, depth);
        } else if (*at == '[') {
            at++;
            struct str group = cut(&at, ']');
            if (group_is_full(group, type, body))
                write_range(w, group, type, body, depth);
        } else
            buffer_add(&w->out, at++, 1);
    }
}

static void write_template(struct writer *w, const char *text, const struct record_type *type,
                           const void *body, int depth)
{
    write_range(w, str_from(text), type, body, depth);
}

struct str telling_of(const struct record_type *type, const void *body, struct arena *arena)
{
    const struct telling *telling = find_telling(type->name);
    struct writer w = {.arena = arena};
    if (!telling)
        return STR("");
    buffer_init(&w.out, TEXT_BYTES_MAX);
    write_template(&w, telling->text, type, body, 0);
    struct str text = arena_copy(arena, buffer_str(&w.out));
    buffer_done(&w.out);
    return text;
}

bool telling_is_aside(const struct record_type *type)
{
    const struct telling *telling = find_telling(type->name);
    return telling && telling->aside;
}

bool telling_fits(const struct telling *telling, const struct record_type *type)
{
    for (const char *at = telling->text; *at;) {
        struct found found;
        if (*at++ != '{')
            continue;
        struct slot slot = parse_slot(cut(&at, '}'));
        if (!find_value(type, NULL, slot.path, &found))
            return false;
    }
    return true;
}
