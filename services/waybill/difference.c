#include "waybill/difference.h"

#include "base/rfc3339.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

enum { SCORE_BYTES = 96 };

static const char *describe_score(int64_t score, char out[SCORE_BYTES])
{
    char time_text[RFC3339_BYTES];
    if (score > 0) {
        rfc3339_format(score, time_text);
        snprintf(out, SCORE_BYTES, "due %s (score %" PRId64 ")", time_text, score);
    } else if (score < 0) {
        snprintf(out, SCORE_BYTES, "a call that waits (score %" PRId64 ")", score);
    } else {
        snprintf(out, SCORE_BYTES, "not in the sorted set");
    }
    return out;
}

static struct str value_text(const struct decoded *decoded, struct arena *arena)
{
    return decoded->topic ? decoded_value_json(decoded, arena) : STR("nothing");
}

static const char *headline(const struct difference *d)
{
    if (d->faults & FOLD_VALUE)
        return !d->found.topic         ? "is missing in Redis"
               : !d->expected.is_there ? "is too much in Redis"
                                       : "differs";
    return d->found_score == 0      ? "is missing in the sorted set"
           : d->expected.score == 0 ? "is too much in the sorted set"
                                    : "stands elsewhere in the sorted set";
}

struct str difference_lines(const struct difference *d, struct arena *arena)
{
    char expected_score[SCORE_BYTES], found_score[SCORE_BYTES], from[64] = "";
    struct str field = utf8_is_valid(d->field) ? d->field : STR("(a field that is no text)");
    struct str values = STR(""), scores = STR("");
    if (d->expected.offset != FOLD_NOWHERE)
        snprintf(from, sizeof(from), " (offset %" PRId64 ")", d->expected.offset);
    if (d->faults & FOLD_VALUE)
        values = arena_printf(arena, "    changelog%s: %.*s\n    Redis: %.*s\n", from,
                              STR_ARG(value_text(&d->said, arena)),
                              STR_ARG(value_text(&d->found, arena)));
    if (d->faults & FOLD_SCORE)
        scores = arena_printf(arena, "    changelog%s: %s\n    Redis: %s\n", from,
                              describe_score(d->expected.score, expected_score),
                              describe_score(d->found_score, found_score));
    return arena_printf(arena, "%s task %" PRId32 ": %.*s %s\n%.*s%.*s", d->service, d->task,
                        STR_ARG(field), headline(d), STR_ARG(values), STR_ARG(scores));
}

static struct str found_text(const struct task_summary *s, struct arena *arena)
{
    switch (s->found) {
    case TASK_EQUAL:
        return STR("equal");
    case TASK_BEHIND:
        return arena_printf(arena,
                            "equal as far as it stands; %" PRId64 " batches (%" PRId64
                            " records) behind, which the owner brings up",
                            s->behind_batches, s->behind_records);
    case TASK_EMPTY:
        return STR("Redis has no position: to be rebuilt from the changelog by the owner");
    case TASK_REBUILDING:
        return arena_printf(arena, "is being restored now, %" PRId64 " fields are there", s->keys);
    case TASK_OUTDATED:
        return STR("Redis stands before what compaction has left: to be rebuilt by the owner");
    case TASK_MOVING:
        return STR("was wiped or thrown back while it was read, again and again: verify later");
    case TASK_DIFFERS:
        return s->why ? str_from(s->why)
                      : arena_printf(arena, "DIFFERS in %" PRId64 " keys", s->differences);
    case TASK_FOUND_KINDS:
        break;
    }
    return STR("?");
}

struct str task_summary_line(const struct task_summary *s, struct arena *arena)
{
    struct str where = STR(""), later = STR("");
    if (s->batch > 0)
        where = arena_printf(arena,
                             "; %" PRId64 " keys, %" PRId64 " in the sorted set, batch %" PRId64
                             " at changelog offset %" PRId64,
                             s->keys, s->due, s->batch, s->offset);
    if (s->later > 0)
        later = arena_printf(arena,
                             "; %" PRId64 " timers that another version knows stand a little later",
                             s->later);
    return arena_printf(arena, "%s task %" PRId32 ": %.*s%.*s%.*s\n", s->service, s->task,
                        STR_ARG(found_text(s, arena)), STR_ARG(where), STR_ARG(later));
}

struct str task_totals_line(const int64_t counts[TASK_FOUND_KINDS], int64_t differences,
                            struct arena *arena)
{
    static const char *const names[TASK_FOUND_KINDS] = {
        "equal",    "behind",       "without a position", "being restored",
        "outdated", "not readable", "DIFFERENT"};
    int64_t tasks = 0;
    struct str text = STR("");
    for (int i = 0; i < TASK_FOUND_KINDS; i++) {
        tasks += counts[i];
        if (counts[i] > 0)
            text = arena_printf(arena, "%.*s%s%" PRId64 " %s", STR_ARG(text), text.len ? ", " : "",
                                counts[i], names[i]);
    }
    return arena_printf(arena, "%" PRId64 " tasks: %.*s; %" PRId64 " differences\n", tasks,
                        STR_ARG(text), differences);
}
