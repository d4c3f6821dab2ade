/* Shiprocket's tracking webhook ("Carriers' payloads" in services/FEATURES.md): ids of its own
 * list, Indian time without a zone, the AWB as text or number. */
#include "tracking_ingest/adapters/adapters.h"

#include "base/rfc3339.h"
#include "json/json.h"

#include <stdio.h>

struct meaning {
    int32_t id;
    enum shipment_leg leg;
    enum shipment_status status;
    enum status_reason reason;
};

#define FORWARD(id, status)                                                                        \
    {                                                                                              \
        id, SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_##status, 0                                      \
    }
#define BECAUSE(id, status, reason)                                                                \
    {                                                                                              \
        id, SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_##status, STATUS_REASON_##reason                 \
    }
#define BACK(id, status)                                                                           \
    {                                                                                              \
        id, SHIPMENT_LEG_RTO, SHIPMENT_STATUS_##status, 0                                          \
    }

static const struct meaning meanings[] = {
    FORWARD(1, INFO_RECEIVED),
    FORWARD(2, INFO_RECEIVED),
    FORWARD(3, INFO_RECEIVED),
    FORWARD(4, INFO_RECEIVED),
    FORWARD(5, INFO_RECEIVED),
    FORWARD(6, PICKED_UP),
    FORWARD(7, DELIVERED),
    FORWARD(8, CANCELLED),
    BACK(9, INFO_RECEIVED),
    BACK(10, DELIVERED), /* F47: back at the seller, not at the customer */
    BECAUSE(12, LOST, LOST),
    BECAUSE(13, INFO_RECEIVED, PICKUP_FAILED),
    BACK(14, DELIVERED),
    BECAUSE(15, INFO_RECEIVED, PICKUP_FAILED),
    FORWARD(16, CANCELLED),
    FORWARD(17, OUT_FOR_DELIVERY),
    FORWARD(18, IN_TRANSIT),
    FORWARD(19, INFO_RECEIVED),
    BECAUSE(20, INFO_RECEIVED, PICKUP_FAILED),
    BECAUSE(21, ATTEMPT_FAILED, UNKNOWN),
    BECAUSE(22, IN_TRANSIT, DELAY_OTHER),
    BECAUSE(23, DELIVERED, PARTIAL_DELIVERY),
    BECAUSE(24, DAMAGED, DESTROYED),
    BECAUSE(25, DAMAGED, DAMAGED),
    FORWARD(26, DELIVERED),
    FORWARD(27, INFO_RECEIVED),
    FORWARD(38, IN_TRANSIT),
    BECAUSE(39, EXCEPTION, MISROUTED),
    BACK(40, ATTEMPT_FAILED),
    BACK(41, OUT_FOR_DELIVERY),
    FORWARD(42, PICKED_UP),
    FORWARD(43, DELIVERED),
    BECAUSE(44, DAMAGED, DESTROYED),
    FORWARD(45, CANCELLED),
    BACK(46, IN_TRANSIT),
    BECAUSE(47, EXCEPTION, UNKNOWN),
    FORWARD(48, IN_TRANSIT),
    FORWARD(49, IN_TRANSIT),
    FORWARD(50, IN_TRANSIT),
    FORWARD(51, PICKED_UP),
    FORWARD(52, INFO_RECEIVED),
    FORWARD(54, IN_TRANSIT),
    FORWARD(55, IN_TRANSIT),
    FORWARD(56, IN_TRANSIT),
    FORWARD(57, IN_TRANSIT),
    FORWARD(59, INFO_RECEIVED),
    FORWARD(60, INFO_RECEIVED),
    FORWARD(61, INFO_RECEIVED),
    FORWARD(62, INFO_RECEIVED),
    FORWARD(63, INFO_RECEIVED),
    FORWARD(67, INFO_RECEIVED),
    FORWARD(68, IN_TRANSIT),
    BECAUSE(71, EXCEPTION, UNKNOWN),
    BECAUSE(72, INFO_RECEIVED, PICKUP_FAILED),
    BACK(75, INFO_RECEIVED),
    BECAUSE(76, EXCEPTION, UNKNOWN),
    BECAUSE(77, EXCEPTION, UNKNOWN),
    BACK(78, IN_TRANSIT),
};

/* What couriers write beside 21, Undelivered; the first that occurs counts (unverified wordings).
 */
static const struct {
    const char *words;
    enum status_reason reason;
} ndr_reasons[] = {
    {"not attempted", STATUS_REASON_NO_ATTEMPT},
    {"no attempt", STATUS_REASON_NO_ATTEMPT},
    {"refus", STATUS_REASON_CUSTOMER_REFUSED},
    {"reject", STATUS_REASON_CUSTOMER_REFUSED},
    {"open delivery", STATUS_REASON_CUSTOMER_WANTS_OPEN_DELIVERY},
    {"resched", STATUS_REASON_CUSTOMER_RESCHEDULED},
    {"future delivery", STATUS_REASON_CUSTOMER_RESCHEDULED},
    {"self collect", STATUS_REASON_SELF_COLLECT},
    {"out of delivery area", STATUS_REASON_OUT_OF_SERVICE_AREA},
    {"oda", STATUS_REASON_OUT_OF_SERVICE_AREA},
    {"address", STATUS_REASON_ADDRESS_INCORRECT},
    {"cod ", STATUS_REASON_PAYMENT_NOT_READY},
    {"cash", STATUS_REASON_PAYMENT_NOT_READY},
    {"payment", STATUS_REASON_PAYMENT_NOT_READY},
    {"not contactable", STATUS_REASON_CUSTOMER_UNREACHABLE},
    {"unreachable", STATUS_REASON_CUSTOMER_UNREACHABLE},
    {"not reachable", STATUS_REASON_CUSTOMER_UNREACHABLE},
    {"unavailable", STATUS_REASON_CUSTOMER_UNAVAILABLE},
    {"not available", STATUS_REASON_CUSTOMER_UNAVAILABLE},
    {"closed", STATUS_REASON_BUSINESS_CLOSED},
    {"cancel", STATUS_REASON_CUSTOMER_CANCELLED},
};

/* At the beginning of a word only: "oda" is not in "today". */
static bool mentions(struct str text, const char *words)
{
    size_t len = strlen(words);
    for (size_t i = 0; i + len <= text.len; i++) {
        bool begins = i == 0 || strchr(" -_,.:;/()", text.ptr[i - 1]);
        if (begins && strncasecmp(&text.ptr[i], words, len) == 0)
            return true;
    }
    return false;
}

static enum status_reason ndr_reason(struct str text)
{
    for (size_t i = 0; i < sizeof(ndr_reasons) / sizeof(ndr_reasons[0]); i++)
        if (mentions(text, ndr_reasons[i].words))
            return ndr_reasons[i].reason;
    return STATUS_REASON_UNKNOWN;
}

/* A return by the customer runs through the same ids. */
static void translate(const struct json_node *code, bool is_return, struct scan_reported *scan)
{
    int64_t id = 0;
    scan->status = SHIPMENT_STATUS_UNKNOWN; /* "NA" or new: the parcel stays where it is */
    if (!json_int64(code, &id))
        return;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].id != id)
            continue;
        scan->leg = meanings[i].leg == SHIPMENT_LEG_FORWARD && is_return ? SHIPMENT_LEG_RETURN
                                                                         : meanings[i].leg;
        scan->status = meanings[i].status;
        scan->reason = meanings[i].reason;
        if (scan->status == SHIPMENT_STATUS_ATTEMPT_FAILED)
            scan->reason = ndr_reason(scan->raw_text);
    }
}

/* Where year, month and day begin; the time begins at 11 in both. */
struct form {
    size_t year, month, day;
};
static const struct form year_first = {0, 5, 8}, day_first = {6, 3, 0};

/* All of Shiprocket's times are Indian. */
static bool set_time(struct scan_reported *scan, struct str text, struct form form)
{
    char iso[64];
    if (text.len < strlen("YYYY-MM-DD hh:mm:ss"))
        return false;
    snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.8s+05:30", text.ptr + form.year,
             text.ptr + form.month, text.ptr + form.day, text.ptr + 11);
    scan->occurred_at_raw = text;
    scan->tz_source = TZ_SOURCE_CARRIER_DEFAULT;
    return rfc3339_parse(str_from(iso), &scan->occurred_at_ms);
}

/* A day, whatever time stands beside it. */
static void set_expected(struct scan_reported *scan, struct str text)
{
    char iso[64];
    int64_t midnight_ms = 0;
    if (text.len < strlen("YYYY-MM-DD"))
        return;
    snprintf(iso, sizeof(iso), "%.10sT00:00:00Z", text.ptr);
    scan->has_expected_on = rfc3339_parse(str_from(iso), &midnight_ms);
    scan->expected_on = (int32_t)(midnight_ms / 86400000);
}

static bool read_scan(const struct json_node *item, bool is_return, struct scan_reported *scan)
{
    scan->raw_code = json_text(json_member(item, STR("status")));
    scan->raw_status = json_text(json_member(item, STR("sr-status-label")));
    scan->raw_text = json_text(json_member(item, STR("activity")));
    scan->location = json_text(json_member(item, STR("location")));
    translate(json_member(item, STR("sr-status")), is_return, scan);
    return set_time(scan, json_text(json_member(item, STR("date"))), year_first);
}

/* The notice itself. By shipment_status_id: current_status_id is another numbering. */
static bool read_current(const struct json_node *root, bool is_return, struct scan_reported *scan)
{
    const struct json_node *id = json_member(root, STR("shipment_status_id"));
    scan->raw_code = json_text(id);
    scan->raw_status = json_text(json_member(root, STR("shipment_status")));
    scan->raw_text = json_text(json_member(root, STR("current_status")));
    translate(id, is_return, scan);
    set_expected(scan, json_text(json_member(root, STR("etd"))));
    return set_time(scan, json_text(json_member(root, STR("current_timestamp"))), day_first);
}

const char *shiprocket_read(struct str body, struct str key, struct arena *arena, struct scans *out)
{
    const struct json_node *root = json_parse(arena, body, NULL);
    if (!root || root->kind != JSON_IS_OBJECT)
        return "shiprocket: not a JSON object";
    struct str carrier, number;
    str_split(key, '/', &carrier, &number);
    if (!number.ptr || !str_equal(json_text(json_member(root, STR("awb"))), number))
        return "shiprocket: awb is not the tracking number of the key";
    const struct json_node *scans = json_member(root, STR("scans"));
    size_t count = scans && scans->kind == JSON_IS_LIST ? scans->count : 0;
    if (count >= PAYLOAD_SCANS_MAX)
        return "shiprocket: too many scans";
    int64_t is_return = 0;
    json_int64(json_member(root, STR("is_return")), &is_return);
    for (size_t i = 0; i <= count; i++) {
        struct scan_reported *scan = &out->ptr[out->len];
        *scan = (struct scan_reported){.carrier = carrier, .tracking_number = number};
        if (i < count ? read_scan(json_item(scans, i), is_return, scan)
                      : read_current(root, is_return, scan))
            out->len++;
    }
    return NULL;
}
