/* What a worker was at when it died of it: one log line from the signal handler, and a limit on the
 * processor time of one batch, so that a rule that never returns ends its process instead of
 * holding its partitions for ever. What comes back and dies again is poison.h's.
 *
 * Nothing happens before last_words_install: tests are not touched. One loop per process. */
#ifndef WAYBILL_WORKER_LAST_WORDS_H
#define WAYBILL_WORKER_LAST_WORDS_H

#include "worker/worker.h"

struct last_words_options {
    const char *service; /* borrowed, as all texts here */
    bool json;           /* the line's format */
    int fd;
    int64_t cpu_limit_ms; /* of the calling thread, for one watched stretch */
};

/* Called by the loop's thread. Signals that end a process by its own fault are told, then take
 * their usual way (core dump, sanitizer's report). */
void last_words_install(const struct last_words_options *options);

/* The item that is being decoded or decided; NULL = none. It must live until the next call. */
void last_words_at(const struct service *service, const struct batch_item *item);

/* The stretch that the limit holds for. */
void last_words_watch(bool on);

#endif
