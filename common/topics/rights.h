/* Least rights: what each service, and each other who has to do with Waybill, needs in Kafka.
 *
 * One table, in rights.c: what a service reads and writes. A test holds it beside the services'
 * routes and the events that their rules emit. */
#ifndef WAYBILL_TOPICS_RIGHTS_H
#define WAYBILL_TOPICS_RIGHTS_H

#include "base/arena.h"
#include "base/error.h"

enum { RIGHTS_MAX = 64 };

/* Words as Kafka's own tools spell them. */
struct right {
    const char *operation; /* "Read" */
    const char *resource;  /* "Topic", "Group", "TransactionalId", "Cluster" */
    const char *name;      /* with prefix; NUL-terminated */
    bool is_prefix;        /* all names that begin so */
    const char *why;       /* for a person; may be NULL */
};

struct rights {
    const char *who, *text; /* "intake"; what it does */
    struct right list[RIGHTS_MAX];
    size_t count;
};

/* Those who may be asked for, in order; NULL when `at` is behind the last. */
const char *rights_name(size_t at);
const char *rights_text(size_t at);

/* Names and list live in the arena. ERROR_FATAL: there is nobody of that name, or no memory. */
MUST_CHECK int rights_of(const char *who, struct str prefix, struct arena *arena,
                         struct rights *out, struct error *err);

#endif
