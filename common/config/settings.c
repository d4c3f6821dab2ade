#include "config/settings.h"

#include "config/values.h"

#include <assert.h>
#include <ctype.h>

enum { NAME_BYTES_MAX = 100, NAMES_MAX = 1000 };

#define ENV_PREFIX  "WAYBILL_"
#define FILE_SUFFIX "_file"

/* One run of settings_load. */
struct loading {
    const struct config_part *parts;
    size_t part_count;
    struct arena *arena;
    bool *given[CONFIG_PARTS_MAX]; /* per row: some source had it */
    struct yaml_node sections;     /* a map of the top-level nodes that parts own */
    const struct yaml_node **sections_link;
    struct settings_faults *faults;
};

/* Where the next fault is written; the last one is overwritten when there are too many. */
static struct error *next_fault(struct loading *loading)
{
    size_t count = loading->faults->count;
    return &loading->faults->faults[count < SETTINGS_FAULTS_MAX ? count : count - 1];
}

/* Counts what was written to next_fault. */
static void note(struct loading *loading, int failed)
{
    if (failed && loading->faults->count < SETTINGS_FAULTS_MAX)
        loading->faults->count++;
}

/* A row of one of the parts; row NULL = no such setting. from_file: the name was the row's with
 * _file. */
struct target {
    size_t part;
    const struct setting *row;
    bool from_file;
};

static struct target find_row(const struct loading *loading, struct str name)
{
    for (size_t p = 0; p < loading->part_count; p++) {
        const struct settings *settings = loading->parts[p].settings;
        for (size_t i = 0; i < settings->count; i++) {
            const struct setting *row = &settings->rows[i];
            struct str row_name = str_from(row->name), suffix;
            if (!str_starts_with(name, row_name))
                continue;
            suffix = (struct str){name.ptr + row_name.len, name.len - row_name.len};
            bool file = row->kind == SETTING_SECRET && str_equal(suffix, STR(FILE_SUFFIX));
            if (suffix.len == 0 || file)
                return (struct target){p, row, file};
        }
    }
    return (struct target){0};
}

static bool has_range(const struct setting *row)
{
    return row->min != 0 || row->max != 0;
}

/* A double as int64_t; what is beyond becomes the end. */
static int64_t to_int64(double value)
{
    if (value >= 9223372036854775807.0)
        return INT64_MAX;
    return value <= -9223372036854775808.0 ? INT64_MIN : (int64_t)value;
}

static int set_number(const struct setting *row, struct str text, void *field, struct error *err)
{
    bool range = has_range(row);
    int64_t max = range ? to_int64(row->max) : INT64_MAX;
    int64_t min = range ? to_int64(row->min) : row->kind == SETTING_INT ? INT64_MIN : 0;
    if (row->kind == SETTING_INT)
        return value_to_int(text, min, max, field, err);
    if (row->kind == SETTING_DURATION)
        return value_to_duration(text, min, max, field, err);
    if (row->kind == SETTING_BYTES)
        return value_to_bytes(text, min, max, field, err);
    if (row->kind == SETTING_TIME_OF_DAY)
        return value_to_time_of_day(text, field, err);
    return value_to_time(text, field, err);
}

static int set_value(const struct setting *row, struct str text, void *cfg, struct arena *arena,
                     struct error *err)
{
    void *field = (char *)cfg + row->offset;
    if (row->kind == SETTING_STRING || row->kind == SETTING_SECRET) {
        struct secret copy = {.text = arena_copy(arena, text)};
        if (!copy.text.ptr)
            return error_set(err, ERROR_FATAL, "out of memory");
        memcpy(field, &copy, row->kind == SETTING_SECRET ? sizeof(copy) : sizeof(copy.text));
        return 0;
    }
    if (row->kind == SETTING_CHOICE)
        return value_to_choice(text, row->choices, field, err);
    if (row->kind == SETTING_BOOL)
        return value_to_bool(text, field, err);
    if (row->kind == SETTING_DOUBLE)
        return value_to_double(text, has_range(row) ? row->min : -1e308,
                               has_range(row) ? row->max : 1e308, field, err);
    return set_number(row, text, field, err);
}

/* The secret's file without its last line end. */
static int read_secret(const char *file, struct arena *arena, struct str *out, struct error *err)
{
    if (value_read_file(file, SETTING_BYTES_MAX, arena, out, err))
        return -1;
    if (out->len > 0 && out->ptr[out->len - 1] == '\n')
        out->len--;
    if (out->len > 0 && out->ptr[out->len - 1] == '\r')
        out->len--;
    return 0;
}

int secret_read(const struct secret *secret, struct arena *arena, struct str *out,
                struct error *err)
{
    struct str text = secret->text;
    if (secret->file && read_secret(secret->file, arena, &text, err))
        return -1;
    *out = text;
    if (!text.ptr)
        return 0;
    *out = arena_copy(arena, text); /* NUL-terminated at its end */
    return out->ptr ? 0 : error_set(err, ERROR_FATAL, "out of memory");
}

/* The text that a source gave for a target. A secret's text never gets into err. */
static int take(struct loading *loading, struct target target, struct str text, struct error *err)
{
    if (text.len > SETTING_BYTES_MAX)
        return error_set(err, ERROR_FATAL, "the value is too long (at most %d bytes)",
                         SETTING_BYTES_MAX);
    const struct config_part *part = &loading->parts[target.part];
    const char *file = target.from_file ? arena_copy(loading->arena, text).ptr : NULL;
    if (target.from_file && !file)
        return error_set(err, ERROR_FATAL, "out of memory");
    if (file && read_secret(file, loading->arena, &text, err))
        return -1;
    loading->given[target.part][target.row - part->settings->rows] = true;
    if (set_value(target.row, text, part->cfg, loading->arena, err))
        return -1;
    if (file)
        memcpy((char *)part->cfg + target.row->offset + offsetof(struct secret, file), &file,
               sizeof(file));
    return 0;
}

static int refuse_open_secret(const struct setting *row, struct error *err)
{
    char variable[SETTING_VARIABLE_BYTES];
    settings_variable(row->name, variable);
    return error_set(err, ERROR_FATAL,
                     "a secret does not stand here: set %s, or %s_file to a file that holds it",
                     variable, row->name);
}

/* Of settings, of the first words of their names, and of sections. */
static const char *nearest_name(const struct loading *loading, struct str name)
{
    const char *names[NAMES_MAX + 2];
    size_t count = 0;
    for (size_t p = 0; p < loading->part_count; p++) {
        const struct settings *settings = loading->parts[p].settings;
        for (size_t i = 0; i < settings->count && count < NAMES_MAX; i++) {
            struct str group, rest;
            str_split(str_from(settings->rows[i].name), '.', &group, &rest);
            const char *copy = rest.ptr ? arena_copy(loading->arena, group).ptr : NULL;
            names[count++] = settings->rows[i].name;
            if (copy)
                names[count++] = copy;
        }
        for (size_t i = 0; settings->sections && settings->sections[i] && count < NAMES_MAX; i++)
            names[count++] = settings->sections[i];
    }
    names[count] = NULL;
    return value_nearest(name, names);
}

static int unknown(const struct loading *loading, struct str name, struct error *err)
{
    const char *nearest = nearest_name(loading, name);
    return error_set(err, ERROR_FATAL, "there is no such setting; %s%s",
                     nearest ? "nearest: " : "see --help-settings", nearest ? nearest : "");
}

/* Do settings begin with that path and a dot? */
static bool is_group(const struct loading *loading, struct str path)
{
    for (size_t p = 0; p < loading->part_count; p++)
        for (size_t i = 0; i < loading->parts[p].settings->count; i++) {
            struct str name = str_from(loading->parts[p].settings->rows[i].name);
            if (str_starts_with(name, path) && name.len > path.len && name.ptr[path.len] == '.')
                return true;
        }
    return false;
}

static bool is_section(const struct settings *settings, struct str name)
{
    for (size_t i = 0; settings->sections && settings->sections[i]; i++)
        if (str_equal(name, str_from(settings->sections[i])))
            return true;
    return false;
}

static int take_leaf(struct loading *loading, struct target target, const struct yaml_node *node,
                     struct error *err)
{
    struct error said;
    int failed;
    if (!target.row)
        failed = unknown(loading, node->path, &said);
    else if (node->kind != YAML_SCALAR)
        failed = error_set(&said, ERROR_FATAL, "must be a single value");
    else if (target.row->kind == SETTING_SECRET && !target.from_file)
        failed = refuse_open_secret(target.row, &said);
    else
        failed = take(loading, target, node->text, &said);
    return failed ? yaml_fail(node, err, "%s", said.text) : 0;
}

/* A map's leaves are settings; their paths are the names. */
static void take_node(struct loading *loading, const struct yaml_node *node)
{
    struct target target = find_row(loading, node->path);
    if (target.row || node->kind != YAML_MAP || !is_group(loading, node->path)) {
        note(loading, take_leaf(loading, target, node, next_fault(loading)));
        return;
    }
    for (const struct yaml_node *child = node->first; child; child = child->next)
        take_node(loading, child);
}

/* Keeps the top-level node for load_section if some part owns it. *out_taken says so. */
static int take_section(struct loading *loading, const struct yaml_node *node, bool *out_taken,
                        struct error *err)
{
    bool owned = false;
    for (size_t p = 0; p < loading->part_count; p++)
        owned |= is_section(loading->parts[p].settings, node->key);
    *out_taken = owned;
    if (!owned)
        return 0;
    for (const struct yaml_node *other = loading->sections.first; other; other = other->next)
        if (str_equal(other->key, node->key))
            return yaml_fail(node, err, "stands in %s:%d, too; one place only", other->file,
                             other->line);
    struct yaml_node *copy = arena_alloc(loading->arena, sizeof(*copy));
    if (!copy)
        return error_set(err, ERROR_FATAL, "out of memory");
    *copy = *node;
    copy->next = NULL;
    *loading->sections_link = copy;
    loading->sections_link = &copy->next;
    loading->sections.count++;
    return 0;
}

static void take_file(struct loading *loading, const char *file)
{
    const struct yaml_node *root;
    if (yaml_load_file(file, loading->arena, &root, next_fault(loading))) {
        note(loading, -1);
        return;
    }
    for (const struct yaml_node *node = root->first; node; node = node->next) {
        bool is_taken;
        if (take_section(loading, node, &is_taken, next_fault(loading)))
            note(loading, -1);
        else if (!is_taken)
            take_node(loading, node);
    }
    if (loading->sections.file == NULL)
        loading->sections.file = root->file;
}

void settings_variable(const char *name, char out[SETTING_VARIABLE_BYTES])
{
    size_t len = sizeof(ENV_PREFIX) - 1;
    memcpy(out, ENV_PREFIX, len);
    for (; *name && len + 1 < SETTING_VARIABLE_BYTES; name++)
        out[len++] = isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';
    out[len] = '\0';
}

/* Is the name of this variable (or of its _FILE) that of the row? */
static bool variable_is(struct str variable, const struct setting *row, bool *out_from_file)
{
    char text[SETTING_VARIABLE_BYTES];
    settings_variable(row->name, text);
    struct str name = str_from(text);
    *out_from_file = row->kind == SETTING_SECRET && variable.len == name.len + 5 &&
                     str_starts_with(variable, name) &&
                     memcmp(variable.ptr + name.len, "_FILE", 5) == 0;
    return *out_from_file || str_equal(variable, name);
}

static int take_variable(struct loading *loading, struct str name, struct str value,
                         struct error *err)
{
    char text[SETTING_VARIABLE_BYTES];
    const struct setting *close = NULL;
    for (size_t p = 0; p < loading->part_count; p++) {
        const struct settings *settings = loading->parts[p].settings;
        for (size_t i = 0; i < settings->count; i++) {
            struct target target = {p, &settings->rows[i], false};
            if (variable_is(name, target.row, &target.from_file))
                return take(loading, target, value, err) ? error_prefix(err, "%.*s", STR_ARG(name))
                                                         : 0;
            settings_variable(target.row->name, text);
            if (value_distance(name, str_from(text)) <= 2)
                close = target.row;
        }
    }
    if (!close || str_equal(name, STR("WAYBILL_CONFIG")))
        return 0;
    settings_variable(close->name, text);
    return error_set(err, ERROR_FATAL, "%.*s: there is no such setting; nearest: %s", STR_ARG(name),
                     text);
}

static void take_environment(struct loading *loading, char *const *env)
{
    for (; env && *env; env++) {
        struct str name, value;
        str_split(str_from(*env), '=', &name, &value);
        if (str_starts_with(name, STR(ENV_PREFIX)) && value.ptr)
            note(loading, take_variable(loading, name, value, next_fault(loading)));
    }
}

static int take_flag(struct loading *loading, const char *flag, struct error *err)
{
    struct str name, value;
    str_split(str_from(flag), '=', &name, &value);
    struct target target = find_row(loading, name);
    int failed;
    if (!target.row)
        failed = unknown(loading, name, err);
    else if (target.row->kind == SETTING_SECRET && !target.from_file)
        failed = refuse_open_secret(target.row, err);
    else if (!value.ptr)
        failed = error_set(err, ERROR_FATAL, "needs a value");
    else
        failed = take(loading, target, value, err);
    return failed ? error_prefix(err, "--%.*s", STR_ARG(name)) : 0;
}

static int set_defaults(struct loading *loading, struct error *err)
{
    for (size_t p = 0; p < loading->part_count; p++) /* first: one part may lie inside another */
        memset(loading->parts[p].cfg, 0, loading->parts[p].settings->bytes);
    for (size_t p = 0; p < loading->part_count; p++) {
        const struct settings *settings = loading->parts[p].settings;
        loading->given[p] = arena_alloc_array(loading->arena, settings->count + 1, sizeof(bool));
        if (!loading->given[p])
            return error_set(err, ERROR_FATAL, "out of memory");
        for (size_t i = 0; i < settings->count; i++) {
            const struct setting *row = &settings->rows[i];
            if (row->default_text && set_value(row, str_from(row->default_text),
                                               loading->parts[p].cfg, loading->arena, err))
                return error_prefix(err, "the default of %s", row->name);
        }
    }
    return 0;
}

static int check_row_given(const struct setting *row, bool given, struct error *err)
{
    char variable[SETTING_VARIABLE_BYTES];
    if (!row->required || row->default_text || given)
        return 0;
    settings_variable(row->name, variable);
    return error_set(
        err, ERROR_FATAL, "%s must be set (%s): --%s%s=…, %s=… or in the --config file", row->name,
        row->text, row->name, row->kind == SETTING_SECRET ? FILE_SUFFIX : "", variable);
}

static void check_required(struct loading *loading)
{
    for (size_t p = 0; p < loading->part_count; p++)
        for (size_t i = 0; i < loading->parts[p].settings->count; i++)
            note(loading, check_row_given(&loading->parts[p].settings->rows[i],
                                          loading->given[p][i], next_fault(loading)));
}

/* Of the sections that are there, those of one part; the hash is over them. */
static int own_sections(struct loading *loading, const struct settings *settings,
                        struct yaml_node *out, struct error *err)
{
    *out = (struct yaml_node){.kind = YAML_MAP,
                              .file =
                                  loading->sections.file ? loading->sections.file : "--config FILE",
                              .path = STR("")};
    const struct yaml_node **link = &out->first;
    for (const struct yaml_node *node = loading->sections.first; node; node = node->next) {
        if (!is_section(settings, node->key))
            continue;
        struct yaml_node *copy = arena_alloc(loading->arena, sizeof(*copy));
        if (!copy)
            return error_set(err, ERROR_FATAL, "out of memory");
        *copy = *node;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        out->count++;
    }
    return 0;
}

static int finish_part(struct loading *loading, const struct config_part *part, struct error *err)
{
    const struct settings *settings = part->settings;
    struct yaml_node *sections = arena_alloc(loading->arena, sizeof(*sections));
    if (!sections)
        return error_set(err, ERROR_FATAL, "out of memory");
    if (own_sections(loading, settings, sections, err))
        return -1;
    if (settings->hash_offset) {
        char hex[SETTINGS_HASH_BYTES + 1];
        settings_hash(settings, part->cfg, sections, hex);
        struct str copy = arena_copy(loading->arena, str_from(hex));
        memcpy((char *)part->cfg + settings->hash_offset, &copy, sizeof(copy));
    }
    if (settings->load_section && settings->load_section(sections, part->cfg, loading->arena, err))
        return -1;
    bool is_sound = loading->faults->count == 0;
    return settings->check && is_sound ? settings->check(part->cfg, err) : 0;
}

int settings_load_all(const struct config_part *parts, size_t part_count, const char *const *files,
                      char *const *env, const char *const *flags, struct arena *arena,
                      struct settings_faults *out)
{
    struct loading loading = {
        .parts = parts, .part_count = part_count, .arena = arena, .faults = out};
    loading.sections_link = &loading.sections.first;
    assert(part_count <= CONFIG_PARTS_MAX);
    *out = (struct settings_faults){0};
    if (set_defaults(&loading, next_fault(&loading))) {
        note(&loading, -1);
        return -1;
    }
    for (; files && *files; files++)
        take_file(&loading, *files);
    take_environment(&loading, env);
    for (; flags && *flags; flags++)
        note(&loading, take_flag(&loading, *flags, next_fault(&loading)));
    check_required(&loading);
    for (size_t p = 0; p < part_count; p++)
        note(&loading, finish_part(&loading, &parts[p], next_fault(&loading)));
    return out->count ? -1 : 0;
}

int settings_load(const struct config_part *parts, size_t part_count, const char *const *files,
                  char *const *env, const char *const *flags, struct arena *arena,
                  struct error *err)
{
    struct settings_faults faults;
    if (!settings_load_all(parts, part_count, files, env, flags, arena, &faults))
        return 0;
    *err = faults.faults[0];
    return -1;
}

static size_t field_bytes(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_STRING:
        return sizeof(struct str);
    case SETTING_SECRET:
        return sizeof(struct secret);
    case SETTING_CHOICE:
        return sizeof(int);
    case SETTING_BOOL:
        return sizeof(bool);
    case SETTING_DOUBLE:
        return sizeof(double);
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_BYTES:
    case SETTING_TIME_OF_DAY:
    case SETTING_TIME:
        return sizeof(int64_t);
    }
    return 0;
}

static int check_row(const struct settings *settings, const struct setting *row,
                     struct arena *arena, struct error *err)
{
    max_align_t value[4] = {0};
    size_t len = strlen(row->name);
    if (len == 0 || len > NAME_BYTES_MAX ||
        strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != len)
        return error_set(err, ERROR_FATAL, "%s: a name is made of a-z, 0-9, _ and .", row->name);
    if (!row->text)
        return error_set(err, ERROR_FATAL, "%s: has no text", row->name);
    if (row->offset + field_bytes(row->kind) > settings->bytes)
        return error_set(err, ERROR_FATAL, "%s: its field is not inside the struct", row->name);
    if (row->kind == SETTING_CHOICE && !row->choices)
        return error_set(err, ERROR_FATAL, "%s: has no choices", row->name);
    if (row->max < row->min)
        return error_set(err, ERROR_FATAL, "%s: max is below min", row->name);
    struct setting at_zero = *row;
    at_zero.offset = 0;
    if (row->default_text && set_value(&at_zero, str_from(row->default_text), value, arena, err))
        return error_prefix(err, "%s: default", row->name);
    return 0;
}

int settings_check_table(const struct settings *settings, struct error *err)
{
    struct arena arena;
    int result = 0;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < settings->count && result == 0; i++) {
        const struct setting *row = &settings->rows[i];
        result = check_row(settings, row, &arena, err);
        if (result == 0 && i > 0 && strcmp(settings->rows[i - 1].name, row->name) >= 0)
            result = error_set(err, ERROR_FATAL, "%s: must stand before %s (alphabetical)",
                               row->name, settings->rows[i - 1].name);
    }
    arena_done(&arena);
    return result;
}
