"""The shop's side: makes order.submitted, or a store's own bytes, and what follows it from a plan."""
import datetime
import json

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


def payload(plan, version=1):
    """The body of payload.received: the same order as Shopify's webhook orders/create or orders/updated tells it."""
    order = submitted(plan, version)
    text = json.dumps(_shopify(order, plan.submit_ms + version * 1000), ensure_ascii=False)
    return {"source": "shopify", "topic": "orders/create" if version == 1 else "orders/updated", "received_at_ms": plan.submit_ms,
            "headers": [], "body": {"text": text}}


def _shopify(order, updated_ms):
    customer, there, payment = order["customer"], order["ship_to"], order["payment"]
    first, _, last = customer["name"].partition(" ")
    return {
        "id": int(order["external_id"]), "name": order["order_number"], "email": customer["email"], "phone": customer["phone"],
        "created_at": _iso(order["placed_at_ms"]), "updated_at": _iso(updated_ms), "cancelled_at": None, "test": False,
        "currency": order["currency"], "taxes_included": True, "total_discounts": "0.00", "total_tax": "0.00",
        "total_price": _decimal(order["total_minor"]), "financial_status": "paid" if payment["status"] == "PAID" else "pending",
        "payment_gateway_names": ["cod" if payment["status"] == "COD" else payment["method"]], "note": order.get("notes"),
        "customer_locale": customer["locale"], "shipping_lines": [],
        "line_items": [{"id": int(line["line_id"]), "sku": line["sku"], "title": line["title"], "quantity": line["quantity"],
                        "price": _decimal(line["unit_price_minor"]), "requires_shipping": True} for line in order["lines"]],
        "shipping_address": {"name": there["name"], "address1": there["line1"], "city": there["city"], "province_code": there["region"],
                             "zip": there["postal_code"], "country_code": there["country"], "phone": there["phone"]},
        "customer": {"first_name": first, "last_name": last, "email": customer["email"], "phone": customer["phone"]},
    }


def _iso(when_ms):
    return datetime.datetime.fromtimestamp(when_ms / 1000, datetime.timezone.utc).isoformat(timespec="seconds")


def _decimal(minor):
    return f"{minor // 100}.{minor % 100:02d}"


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
