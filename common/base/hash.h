/* FNV-1a, 64 bits: for buckets, and for standing in for a text of which no enemy chooses two. */
#ifndef WAYBILL_BASE_HASH_H
#define WAYBILL_BASE_HASH_H

#include "base/str.h"

#define HASH_START UINT64_C(14695981039346656037)

/* Goes on from hash, HASH_START for the first part. */
static inline uint64_t hash_add(uint64_t hash, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return hash;
}

#endif
