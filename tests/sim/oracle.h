/* A plain sequential model: it knows rules, and nothing of batches, transactions or Redis.
 *
 * It reads what any consumer can read: the inputs, the outputs, the dead letters, the changelog,
 * and the witness of every decision in the order taken (witness.h). It takes the same decisions
 * again, one after the other, and compares. Beside that it reads the ledger of the outside and, at
 * rest, the store. */
#ifndef WAYBILL_SIM_ORACLE_H
#define WAYBILL_SIM_ORACLE_H

#include "sim/run.h"

#include "avro/schemas.h"
#include "base/buffer.h"

enum { ORACLE_BUCKETS = 1024 };

/* An intent from the rule that asked for it to its reply. */
struct promise {
    struct promise *next;
    const struct service *rules;
    struct folded *of;
    struct str id, idempotency_key, endpoint;
    uint64_t asked;     /* moment at which it was decided */
    uint64_t answered;  /* 0 = no reply has come so far */
    int answered_by;    /* the process that took the reply */
    bool will_answer;   /* one comes at some time */
    uint64_t withdrawn; /* moment at which a rule said so; 0 = not */
    bool parked;
    int64_t expires_ms; /* 0 = never */
    enum outcome outcome;
};

/* A state that a key had, from one decision to the next. */
struct stood {
    struct stood *next;
    struct str state;
    uint64_t moment; /* of the decision */
};

/* One key of one state type. */
struct folded {
    struct folded *next, *next_bucket;
    const struct service *rules;
    const struct record_type *state_type;
    struct str key;
    struct str state;    /* framed; ptr NULL = none */
    struct stood *stood; /* newest first; before the oldest it had none */
    struct key_timer timers[TIMERS_PER_KEY_MAX];
    size_t timer_count;
    struct promise *promises[INTENTS_PER_KEY_MAX]; /* pending, in order */
    size_t promise_count;
    bool dropping;
};

/* A record of an input, and what became of it. */
struct fate {
    struct fate *next, *next_bucket;
    size_t service;
    int32_t input, partition;
    int64_t offset;
    struct str key, ce_id;
    const struct stored *record;
    const struct record_type *type;
    bool home, hopped;
    struct fate *first;                /* of those with this id and key */
    int copies, strays, decided, dead; /* of all copies; only in the first */
};

/* A committed record that a worker wrote. */
struct written {
    struct written *next_bucket;
    struct str ce_id, cause;
    const struct stored *record;
    const char *topic;
    int32_t partition;
    int64_t offset;
    bool expected;
};

/* How far into one partition of a topic a key of a service has come: of an input by its decisions,
 * of an output by what they emitted. */
struct pace {
    struct pace *next_bucket;
    const struct service *rules;
    struct str key;
    const char *topic;
    int32_t partition;
    int64_t offset; /* of the last one */
};

struct oracle {
    struct run *run;
    struct arena arena;
    struct avro_schemas *schemas;
    struct buffer scratch;
    struct folded *folded;
    struct folded *folded_buckets[ORACLE_BUCKETS];
    struct fate *fates;
    struct fate *fate_buckets[ORACLE_BUCKETS];
    struct written *written_buckets[ORACLE_BUCKETS];
    struct pace *pace_buckets[ORACLE_BUCKETS];
    struct promise *promises; /* newest first */
    struct promise *answered_buckets[ORACLE_BUCKETS];
};

/* Whether read_committed has ever shown it. */
static inline bool oracle_was_seen(const struct stored *record)
{
    return record->state == COMMITTED || record->state == COMPACTED;
}

uint32_t oracle_bucket(struct str text);
struct folded *oracle_folded(struct oracle *oracle, const struct service *rules,
                             const struct record_type *type, struct str key);
/* Framed Avro in the oracle's arena. */
struct str oracle_encode(struct oracle *oracle, const struct record_type *type, const void *record);
const void *oracle_decode(struct oracle *oracle, struct str framed,
                          const struct record_type **out_type);

/* The offset at which the key was there before, -1 = at none; from now on it is at this one. The
 * topic is known by its pointer. */
int64_t oracle_step(struct oracle *oracle, const struct service *rules, struct str key,
                    const char *topic, int32_t partition, int64_t offset);

/* oracle_fates.c: what came in. */
void oracle_collect_fates(struct oracle *oracle);
struct fate *oracle_fate(struct oracle *oracle, const struct service *rules,
                         const struct record_type *type, struct str key, struct str ce_id);
void oracle_check_fates(struct oracle *oracle);

/* oracle_fold.c: the same decisions again. */
void oracle_fold(struct oracle *oracle);

/* oracle_rest.c: changelog and store at rest. */
void oracle_check_rest(struct oracle *oracle);

/* oracle_calls.c: the ledger. */
void oracle_check_calls(struct oracle *oracle);
/* Whether the owner that decided at that moment, and that time of its clock, to withdraw it had to
 * know that nothing of it had begun. */
bool oracle_withdraws_in_time(struct oracle *oracle, const struct promise *promise, uint64_t moment,
                              int64_t now_ms);

#endif
