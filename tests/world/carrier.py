"""The carrier: turns a parcel's plan into scans as they are reported, with the doubles and disorder of real life."""
import datetime
import hashlib

from world import chance
from world.clock import HOUR_MS
from world.plan import delivered_ms, scans
from world.shop import EPOCH

CARRIERS = ("swiftline", "postal")
LATE_REPORT_MS = 3 * HOUR_MS


def parcel_number(reference, index):
    """The tracking number of the index-th parcel of a fulfilment order."""
    digest = hashlib.sha256(f"{reference}#{index}".encode()).hexdigest()
    return f"SL{int(digest[:10], 16) % 10**10:010d}"


def carrier_of(order_id):
    return chance.pick(CARRIERS, order_id, "carrier")


def reports(plan, reference, number):
    """(play at, body of scan.reported) for one parcel, doubles and late reports included."""
    history, fulfilment_no = plan.history, int(reference.rpartition("/")[2])
    found, last_ms = [], None
    for index, scan in enumerate(scans(history, plan.end, fulfilment_no)):
        body = _body(history, scan, number)
        if "edd" in history.words and scan.status == "IN_TRANSIT" and scan.location:
            body["expected_on"] = (_delivery_date(history, fulfilment_no) - EPOCH).days
        found.append([scan.occurred_ms, body])
        if chance.below(10, number, index, "double") == 0:
            found.append([scan.occurred_ms + HOUR_MS, body])
        last_ms = scan.occurred_ms
    if "shuffle" in history.words:
        for report in found:
            if report[1]["status"] == "IN_TRANSIT" and report[1].get("location"):
                report[0] = last_ms + LATE_REPORT_MS
    return [tuple(report) for report in found]


def _delivery_date(history, fulfilment_no):
    moved = delivered_ms(history, fulfilment_no) - history.ms(history.delivered)
    return (history.delivered + datetime.timedelta(milliseconds=moved)).date()


def _body(history, scan, number):
    return {"carrier": carrier_of(history.order_id), "tracking_number": number, "occurred_at_ms": scan.occurred_ms,
            "tz_source": "EXPLICIT", "leg": scan.leg, "status": scan.status, "reason": scan.reason,
            "raw_code": scan.status[:3], "raw_text": scan.text, "location": scan.location or None}
