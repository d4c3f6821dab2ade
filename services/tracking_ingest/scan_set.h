/* The set of scans of one parcel, kept in the order in which they happened. */
#ifndef WAYBILL_TRACKING_INGEST_SCAN_SET_H
#define WAYBILL_TRACKING_INGEST_SCAN_SET_H

#include "base/arena.h"
#include "events.h"

enum { SCANS_MAX = 300, SCAN_TEXT_BYTES_MAX = 120 };

/* What the set keeps of a scan. Two scans with the same id are one: same time, code, place, leg and
 * status. The carrier's wording is not looked at: carriers re-word (merge rule 2). Texts are
 * borrowed, clipped between characters. */
struct tracked_scan scan_set_item(const struct scan_reported *scan);

/* Adds in place into a fresh list in the arena, one longer; false, the list unchanged, if it holds
 * the scan already. */
bool scan_set_add(struct arena *arena, struct tracked_scan_list *set,
                  const struct tracked_scan *scan);

/* Takes the scan at that index out. */
void scan_set_drop(struct tracked_scan_list *set, size_t index);

#endif
