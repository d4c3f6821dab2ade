"""The player: puts the plans of all histories on the agenda and moves suppliers, carrier and customers by them."""
import datetime
import threading
import time

from world import carrier, chance, shop, suppliers
from world.agenda import Agenda
from world.clock import DAY_MS, HOUR_MS
from world.customers import Customers
from world.mail import LOSE_REPLY, OK, REFUSE

from world.suppliers import ACCEPTED, PENDING, REJECTED, SHIPPED, Conduct

STOCK_EVERY_MS = 3 * DAY_MS
AFTER_MS = 7 * DAY_MS        # virtual time that timers get after the last planned thing
QUIET_S = 3.0                # without a new entry in any ledger
APART_S = 0.3                # wall time between two events that must not overtake one another
SLOW_S, BUSY_TIMES = 3.0, 2
SMS_TAKES_MS, REFILL_MS, CANCEL_LATE_MS = HOUR_MS // 2, 3 * HOUR_MS, 12 * HOUR_MS


class Player:
    """Everything that moves. Give it its ledgers and a bus; start(), then wait_for_end()."""

    def __init__(self, clock, bus, plans, ledgers):
        self.clock, self.bus = clock, bus
        self.plans = {plan.history.order_id: plan for plan in plans}
        self.agenda = Agenda(clock)
        self.ledgers = ledgers
        self.suppliers = suppliers.Suppliers(clock, ledgers["suppliers"], self)
        self.customers = Customers(clock, self.agenda, bus, [plan.history for plan in plans])
        self.last_ms = max(plan.last_ms for plan in plans)
        self.submitted = set()
        self.counts = {"submitted": 0, "ordered": 0, "shipped": 0}
        self.delivered = set()  # tracking numbers
        self._to_ship = {plan.history.order_id: sum(line.quantity for line in plan.history.lines)
                         for plan in plans if plan.hand_ms and "scarce" not in plan.history.words}
        self._conduct_by_email = {plan.history.facts["email"]: plan.history.words for plan in plans}
        self._stock_version = 0
        self._lock = threading.Lock()

    # The plans

    def start(self):
        self.report_stock()
        for plan in self.plans.values():
            self._schedule(plan)
        day = self.clock.now_ms() + STOCK_EVERY_MS
        while day < self.last_ms:
            self.agenda.at(day, self.report_stock)
            day += STOCK_EVERY_MS
        self.agenda.start()

    def _schedule(self, plan):
        at, words, apart = self.agenda.at, plan.history.words, self._apart_ms()
        at(plan.submit_ms, self._submit, plan, 1)
        if "resubmit" in words:
            at(plan.submit_ms + apart, self._submit, plan, 1)
            at(plan.submit_ms + 5 * HOUR_MS, self._submit, plan, 1)
        if "update" in words:
            at(plan.submit_ms + apart, self._submit, plan, 2)
        follow_up = plan.submit_ms + apart
        for when, event, body in ((plan.captured_ms, "payment.captured", shop.captured),
                                  (plan.failed_ms, "payment.failed", shop.payment_failed),
                                  (plan.cancel_ms, "cancel.submitted", shop.cancel)):
            if when:
                at(max(when, follow_up), self._emit, event, body(plan, when))

    def _apart_ms(self):
        return int(APART_S * 1000 * self.clock.rate)

    def _emit(self, event, body):
        self.bus.emit(event, body)

    def _submit(self, plan, version):
        if "payload" in plan.history.words:
            self.bus.emit("payload.received", shop.payload(plan, version), key=plan.history.order_id, topic="inbound.orders")
        else:
            self.bus.emit("order.submitted", shop.submitted(plan, version))
        self.submitted.add(plan.history.order_id)  # some are sent twice, on purpose
        self.counts["submitted"] = len(self.submitted)

    def report_stock(self):
        """Every supplier tells what it has; absolute, with a version that grows."""
        for supplier, sku in sorted(self.suppliers.stock):
            self._report_level(supplier, sku)

    def _report_level(self, supplier, sku):
        with self._lock:
            self._stock_version += 1
            level = {"supplier_id": supplier, "sku": sku, "available": self.suppliers.stock[supplier, sku],
                     "version": self._stock_version, "as_of_ms": self.clock.now_ms()}
        self.bus.emit("stock.level_reported", level)

    def on_sold_out(self, supplier, sku):
        """It said out of stock, whatever the reports said; soon the shelf is filled again."""
        self.agenda.at(self.clock.now_ms() + REFILL_MS, self._report_level, supplier, sku)

    # The suppliers

    def conduct(self, supplier, reference, nth):
        """How this supplier answers the nth request for this fulfilment order."""
        order_id, _, number = reference.rpartition("/")
        plan = self.plans.get(order_id)
        words, first = plan.history.words if plan else frozenset(), number == "1"
        conduct = Conduct(state=PENDING if chance.below(2, reference, "pending") else ACCEPTED)
        if "refuse_all" in words:
            conduct.refuse = "not_serviceable"
        elif "refuse_first" in words and first:
            conduct.refuse = "out_of_stock"
        elif "refuse_later" in words and first:
            conduct.state = PENDING
        conduct.unavailable = "busy" in words and nth <= BUSY_TIMES
        conduct.drop_answer = "drop_answer" in words and first
        conduct.wait_s = SLOW_S if "slow" in words and first else 0.0
        return conduct

    def on_taken(self, order):
        """A supplier has a new order: callbacks and the hand-over follow."""
        now_ms, plan = self.clock.now_ms(), self.plans.get(order.order_id)
        self.counts["ordered"] += 1
        refuses = plan is not None and "refuse_later" in plan.history.words and order.reference.endswith("/1")
        if refuses:
            self.agenda.at(now_ms + 3 * HOUR_MS, self._reject, order)
            return
        if order.state == PENDING:
            self.agenda.at(now_ms + 2 * HOUR_MS, self._accept, order)
        if plan is not None and plan.hand_ms:
            self.agenda.at(max(plan.hand_ms, now_ms + 3 * HOUR_MS), self._hand_over, plan, order)

    def on_cancelled(self, order):
        self.bus.emit("supplier.order_cancelled", {**self._callback(order), "reason": "cancelled as asked"})

    def _callback(self, order):
        return {"order_id": order.order_id, "fulfilment_order_id": order.reference, "supplier_id": order.supplier,
                "supplier_order_id": order.supplier_order_id, "occurred_at_ms": self.clock.now_ms()}

    def _accept(self, order):
        if self.suppliers.move(order, ACCEPTED):
            self.bus.emit("supplier.order_accepted", self._callback(order))

    def _reject(self, order):
        if self.suppliers.move(order, REJECTED):
            line = order.body["lines"][0]
            self.on_sold_out(order.supplier, line["supplier_sku"])
            self.bus.emit("supplier.order_rejected", {**self._callback(order), "reasons": [
                {"code": "out_of_stock", "line_id": line.get("line_id"), "sku": line["supplier_sku"],
                 "text": "the last one was broken"}]})

    def _hand_over(self, plan, order):
        if not self.suppliers.move(order, SHIPPED):
            return
        parcels = [{"carrier": carrier.carrier_of(order.order_id), "tracking_number": carrier.parcel_number(order.reference, n),
                    "shipped_at_ms": plan.hand_ms, "lines": lines}
                   for n, lines in enumerate(self._packed(plan, order), 1)]
        delay_ms = self._apart_ms() if "early_scan" in plan.history.words else 0
        body = {**self._callback(order), "occurred_at_ms": plan.hand_ms, "parcels": parcels}
        self.agenda.at(self.clock.now_ms() + delay_ms, self._emit, "supplier.order_shipped", body)
        for parcel in parcels:
            self.ledgers["parcels"].add(order_id=order.order_id, reference=order.reference, supplier=order.supplier,
                                        carrier=parcel["carrier"], number=parcel["tracking_number"], lines=parcel["lines"])
            for play_ms, report in carrier.reports(plan, order.reference, parcel["tracking_number"]):
                self.agenda.at(max(play_ms, self.clock.now_ms()), self._scan, report)
        if "cancel_late" in plan.history.words:
            when = self.clock.now_ms() + CANCEL_LATE_MS
            self.agenda.at(when, self._emit, "cancel.submitted", shop.cancel(plan, when))
        with self._lock:
            self.counts["shipped"] += len(parcels)
            if order.order_id in self._to_ship:
                self._to_ship[order.order_id] -= sum(line["quantity"] for line in order.body["lines"])

    @staticmethod
    def _packed(plan, order):
        """The lines of each parcel: one, or two where the plan says so."""
        lines = [{"line_id": line["line_id"], "sku": line["supplier_sku"], "quantity": line["quantity"]}
                 for line in order.body["lines"]]
        if "two_parcels" not in plan.history.words:
            return [lines]
        first = lines[0]
        if len(lines) > 1:
            return [[first], lines[1:]]
        if first["quantity"] > 1:
            return [[{**first, "quantity": 1}], [{**first, "quantity": first["quantity"] - 1}]]
        return [lines]

    def _scan(self, report):
        self.bus.emit("scan.reported", report)
        if (report["leg"], report["status"]) == ("FORWARD", "DELIVERED"):
            self.delivered.add(report["tracking_number"])

    # The messages

    def mail_conduct(self, address):
        words = self._conduct_by_email.get(address, frozenset())
        return REFUSE if "bounce" in words else LOSE_REPLY if "lose_reply" in words else OK

    def on_mail(self, _recipient, subject, text):
        self.customers.read(subject + "\n" + text)

    def on_sms(self, _to, text, body):
        self.customers.read(text)
        if "message_id" in body and "contact_id" in body:
            report = {"message_id": body["message_id"], "contact_id": body["contact_id"], "provider": "world",
                      "outcome": "DELIVERED", "occurred_at_ms": self.clock.now_ms() + SMS_TAKES_MS}
            self.agenda.at(report["occurred_at_ms"], self._emit, "message.reported", report)

    # The end

    def unplayed(self):
        """Orders that should have shipped whole and have not."""
        with self._lock:
            return sorted(order_id for order_id, pieces in self._to_ship.items() if pieces > 0)

    def wait_for_end(self, limit_s, activity, tell):
        """True when all is played, timers have had their time and nothing moves any more; False at the limit.

        activity() gives a number that changes as long as Waybill is at work.
        """
        deadline, last, since = time.monotonic() + limit_s, None, time.monotonic()
        while time.monotonic() < deadline:
            tell()
            played = not self.unplayed() and not self.agenda.left() and self.clock.now_ms() > self.last_ms + AFTER_MS
            moved = (sum(len(ledger.lines) for ledger in self.ledgers.values()), activity()) if played else None
            if moved is None or moved != last:
                last, since = moved, time.monotonic()
            elif time.monotonic() - since > QUIET_S:
                return True
            time.sleep(0.2)
        return False

    def progress(self):
        day = datetime.datetime.fromtimestamp(self.clock.now_ms() / 1000, datetime.timezone.utc)
        return {"now": f"{day:%Y-%m-%d %H:%M}", **self.counts, "delivered": len(self.delivered), "mails": len(self.ledgers["mail"].lines),
                "sms": len(self.ledgers["sms"].lines), "answers": len(self.customers.answered),
                "waiting": len(self.unplayed()) + self.agenda.left()}
