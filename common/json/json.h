/* Reading JSON as a tree that nobody changes or frees (jansson). A pure door: the tree lives in the
 * arena.
 *
 * Every function takes NULL for "not there", so that look-ups may be chained and checked once. */
#ifndef WAYBILL_JSON_JSON_H
#define WAYBILL_JSON_JSON_H

#include "base/arena.h"
#include "base/error.h"

enum { JSON_BYTES_MAX = 4 * 1024 * 1024, JSON_DEPTH_MAX = 64 };

enum json_kind {
    JSON_IS_NULL,
    JSON_IS_BOOL,
    JSON_IS_NUMBER,
    JSON_IS_TEXT,
    JSON_IS_LIST,
    JSON_IS_OBJECT
};

struct json_node {
    enum json_kind kind;
    struct str name; /* within an object */
    struct str
        text;   /* a text's UTF-8, NUL-terminated; a number's digits: "19.99", "9007199254740993" */
    bool truth; /* of a bool */
    const struct json_node *items; /* of a list or an object, in the order of the text */
    size_t count;
};

/* NULL and ERROR_SET_ASIDE, if bytes are not one JSON value, too large, too deep, or name a member
 * of an object twice. Whole numbers must fit into 64 bits; others keep 15 digits exactly, up to 17
 * nearly. */
const struct json_node *json_parse(struct arena *arena, struct str bytes, struct error *err);

/* Of an object by name; of a list by index. */
const struct json_node *json_member(const struct json_node *object, struct str name);
const struct json_node *json_item(const struct json_node *list, size_t index);

/* Down a path of member names and list indexes: json_at(root, "shipping_address.phone"),
 * "lines.0.sku". */
const struct json_node *json_at(const struct json_node *root, const char *path);

/* The text of a text or number; else absent. */
struct str json_text(const struct json_node *node);

/* Whole numbers, also those written as text ("42") or with a zero fraction (42.0); false, if it is
 * not one. */
bool json_int64(const struct json_node *node, int64_t *out);
bool json_double(const struct json_node *node, double *out);
bool json_bool(const struct json_node *node, bool if_absent);

static inline bool json_is_null(const struct json_node *node)
{
    return !node || node->kind == JSON_IS_NULL;
}

#endif
