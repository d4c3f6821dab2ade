"""The shop's side: makes order.submitted and what follows it from a plan."""
import datetime

from world import catalogue
from world.plan import SPOILS

EPOCH = datetime.date(1970, 1, 1)


def submitted(plan, version=1):
    """The body of order.submitted."""
    history, facts = plan.history, plan.history.facts
    total = history.total_minor
    cod = facts["payment"] == "cod"
    body = {
        "store": facts["store"], "external_id": history.external_id, "order_number": history.number,
        "version": version, "placed_at_ms": plan.submit_ms, "currency": facts["currency"],
        "customer": {"name": facts["name"], "email": facts["email"] or None, "phone": facts["phone"] or None,
                     "locale": facts["locale"]},
        "ship_to": {"name": facts["name"], "line1": facts["line1"], "city": facts["city"],
                    "region": facts["region"] or None, "postal_code": facts["postal_code"],
                    "country": facts["country"], "phone": facts["phone"] or None},
        "time_zone": facts["time_zone"],
        "lines": [{"line_id": line.line_id, "sku": line.sku, "title": catalogue.GOODS[line.sku][0],
                   "quantity": line.quantity, "unit_price_minor": line.price} for line in history.lines],
        "total_minor": total,
        "payment": {"status": "COD" if cod else "PAID" if plan.paid_at_once else "PENDING",
                    "method": facts["payment"] or "card", "cod_amount_minor": total if cod else 0},
        "promised_on": (history.promised - EPOCH).days,
    }
    if version > 1:
        body["notes"] = "Please ring twice"
    for word in sorted(history.words & frozenset(SPOILS)):
        _spoil(body, word)
    return body


def _spoil(body, word):
    if word == "no_address":
        body["ship_to"] = None
    elif word == "no_contact":
        body["customer"].update(email=None, phone=None)
        body["ship_to"]["phone"] = None
    elif word == "no_lines":
        body["lines"] = []
    elif word == "bad_total":
        body["total_minor"] += 100
    elif word == "bad_quantity":
        body["lines"][0]["quantity"] = 0
    elif word == "test_order":
        body["test"] = True


def captured(plan, now_ms):
    history = plan.history
    return {"order_id": history.order_id, "amount_minor": history.total_minor, "currency": history.facts["currency"],
            "reference": f"pay-{history.external_id[:8]}", "captured_at_ms": now_ms}


def payment_failed(plan, now_ms):
    return {"order_id": plan.history.order_id, "reason": "card declined", "failed_at_ms": now_ms}


def cancel(plan, now_ms):
    return {"order_id": plan.history.order_id, "reason": "changed my mind", "requested_by": "customer",
            "requested_at_ms": now_ms}
