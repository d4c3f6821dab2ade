/* tracking_ingest, rule by rule: what does not count, what is told once, and the clocks. */
/* links: tracking_ingest_settings rules_kit */
#include "test_tracking_ingest.h"

static void test_scan_is_set_aside_when_its_key_is_another_parcels(void)
{
    start();
    struct scan_reported scan = a_scan(0, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, STR("acme/other"), &scan), SET_ASIDE);
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, STR("acmeT1"), &scan), SET_ASIDE);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &tracked_shipment, STR("acme/other")));
    finish();
}

static void test_scan_is_set_aside_when_it_has_no_time_or_comes_from_the_future(void)
{
    start();
    registered();
    struct scan_reported scan = a_scan(0, SHIPMENT_STATUS_IN_TRANSIT);
    scan.occurred_at_ms = 0;
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), SET_ASIDE);
    scan.occurred_at_ms = kit.ctx.now_ms + 3 * DAY_MS;
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), SET_ASIDE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    finish();
}

static void test_registration_is_set_aside_when_the_number_is_another_orders(void)
{
    start();
    registered();
    struct shipment_registered other = a_registration();
    other.order_id = STR("shop:2");
    CU_ASSERT_EQUAL(kit_event(&kit, &shipment_registered, KEY, &other), SET_ASIDE);
    CU_ASSERT(str_equal(shipment()->registration->order_id, STR("shop:1")));
    finish();
}

static void test_nothing_is_told_when_a_scan_comes_again_in_other_words(void)
{
    start();
    registered();
    struct scan_reported scan = a_scan(HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    scan.raw_text = STR("left the hub");
    kit_event(&kit, &scan_reported, KEY, &scan);
    scan.raw_text = STR("departed from hub");
    CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &scan), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 1);
    CU_ASSERT_EQUAL(shipment()->scans.len, 1);
    finish();
}

static void test_status_stays_when_a_code_is_unmapped(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_UNKNOWN);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 1);
    CU_ASSERT_EQUAL(shipment()->scans.len, 2);
    finish();
}

static void test_late_scan_is_no_news_when_the_parcel_is_further(void)
{
    start();
    registered();
    scanned(5 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 1);
    /* The milestone was reached, so a later one of its kind is not the first. */
    scanned(6 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 2);
    CU_ASSERT_FALSE(status_told(1)->first_of_milestone);
    finish();
}

static void test_late_failed_attempt_raises_no_ndr_when_the_parcel_was_delivered(void)
{
    start();
    registered();
    scanned(9 * HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    scanned(5 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_ndr_raised), 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &delivery_disputed), 0);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    finish();
}

static void test_delivered_stays_when_newer_forward_scans_come(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_CANCELLED);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 1);
    finish();
}

static void test_delivery_is_disputed_once_when_a_newer_attempt_failed(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    CU_ASSERT_EQUAL(kit_count(&kit, &delivery_disputed), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_ndr_raised), 0);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    finish();
}

static void test_return_to_origin_is_no_delivery_when_it_ends(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    back(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    back(3 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    back(4 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    back(5 * HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    scanned(6 * HOUR_MS, SHIPMENT_STATUS_DELIVERED); /* F47: the carrier means the seller */
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_rto_started), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_rto_delivered), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_ndr_raised), 1);
    CU_ASSERT_EQUAL(shipment()->leg, SHIPMENT_LEG_RTO);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    finish();
}

static void test_lost_and_cancelled_are_revived_when_a_newer_scan_comes(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_LOST);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_CANCELLED);
    scanned(4 * HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 1);
    finish();
}

static void test_ndr_is_raised_once_per_attempt_when_carriers_repeat_themselves(void)
{
    start();
    registered();
    scanned(1 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED); /* the same attempt again */
    scanned(4 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(5 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED); /* after a ride: the second */
    kit_advance(&kit, DAY_MS);
    scanned(18 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED); /* 13 h later: the third */
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_ndr_raised), 3);
    for (int32_t i = 0; i < 3; i++) {
        const struct shipment_ndr_raised *ndr = kit_emitted(&kit, &shipment_ndr_raised, (size_t)i);
        CU_ASSERT_EQUAL(ndr->attempt_no, i + 1);
    }
    finish();
}

static void test_out_for_delivery_is_first_once_per_attempt(void)
{
    start();
    registered();
    scanned(1 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    scanned(4 * HOUR_MS, SHIPMENT_STATUS_ATTEMPT_FAILED);
    scanned(5 * HOUR_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_status_changed), 5);
    CU_ASSERT_TRUE(status_told(0)->first_of_milestone);
    CU_ASSERT_FALSE(status_told(2)->first_of_milestone);
    CU_ASSERT_TRUE(status_told(4)->first_of_milestone);
    CU_ASSERT_EQUAL(status_told(4)->attempt_no, 2);
    finish();
}

static void test_scans_wait_when_they_come_before_the_registration(void)
{
    start();
    scanned(3 * HOUR_MS, SHIPMENT_STATUS_DELIVERED);
    scanned(1 * HOUR_MS, SHIPMENT_STATUS_PICKED_UP);
    scanned(2 * HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    registered();
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_status_changed), 3);
    CU_ASSERT_EQUAL(status_told(0)->status, SHIPMENT_STATUS_PICKED_UP);
    CU_ASSERT_EQUAL(status_told(1)->status, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(status_told(2)->status, SHIPMENT_STATUS_DELIVERED);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 1);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &shipment_delivered, 0), STR("shop:1")));
    registered(); /* again: nothing */
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 4);
    finish();
}

static void test_scans_are_forgotten_when_nobody_claims_them(void)
{
    start();
    scanned(HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    kit_advance(&kit, 31 * DAY_MS);
    CU_ASSERT_PTR_NULL(shipment());
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    finish();
}

/* 2026-02-11T02:30:00Z is still the evening of the 10th in São Paulo (UTC-3). */
static void test_promise_is_kept_when_the_local_date_is_the_promised_one(void)
{
    start();
    struct shipment_registered known = a_registration();
    known.promised_on = 20494; /* 2026-02-10 */
    kit_event(&kit, &shipment_registered, KEY, &known);
    kit_advance(&kit, 27 * DAY_MS);
    scanned(INT64_C(1770777000000) - KIT_START_MS, SHIPMENT_STATUS_DELIVERED);
    const struct shipment_delivered *told = kit_emitted(&kit, &shipment_delivered, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_EQUAL(told->delivered_on, 20494);
    CU_ASSERT_TRUE(told->has_promise_met && told->promise_met);
    CU_ASSERT_EQUAL(told->days_late, 0);
    finish();
}

static void test_days_late_are_counted_when_the_promise_is_broken(void)
{
    start();
    registered(); /* promised on the 20th */
    kit_advance(&kit, 8 * DAY_MS);
    scanned(8 * DAY_MS, SHIPMENT_STATUS_DELIVERED); /* the 23rd */
    const struct shipment_delivered *told = kit_emitted(&kit, &shipment_delivered, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_TRUE(told->has_promise_met && !told->promise_met);
    CU_ASSERT_EQUAL(told->days_late, 3);
    finish();
}

static void test_promise_is_not_judged_when_there_is_none(void)
{
    start();
    struct shipment_registered known = a_registration();
    known.has_promised_on = false;
    kit_event(&kit, &shipment_registered, KEY, &known);
    kit_advance(&kit, 20 * DAY_MS);
    scanned(20 * DAY_MS, SHIPMENT_STATUS_DELIVERED);
    const struct shipment_delivered *told = kit_emitted(&kit, &shipment_delivered, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_FALSE(told->has_promise_met);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 0);
    finish();
}

static void test_delay_is_told_once_per_slip_when_the_carrier_moves_its_date(void)
{
    start();
    registered(); /* promised on the 20th = 20473 */
    expected(1 * HOUR_MS, 20473);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 0);
    expected(2 * HOUR_MS, 20475);
    expected(3 * HOUR_MS, 20475);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 1);
    expected(4 * HOUR_MS, 20476);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_delay_predicted), 2);
    const struct shipment_delay_predicted *told = kit_emitted(&kit, &shipment_delay_predicted, 1);
    CU_ASSERT_EQUAL(told->days_late, 3);
    CU_ASSERT_FALSE(told->confirmed);
    expected(5 * HOUR_MS, 20472); /* back in time … */
    expected(6 * HOUR_MS, 20475); /* … and late again: a new slip */
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 3);
    finish();
}

/* 09:00 of 2026-01-21 in São Paulo is 12:00 UTC. */
static void test_delay_is_confirmed_once_when_the_promised_day_has_passed(void)
{
    start();
    registered();
    scanned(HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(kit_timer_due(&kit, &tracked_shipment, KEY, "promise_passed"),
                    INT64_C(1768996800000));
    kit_advance(&kit, 7 * DAY_MS - HOUR_MS);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_delay_predicted), 1);
    const struct shipment_delay_predicted *told = kit_emitted(&kit, &shipment_delay_predicted, 0);
    CU_ASSERT_TRUE(told->confirmed);
    CU_ASSERT_EQUAL(told->days_late, 1);
    scanned(6 * DAY_MS, SHIPMENT_STATUS_IN_TRANSIT);
    kit_advance(&kit, 3 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 1);
    finish();
}

static void test_no_delay_is_told_when_the_parcel_has_come_or_goes_back(void)
{
    for (int returns = 0; returns < 2; returns++) {
        start();
        registered();
        if (returns)
            back(HOUR_MS, SHIPMENT_STATUS_IN_TRANSIT);
        else
            scanned(HOUR_MS, SHIPMENT_STATUS_DELIVERED);
        expected(HOUR_MS, 20480);
        kit_advance(&kit, 20 * DAY_MS);
        CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delay_predicted), 0);
        finish();
    }
}

static void test_stall_is_told_once_and_cleared_when_a_scan_comes(void)
{
    start();
    registered();
    scanned(0, SHIPMENT_STATUS_IN_TRANSIT);
    kit_advance(&kit, 20 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_stalled), 1);
    scanned(20 * DAY_MS, SHIPMENT_STATUS_IN_TRANSIT);
    kit_advance(&kit, 8 * DAY_MS);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_stalled), 2);
    const struct shipment_stalled *told = kit_emitted(&kit, &shipment_stalled, 1);
    CU_ASSERT_EQUAL(told->last_scan_at_ms, KIT_START_MS + 20 * DAY_MS);
    finish();
}

static void test_nothing_stalls_when_the_parcel_was_delivered(void)
{
    start();
    registered();
    scanned(0, SHIPMENT_STATUS_DELIVERED);
    kit_advance(&kit, 60 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_stalled), 0);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_DELIVERED);
    kit_advance(&kit, 61 * DAY_MS);
    CU_ASSERT_PTR_NULL(shipment());
    finish();
}

static void test_parcel_expires_when_silent_and_revives_when_scanned(void)
{
    start();
    registered();
    scanned(0, SHIPMENT_STATUS_IN_TRANSIT);
    kit_advance(&kit, 31 * DAY_MS);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_EXPIRED);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_status_changed), 2);
    CU_ASSERT_TRUE(status_told(1)->first_of_milestone);
    scanned(-HOUR_MS, SHIPMENT_STATUS_PICKED_UP); /* older than what we knew: no sign of life */
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_EXPIRED);
    scanned(31 * DAY_MS, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    kit_advance(&kit, 31 * DAY_MS);
    CU_ASSERT_EQUAL(shipment()->status, SHIPMENT_STATUS_EXPIRED);
    CU_ASSERT_FALSE(status_told(3)->first_of_milestone);
    finish();
}

static void test_milestones_stay_when_the_set_is_full(void)
{
    start();
    registered();
    scanned(0, SHIPMENT_STATUS_PICKED_UP);
    kit_advance(&kit, DAY_MS);
    for (int i = 1; i <= 400; i++)
        scanned((int64_t)i * MINUTE_MS, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL(shipment()->scans.len, 300);
    CU_ASSERT_EQUAL(shipment()->scans.ptr[0].status, SHIPMENT_STATUS_PICKED_UP);
    CU_ASSERT_EQUAL(shipment()->milestones.len, 2);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_status_changed), 2);
    CU_ASSERT(kit_state_bytes(&kit, &tracked_shipment, KEY) < STATE_BYTES_MAX);
    finish();
}

static void test_long_texts_are_clipped_between_characters(void)
{
    start();
    registered();
    struct scan_reported scan = a_scan(0, SHIPMENT_STATUS_IN_TRANSIT);
    static char text[200];
    memset(text, 'x', sizeof(text));
    memcpy(&text[119], "é", 2); /* bytes 119 and 120: does not fit into 120 */
    scan.raw_text = (struct str){text, sizeof(text)};
    kit_event(&kit, &scan_reported, KEY, &scan);
    CU_ASSERT_EQUAL(shipment()->scans.ptr[0].raw_text.len, 119);
    finish();
}

static void test_payload_is_set_aside_when_nobody_can_read_it(void)
{
    start();
    CU_ASSERT_EQUAL(kit_event(&kit, &payload_received, KEY,
                              &(struct payload_received){.source = STR("pigeon")}),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(kit_event(&kit, &payload_received, KEY,
                              &(struct payload_received){.source = STR("shiprocket"),
                                                         .body = STR("{\"awb\":")}),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(kit_event(&kit, &payload_received, KEY,
                              &(struct payload_received){.source = STR("shiprocket"),
                                                         .body = STR("{\"awb\": \"T2\"}")}),
                    SET_ASIDE);
    finish();
}

static void test_settings_table_is_right(void)
{
    struct error err = {0};
    CU_ASSERT_EQUAL(settings_check_table(&tracking_ingest_settings, &err), 0);
}
