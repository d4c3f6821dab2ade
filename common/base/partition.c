#include "base/partition.h"

/* org.apache.kafka.common.utils.Utils.murmur2: seed 0x9747b28c, 32 bits, little endian. */
static uint32_t murmur2(const unsigned char *data, size_t len)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)len;
    for (; len >= 4; data += 4, len -= 4) {
        uint32_t k = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                     (uint32_t)data[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    uint32_t tail = 0;
    for (size_t i = len; i > 0; i--)
        tail = tail << 8 | data[i - 1];
    if (len > 0)
        h = (h ^ tail) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

int32_t partition_of(struct str key, int32_t partitions)
{
    uint32_t hash = murmur2((const unsigned char *)key.ptr, key.len) & 0x7fffffff;
    return (int32_t)(hash % (uint32_t)partitions);
}
