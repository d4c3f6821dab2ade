"""For the tests of the books: the records and ledgers that a Waybill without faults would leave for some plans."""
import itertools

from world import carrier, plan as plans
from world.records import Record

ACCEPTED_ENDS = (plans.CANCELLED, plans.SHORT, plans.EXHAUSTED, plans.ORDERED, plans.SHIPPED, plans.RETURNED,
                 plans.LOST, plans.DELIVERED)


class Ideal:
    """records and ledgers of a perfect run; change them and see whether the books notice."""

    def __init__(self, plan_list):
        self.records, self.ledgers = [], {"suppliers": [], "mail": [], "sms": [], "parcels": []}
        self._offsets = itertools.count()
        for plan in plan_list:
            self._play(plan)

    def add(self, topic, event, key, **body):
        offset = next(self._offsets)
        self.records.append(Record(topic, 0, offset, key, event, body, {"ce_id": f"id-{offset}"}))

    def _play(self, plan):
        history, order_id = plan.history, plan.history.order_id
        self.add("inbound.orders", "order.submitted", order_id, store=history.facts["store"], external_id=history.external_id)
        if plan.end == plans.REJECTED:
            reasons = [{"code": plans.SPOILS[word]} for word in history.words & plans.SPOILS.keys()]
            self.add("orders", "order.rejected", order_id, order_id=order_id, reasons=reasons)
        if plan.end in (plans.EXPIRED, plans.PAYMENT_FAILED):
            reason = "payment_expired" if plan.end == plans.EXPIRED else "payment_failed"
            self.add("orders", "order.cancelled", order_id, order_id=order_id, reason=reason)
        if plan.end not in ACCEPTED_ENDS:
            return
        self.add("orders", "order.accepted", order_id, order={"order_id": order_id})
        self._message(plan, "ORDER_CONFIRMED", "")
        if plan.end == plans.CANCELLED:
            self.add("orders", "order.cancelled", order_id, order_id=order_id, reason="changed my mind")
        elif plan.end == plans.SHORT:
            self.add("stock", "stock.short", order_id, order_id=order_id, attempt=1)
        elif plan.end == plans.EXHAUSTED:
            self._supplier_order(plan, "refused")
            self.add("fulfilment", "fulfilment.exhausted", order_id, order_id=order_id)
        else:
            self._supplier_order(plan, "taken")
            if plan.end != plans.ORDERED:
                self._parcel(plan)

    def _supplier_order(self, plan, outcome):
        order_id, reference = plan.history.order_id, f"{plan.history.order_id}/1"
        told = {"order_id": order_id, "fulfilment_order_id": reference, "supplier_id": "northgate"}
        self.ledgers["suppliers"].append({"action": "order", "supplier": "northgate", "reference": reference,
                                          "key": reference, "outcome": outcome})
        self.add("fulfilment", "fulfilment.requested", order_id, **told)
        if outcome == "taken":
            self.add("fulfilment", "fulfilment.submitted", order_id, **told, idempotency_key=reference)
        else:
            self.add("fulfilment", "fulfilment.rejected", order_id, **told)

    def _parcel(self, plan):
        history, order_id, reference = plan.history, plan.history.order_id, f"{plan.history.order_id}/1"
        number, company = carrier.parcel_number(reference, 1), carrier.carrier_of(order_id)
        lines = [{"line_id": line.line_id, "sku": line.sku, "quantity": line.quantity} for line in history.lines]
        told = {"order_id": order_id, "fulfilment_order_id": reference, "carrier": company, "tracking_number": number}
        self.ledgers["parcels"].append({"order_id": order_id, "reference": reference, "carrier": company,
                                        "number": number, "lines": lines})
        self.add("fulfilment", "shipment.created", order_id, **told, lines=lines)
        self.add("shipments", "shipment.registered", f"{company}/{number}", **told)
        self.add("tracking", "shipment.status_changed", order_id, **told, leg="FORWARD", status="IN_TRANSIT")
        if plan.end == plans.LOST:
            self.add("tracking", "shipment.status_changed", order_id, **told, leg="FORWARD", status="LOST")
        if plan.end == plans.RETURNED:
            self.add("tracking", "shipment.rto_delivered", order_id, **told)
        if plan.end == plans.DELIVERED:
            self.add("tracking", "shipment.delivered", order_id, **told, delivered_at_ms=plans.delivered_ms(history),
                     promise_met=history.delivered.date() <= history.promised)
            self.add("feedback", "feedback.requested", order_id, order_id=order_id)
            self._message(plan, "FEEDBACK_REQUEST", "")
            if plans.stars(history):
                self.add("feedback", "feedback.received", order_id, order_id=order_id)

    def _message(self, plan, kind, suffix):
        history, message_id = plan.history, f"m-{plan.history.external_id}-{kind}{suffix}"
        channel = "EMAIL" if history.facts["email"] else "SMS"
        told = {"message_id": message_id, "order_id": history.order_id, "kind": kind}
        self.add("messages", "message.planned", "contact", **told)
        self.add("notifications", "message.sent", history.order_id, **told, channel=channel)
        if channel == "EMAIL":
            self.ledgers["mail"].append({"outcome": "taken", "message_id": f"<{message_id}@waybill.example>", "subject": kind,
                                         "recipients": [history.facts["email"]], "text": message_id})
        else:
            self.ledgers["sms"].append({"outcome": "sent", "key": message_id, "to": history.facts["phone"], "text": message_id})
