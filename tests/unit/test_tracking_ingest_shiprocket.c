/* Shiprocket's notices, as its documentation shows them and as they come in the wild. */
/* links: tracking_ingest_settings rules_kit */
#include "test_tracking_ingest.h"

#include <stdio.h>

/* The shape of Shiprocket's own sample: two ids, Indian times, "NA". */
static const char notice[] =
    "{\"awb\":19041424751540,\"courier_name\":\"Delhivery Surface\",\"current_status\":\"IN "
    "TRANSIT\",\"current_status_id\":20,\"shipment_status\":\"IN TRANSIT\",\"shipment_status_id\":"
    "18,\"current_timestamp\":\"23 05 2023 11:43:52\",\"order_id\":\"1373900_150876814\",\"sr_"
    "order_id\":348456385,\"awb_assigned_date\":\"2023-05-19 11:59:16\",\"etd\":\"2023-05-23 "
    "15:40:19\",\"scans\":["
    "{\"date\":\"2023-05-20 15:23:38\",\"status\":\"X-PPOM\",\"activity\":\"In Transit - Shipment "
    "picked up\",\"location\":\"Chomu_SamodRd_D (Rajasthan)\",\"sr-status\":\"42\",\"sr-status-"
    "label\":\"PICKED UP\"},"
    "{\"date\":\"2023-05-19 11:59:16\",\"status\":\"X-UCI\",\"activity\":\"Manifested - Manifest "
    "uploaded\",\"location\":\"Chomu_SamodRd_D (Rajasthan)\",\"sr-status\":\"5\",\"sr-status-"
    "label\":\"MANIFEST GENERATED\"},"
    "{\"date\":\"2023-05-19 15:32:17\",\"status\":\"X-NSZ\",\"activity\":\"Pending\",\"location\":"
    "null,\"sr-status\":\"NA\",\"sr-status-label\":\"NA\"}"
    "],\"is_return\":0,\"channel_id\":3422553}";

#define AWB STR("delhivery/19041424751540")

static const struct tracked_shipment *state(void)
{
    return kit_state(&kit, &tracked_shipment, AWB);
}

static enum verdict notified(struct str body)
{
    kit.ctx.now_ms = INT64_C(1684900000000); /* 2023-05-24 */
    return kit_event(&kit, &payload_received, AWB,
                     &(struct payload_received){.source = STR("shiprocket"), .body = body});
}

static void known(void)
{
    struct shipment_registered registration = a_registration();
    registration.carrier = STR("delhivery");
    registration.tracking_number = STR("19041424751540");
    registration.has_promised_on = false;
    kit_event(&kit, &shipment_registered, AWB, &registration);
}

static struct str with(const char *what)
{
    static char body[1024];
    snprintf(body, sizeof(body), "{\"awb\":\"19041424751540\",%s}", what);
    return str_from(body);
}

static void test_rest_is_used_when_a_scan_cannot_be_read(void)
{
    start();
    CU_ASSERT_EQUAL(
        notified(with("\"current_timestamp\":\"yesterday\",\"shipment_status_id\":7,\"scans\":["
                      "null,17,{\"date\":null},{\"date\":\"2023-02-30 10:00:00\",\"sr-status\":7},"
                      "{\"date\":\"2023-05-20 24:00:00\",\"sr-status\":7},"
                      "{\"date\":\"2023-05-20 10:00\",\"sr-status\":7},"
                      "{\"date\":\"2023-05-20 10:00:00.123\",\"sr-status\":17}]")),
        DONE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(state());
    CU_ASSERT_EQUAL(state()->scans.len, 1);
    CU_ASSERT_EQUAL(state()->status, SHIPMENT_STATUS_OUT_FOR_DELIVERY);
    finish();
}

static void test_nothing_moves_when_the_code_is_unknown(void)
{
    start();
    CU_ASSERT_EQUAL(notified(with("\"shipment_status_id\":999,\"current_timestamp\":\"23 05 2023 "
                                  "11:43:52\",\"scans\":{}")),
                    DONE);
    CU_ASSERT_EQUAL(state()->status, SHIPMENT_STATUS_PENDING);
    finish();
}

static void test_notice_is_set_aside_when_it_has_too_many_scans(void)
{
    start();
    static char body[64 * 1024];
    int at = snprintf(body, sizeof(body), "{\"awb\":\"19041424751540\",\"scans\":[1");
    for (int i = 0; i < 300; i++)
        at += snprintf(body + at, sizeof(body) - (size_t)at, ",1");
    snprintf(body + at, sizeof(body) - (size_t)at, "]}");
    CU_ASSERT_EQUAL(notified(str_from(body)), SET_ASIDE);
    finish();
}

/* F40: whatever comes, it is read or set aside. */
static void test_mutilated_notices_are_read_or_set_aside(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char body[sizeof(notice)];
        memcpy(body, notice, sizeof(notice));
        size_t len = sizeof(notice) - 1;
        for (int i = 0; i < 4; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t at = (seed >> 33) % len;
            if (i == 3 && (seed >> 20) % 4 == 0)
                len = at + 1;
            else
                body[at] = (char)((seed >> 20) % 2 ? "\"{}[]:,0-9 \\"[(seed >> 21) % 13]
                                                   : (char)(seed >> 24));
        }
        if (round % 1000 == 0) {
            if (round > 0)
                finish();
            start();
            known();
        }
        enum verdict verdict = notified((struct str){body, len});
        CU_ASSERT(verdict == DONE || kit.effects.reason[0] != '\0');
    }
    finish();
}

/* 11:43:52 in India is 06:13:52 UTC; id 18 counts, not 20. */
static void test_sample_notice_becomes_scans_in_order(void)
{
    start();
    known();
    CU_ASSERT_EQUAL(notified(str_from(notice)), DONE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(state());
    CU_ASSERT_EQUAL(state()->scans.len, 4);
    CU_ASSERT_EQUAL(state()->status, SHIPMENT_STATUS_IN_TRANSIT);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &shipment_status_changed), 3);
    CU_ASSERT_EQUAL(status_told(0)->status, SHIPMENT_STATUS_INFO_RECEIVED);
    CU_ASSERT_EQUAL(status_told(0)->occurred_at_ms, INT64_C(1684477756000));
    CU_ASSERT_EQUAL(status_told(1)->status, SHIPMENT_STATUS_PICKED_UP);
    CU_ASSERT_EQUAL(status_told(2)->occurred_at_ms, INT64_C(1684822432000));
    CU_ASSERT_TRUE(status_told(2)->has_expected_on);
    CU_ASSERT_EQUAL(status_told(2)->expected_on, 19500); /* 2023-05-23 */
    kit_forget(&kit);
    CU_ASSERT_EQUAL(notified(str_from(notice)), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    finish();
}

static void test_return_to_origin_is_told_apart_from_delivery(void)
{
    start();
    known();
    notified(with("\"shipment_status_id\":\"10\",\"current_timestamp\":\"23 05 2023 11:43:52\""));
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_rto_delivered), 1);
    finish();
}

static void test_customers_return_is_a_leg_of_its_own(void)
{
    start();
    known();
    notified(with("\"is_return\":1,\"shipment_status_id\":7,\"current_timestamp\":\"23 05 2023 "
                  "11:43:52\""));
    CU_ASSERT_EQUAL(kit_count(&kit, &shipment_delivered), 0);
    CU_ASSERT_EQUAL(state()->leg, SHIPMENT_LEG_RETURN);
    finish();
}

static void test_failed_attempt_has_a_reason_when_the_courier_names_it(void)
{
    static const struct {
        const char *text;
        enum status_reason reason;
    } cases[] = {
        {"Undelivered - Consignee refused to accept", STATUS_REASON_CUSTOMER_REFUSED},
        {"Consignee unavailable", STATUS_REASON_CUSTOMER_UNAVAILABLE},
        {"Incomplete address", STATUS_REASON_ADDRESS_INCORRECT},
        {"Customer asked to RESCHEDULE", STATUS_REASON_CUSTOMER_RESCHEDULED},
        {"ODA location", STATUS_REASON_OUT_OF_SERVICE_AREA},
        {"Will try today", STATUS_REASON_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        start();
        known();
        snprintf(text, sizeof(text),
                 "\"scans\":[{\"date\":\"2023-05-20 10:00:00\",\"sr-status\":\"21\",\"activity\":"
                 "\"%s\"}]",
                 cases[i].text);
        notified(with(text));
        const struct shipment_ndr_raised *ndr = kit_emitted(&kit, &shipment_ndr_raised, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(ndr);
        CU_ASSERT_EQUAL(ndr->reason, cases[i].reason);
        finish();
    }
}
