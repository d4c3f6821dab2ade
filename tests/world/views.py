"""Folds the records of all topics into one view per order and one per message: what happened, as the events tell it."""
import dataclasses

from world import plan as plans

MESSAGE_ENDS = {"message.sent": "sent", "message.suppressed": "suppressed", "message.failed": "failed",
                "message.outcome_unknown": "parked"}


@dataclasses.dataclass
class Parcel:
    number: str
    fulfilment: str
    created: int = 0
    registered: int = 0
    pieces: int = 0
    status: tuple = ("FORWARD", "")
    delivered: list = dataclasses.field(default_factory=list)  # bodies of shipment.delivered
    returned: int = 0


@dataclasses.dataclass
class Order:
    order_id: str
    submitted: int = 0
    accepted: int = 0
    pending: int = 0
    reasons: list | None = None      # of order.rejected
    cancelled: list = dataclasses.field(default_factory=list)
    short: bool = False
    exhausted: bool = False
    requested: dict = dataclasses.field(default_factory=dict)   # fulfilment -> body of fulfilment.requested
    submissions: dict = dataclasses.field(default_factory=dict)  # fulfilment -> [bodies of fulfilment.submitted]
    closed: set = dataclasses.field(default_factory=set)        # fulfilments refused or cancelled
    cancel_refused: int = 0
    parcels: dict = dataclasses.field(default_factory=dict)
    asked: int = 0
    answered: int = 0

    def end(self, pieces):
        """How the order ended, in the words of plan.ENDS; pieces = how many were ordered."""
        if self.reasons is not None:
            return plans.PAYMENT_FAILED if "PAYMENT_FAILED" in self.reasons else plans.REJECTED
        if self.cancelled:
            return _cancelled_end(self.cancelled[-1])
        if self.exhausted:
            return plans.EXHAUSTED
        if self.short:
            return plans.SHORT
        if self.parcels:
            return self._shipped_end(pieces)
        if self.submissions.keys() - self.closed:
            return plans.ORDERED
        return "accepted" if self.accepted else "payment pending" if self.pending else "submitted"

    def _shipped_end(self, pieces):
        parcels = self.parcels.values()
        if all(parcel.returned for parcel in parcels):
            return plans.RETURNED
        if any(parcel.status[1] == "LOST" for parcel in parcels):
            return plans.LOST
        shipped = sum(parcel.pieces for parcel in parcels)
        if shipped == pieces and all(parcel.delivered for parcel in parcels):
            return plans.DELIVERED
        return plans.SHIPPED if shipped == pieces else "partly shipped"

    def late(self):
        return any(body["promise_met"] is False for parcel in self.parcels.values() for body in parcel.delivered)


def _cancelled_end(body):
    reason = body["reason"].lower()
    if "payment" in reason:
        return plans.EXPIRED if "expire" in reason or "wait" in reason else plans.PAYMENT_FAILED
    return plans.CANCELLED


@dataclasses.dataclass
class Message:
    message_id: str
    planned: list = dataclasses.field(default_factory=list)
    ends: list = dataclasses.field(default_factory=list)      # (event, body)

    @property
    def kind(self):
        return self.planned[0]["kind"] if self.planned else self.ends[0][1]["kind"]

    def end(self):
        """sent, suppressed, failed, parked, or open. Sent by another channel after a failure is sent."""
        names = {MESSAGE_ENDS[event] for event, _ in self.ends}
        for name in ("sent", "suppressed", "failed", "parked"):
            if name in names:
                return name
        return "open"


class Views:
    """Feed it all records in any order between topics."""

    def __init__(self, records):
        self.orders, self.messages, self.registrations = {}, {}, []
        put_back = {record.headers.get("waybill_operator_id") for record in records if record.topic.endswith(".operator")}
        # What was put back and failed again is another dead letter.
        self.dead_letters = [record for record in records if record.topic.endswith(".dlq")
                             and f"{record.topic}/{record.partition}/{record.offset}" not in put_back]
        for record in records:
            handler = _HANDLERS.get(record.event)
            if handler and not record.topic.endswith((".dlq", ".changelog", ".operator")):
                handler(self, record)

    def order(self, order_id):
        return self.orders.setdefault(order_id, Order(order_id))

    def message(self, body):
        return self.messages.setdefault(body["message_id"], Message(body["message_id"]))

    def parcel(self, body):
        name = f"{body['carrier']}/{body['tracking_number']}"
        return self.order(body["order_id"]).parcels.setdefault(name, Parcel(name, body["fulfilment_order_id"]))


def _order_submitted(views, record):
    views.order(f"{record.body['store']}:{record.body['external_id']}").submitted += 1


def _payload_received(views, record):
    if record.topic == "inbound.orders":
        views.order(record.key).submitted += 1


def _order_accepted(views, record):
    views.order(record.body["order"]["order_id"]).accepted += 1


def _order_pending(views, record):
    views.order(record.body["order"]["order_id"]).pending += 1


def _order_rejected(views, record):
    views.order(record.body["order_id"]).reasons = [reason["code"] for reason in record.body["reasons"]]


def _order_cancelled(views, record):
    views.order(record.body["order_id"]).cancelled.append(record.body)


def _stock_short(views, record):
    if record.body["attempt"] == 1:
        views.order(record.body["order_id"]).short = True


def _exhausted(views, record):
    views.order(record.body["order_id"]).exhausted = True


def _requested(views, record):
    views.order(record.body["order_id"]).requested[record.body["fulfilment_order_id"]] = record.body


def _submitted(views, record):
    order = views.order(record.body["order_id"])
    order.submissions.setdefault(record.body["fulfilment_order_id"], []).append(record.body)


def _closed(views, record):
    if record.body["fulfilment_order_id"]:
        views.order(record.body["order_id"]).closed.add(record.body["fulfilment_order_id"])


def _cancel_refused(views, record):
    views.order(record.body["order_id"]).cancel_refused += 1


def _shipment_created(views, record):
    parcel = views.parcel(record.body)
    parcel.created += 1
    parcel.pieces = sum(line["quantity"] for line in record.body["lines"])


def _shipment_registered(views, record):
    views.registrations.append(record)
    views.parcel(record.body).registered += 1


def _status_changed(views, record):
    views.parcel(record.body).status = (record.body["leg"], record.body["status"])


def _delivered(views, record):
    views.parcel(record.body).delivered.append(record.body)


def _returned(views, record):
    views.parcel(record.body).returned += 1


def _planned(views, record):
    views.message(record.body).planned.append(record.body)


def _message_end(views, record):
    views.message(record.body).ends.append((record.event, record.body))


def _asked(views, record):
    views.order(record.body["order_id"]).asked += 1


def _answered(views, record):
    views.order(record.body["order_id"]).answered += 1


_HANDLERS = {
    "order.submitted": _order_submitted, "payload.received": _payload_received, "order.accepted": _order_accepted, "order.payment_pending": _order_pending,
    "order.rejected": _order_rejected, "order.cancelled": _order_cancelled, "stock.short": _stock_short,
    "fulfilment.exhausted": _exhausted, "fulfilment.requested": _requested, "fulfilment.submitted": _submitted,
    "fulfilment.rejected": _closed, "fulfilment.cancelled": _closed, "fulfilment.cancel_refused": _cancel_refused,
    "shipment.created": _shipment_created, "shipment.registered": _shipment_registered,
    "shipment.status_changed": _status_changed, "shipment.delivered": _delivered, "shipment.rto_delivered": _returned,
    "message.planned": _planned, "feedback.requested": _asked, "feedback.received": _answered,
    **{event: _message_end for event in MESSAGE_ENDS},
}
