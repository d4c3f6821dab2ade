"""What is to become of a history: when each thing is played, and how the order must end if Waybill does it right."""
import dataclasses
import datetime

from world import chance
from world.clock import DAY_MS, HOUR_MS
from world.orders import PAID_AT_ONCE

# How an order may end.
REJECTED, EXPIRED, PAYMENT_FAILED, CANCELLED, SHORT, EXHAUSTED = (
    "rejected", "payment expired", "payment failed", "cancelled", "short", "exhausted")
ORDERED, SHIPPED, RETURNED, LOST, DELIVERED = "ordered", "shipped", "returned", "lost", "delivered"
ENDS = (REJECTED, EXPIRED, PAYMENT_FAILED, CANCELLED, SHORT, EXHAUSTED, ORDERED, SHIPPED, RETURNED, LOST, DELIVERED)
NEVER_SHIPPED = (REJECTED, EXPIRED, PAYMENT_FAILED, CANCELLED, SHORT, EXHAUSTED, ORDERED)

# `scarce`: there is not enough for all of them; those who come too late end as SHORT.
# Words of the column `play` that spoil the submitted order, and the reason that Waybill must name.
SPOILS = {
    "no_address": "MISSING_ADDRESS", "no_contact": "MISSING_CUSTOMER_CONTACT", "no_lines": "NO_LINES",
    "bad_total": "TOTAL_MISMATCH", "bad_quantity": "INVALID_QUANTITY", "test_order": "TEST_ORDER",
}
WORDS = frozenset(SPOILS) | {
    "resubmit", "update", "payment_failed", "cancel_late",      # the shop
    "payload",                                                  # it sends Shopify's own bytes; its order ids are numbers
    "short", "scarce", "refuse_first", "refuse_all", "refuse_later",      # the suppliers say no
    "busy", "drop_answer", "slow", "two_parcels", "staggered",  # the suppliers make it hard
    "edd", "ndr", "rto", "lost", "shuffle", "early_scan",       # the carrier
    "bounce", "lose_reply", "silent",                           # the mail and the customer
}
RTO_DAYS, LOST_DAYS = 6, 5
PAYMENT_WAIT_DAYS = 9  # as deploy/settings/intake.yaml says


@dataclasses.dataclass(frozen=True)
class Plan:
    history: object
    end: str
    submit_ms: int
    paid_at_once: bool
    captured_ms: int | None   # payment.captured
    failed_ms: int | None     # payment.failed
    cancel_ms: int | None     # `cancel_late` is played after the hand-over, whenever that was
    hand_ms: int | None       # the suppliers hand over, if all goes well
    last_ms: int              # nothing is planned after this


@dataclasses.dataclass(frozen=True)
class Scan:
    occurred_ms: int
    leg: str
    status: str
    reason: str = "NONE"
    text: str = ""
    location: str = ""
    play_ms: int = 0  # not before this


def plan(history):
    """The plan of one history."""
    unknown = history.words - WORDS
    if unknown:
        raise ValueError(f"{history.order_id}: unknown word in the column play: {', '.join(sorted(unknown))}")
    end = _end(history)
    cod = history.facts["payment"] == "cod"
    approved = history.approved
    at_once = cod or (approved is not None and approved - history.bought <= PAID_AT_ONCE)
    submit_ms = history.ms(history.bought)
    captured_ms = None if at_once or approved is None else history.ms(approved)
    failed_ms = submit_ms + 6 * HOUR_MS if end == PAYMENT_FAILED else None
    hand_ms = None
    if end not in NEVER_SHIPPED:
        hand_ms = history.ms(max(history.handed, approved or history.handed))
    cancel_ms = _cancel_ms(history, end)
    times = [submit_ms, captured_ms, failed_ms, cancel_ms, hand_ms]
    if end == EXPIRED:
        times.append(submit_ms + PAYMENT_WAIT_DAYS * DAY_MS)
    if hand_ms:
        times += [scan.occurred_ms for scan in scans(history, end, 1)]
    return Plan(history, end, submit_ms, at_once, captured_ms, failed_ms, cancel_ms, hand_ms,
                max(moment for moment in times if moment))


def _end(history):
    words = history.words
    if words & frozenset(SPOILS):
        return REJECTED
    if history.status == "canceled":
        return CANCELLED
    if history.approved is None and history.facts["payment"] != "cod":
        return PAYMENT_FAILED if "payment_failed" in words else EXPIRED
    for word, end in (("short", SHORT), ("refuse_all", EXHAUSTED)):
        if word in words:
            return end
    if history.delivered:
        return DELIVERED
    if not history.handed:
        return ORDERED
    return RETURNED if "rto" in words else LOST if "lost" in words else SHIPPED


def _cancel_ms(history, end):
    """After approval and before the hand-over."""
    if end != CANCELLED:
        return None
    begin = history.approved or history.bought
    until = history.handed if history.handed and history.handed > begin else begin + datetime.timedelta(hours=36)
    return history.ms(begin + (until - begin) / 2)


def delivered_ms(history, fulfilment_no=1):
    """When a parcel of this history is delivered; `staggered` brings the first supplier's parcels earlier."""
    delivered = history.ms(history.delivered)
    if "staggered" in history.words and fulfilment_no == 1:
        handed = history.ms(history.handed)
        return handed + (delivered - handed) // 2
    return delivered


def scans(history, end, fulfilment_no):
    """What the carrier reports of one parcel, in the order in which it happened."""
    handed = history.ms(history.handed)
    city, words = history.facts["city"], history.words
    if end != DELIVERED:
        return _scans_without_delivery(handed, end, city)
    delivered = delivered_ms(history, fulfilment_no)
    handed = min(handed, delivered - HOUR_MS)
    way = delivered - handed
    found = [
        Scan(handed, "FORWARD", "PICKED_UP", text="Picked up"),
        Scan(handed + way * 3 // 10, "FORWARD", "IN_TRANSIT", text="Left the origin hub"),
        Scan(handed + way * 6 // 10, "FORWARD", "IN_TRANSIT", text="Reached the destination hub", location=city),
    ]
    out_ms = delivered - min(4 * HOUR_MS, way // 8)
    if "ndr" in words:
        tried = max(delivered - DAY_MS, handed + way * 7 // 10)
        found.append(Scan(tried - min(4 * HOUR_MS, way // 20), "FORWARD", "OUT_FOR_DELIVERY", text="Out for delivery", location=city))
        found.append(Scan(tried, "FORWARD", "ATTEMPT_FAILED", "CUSTOMER_UNAVAILABLE", "Nobody at home", city))
    found.append(Scan(out_ms, "FORWARD", "OUT_FOR_DELIVERY", text="Out for delivery", location=city))
    found.append(Scan(delivered, "FORWARD", "DELIVERED", text="Delivered", location=city))
    return found


def _scans_without_delivery(handed, end, city):
    found = [
        Scan(handed, "FORWARD", "PICKED_UP", text="Picked up"),
        Scan(handed + DAY_MS, "FORWARD", "IN_TRANSIT", text="Left the origin hub"),
    ]
    if end == RETURNED:
        found += [
            Scan(handed + 2 * DAY_MS, "FORWARD", "OUT_FOR_DELIVERY", text="Out for delivery", location=city),
            Scan(handed + 2 * DAY_MS + 5 * HOUR_MS, "FORWARD", "ATTEMPT_FAILED", "CUSTOMER_REFUSED", "Refused", city),
            Scan(handed + 3 * DAY_MS, "RTO", "IN_TRANSIT", "CUSTOMER_REFUSED", "Returning to origin"),
            Scan(handed + RTO_DAYS * DAY_MS, "RTO", "DELIVERED", text="Returned to origin"),
        ]
    if end == LOST:
        found.append(Scan(handed + LOST_DAYS * DAY_MS, "FORWARD", "LOST", "LOST", "Lost in transit"))
    return found


def stars(history):
    """What the customer will answer when asked: 1..5, or 0 for silence. A seeded rule; late parcels annoy."""
    if "silent" in history.words or chance.below(10, history.order_id, "answers") < 3:
        return 0
    late = history.delivered and history.delivered.date() > history.promised
    return chance.pick((1, 2, 2, 3) if late else (3, 4, 4, 5, 5, 5), history.order_id, "stars")
