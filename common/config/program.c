/* What every program does with its command line. */
#include "config/settings.h"
#include "config/values.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, WIDTH = 26 };

/* One run of config_parse. */
struct parsing {
    const struct config_program *program;
    struct arena *arena;
    struct config_outcome *out;
    const char *files[CONFIG_FILES_MAX + 2];
    size_t file_count;
    const char *flags[CONFIG_ARGUMENTS_MAX + 1]; /* of settings: "name=value" */
    size_t flag_count;
    bool help, help_settings, version, check;
};

static const char *const kind_names[] = {
    [SETTING_STRING] = "text",       [SETTING_SECRET] = "secret",
    [SETTING_CHOICE] = "one of",     [SETTING_BOOL] = "true or false",
    [SETTING_INT] = "whole number",  [SETTING_DOUBLE] = "number",
    [SETTING_DURATION] = "duration", [SETTING_BYTES] = "bytes",
    [SETTING_TIME_OF_DAY] = "HH:MM", [SETTING_TIME] = "time",
};

static void print_flag(const struct config_flag *flag)
{
    char left[80];
    snprintf(left, sizeof(left), "%s%c%s--%s%s%s", flag->letter ? "-" : " ",
             flag->letter ? flag->letter : ' ', flag->letter ? ", " : "  ", flag->name,
             flag->hint ? " " : "", flag->hint ? flag->hint : "");
    printf("  %-*s  %s\n", WIDTH, left, flag->text);
}

static void print_help(const struct config_program *program)
{
    static const struct config_flag common[] = {
        {.name = "config", .hint = "FILE", .text = "settings from this YAML file; may be repeated"},
        {.name = "check-config", .text = "check all settings, say what is wrong, and exit"},
        {.name = "help", .letter = 'h', .text = "show this and exit"},
        {.name = "help-settings", .text = "show every setting and exit"},
        {.name = "version", .text = "show the version and exit"},
    };
    printf("%s: %s\n\nusage: %s%s%s\n\n", program->name, program->text, program->name,
           *program->usage ? " " : "", program->usage);
    for (size_t i = 0; i < program->flag_count; i++)
        print_flag(&program->flags[i]);
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        print_flag(&common[i]);
    printf("\nEvery setting is also a flag (--kafka.bootstrap_servers=HOST:PORT) and a variable\n"
           "(WAYBILL_KAFKA_BOOTSTRAP_SERVERS). File < environment < flags.\n");
    if (program->details)
        printf("\n%s", program->details);
}

static void print_range(const struct setting *row)
{
    char min[VALUE_SHOWN_BYTES], max[VALUE_SHOWN_BYTES];
    if (row->kind == SETTING_CHOICE)
        for (size_t i = 0; row->choices[i]; i++)
            printf("%s%s", i ? ", " : " ", row->choices[i]);
    if (row->kind == SETTING_TIME_OF_DAY)
        printf(", 00:00 to 23:59");
    else if (row->min == 0 && row->max == 0)
        return;
    else if (row->kind == SETTING_DURATION)
        printf(", %s to %s", value_show_duration((int64_t)row->min, min),
               value_show_duration((int64_t)row->max, max));
    else if (row->kind == SETTING_BYTES)
        printf(", %s to %s", value_show_bytes((int64_t)row->min, min),
               value_show_bytes((int64_t)row->max, max));
    else
        printf(", %.15g to %.15g", row->min, row->max);
}

static void print_row(const struct setting *row)
{
    char variable[SETTING_VARIABLE_BYTES];
    settings_variable(row->name, variable);
    printf("  %s  (%s", row->name, kind_names[row->kind]);
    print_range(row);
    if (row->unit)
        printf(", %s", row->unit);
    if (row->default_text && *row->default_text)
        printf("; default %s", row->default_text);
    else if (row->default_text)
        printf("; default empty");
    else if (row->required)
        printf("; required");
    printf(")\n      %s\n      %s", row->text, variable);
    if (row->kind == SETTING_SECRET)
        printf(", or %s_FILE or %s_file: a file that holds it", variable, row->name);
    printf("\n");
}

static void print_reference(const struct config_program *program)
{
    for (size_t p = 0; p < program->part_count; p++) {
        const struct settings *settings = program->parts[p].settings;
        printf("%s%s\n", p ? "\n" : "", settings->component);
        for (size_t i = 0; i < settings->count; i++)
            print_row(&settings->rows[i]);
        for (size_t i = 0; settings->sections && settings->sections[i]; i++)
            printf("  %s:  (reference data, only in the YAML file: see deploy/settings/)\n",
                   settings->sections[i]);
    }
}

static const struct setting *find_setting(const struct config_program *program, struct str name)
{
    for (size_t p = 0; p < program->part_count; p++)
        for (size_t i = 0; i < program->parts[p].settings->count; i++) {
            const struct setting *row = &program->parts[p].settings->rows[i];
            if (str_equal(name, str_from(row->name)))
                return row;
        }
    return NULL;
}

static const struct config_flag *find_flag(const struct parsing *parsing, const char *argument,
                                           struct str name)
{
    bool is_letter = argument[1] != '-';
    for (size_t i = 0; i < parsing->program->flag_count; i++) {
        const struct config_flag *flag = &parsing->program->flags[i];
        if (is_letter ? argument[1] == flag->letter : str_equal(name, str_from(flag->name)))
            return flag;
    }
    return NULL;
}

/* The switches that every program has. */
static bool *find_switch(struct parsing *parsing, const char *argument, struct str name)
{
    if (str_equal(name, STR("help")) || strcmp(argument, "-h") == 0)
        return &parsing->help;
    if (str_equal(name, STR("help-settings")))
        return &parsing->help_settings;
    if (str_equal(name, STR("version")))
        return &parsing->version;
    return str_equal(name, STR("check-config")) ? &parsing->check : NULL;
}

static const char *const common_names[] = {"help", "help-settings", "version", "check-config",
                                           "config"};

static int unknown_flag(const struct parsing *parsing, const char *argument, struct str name,
                        struct error *err)
{
    const char *names[CONFIG_PARTS_MAX * 100 + 64];
    const size_t names_max = sizeof(names) / sizeof(names[0]) - 1;
    size_t count = 0;
    const struct config_program *program = parsing->program;
    for (size_t i = 0; i < sizeof(common_names) / sizeof(common_names[0]); i++)
        names[count++] = common_names[i];
    for (size_t i = 0; i < program->flag_count && count < names_max; i++)
        names[count++] = program->flags[i].name;
    for (size_t p = 0; p < program->part_count; p++)
        for (size_t i = 0; i < program->parts[p].settings->count && count < names_max; i++)
            names[count++] = program->parts[p].settings->rows[i].name;
    names[count] = NULL;
    const char *nearest = value_nearest(name, names);
    return error_set(err, ERROR_FATAL, "%s: there is no such flag; %s%s", argument,
                     nearest ? "nearest: --" : "see --help", nearest ? nearest : "");
}

/* Adds "name=value" for settings_load. */
static int add_setting(struct parsing *parsing, struct str name, struct str value,
                       struct error *err)
{
    struct str flag = arena_printf(parsing->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
    if (!flag.ptr || parsing->flag_count >= CONFIG_ARGUMENTS_MAX)
        return error_set(err, ERROR_FATAL, "too many arguments");
    parsing->flags[parsing->flag_count++] = flag.ptr;
    return 0;
}

static int add_file(struct parsing *parsing, const char *file, struct error *err)
{
    if (parsing->file_count > CONFIG_FILES_MAX)
        return error_set(err, ERROR_FATAL, "--config: too many files (at most %d)",
                         CONFIG_FILES_MAX);
    parsing->files[parsing->file_count++] = file;
    return 0;
}

static bool is_secret_file(const struct config_program *program, struct str name)
{
    if (name.len <= 5 || memcmp(name.ptr + name.len - 5, "_file", 5) != 0)
        return false;
    const struct setting *row = find_setting(program, (struct str){name.ptr, name.len - 5});
    return row && row->kind == SETTING_SECRET;
}

/* One argument that begins with '-'; *at moves on when its value is the next one. */
static int parse_flag(struct parsing *parsing, int argc, char *const *argv, int *at,
                      struct error *err)
{
    const char *argument = argv[*at];
    struct str name = {NULL, 0}, value = {NULL, 0};
    if (argument[1] == '-')
        str_split(str_from(argument + 2), '=', &name, &value);
    bool *on = find_switch(parsing, argument, name);
    const struct config_flag *flag = find_flag(parsing, argument, name);
    if (!on && flag && flag->on)
        on = flag->on;
    if (on && value.ptr)
        return error_set(err, ERROR_FATAL, "%s: --%.*s takes no value", argument, STR_ARG(name));
    if (on) {
        *on = true;
        return argument[1] != '-' && argument[2] ? unknown_flag(parsing, argument, name, err) : 0;
    }
    const struct setting *row = flag ? NULL : find_setting(parsing->program, name);
    bool is_config = str_equal(name, STR("config"));
    if (!flag && !row && !is_config && !is_secret_file(parsing->program, name))
        return unknown_flag(parsing, argument, name, err);
    if (row && row->kind == SETTING_BOOL && !value.ptr)
        value = STR("true");
    if (flag && argument[1] != '-' && argument[2])
        value = str_from(argument + 2);
    if (!value.ptr) {
        if (*at + 1 >= argc)
            return error_set(err, ERROR_FATAL, "%s: needs a value", argument);
        value = str_from(argv[++*at]);
    }
    if (is_config)
        return add_file(parsing, value.ptr, err);
    if (!flag)
        return add_setting(parsing, name, value, err);
    *flag->value = value.ptr;
    return 0;
}

static int parse_arguments(struct parsing *parsing, int argc, char *const *argv, struct error *err)
{
    bool only_arguments = false;
    if (argc > CONFIG_ARGUMENTS_MAX)
        return error_set(err, ERROR_FATAL, "too many arguments (at most %d)", CONFIG_ARGUMENTS_MAX);
    for (int at = 1; at < argc; at++) {
        const char *argument = argv[at];
        if (only_arguments || argument[0] != '-' || argument[1] == '\0')
            parsing->out->arguments[parsing->out->argument_count++] = argument;
        else if (strcmp(argument, "--") == 0)
            only_arguments = true;
        else if (parse_flag(parsing, argc, argv, &at, err))
            return -1;
    }
    return 0;
}

static int fail(const struct config_program *program, const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program->name, err->text);
    return EXIT_USAGE;
}

int config_parse(const struct config_program *program, int argc, char *const *argv,
                 struct arena *arena, struct config_outcome *out)
{
    struct error err = {0};
    struct parsing *parsing = arena_alloc(arena, sizeof(*parsing));
    if (!parsing) {
        error_set(&err, ERROR_FATAL, "out of memory");
        return fail(program, &err);
    }
    *parsing = (struct parsing){.program = program, .arena = arena, .out = out};
    out->argument_count = 0;
    for (size_t i = 0; i < program->flag_count; i++)
        if (program->flags[i].on)
            *program->flags[i].on = false;
        else
            *program->flags[i].value = NULL;
    const char *file = getenv("WAYBILL_CONFIG");
    if (file && *file && add_file(parsing, file, &err))
        return fail(program, &err);
    if (parse_arguments(parsing, argc, argv, &err))
        return fail(program, &err);
    for (size_t p = 0; p < program->part_count; p++) {
        bool ok = settings_check_table(program->parts[p].settings, &err) == 0;
        if (!ok)
            return fail(program, &err);
    }
    if (parsing->help)
        print_help(program);
    else if (parsing->help_settings)
        print_reference(program);
    else if (parsing->version)
        printf("%s %s\n", program->name, WAYBILL_VERSION);
    if (parsing->help || parsing->help_settings || parsing->version)
        return 0;
    struct settings_faults faults;
    if (settings_load_all(program->parts, program->part_count, parsing->files, environ,
                          parsing->flags, arena, &faults)) {
        for (size_t i = 0; i < faults.count; i++)
            fail(program, &faults.faults[i]);
        if (faults.count == SETTINGS_FAULTS_MAX)
            fprintf(stderr, "%s: there may be more\n", program->name);
        return EXIT_USAGE;
    }
    if (!parsing->check)
        return CONFIG_RUN;
    for (size_t p = 0; p < program->part_count; p++) {
        const struct config_part *part = &program->parts[p];
        if (part->settings->check_today && part->settings->check_today(part->cfg, &err))
            return fail(program, &err);
    }
    printf("%s: %s\n", program->name,
           program->check_note ? program->check_note : "settings are fine");
    return 0;
}
