/* Random trouble for the world of probe.h: of Kafka, of the store. One seed, one run. */
#ifndef WAYBILL_SIM_TROUBLE_H
#define WAYBILL_SIM_TROUBLE_H

#include "sim/probe.h"

void trouble_seed(uint64_t seed);
int trouble_pick(int count); /* 0 .. count - 1 */

void trouble_kafka(void);
void trouble_store(void);

/* All is well again, and what was to happen happens. */
void trouble_ends(void);

#endif
