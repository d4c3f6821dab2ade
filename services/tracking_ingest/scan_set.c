/* The order and the identity of scans. */
#include "tracking_ingest/scan_set.h"

#include "base/hash.h"

/* Breaks ties of time only: several scans in one second are common (merge rule 3). */
static int status_rank(enum shipment_status status)
{
    switch (status) {
    case SHIPMENT_STATUS_UNKNOWN:
        return 0;
    case SHIPMENT_STATUS_EXPIRED:
        return 5;
    case SHIPMENT_STATUS_PENDING:
        return 10;
    case SHIPMENT_STATUS_INFO_RECEIVED:
        return 20;
    case SHIPMENT_STATUS_PICKED_UP:
        return 30;
    case SHIPMENT_STATUS_IN_TRANSIT:
    case SHIPMENT_STATUS_ON_HOLD:
    case SHIPMENT_STATUS_EXCEPTION:
        return 40;
    case SHIPMENT_STATUS_OUT_FOR_DELIVERY:
    case SHIPMENT_STATUS_AVAILABLE_FOR_PICKUP:
        return 50;
    case SHIPMENT_STATUS_ATTEMPT_FAILED:
        return 55;
    case SHIPMENT_STATUS_LOST:
    case SHIPMENT_STATUS_DAMAGED:
        return 80;
    case SHIPMENT_STATUS_CANCELLED:
        return 85;
    case SHIPMENT_STATUS_DELIVERED:
        return 90;
    }
    return 0;
}

static uint64_t hash_add_text(uint64_t hash, struct str text)
{
    return hash_add(hash_add(hash, text), (struct str){"", 1});
}

/* Kept in states: never change it. */
static int64_t scan_id(const struct scan_reported *scan)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)scan->occurred_at_ms >> (8 * i));
    uint64_t hash = hash_add(HASH_START, (struct str){bytes, sizeof(bytes)});
    hash = hash_add_text(hash, scan->raw_code);
    hash = hash_add_text(hash, scan->location);
    hash = hash_add_text(hash, str_from(shipment_leg_name(scan->leg)));
    hash = hash_add_text(hash, str_from(shipment_status_name(scan->status)));
    return (int64_t)hash;
}

static struct str clip(struct str text)
{
    if (text.len <= SCAN_TEXT_BYTES_MAX)
        return text;
    size_t len = SCAN_TEXT_BYTES_MAX;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--;
    return (struct str){text.ptr, len};
}

struct tracked_scan scan_set_item(const struct scan_reported *scan)
{
    return (struct tracked_scan){
        .id = scan_id(scan),
        .occurred_at_ms = scan->occurred_at_ms,
        .leg = scan->leg,
        .status = scan->status,
        .reason = scan->reason,
        .raw_text = clip(scan->raw_text),
        .location = clip(scan->location),
        .has_expected_on = scan->has_expected_on,
        .expected_on = scan->expected_on,
    };
}

static int compare(const struct tracked_scan *a, const struct tracked_scan *b)
{
    if (a->occurred_at_ms != b->occurred_at_ms)
        return a->occurred_at_ms < b->occurred_at_ms ? -1 : 1;
    if (a->leg != b->leg)
        return a->leg < b->leg ? -1 : 1;
    int rank_a = status_rank(a->status), rank_b = status_rank(b->status);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

bool scan_set_add(struct arena *arena, struct tracked_scan_list *set,
                  const struct tracked_scan *scan)
{
    size_t at = set->len;
    for (size_t i = set->len; i-- > 0;) {
        int order = compare(scan, &set->ptr[i]);
        if (order == 0)
            return false;
        if (order < 0)
            at = i;
    }
    struct tracked_scan *items = arena_alloc_array(arena, set->len + 1, sizeof(*items));
    assert(items);
    if (at > 0)
        memcpy(items, set->ptr, at * sizeof(*items));
    items[at] = *scan;
    if (set->len > at)
        memcpy(&items[at + 1], &set->ptr[at], (set->len - at) * sizeof(*items));
    *set = (struct tracked_scan_list){items, set->len + 1};
    return true;
}

void scan_set_drop(struct tracked_scan_list *set, size_t index)
{
    memmove(&set->ptr[index], &set->ptr[index + 1], (set->len - index - 1) * sizeof(set->ptr[0]));
    set->len--;
}
