/* Which adapter reads which source. */
#include "tracking_ingest/adapters/adapters.h"

static const struct {
    const char *source;
    adapter *read;
} adapters[] = {
    {"shiprocket", shiprocket_read},
};

const char *adapters_read(const struct payload_received *payload, struct str key,
                          struct arena *arena, struct scans *out)
{
    struct scans scans = {.ptr = arena_alloc_array(arena, PAYLOAD_SCANS_MAX, sizeof(*scans.ptr))};
    assert(scans.ptr);
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        if (!str_equal(payload->source, str_from(adapters[i].source)))
            continue;
        const char *fault = adapters[i].read(payload->body, key, arena, &scans);
        if (!fault)
            *out = scans;
        return fault;
    }
    return "no adapter for this source";
}
