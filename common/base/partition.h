/* Which partition a key belongs to: the one function that every producer and the runtime's check
 * share. */
#ifndef WAYBILL_BASE_PARTITION_H
#define WAYBILL_BASE_PARTITION_H

#include "base/str.h"

/* As Kafka's Java client: toPositive(murmur2(key)) % partitions. partitions > 0. */
int32_t partition_of(struct str key, int32_t partitions);

#endif
