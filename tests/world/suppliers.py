"""Suppliers over HTTP by the generic contract: idempotent by key, with stock, delays, refusals and callbacks."""
import dataclasses
import hashlib
import json
import threading
import time

from world import catalogue
from world.door import DROP

ACCEPTED, PENDING, REJECTED, CANCELLED, SHIPPED = "ACCEPTED", "PENDING", "REJECTED", "CANCELLED", "SHIPPED"


@dataclasses.dataclass
class SupplierOrder:
    supplier: str
    reference: str
    body: dict
    supplier_order_id: str
    state: str

    @property
    def order_id(self):
        return self.reference.rpartition("/")[0]


@dataclasses.dataclass
class Conduct:
    """How a supplier is to behave to one request."""
    refuse: str = ""       # a code: out_of_stock, not_serviceable
    unavailable: bool = False  # 503, nothing taken
    drop_answer: bool = False  # take it, then cut the connection
    wait_s: float = 0.0        # before the answer; the same key meanwhile gets 409
    state: str = ACCEPTED


class Suppliers:
    """Asks its player conduct(supplier, reference, nth request); tells it on_taken(order), on_cancelled(order), on_sold_out(supplier, sku)."""

    def __init__(self, clock, ledger, player):
        self.clock, self.ledger, self._player = clock, ledger, player
        self.stock = {(supplier, sku): pieces
                      for sku in catalogue.GOODS for supplier, pieces in catalogue.sellers(sku).items()}
        self.orders = {}   # (supplier, reference) -> SupplierOrder
        self._keys = {}    # (supplier, key) -> (hash of the body, reply or None while in progress)
        self._asked = {}   # (supplier, reference) -> requests so far
        self._lock = threading.Lock()

    def answer(self, method, path, query, headers, body):
        """The door's side. Paths: /<supplier>/orders and /<supplier>/orders/<reference>/cancel."""
        supplier, _, rest = path.strip("/").partition("/")
        if supplier not in catalogue.SUPPLIERS:
            return 404, {"error": "unknown supplier"}
        if method == "POST" and rest == "orders":
            return self._submit(supplier, headers.get("Idempotency-Key", "").strip('"'), body)
        if method == "GET" and rest == "orders":
            return self._look_up(supplier, query.get("reference_id", ""))
        if method == "POST" and rest.startswith("orders/") and rest.endswith("/cancel"):
            return self._cancel(supplier, rest[len("orders/"):-len("/cancel")], headers.get("Idempotency-Key", ""))
        return 404, {"error": "no such door"}

    def _note(self, supplier, action, reference, key, status, outcome):
        self.ledger.add(at_ms=self.clock.now_ms(), supplier=supplier, action=action, reference=reference,
                        key=key, status=status, outcome=outcome)

    def _submit(self, supplier, key, raw):
        try:
            body = json.loads(raw)
            reference, lines = body["reference_id"], body["lines"]
            wanted = [(line["supplier_sku"], int(line["quantity"])) for line in lines]
        except (ValueError, KeyError, TypeError):
            self._note(supplier, "order", None, key, 400, "unreadable")
            return 400, {"error": "unreadable order"}
        if not key:
            self._note(supplier, "order", reference, key, 400, "no key")
            return 400, {"error": "Idempotency-Key is missing"}
        digest = hashlib.sha256(raw).hexdigest()
        with self._lock:
            nth = self._asked[supplier, reference] = self._asked.get((supplier, reference), 0) + 1
            known = self._keys.get((supplier, key))
            if known:
                return self._repeat(supplier, reference, key, digest, known)
            conduct = self._player.conduct(supplier, reference, nth)
            if conduct.unavailable:
                self._note(supplier, "order", reference, key, 503, "unavailable")
                return 503, {"reference_id": reference, "error": "try later"}
            self._keys[supplier, key] = (digest, None)
        time.sleep(conduct.wait_s)
        with self._lock:
            reply, order = self._take(supplier, reference, body, wanted, conduct)
            self._keys[supplier, key] = (digest, reply)
            outcome = "taken" if order else "refused"
            self._note(supplier, "order", reference, key, reply[0], outcome + (", no answer" if conduct.drop_answer else ""))
        if order:
            self._player.on_taken(order)
        return DROP if conduct.drop_answer else reply

    def _repeat(self, supplier, reference, key, digest, known):
        if known[0] != digest:
            self._note(supplier, "order", reference, key, 422, "key reused with another body")
            return 422, {"error": "key reused", "reasons": [{"code": "invalid", "text": "key reused with another body"}]}
        if known[1] is None:
            self._note(supplier, "order", reference, key, 409, "in progress")
            return 409, {"reference_id": reference, "error": "in progress"}
        self._note(supplier, "order", reference, key, known[1][0], "repeated")
        return known[1]

    def _take(self, supplier, reference, body, wanted, conduct):
        reasons = [{"code": "unknown_sku", "sku": sku} for sku, _ in wanted if (supplier, sku) not in self.stock]
        if not reasons and conduct.refuse:
            reasons = [_refusal(conduct.refuse, body["lines"][0])]
        if not reasons:
            reasons = [{"code": "out_of_stock", "sku": sku} for sku, pieces in wanted
                       if self.stock[supplier, sku] < pieces]
        for reason in reasons:
            if reason["code"] == "out_of_stock":
                self._player.on_sold_out(supplier, reason["sku"])
        if reasons:
            return (422, {"reference_id": reference, "state": REJECTED, "reasons": reasons}), None
        for sku, pieces in wanted:
            self.stock[supplier, sku] -= pieces
        number = f"{supplier[:3].upper()}-{1000 + len(self.orders)}"
        order = SupplierOrder(supplier, reference, body, number, conduct.state)
        self.orders[supplier, reference] = order
        return (201, {"reference_id": reference, "supplier_order_id": number, "state": order.state}), order

    def _look_up(self, supplier, reference):
        with self._lock:
            order = self.orders.get((supplier, reference))
            self._note(supplier, "look up", reference, None, 200 if order else 404, "found" if order else "none")
            if not order:
                return 404, {"error": "unknown order"}
            return 200, {"reference_id": order.reference, "supplier_order_id": order.supplier_order_id, "state": order.state}

    def _cancel(self, supplier, reference, key):
        with self._lock:
            order = self.orders.get((supplier, reference))
            if not order:
                self._note(supplier, "cancel", reference, key, 404, "unknown")
                return 404, {"error": "unknown order"}
            if order.state == SHIPPED:
                self._note(supplier, "cancel", reference, key, 422, "already shipped")
                return 422, {"reference_id": reference, "state": SHIPPED, "reasons": [{"code": "other", "text": "already shipped"}]}
            first = order.state not in (CANCELLED, REJECTED)
            order.state = CANCELLED if first else order.state
            self._note(supplier, "cancel", reference, key, 200, "cancelled" if first else "repeated")
        if first:
            self._player.on_cancelled(order)
        return 200, {"reference_id": reference, "supplier_order_id": order.supplier_order_id, "state": order.state}

    def move(self, order, state):
        """What happens inside the supplier: ACCEPTED after PENDING, REJECTED, SHIPPED. False if it was cancelled before."""
        with self._lock:
            if order.state in (CANCELLED, REJECTED, SHIPPED):
                return False
            order.state = state
            self._note(order.supplier, "move", order.reference, None, None, state.lower())
            return True


def _refusal(code, line):
    """out_of_stock is about a line; not_serviceable about the whole order."""
    if code == "out_of_stock":
        return {"code": code, "line_id": line.get("line_id"), "sku": line["supplier_sku"]}
    return {"code": code, "text": "we do not deliver there"}
