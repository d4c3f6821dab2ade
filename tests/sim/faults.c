#include "sim/faults.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *const port_call_names[PORT_CALL_COUNT] = {
#define X(name, text) [CALL_##name] = text,
    PORT_CALLS(X)
#undef X
};

const char *const fault_names[FAULT_COUNT] = {
#define X(name, text) [FAULT_##name] = text,
    FAKE_FAULTS(X)
#undef X
};

int64_t fake_pick(struct faults *faults, int64_t count)
{
    faults->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t x = faults->random;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((x ^ (x >> 31)) % (uint64_t)count);
}

bool fake_goes_wrong(struct faults *faults, enum fake_fault fault)
{
    if (faults->per_10000[fault] == 0 || fake_pick(faults, 10000) >= faults->per_10000[fault])
        return false;
    fake_count(faults, fault);
    return true;
}

void fake_count(struct faults *faults, enum fake_fault fault)
{
    faults->counts[fault]++;
}

void fake_tell(const struct faults *faults, int worker, const char *format, ...)
{
    if (!faults->tells)
        return;
    int64_t at_ms = *faults->now_ms - faults->began_ms;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%7" PRId64 ".%03d  ", at_ms / 1000, (int)(at_ms % 1000));
    if (worker > 0)
        fprintf(stderr, "worker %d: ", worker);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}
