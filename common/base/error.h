/* What went wrong, and what the caller does about it. */
#ifndef WAYBILL_BASE_ERROR_H
#define WAYBILL_BASE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_action {
    ERROR_NONE,
    ERROR_RETRY,       /* the other side is away: try again later */
    ERROR_ABORT_BATCH, /* abort the transaction and take over */
    ERROR_SET_ASIDE,   /* this input is bad: dead letter */
    ERROR_DENIED,      /* credentials or rights are refused: a person must mend them; try seldom */
    ERROR_FATAL        /* this process cannot go on */
};

struct error {
    enum error_action action;
    char text[256]; /* what happened, for a person; each level may prefix it */
};

/* What is open is of no use any more: the process ends, or opens everything anew. */
static inline bool error_is_final(const struct error *err)
{
    return err->action == ERROR_FATAL || err->action == ERROR_DENIED;
}

/* Sets err (which may be NULL) and returns -1, so that one may write `return error_set(…)`. */
int error_set(struct error *err, enum error_action action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text and returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
