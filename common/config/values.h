/* Values as people write them in files, variables and flags. Errors name the value and what would
 * be right; the caller adds the place. */
#ifndef WAYBILL_CONFIG_VALUES_H
#define WAYBILL_CONFIG_VALUES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Ranges are inclusive. Outputs are untouched on failure; all errors are ERROR_FATAL. */
MUST_CHECK int value_to_int(struct str text, int64_t min, int64_t max, int64_t *out,
                            struct error *err);
MUST_CHECK int value_to_double(struct str text, double min, double max, double *out,
                               struct error *err);
MUST_CHECK int value_to_bool(struct str text, bool *out, struct error *err);
/* "250ms" "10s" "5m" "2h" "3d" -> ms; 0 needs no unit. */
MUST_CHECK int value_to_duration(struct str text, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
                                 struct error *err);
/* "512" "64KiB" "16MiB" "1GiB". */
MUST_CHECK int value_to_bytes(struct str text, int64_t min, int64_t max, int64_t *out,
                              struct error *err);
/* "21:30" -> minutes after midnight. */
MUST_CHECK int value_to_time_of_day(struct str text, int64_t *out_minutes, struct error *err);
/* RFC 3339, or Unix milliseconds. */
MUST_CHECK int value_to_time(struct str text, int64_t *out_ms, struct error *err);
/* The index of one of the choices (NULL at the end). */
MUST_CHECK int value_to_choice(struct str text, const char *const *choices, int *out,
                               struct error *err);

/* The shortest way to write it, as the readers above take it. */
enum { VALUE_SHOWN_BYTES = 32 };
const char *value_show_duration(int64_t ms, char out[VALUE_SHOWN_BYTES]);
const char *value_show_bytes(int64_t bytes, char out[VALUE_SHOWN_BYTES]);

/* How far apart two names are: letters to add, remove, change or swap. Names over 63 letters: 64.
 */
size_t value_distance(struct str a, struct str b);

/* The most similar of the names (NULL at the end), or NULL if none is similar. */
const char *value_nearest(struct str wanted, const char *const *names);

/* A whole file into the arena, NUL-terminated behind its end. */
MUST_CHECK int value_read_file(const char *file, size_t bytes_max, struct arena *arena,
                               struct str *out, struct error *err);

#endif
