/* Which checks count as a proof that a guard's absence is found: those that see the harm which it
 * keeps away. That another one fails, too, or first, is no proof. */
#ifndef WAYBILL_SIM_PROOFS_H
#define WAYBILL_SIM_PROOFS_H

#include "sim/run.h"

#include "worker/guards.h"

/* Decided twice or not in order, or upon what is not the state of the key. */
#define PROOF_OF_BATCHES                                                                           \
    (1U << CHECK_FATES | 1U << CHECK_ORDER | 1U << CHECK_OUTPUTS | 1U << CHECK_CHANGELOG)

#define PROOFS(X)                                                                                  \
    X(STABLE_OFFSET, PROOF_OF_BATCHES)                                                             \
    X(CHANGELOG_END, PROOF_OF_BATCHES)                                                             \
    X(POSITION_AT_LOAD, PROOF_OF_BATCHES)                                                          \
    X(FENCE, PROOF_OF_BATCHES)                                                                     \
    X(ANCHOR, PROOF_OF_BATCHES)                                                                    \
    X(PRODUCER_ANEW, 1U << CHECK_GOES_ON) /* nothing is written any more */                        \
    X(TAKE_OVER, PROOF_OF_BATCHES)                                                                 \
    X(OWN_ALL, PROOF_OF_BATCHES)                                                                   \
    X(RING, 1U << CHECK_FATES)                                                                     \
    X(INTENTS_FIRST, 1U << CHECK_INTENDED)                                                         \
    X(STARTED, 1U << CHECK_DONE_ONCE)                                                              \
    X(REPLIES_KEPT, 1U << CHECK_DONE_ONCE)                                                         \
    X(REBUILD_MARK, PROOF_OF_BATCHES | 1U << CHECK_STORE)                                          \
    X(CONTACT, 1U << CHECK_DONE_ONCE)                                                              \
    X(QUIET, 1U << CHECK_DONE_ONCE)                                                                \
    X(AWAY, 1U << CHECK_DONE_ONCE)

/* Each guard has its line. */
enum {
#define X(name, word, text) PROOF_NAMES_##name,
    WORKER_GUARDS(X)
#undef X
        PROOF_GUARD_COUNT,
    PROOF_COUNT = 0
#define X(name, proof) +1
    PROOFS(X)
#undef X
};
_Static_assert((int)PROOF_COUNT == (int)PROOF_GUARD_COUNT, "a guard has no proof named");

#endif
