/* Words for what a person does with the tool: puts records back, answers parked calls, stops
 * endpoints. Over the world of probe.h. */
#ifndef WAYBILL_SIM_PERSON_H
#define WAYBILL_SIM_PERSON_H

#include "sim/probe.h"

enum { PARKED_LIST_MAX = 64 };

/* A payment that first stood on inbound.orders, sent to the probe again. what: "requeue",
 * "replay"; id: its ce_id; again: NULL = the same event; without_effects: its calls are parked. */
void person_sends(const char *what, const char *key, enum amount amount, const char *id,
                  const char *again, bool without_effects);

struct parked {
    char key[16], id[32];
    int64_t sequence;
};
/* What is parked, as the changelog says; at most PARKED_LIST_MAX. */
size_t person_looks(struct parked out[PARKED_LIST_MAX]);

/* Of that intent, parked or not; -1 = it is gone. */
int64_t person_finds(const char *key, const char *id, enum intent_status *out_status);

void person_answers(const char *key, const char *id, int64_t sequence, enum call_answer what,
                    const char *event_id);

void person_switches(const char *service, const char *endpoint, bool stopped);

#endif
