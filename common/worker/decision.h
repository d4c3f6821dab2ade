/* One call of a rule on one key: its effects go to a copy, which is kept whole or not at all. */
#ifndef WAYBILL_WORKER_DECISION_H
#define WAYBILL_WORKER_DECISION_H

#include "worker/batch.h"

/* Where the effects go until it is known whether they are kept. */
struct decision {
    struct effects_sink sink; /* first: the sink is the decision */
    struct worker *worker;
    struct batch_item *item;
    struct entry next; /* the key as it will be */
    struct output *output_mark;
    struct intent_change *intent_mark;
    size_t emit_count;
    int64_t now_ms;
    struct error failed; /* the first thing that went wrong */
};

void decision_begin(struct decision *decision, struct worker *worker, struct batch_item *item);

/* The key is now as the rule left it. */
void decision_keep(struct decision *decision);

/* As if the rule had not been called. */
void decision_undo(struct decision *decision);

/* The intent is done with, unless it is parked: then a person decides, and one more reply comes. */
void decision_take_reply(struct decision *decision, const struct calls_reply *finished,
                         struct str field);

/* The field of an intent: "i:<state type>:<length of key>:<key>:<id>". */
struct str decision_intent_field(struct arena *arena, struct str state_type, struct str key,
                                 struct str id);

/* Where in the key's list an intent stands; intent_count = nowhere. */
size_t entry_intent_at(const struct entry *entry, struct str field);

void entry_remove_timer(struct entry *entry, size_t at);

#endif
