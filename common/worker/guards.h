/* What the protocol stands on, each guard under a name of its own. A build for tests only
 * (-DGUARDS_REMOVABLE=ON) can take one of them away, to see that the simulation finds out; in every
 * other build all of them are constants, and nothing can be taken away. */
#ifndef WAYBILL_WORKER_GUARDS_H
#define WAYBILL_WORKER_GUARDS_H

#include <stdbool.h>

#define WORKER_GUARDS(X)                                                                           \
    X(STABLE_OFFSET, "stable_offset",                                                              \
      "a take-over waits for the group's offset, which the broker "                                \
      "holds back while a transaction is pending")                                                 \
    X(CHANGELOG_END, "changelog_end", "the changelog is read to its end, not only what shows")     \
    X(POSITION_AT_LOAD, "position_at_load",                                                        \
      "states count only if the store stands at the task's "                                       \
      "position")                                                                                  \
    X(FENCE, "fence", "every transaction sends offsets, with the generation")                      \
    X(ANCHOR, "anchor", "the anchor's offset is always among them")                                \
    X(PRODUCER_ANEW, "producer_anew",                                                              \
      "after an unknown outcome the producer is initialised again")                                \
    X(TAKE_OVER, "take_over", "after an unknown outcome the task is taken over, not rewound")      \
    X(OWN_ALL, "own_all", "a task is ours only with its partition of every input")                 \
    X(RING, "ring", "events from outside are known again by their ids")                            \
    X(INTENTS_FIRST, "intents_first", "a call is made after its intent has committed")             \
    X(STARTED, "started", "`started` is committed before a call that may not be repeated")         \
    X(REPLIES_KEPT, "replies_kept", "a reply is kept until the batch that took it has committed")  \
    X(REBUILD_MARK, "rebuild_mark", "chunks of a rebuild compare the store first")                 \
    X(CONTACT, "contact", "nothing is sent when the last contact with the group is old")           \
    X(QUIET, "quiet", "a look-up waits until what was sent has surely come to its end")            \
    X(AWAY, "away", "a batch of another owner in the changelog says that the task was away")

enum guard {
    GUARD_NONE,
#define X(name, word, text) GUARD_##name,
    WORKER_GUARDS(X)
#undef X
};

#ifdef GUARDS_REMOVABLE
extern enum guard guard_removed;

static inline bool guard(enum guard which)
{
    return which != guard_removed;
}
#else
static inline bool guard(enum guard which)
{
    (void)which;
    return true;
}
#endif

#endif
