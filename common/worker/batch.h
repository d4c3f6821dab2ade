/* A batch: what one transaction covers. Steps 1 to 6 of the loop. */
#ifndef WAYBILL_WORKER_BATCH_H
#define WAYBILL_WORKER_BATCH_H

#include "worker/worker.h"

/* Set on a record that we sent on to its right partition. */
#define HOP_HEADER "waybill_hops"

#define TOO_LARGE_REASON                                                                           \
    "oversize: with its state and its effects there is no room for it (setting batch.bytes)"

enum {
    KEY_BYTES_MAX = 512,
    RECORD_HEADERS_MAX = 200,                /* of one record */
    HEADER_BYTES_MAX = 64 * 1024,            /* of them all */
    EVENT_ARENA_SHARE = 4,                   /* of the batch's memory, for one event's structs */
    DEAD_LETTER_BYTES_MAX = 3 * 1024 * 1024, /* of the original value; more is cut off */
    REPLIES_PER_BATCH_MAX = 1000,
    TIMERS_PER_TASK_MAX = 500,
    TIMERS_PER_BATCH_MAX = 5000,
    /* After a take-over, so that what waits in the topics is read first: at least, and at most
     * while the inputs are known to have more, or Kafka has not told us yet what they have. */
    TIMERS_HOLD_MS = 300,
    TIMERS_WAIT_MOST_MS = 3000, /* also later, behind inputs that are never read to their end */
    TIMERS_UNHEARD_MOST_MS = 30000,
    STORE_LOOK_MS = 10000, /* at most between looks at where a task's store stands */
    UNKNOWN_SCHEMA_RETRY_MS = 1000
};

/* Steps 1 and 2. Returns 0; 1 when the assignment changed meanwhile (drop the batch); -1 on error.
 */
MUST_CHECK int batch_read(struct worker *worker, int idle_ms, struct error *err);

/* Step 3. Returns 0; 1 when a task's store does not stand where the task does, or holds states that
 * this program cannot read (task_refuse): that task is marked RESTORING, and the batch cannot be
 * decided; -1 on error. */
MUST_CHECK int batch_load(struct worker *worker, struct error *err);

/* Step 4. Errors are ours (memory), never an event's. */
MUST_CHECK int batch_decide(struct worker *worker, struct error *err);

/* What is to be kept of each key, made before the transaction begins: there may be no room for it.
 */
MUST_CHECK int batch_pack(struct worker *worker, struct error *err);

/* Step 5: one transaction. After -1 nothing is known: reopen, take over. */
MUST_CHECK int batch_commit(struct worker *worker, struct error *err);

/* Step 6: the store follows. A task whose store does not is marked RESTORING. */
void batch_apply(struct worker *worker);

/* The new intents of the batch, to the calls; too early, if it is not yet committed (guards.h). */
void batch_offer_intents(struct worker *worker);

/* Step 7: hands the calls what was committed: intents, withdrawals, replies that are done with. */
void batch_hand_over(struct worker *worker);

/* Gives back what the batch borrowed and forgets it. */
void batch_drop(struct worker *worker);

/* Anything but positions to commit? */
bool batch_has_effects(const struct worker *worker);

/* uuid5 over the service and up to 3 parts, as 36 characters in the arena. */
struct str batch_id(struct worker *worker, const struct str *parts, size_t count);

/* Sent by a person (topics/operator.h)? */
bool batch_is_operators(const struct worker *worker, const struct batch_item *item);

/* A person has it decided again without effects: calls that it asks for are parked. */
bool batch_effects_are_off(const struct worker *worker, const struct batch_item *item);

/* For one more intent of that task. */
int64_t batch_next_sequence(struct worker *worker, const struct task *task);

/* Of all its names and values. */
size_t batch_header_bytes(const struct kafka_record *record);

/* The route of a timer of that key; NULL = this version has none. */
const struct route *batch_timer_route(const struct worker *worker, const struct entry *entry,
                                      struct str name);

/* Keys are text: UTF-8 without NUL, not empty, at most KEY_BYTES_MAX. */
bool batch_key_is_fit(struct str key);

/* The clock's now, or the task's highest event time if that is later. */
int64_t batch_task_now(const struct worker *worker, const struct task *task);

/* One more record in the transaction; everything borrowed must live in the arena or longer. */
MUST_CHECK int batch_output(struct worker *worker, const struct output *output, struct error *err);

/* One more change of an intent, in order; copied. */
MUST_CHECK int batch_intent_change(struct worker *worker, const struct intent_change *change,
                                   struct error *err);

/* The CloudEvents headers of an event that we emit, into output; fills in the trace. */
MUST_CHECK int batch_event_headers(struct worker *worker, struct cloudevent *ce,
                                   struct output *output, struct error *err);

/* The original bytes and headers, and why (design: dead letters). */
MUST_CHECK int batch_dead_letter(struct worker *worker, struct batch_item *item, const char *reason,
                                 struct error *err);

#endif
