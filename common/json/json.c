#include "json/json.h"

#include "json/number.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

struct reading {
    struct arena *arena;
    struct error *err;
};

static int read_node(struct reading *reading, json_t *json, int depth, struct json_node *out);

static int no_memory(struct reading *reading)
{
    return error_set(reading->err, ERROR_SET_ASIDE, "JSON: needs more than the %zu bytes of memory",
                     reading->arena->bytes_max);
}

static int copy_text(struct reading *reading, const char *text, size_t len, struct str *out)
{
    *out = arena_copy(reading->arena, (struct str){text, len});
    return out->ptr ? 0 : no_memory(reading);
}

static int read_list(struct reading *reading, json_t *json, int depth, struct json_node *out)
{
    size_t count = json_array_size(json);
    struct json_node *items = arena_alloc_array(reading->arena, count, sizeof(*items));
    if (!items)
        return no_memory(reading);
    for (size_t i = 0; i < count; i++) {
        if (read_node(reading, json_array_get(json, i), depth + 1, &items[i]))
            return -1;
    }
    out->items = items;
    out->count = count;
    return 0;
}

static int read_object(struct reading *reading, json_t *json, int depth, struct json_node *out)
{
    size_t count = json_object_size(json);
    struct json_node *items = arena_alloc_array(reading->arena, count, sizeof(*items));
    if (!items)
        return no_memory(reading);
    size_t i = 0;
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at), i++) {
        const char *name = json_object_iter_key(at);
        if (copy_text(reading, name, strlen(name), &items[i].name) ||
            read_node(reading, json_object_iter_value(at), depth + 1, &items[i]))
            return -1;
    }
    out->items = items;
    out->count = count;
    return 0;
}

static int read_node(struct reading *reading, json_t *json, int depth, struct json_node *out)
{
    if (depth > JSON_DEPTH_MAX)
        return error_set(reading->err, ERROR_SET_ASIDE, "JSON: nested deeper than %d",
                         JSON_DEPTH_MAX);
    char digits[NUMBER_TEXT_BYTES];
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        out->kind = JSON_IS_OBJECT;
        return read_object(reading, json, depth, out);
    case JSON_ARRAY:
        out->kind = JSON_IS_LIST;
        return read_list(reading, json, depth, out);
    case JSON_STRING:
        out->kind = JSON_IS_TEXT;
        return copy_text(reading, json_string_value(json), json_string_length(json), &out->text);
    case JSON_INTEGER:
        out->kind = JSON_IS_NUMBER;
        out->text = arena_printf(reading->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        return out->text.ptr ? 0 : no_memory(reading);
    case JSON_REAL:
        out->kind = JSON_IS_NUMBER;
        number_text(json_real_value(json), digits);
        return copy_text(reading, digits, strlen(digits), &out->text);
    case JSON_TRUE:
    case JSON_FALSE:
        out->kind = JSON_IS_BOOL;
        out->truth = json_is_true(json);
        return 0;
    case JSON_NULL:
        break;
    }
    out->kind = JSON_IS_NULL;
    return 0;
}

const struct json_node *json_parse(struct arena *arena, struct str bytes, struct error *err)
{
    if (bytes.len > JSON_BYTES_MAX) {
        error_set(err, ERROR_SET_ASIDE, "JSON: %zu bytes, more than %d", bytes.len, JSON_BYTES_MAX);
        return NULL;
    }
    json_error_t why;
    json_t *json = json_loadb(bytes.ptr ? bytes.ptr : "", bytes.len,
                              JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        error_set(err, ERROR_SET_ASIDE, "JSON: line %d, column %d: %s", why.line, why.column,
                  why.text);
        return NULL;
    }
    struct reading reading = {.arena = arena, .err = err};
    struct json_node *root = arena_alloc(arena, sizeof(*root));
    int result = root ? read_node(&reading, json, 1, root) : no_memory(&reading);
    json_decref(json);
    return result ? NULL : root;
}

const struct json_node *json_member(const struct json_node *object, struct str name)
{
    if (!object || object->kind != JSON_IS_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++) {
        if (str_equal(object->items[i].name, name))
            return &object->items[i];
    }
    return NULL;
}

const struct json_node *json_item(const struct json_node *list, size_t index)
{
    return list && list->kind == JSON_IS_LIST && index < list->count ? &list->items[index] : NULL;
}

const struct json_node *json_at(const struct json_node *root, const char *path)
{
    struct str rest = str_from(path);
    const struct json_node *node = root;
    while (node && rest.ptr) {
        struct str step;
        int64_t index;
        str_split(rest, '.', &step, &rest);
        if (node->kind == JSON_IS_LIST)
            node = str_to_int64(step, &index) && index >= 0 ? json_item(node, (size_t)index) : NULL;
        else
            node = json_member(node, step);
    }
    return node;
}

struct str json_text(const struct json_node *node)
{
    if (!node || (node->kind != JSON_IS_TEXT && node->kind != JSON_IS_NUMBER))
        return (struct str){NULL, 0};
    return node->text;
}

bool json_double(const struct json_node *node, double *out)
{
    struct str text = json_text(node);
    if (text.len == 0)
        return false;
    char *end;
    errno = 0;
    double number = strtod(text.ptr, &end);
    /* strtod would take white space, "nan", "inf" and hexadecimal, too. */
    bool plain = strspn(text.ptr, "+-.0123456789eE") == text.len;
    if (!plain || end != text.ptr + text.len || errno == ERANGE)
        return false;
    *out = number;
    return true;
}

bool json_int64(const struct json_node *node, int64_t *out)
{
    const double exact_max = 9007199254740992.0; /* 2^53: up to here every whole double is exact */
    double number;
    if (str_to_int64(json_text(node), out))
        return true;
    if (!json_double(node, &number) || fabs(number - trunc(number)) > 0 || fabs(number) > exact_max)
        return false;
    *out = (int64_t)number;
    return true;
}

bool json_bool(const struct json_node *node, bool if_absent)
{
    return node && node->kind == JSON_IS_BOOL ? node->truth : if_absent;
}
