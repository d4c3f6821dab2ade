/* Carriers' own bytes -> scans in canonical words. One file per source; adapters.c lists them.
 *
 * An adapter is tolerant ("Carriers' payloads" in services/FEATURES.md): a scan that cannot be read
 * is left out and the rest is used; an unknown code becomes the status UNKNOWN, which leaves the
 * parcel where it is. */
#ifndef WAYBILL_TRACKING_INGEST_ADAPTERS_H
#define WAYBILL_TRACKING_INGEST_ADAPTERS_H

#include "base/arena.h"
#include "events.h"

enum { PAYLOAD_SCANS_MAX = 200 };

struct scans {
    struct scan_reported *ptr;
    size_t len;
};

/* key: <carrier>/<number>, as the payload was produced; the payload must be about that number.
 * out is room for PAYLOAD_SCANS_MAX and empty. NULL, or why the payload is no good (static text).
 */
typedef const char *adapter(struct str body, struct str key, struct arena *arena,
                            struct scans *out);

adapter shiprocket_read;

/* By payload->source. Scans in no particular order. */
const char *adapters_read(const struct payload_received *payload, struct str key,
                          struct arena *arena, struct scans *out);

#endif
