/* From a store's own bytes to our events: one pure function per source (F01).
 *
 * To add a source: 1. write adapters/<source>.c with <source>_read; 2. declare it here; 3. name it
 * in the table of payload.c; 4. put a payload of the source's documentation into
 * tests/unit/test_intake_adapters.c. */
#ifndef WAYBILL_INTAKE_ADAPTER_H
#define WAYBILL_INTAKE_ADAPTER_H

#include "base/error.h"
#include "events.h"
#include "json/json.h"

enum payload_kind {
    PAYLOAD_NOTHING, /* read, and nothing to us: a draft */
    PAYLOAD_ORDER,
    PAYLOAD_CANCEL
};

struct payload {
    enum payload_kind kind;
    struct order_submitted order;   /* PAYLOAD_ORDER */
    struct cancel_submitted cancel; /* PAYLOAD_CANCEL; order_id is set by the caller */
    struct str external_id;
};

/* root: the body; topic: the source's own name of the notice, may be absent; store: ours, from the
 * key. Fields that are missing or null stay missing: validation names them. -1 and
 * ERROR_SET_ASIDE, out unchanged, when something that is there cannot be read. */
typedef int adapter(const struct json_node *root, struct str topic, struct str store,
                    struct arena *arena, struct payload *out, struct error *err);

adapter shopify_read;
adapter woocommerce_read;

#endif
