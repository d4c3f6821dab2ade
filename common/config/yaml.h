/* A read-only tree of a YAML file in which every node knows its file, line and path.
 *
 * libyaml's events are read directly: libcyaml wants every key fixed beforehand in a schema, while
 * settings may be nested or dotted, and reference data has keys that are data. Aliases, anchors,
 * tags, merge keys, duplicate keys and a second document are refused, so a file is what it looks
 * like.
 *
 * Every error is for a person and names the place: "router.yaml:12: suppliers[2].unit_cost_minor:
 * -5 is below 0". All of them are ERROR_FATAL. Strings and nodes live in the arena that the file
 * was loaded into. */
#ifndef WAYBILL_CONFIG_YAML_H
#define WAYBILL_CONFIG_YAML_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { YAML_FILE_BYTES_MAX = 4 * 1024 * 1024, YAML_DEPTH_MAX = 16, YAML_NODES_MAX = 200000 };

enum yaml_kind {
    YAML_NULL,   /* `key:` with nothing, ~ or null */
    YAML_SCALAR, /* text as it stands in the file; what it means is the getter's business */
    YAML_LIST,
    YAML_MAP
};

struct yaml_node {
    enum yaml_kind kind;
    int line;                      /* 1 = first */
    const char *file;              /* as it was opened */
    struct str path;               /* "suppliers[2].unit_cost_minor"; empty for the root */
    struct str key;                /* in a map; absent for list items and the root */
    struct str text;               /* SCALAR; NUL-terminated behind its end */
    bool quoted;                   /* SCALAR: "5" and '5' are texts, never numbers */
    size_t count;                  /* LIST, MAP: how many children */
    const struct yaml_node *first; /* LIST, MAP: the children, in the file's order … */
    const struct yaml_node *next;  /* … each leads to the next; NULL ends */
};

/* Reads a file, or text that came from elsewhere (file = the name for errors; copied). An empty
 * file is an empty map; otherwise the root must be a map. */
MUST_CHECK int yaml_load_file(const char *file, struct arena *arena, const struct yaml_node **out,
                              struct error *err);
MUST_CHECK int yaml_load_text(const char *file, struct str text, struct arena *arena,
                              const struct yaml_node **out, struct error *err);

/* Children: for (const struct yaml_node *item = yaml_items(list); item; item = item->next) …
 * NULL for NULL, for scalars and for the empty. */
const struct yaml_node *yaml_items(const struct yaml_node *node);

/* The child under that key; NULL if there is none, if it is null, or if map is NULL or no map. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

/* Refuses every key of the map that is not listed (NULL ends the list), naming the nearest one. */
MUST_CHECK int yaml_check_keys(const struct yaml_node *map, const char *const *keys,
                               struct error *err);

/* Typed children. yaml_get_…: the key must be there. yaml_maybe_…: without the key, *out stays as
 * it was, so set the default first. Ranges are inclusive. Strings of yaml_get_str must not be
 * empty. */
MUST_CHECK int yaml_get_str(const struct yaml_node *map, const char *key, struct str *out,
                            struct error *err);
MUST_CHECK int yaml_get_int(const struct yaml_node *map, const char *key, int64_t min, int64_t max,
                            int64_t *out, struct error *err);
MUST_CHECK int yaml_get_double(const struct yaml_node *map, const char *key, double min, double max,
                               double *out, struct error *err);
MUST_CHECK int yaml_get_bool(const struct yaml_node *map, const char *key, bool *out,
                             struct error *err);
/* "250ms", "10s", "5m", "2h", "3d" -> milliseconds; the range is in milliseconds, too. */
MUST_CHECK int yaml_get_duration(const struct yaml_node *map, const char *key, int64_t min_ms,
                                 int64_t max_ms, int64_t *out_ms, struct error *err);
/* One of the choices (NULL ends the list) -> its index. */
MUST_CHECK int yaml_get_choice(const struct yaml_node *map, const char *key,
                               const char *const *choices, int *out, struct error *err);
MUST_CHECK int yaml_get_list(const struct yaml_node *map, const char *key, size_t count_max,
                             const struct yaml_node **out, struct error *err);
MUST_CHECK int yaml_get_map(const struct yaml_node *map, const char *key,
                            const struct yaml_node **out, struct error *err);

MUST_CHECK int yaml_maybe_str(const struct yaml_node *map, const char *key, struct str *out,
                              struct error *err);
MUST_CHECK int yaml_maybe_int(const struct yaml_node *map, const char *key, int64_t min,
                              int64_t max, int64_t *out, struct error *err);
MUST_CHECK int yaml_maybe_double(const struct yaml_node *map, const char *key, double min,
                                 double max, double *out, struct error *err);
MUST_CHECK int yaml_maybe_bool(const struct yaml_node *map, const char *key, bool *out,
                               struct error *err);
MUST_CHECK int yaml_maybe_duration(const struct yaml_node *map, const char *key, int64_t min_ms,
                                   int64_t max_ms, int64_t *out_ms, struct error *err);
MUST_CHECK int yaml_maybe_choice(const struct yaml_node *map, const char *key,
                                 const char *const *choices, int *out, struct error *err);
MUST_CHECK int yaml_maybe_list(const struct yaml_node *map, const char *key, size_t count_max,
                               const struct yaml_node **out, struct error *err);
MUST_CHECK int yaml_maybe_map(const struct yaml_node *map, const char *key,
                              const struct yaml_node **out, struct error *err);

/* The node itself as a text (for lists of scalars). */
MUST_CHECK int yaml_as_str(const struct yaml_node *node, struct str *out, struct error *err);

/* For a check of one's own: sets "file:line: path: text" and returns -1. */
int yaml_fail(const struct yaml_node *node, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
