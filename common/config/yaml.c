#include "config/yaml.h"

#include "config/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

enum { NAME_BYTES_MAX = 200, SHOWN_BYTES_MAX = 60 };

/* What is being built: the libyaml parser and the limits' counters. */
struct loader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *file;
    size_t nodes;
};

static int refuse(const struct loader *loader, size_t line, struct error *err, const char *what)
{
    return error_set(err, ERROR_FATAL, "%s:%zu: %s", loader->file, line + 1, what);
}

static int parser_failed(const struct loader *loader, struct error *err)
{
    const yaml_parser_t *parser = &loader->parser;
    return error_set(err, ERROR_FATAL, "%s:%zu: no YAML: %s%s%s", loader->file,
                     parser->problem_mark.line + 1,
                     parser->problem ? parser->problem : "cannot be read",
                     parser->context ? " " : "", parser->context ? parser->context : "");
}

static const char *refused_event(const yaml_event_t *event)
{
    const void *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return "aliases (*name) are not allowed: write the value out";
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    }
    if (anchor)
        return "anchors (&name) are not allowed";
    return tag ? "tags (!name) are not allowed" : NULL;
}

static int next_event(struct loader *loader, yaml_event_t *out, struct error *err)
{
    if (!yaml_parser_parse(&loader->parser, out))
        return parser_failed(loader, err);
    const char *refused = refused_event(out);
    if (!refused)
        return 0;
    refuse(loader, out->start_mark.line, err, refused);
    yaml_event_delete(out);
    return -1;
}

/* As in YAML 1.2's core schema; only when not quoted. */
static bool means_null(struct str text)
{
    return text.len == 0 || str_equal(text, STR("~")) || str_equal(text, STR("null"));
}

static struct yaml_node *add_node(struct loader *loader, const yaml_event_t *event, struct str path,
                                  struct error *err)
{
    struct yaml_node *node = NULL;
    if (++loader->nodes <= YAML_NODES_MAX)
        node = arena_alloc(loader->arena, sizeof(*node));
    if (!node || !path.ptr) {
        refuse(loader, event->start_mark.line, err, "too many values in one file");
        return NULL;
    }
    node->file = loader->file;
    node->line = (int)event->start_mark.line + 1;
    node->path = path;
    return node;
}

static int load_node(struct loader *loader, const yaml_event_t *event, struct str path, int depth,
                     struct yaml_node **out, struct error *err);

static struct str child_path(struct arena *arena, struct str parent, struct str key)
{
    if (parent.len == 0)
        return arena_copy(arena, key);
    return arena_printf(arena, "%.*s.%.*s", STR_ARG(parent), STR_ARG(key));
}

static bool has_key(const struct yaml_node *map, struct str key)
{
    for (const struct yaml_node *child = map->first; child; child = child->next)
        if (str_equal(child->key, key))
            return true;
    return false;
}

/* A key is a scalar: one event of its own before its value. */
static int load_key(struct loader *loader, const yaml_event_t *event, const struct yaml_node *map,
                    struct str *out, struct error *err)
{
    size_t line = event->start_mark.line;
    if (event->type != YAML_SCALAR_EVENT)
        return refuse(loader, line, err, "a key must be a plain name");
    struct str key = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (key.len == 0 || key.len > NAME_BYTES_MAX)
        return refuse(loader, line, err, "a key must have 1..200 characters");
    if (has_key(map, key))
        return error_set(err, ERROR_FATAL, "%s:%zu: \"%.*s\" stands there twice", loader->file,
                         line + 1, STR_ARG(key));
    *out = arena_copy(loader->arena, key);
    return out->ptr ? 0 : refuse(loader, line, err, "too many values in one file");
}

/* The children of a list or map, up to its end event. */
static int load_children(struct loader *loader, struct yaml_node *node, int depth,
                         struct error *err)
{
    bool is_map = node->kind == YAML_MAP;
    const struct yaml_node **link = &node->first;
    for (;;) {
        yaml_event_t event;
        struct str key = {NULL, 0}, path;
        if (next_event(loader, &event, err))
            return -1;
        bool end = event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        int failed = !end && is_map ? load_key(loader, &event, node, &key, err) : 0;
        if (end || failed || is_map)
            yaml_event_delete(&event);
        if (end || failed)
            return failed;
        if (is_map && next_event(loader, &event, err))
            return -1;
        if (is_map)
            path = child_path(loader->arena, node->path, key);
        else
            path = arena_printf(loader->arena, "%.*s[%zu]", STR_ARG(node->path), node->count);
        struct yaml_node *child;
        failed = load_node(loader, &event, path, depth + 1, &child, err);
        yaml_event_delete(&event);
        if (failed)
            return -1;
        child->key = key;
        *link = child;
        link = &child->next;
        node->count++;
    }
}

static int load_node(struct loader *loader, const yaml_event_t *event, struct str path, int depth,
                     struct yaml_node **out, struct error *err)
{
    if (depth > YAML_DEPTH_MAX)
        return refuse(loader, event->start_mark.line, err, "nested too deeply (at most 16 levels)");
    struct yaml_node *node = add_node(loader, event, path, err);
    if (!node)
        return -1;
    *out = node;
    if (event->type == YAML_SCALAR_EVENT) {
        struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->kind = !node->quoted && means_null(text) ? YAML_NULL : YAML_SCALAR;
        node->text = arena_copy(loader->arena, text);
        if (!node->text.ptr)
            return refuse(loader, event->start_mark.line, err, "too many values in one file");
        if (memchr(text.ptr, '\0', text.len))
            return refuse(loader, event->start_mark.line, err, "a text must not hold \\0");
        return 0;
    }
    node->kind = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
    return load_children(loader, node, depth, err);
}

/* Stream start, document start, root, document end, stream end: exactly so, or nothing at all. */
static int load_document(struct loader *loader, struct yaml_node **out, struct error *err)
{
    struct yaml_node *root = NULL;
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (next_event(loader, &event, err))
            return -1;
        int failed = 0;
        done = event.type == YAML_STREAM_END_EVENT;
        bool is_value = event.type == YAML_SCALAR_EVENT || event.type == YAML_MAPPING_START_EVENT ||
                        event.type == YAML_SEQUENCE_START_EVENT;
        if (root && event.type == YAML_DOCUMENT_START_EVENT)
            failed = refuse(loader, event.start_mark.line, err,
                            "a second document (---) is not allowed: use two files");
        else if (is_value)
            failed = load_node(loader, &event, STR(""), 0, &root, err);
        yaml_event_delete(&event);
        if (failed)
            return -1;
    }
    *out = root;
    return 0;
}

int yaml_load_text(const char *file, struct str text, struct arena *arena,
                   const struct yaml_node **out, struct error *err)
{
    struct str name = arena_copy(arena, str_from(file));
    struct loader loader = {.arena = arena, .file = name.ptr ? name.ptr : "?"};
    if (text.len > YAML_FILE_BYTES_MAX)
        return error_set(err, ERROR_FATAL, "%s: %zu bytes are too many (at most %d)", file,
                         text.len, YAML_FILE_BYTES_MAX);
    if (!yaml_parser_initialize(&loader.parser))
        return error_set(err, ERROR_FATAL, "%s: out of memory", file);
    yaml_parser_set_input_string(&loader.parser, (const unsigned char *)text.ptr, text.len);
    struct yaml_node *root = NULL;
    int failed = load_document(&loader, &root, err);
    yaml_parser_delete(&loader.parser);
    if (failed)
        return -1;
    if (!root || root->kind == YAML_NULL) {
        root = arena_alloc(arena, sizeof(*root));
        if (!root)
            return error_set(err, ERROR_FATAL, "%s: out of memory", file);
        *root =
            (struct yaml_node){.kind = YAML_MAP, .line = 1, .file = loader.file, .path = STR("")};
    }
    if (root->kind != YAML_MAP)
        return yaml_fail(root, err, "the file must be a map (name: value)");
    *out = root;
    return 0;
}

int yaml_load_file(const char *file, struct arena *arena, const struct yaml_node **out,
                   struct error *err)
{
    struct str text;
    if (value_read_file(file, YAML_FILE_BYTES_MAX, arena, &text, err))
        return -1;
    return yaml_load_text(file, text, arena, out, err);
}

int yaml_fail(const struct yaml_node *node, struct error *err, const char *format, ...)
{
    char text[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (node->line == 0)
        return error_set(err, ERROR_FATAL, "%s: %s", node->file, text);
    if (node->path.len == 0)
        return error_set(err, ERROR_FATAL, "%s:%d: %s", node->file, node->line, text);
    return error_set(err, ERROR_FATAL, "%s:%d: %.*s: %s", node->file, node->line,
                     STR_ARG(node->path), text);
}

const struct yaml_node *yaml_items(const struct yaml_node *node)
{
    return node ? node->first : NULL;
}

const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
    struct str wanted = str_from(key);
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *child = map->first; child; child = child->next)
        if (str_equal(child->key, wanted))
            return child->kind == YAML_NULL ? NULL : child;
    return NULL;
}

int yaml_check_keys(const struct yaml_node *map, const char *const *keys, struct error *err)
{
    if (map->kind != YAML_MAP)
        return yaml_fail(map, err, "must be a map (name: value)");
    for (const struct yaml_node *child = map->first; child; child = child->next) {
        size_t i = 0;
        while (keys[i] && !str_equal(child->key, str_from(keys[i])))
            i++;
        if (keys[i])
            continue;
        const char *nearest = value_nearest(child->key, keys);
        return yaml_fail(child, err, "there is no such key%s%s%s", nearest ? "; nearest: " : "",
                         nearest ? nearest : "", nearest ? "" : " here");
    }
    return 0;
}

/* The child under key, which must be there. */
static int need(const struct yaml_node *map, const char *key, const struct yaml_node **out,
                struct error *err)
{
    if (map->kind != YAML_MAP)
        return yaml_fail(map, err, "must be a map with the key \"%s\"", key);
    *out = yaml_find(map, key);
    return *out ? 0 : yaml_fail(map, err, "\"%s\" is missing", key);
}

/* The text of a scalar; err otherwise. */
static int scalar(const struct yaml_node *node, struct str *out, struct error *err)
{
    if (node->kind != YAML_SCALAR)
        return yaml_fail(node, err, "must be a single value");
    *out = node->text;
    return 0;
}

/* The text of a scalar that must not be quoted. */
static int plain(const struct yaml_node *node, const char *what, struct str *out, struct error *err)
{
    if (node->kind == YAML_SCALAR && node->quoted)
        return yaml_fail(node, err, "\"%.*s\" is a text; %s goes without quotes",
                         node->text.len > SHOWN_BYTES_MAX ? SHOWN_BYTES_MAX : (int)node->text.len,
                         node->text.ptr, what);
    return scalar(node, out, err);
}

/* Puts "file:line: path: " before what a value reader said. */
static int placed(const struct yaml_node *node, struct error *err, const struct error *said)
{
    return yaml_fail(node, err, "%s", said->text);
}

int yaml_as_str(const struct yaml_node *node, struct str *out, struct error *err)
{
    struct str text;
    if (scalar(node, &text, err))
        return -1;
    if (text.len == 0)
        return yaml_fail(node, err, "must not be empty");
    *out = text;
    return 0;
}

static int as_int(const struct yaml_node *node, int64_t min, int64_t max, int64_t *out,
                  struct error *err)
{
    struct str text;
    struct error said;
    if (plain(node, "a number", &text, err))
        return -1;
    return value_to_int(text, min, max, out, &said) ? placed(node, err, &said) : 0;
}

static int as_double(const struct yaml_node *node, double min, double max, double *out,
                     struct error *err)
{
    struct str text;
    struct error said;
    if (plain(node, "a number", &text, err))
        return -1;
    return value_to_double(text, min, max, out, &said) ? placed(node, err, &said) : 0;
}

static int as_bool(const struct yaml_node *node, bool *out, struct error *err)
{
    struct str text;
    struct error said;
    if (plain(node, "true or false", &text, err))
        return -1;
    return value_to_bool(text, out, &said) ? placed(node, err, &said) : 0;
}

static int as_duration(const struct yaml_node *node, int64_t min_ms, int64_t max_ms,
                       int64_t *out_ms, struct error *err)
{
    struct str text;
    struct error said;
    if (scalar(node, &text, err))
        return -1;
    return value_to_duration(text, min_ms, max_ms, out_ms, &said) ? placed(node, err, &said) : 0;
}

static int as_choice(const struct yaml_node *node, const char *const *choices, int *out,
                     struct error *err)
{
    struct str text;
    struct error said;
    if (scalar(node, &text, err))
        return -1;
    return value_to_choice(text, choices, out, &said) ? placed(node, err, &said) : 0;
}

static int as_list(const struct yaml_node *node, size_t count_max, const struct yaml_node **out,
                   struct error *err)
{
    if (node->kind != YAML_LIST)
        return yaml_fail(node, err, "must be a list (- item)");
    if (node->count > count_max)
        return yaml_fail(node, err, "%zu items are too many (at most %zu)", node->count, count_max);
    *out = node;
    return 0;
}

static int as_map(const struct yaml_node *node, const struct yaml_node **out, struct error *err)
{
    if (node->kind != YAML_MAP)
        return yaml_fail(node, err, "must be a map (name: value)");
    *out = node;
    return 0;
}

int yaml_get_str(const struct yaml_node *map, const char *key, struct str *out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : yaml_as_str(node, out, err);
}

int yaml_get_int(const struct yaml_node *map, const char *key, int64_t min, int64_t max,
                 int64_t *out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_int(node, min, max, out, err);
}

int yaml_get_double(const struct yaml_node *map, const char *key, double min, double max,
                    double *out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_double(node, min, max, out, err);
}

int yaml_get_bool(const struct yaml_node *map, const char *key, bool *out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_bool(node, out, err);
}

int yaml_get_duration(const struct yaml_node *map, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t *out_ms, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_duration(node, min_ms, max_ms, out_ms, err);
}

int yaml_get_choice(const struct yaml_node *map, const char *key, const char *const *choices,
                    int *out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_choice(node, choices, out, err);
}

int yaml_get_list(const struct yaml_node *map, const char *key, size_t count_max,
                  const struct yaml_node **out, struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_list(node, count_max, out, err);
}

int yaml_get_map(const struct yaml_node *map, const char *key, const struct yaml_node **out,
                 struct error *err)
{
    const struct yaml_node *node;
    return need(map, key, &node, err) ? -1 : as_map(node, out, err);
}

int yaml_maybe_str(const struct yaml_node *map, const char *key, struct str *out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? yaml_as_str(node, out, err) : 0;
}

int yaml_maybe_int(const struct yaml_node *map, const char *key, int64_t min, int64_t max,
                   int64_t *out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_int(node, min, max, out, err) : 0;
}

int yaml_maybe_double(const struct yaml_node *map, const char *key, double min, double max,
                      double *out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_double(node, min, max, out, err) : 0;
}

int yaml_maybe_bool(const struct yaml_node *map, const char *key, bool *out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_bool(node, out, err) : 0;
}

int yaml_maybe_duration(const struct yaml_node *map, const char *key, int64_t min_ms,
                        int64_t max_ms, int64_t *out_ms, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_duration(node, min_ms, max_ms, out_ms, err) : 0;
}

int yaml_maybe_choice(const struct yaml_node *map, const char *key, const char *const *choices,
                      int *out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_choice(node, choices, out, err) : 0;
}

int yaml_maybe_list(const struct yaml_node *map, const char *key, size_t count_max,
                    const struct yaml_node **out, struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_list(node, count_max, out, err) : 0;
}

int yaml_maybe_map(const struct yaml_node *map, const char *key, const struct yaml_node **out,
                   struct error *err)
{
    const struct yaml_node *node = yaml_find(map, key);
    return node ? as_map(node, out, err) : 0;
}
