/* Settings: one alphabetical table per component, filled from file < environment < flags.
 *
 *   YAML file     kafka: {bootstrap_servers: "a:9092"}     or     kafka.bootstrap_servers: a:9092
 *   environment   WAYBILL_KAFKA_BOOTSTRAP_SERVERS=a:9092
 *   flag          --kafka.bootstrap_servers=a:9092         or     --kafka.bootstrap_servers a:9092
 *
 * A table of a service (settings.c), into the struct that its rules see as ctx->cfg:
 *
 *   struct intake_settings { int64_t payment_wait_ms; struct str hash; };
 *   static const struct setting rows[] = {
 *       {.name = "intake.payment_wait", .kind = SETTING_DURATION, .default_text = "2d",
 *        .min = 1000, .max = 30 * SETTING_DAY_MS, .offset = offsetof(struct intake_settings,
 * payment_wait_ms), .text = "How long an unpaid order waits before it is rejected"},
 *   };
 *   const struct settings intake_settings = {.component = "intake", SETTINGS_ROWS(rows),
 *       .bytes = sizeof(struct intake_settings), .hash_offset = offsetof(struct intake_settings,
 * hash)};
 *
 * Refused, each with name, value, place and what would be right: unknown names in files and flags
 * (the nearest one is named), values out of range, a secret that stands in the file or on the
 * command line. An unknown WAYBILL_… variable is refused when it looks like a slip of the pen (two
 * letters or fewer from a known one), and left alone otherwise: many programs share one
 * environment. */
#ifndef WAYBILL_CONFIG_SETTINGS_H
#define WAYBILL_CONFIG_SETTINGS_H

#include "config/yaml.h"

#define SETTING_DAY_MS (24.0 * 60 * 60 * 1000)

enum {
    CONFIG_FILES_MAX = 8,
    CONFIG_PARTS_MAX = 8,
    CONFIG_ARGUMENTS_MAX = 4096,
    SETTING_BYTES_MAX = 64 * 1024, /* of one value, also of a secret's file */
    SETTINGS_HASH_BYTES = 16,      /* hex digits */
    SETTING_VARIABLE_BYTES = 128,  /* of an environment variable's name */
    SETTINGS_FAULTS_MAX = 20       /* more are not told at once */
};

/* What each kind fills, and how its value is written:
 *   STRING       struct str        any text; NUL-terminated behind its end; absent if unset
 *   SECRET       struct secret     never shown; only from WAYBILL_X, WAYBILL_X_FILE=PATH,
 *                                  `x_file: PATH` or --x_file=PATH
 *   CHOICE       int               one of .choices -> its index
 *   BOOL         bool              true false yes no on off; the flag alone means true
 *   INT          int64_t           a whole number
 *   DOUBLE       double            a number
 *   DURATION     int64_t, ms       250ms 10s 5m 2h 3d (0 needs no unit)
 *   BYTES        int64_t           512 64KiB 16MiB 1GiB
 *   TIME_OF_DAY  int64_t, minutes  21:30 -> 1290, after local midnight
 *   TIME         int64_t, Unix ms  2017-09-01T00:00:00Z, or the number itself */
enum setting_kind {
    SETTING_STRING,
    SETTING_SECRET,
    SETTING_CHOICE,
    SETTING_BOOL,
    SETTING_INT,
    SETTING_DOUBLE,
    SETTING_DURATION,
    SETTING_BYTES,
    SETTING_TIME_OF_DAY,
    SETTING_TIME
};

/* What a SECRET fills. A file is remembered, because what stands in it changes: secrets are renewed
 * while a program runs. */
struct secret {
    struct str text;  /* as it was read at the start; ptr NULL = not set */
    const char *file; /* NULL = it came from a variable */
};

/* The secret as it is now: its file read again, or the text. */
MUST_CHECK int secret_read(const struct secret *secret, struct arena *arena, struct str *out,
                           struct error *err);

struct setting {
    const char *name; /* "kafka.bootstrap_servers": [a-z0-9_.] */
    enum setting_kind kind;
    const char *unit;         /* for the reference page only: "records", "1/s"; may be NULL */
    size_t offset;            /* of the target field */
    const char *default_text; /* as one would write it; NULL = unset: absent string, zero */
    bool required;            /* with default_text NULL: refuse to start without it */
    double min, max; /* inclusive, in the target's unit; both 0 = any (times and bytes: >= 0) */
    const char *const *choices; /* CHOICE: NULL ends the list */
    const char *text;           /* one line for the reference page */
};

struct settings {
    const char *component;      /* "kafka", "intake": heads its part of the reference page */
    const struct setting *rows; /* alphabetical by name (settings_check_table) */
    size_t count;
    size_t bytes;       /* sizeof the target struct, which begins as zeroes */
    size_t hash_offset; /* of a struct str in the target that gets the settings_hash; 0 = none */
    /* Reference data: top-level names of the YAML files that load_section owns; NULL at the end;
     * or NULL. */
    const char *const *sections;
    /* Called last, with cfg already filled: root is a map of those of the sections that are present
     * (across all files). What it makes of them lives in the arena for the whole run. NULL if there
     * are none. */
    int (*load_section)(const struct yaml_node *root, void *cfg, struct arena *arena,
                        struct error *err);
    /* What no single row can say ("a must be below b"); called after load_section. NULL = nothing.
     */
    int (*check)(const void *cfg, struct error *err);
    /* What may come right while the program runs (a certificate that is over): only --check-config
     * refuses it. NULL = nothing. */
    int (*check_today)(const void *cfg, struct error *err);
};

#define SETTINGS_ROWS(table) .rows = (table), .count = sizeof(table) / sizeof((table)[0])

/* A component's table and where its values go; several are loaded together from the same sources.
 */
struct config_part {
    const struct settings *settings;
    void *cfg; /* settings->bytes long */
};

/* A plain flag of a program, beside the settings. on: a switch. value: takes a value (NULL until
 * given). */
struct config_flag {
    const char *name; /* "dry-run" -> --dry-run */
    char letter;      /* 'n' -> -n; 0 = none */
    const char *hint; /* "N", "FILE": what --help calls the value; NULL for a switch */
    const char *text; /* one line for --help */
    bool *on;
    const char **value;
};

struct config_program {
    const char *name;    /* "intake"; "waybill order show" */
    const char *text;    /* one sentence for --help */
    const char *usage;   /* what follows the name: "[flags]", "ID [flags]" */
    const char *details; /* more lines for --help (an example); may be NULL */
    const struct config_flag *flags;
    size_t flag_count;
    const struct config_part *parts;
    size_t part_count;
    const char *check_note; /* said when --check-config finds nothing; NULL = "settings are fine" */
};

struct config_outcome {
    const char *arguments[CONFIG_ARGUMENTS_MAX]; /* what is no flag, in order; borrowed from argv */
    size_t argument_count;
};

enum { CONFIG_RUN = -1 };

/* Does all that programs have in common: --help, --version, --help-settings, --check-config,
 * --config FILE (may be repeated; WAYBILL_CONFIG names one, too), the program's flags, all
 * settings. Prints what was asked for to stdout, errors to stderr. Returns CONFIG_RUN (go on; every
 * part's cfg is filled) or the exit status: 0 after --help and the like, 2 for wrong usage or
 * settings. Values live in the arena, which must outlive the program's work. argv[0] is skipped. A
 * program that takes no arguments checks argument_count itself. */
MUST_CHECK int config_parse(const struct config_program *program, int argc, char *const *argv,
                            struct arena *arena, struct config_outcome *out);

/* What is wrong with the settings, in the order of the sources. */
struct settings_faults {
    struct error faults[SETTINGS_FAULTS_MAX];
    size_t count;
};

/* The pieces, for tests: all parts from these sources, nothing printed. files: NULL at the end, or
 * NULL. env: as environ, or NULL. flags: "name=value" without dashes, NULL at the end, or NULL.
 * A fault does not keep from looking for others; .check waits until there is none. */
MUST_CHECK int settings_load_all(const struct config_part *parts, size_t part_count,
                                 const char *const *files, char *const *env,
                                 const char *const *flags, struct arena *arena,
                                 struct settings_faults *out);

/* The same; the first fault only. */
MUST_CHECK int settings_load(const struct config_part *parts, size_t part_count,
                             const char *const *files, char *const *env, const char *const *flags,
                             struct arena *arena, struct error *err);

/* Is the table itself right: alphabetical, names well-formed, defaults readable and in range,
 * fields inside the struct? For a unit test of every component. */
MUST_CHECK int settings_check_table(const struct settings *settings, struct error *err);

/* "kafka.bootstrap_servers" -> "WAYBILL_KAFKA_BOOTSTRAP_SERVERS". */
void settings_variable(const char *name, char out[SETTING_VARIABLE_BYTES]);

/* First 64 bits of the SHA-256 over the effective non-secret settings of this table and its
 * sections, as hex: equal hashes = the same rules apply. sections as given to load_section, or
 * NULL. */
void settings_hash(const struct settings *settings, const void *cfg,
                   const struct yaml_node *sections, char out[SETTINGS_HASH_BYTES + 1]);

#endif
