/* Parcel acme/T1 of order shop:1, to São Paulo, promised on 2026-01-20: builders for the tests of
 * tracking_ingest. */
#ifndef WAYBILL_TEST_TRACKING_INGEST_H
#define WAYBILL_TEST_TRACKING_INGEST_H

#include "rules_kit.h"

#define main service_main
#include "../../services/tracking_ingest/main.c"
#undef main

#include <CUnit/CUnit.h>

#define KEY STR("acme/T1")

static struct kit kit;
static struct tracking_ingest_settings cfg;
static struct arena cfg_arena;

static void start(void)
{
    const struct config_part part = {&tracking_ingest_settings, &cfg};
    struct error err = {0};
    arena_init(&cfg_arena, 1024 * 1024);
    CU_ASSERT_EQUAL_FATAL(settings_load(&part, 1, NULL, NULL, NULL, &cfg_arena, &err), 0);
    kit_init(&kit, tracking_ingest.routes, tracking_ingest.route_count, &cfg);
}

static void finish(void)
{
    kit_done(&kit);
    arena_done(&cfg_arena);
}

static inline struct shipment_registered a_registration(void)
{
    return (struct shipment_registered){.carrier = STR("acme"),
                                        .tracking_number = STR("T1"),
                                        .order_id = STR("shop:1"),
                                        .fulfilment_order_id = STR("shop:1/1"),
                                        .supplier_id = STR("north"),
                                        .shipped_at_ms = KIT_START_MS,
                                        .has_promised_on = true,
                                        .promised_on = 20473, /* 2026-01-20 */
                                        .time_zone = STR("America/Sao_Paulo"),
                                        .country = STR("BR")};
}

/* after_ms: counted from the start of the kit's clock. */
static inline struct scan_reported a_scan(int64_t after_ms, enum shipment_status status)
{
    return (struct scan_reported){.carrier = STR("acme"),
                                  .tracking_number = STR("T1"),
                                  .occurred_at_ms = KIT_START_MS + after_ms,
                                  .status = status};
}

static inline void registered(void)
{
    struct shipment_registered known = a_registration();
    CU_ASSERT_EQUAL(kit_event(&kit, &shipment_registered, KEY, &known), DONE);
}

static inline void scanned(int64_t after_ms, enum shipment_status status)
{
    struct scan_reported scan = a_scan(after_ms, status);
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), DONE);
}

/* On the way back to the seller. */
static inline void back(int64_t after_ms, enum shipment_status status)
{
    struct scan_reported scan = a_scan(after_ms, status);
    scan.leg = SHIPMENT_LEG_RTO;
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), DONE);
}

/* In transit, with the carrier's date. */
static inline void expected(int64_t after_ms, int32_t date)
{
    struct scan_reported scan = a_scan(after_ms, SHIPMENT_STATUS_IN_TRANSIT);
    scan.has_expected_on = true;
    scan.expected_on = date;
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), DONE);
}

static inline const struct tracked_shipment *shipment(void)
{
    return kit_state(&kit, &tracked_shipment, KEY);
}

static inline const struct shipment_status_changed *status_told(size_t nth)
{
    return kit_emitted(&kit, &shipment_status_changed, nth);
}

#endif
