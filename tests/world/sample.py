"""Makes deploy/sample-orders.csv: seeded, plausible orders of an Indian shop, with everything that goes wrong in real life.

Run `PYTHONPATH=tests python3 -m world sample > deploy/sample-orders.csv` after a change here.
"""
import csv
import datetime
import random

from world.orders import REQUIRED

SEED = 20260601
FIRST_DAY = datetime.datetime(2026, 6, 1)
COLUMNS = REQUIRED + ("store", "currency", "country", "time_zone", "locale", "name", "email", "phone", "line1", "city",
                      "region", "postal_code", "payment", "lines", "play")
CITIES = (
    ("Bengaluru", "KA", "560001"), ("Mumbai", "MH", "400001"), ("New Delhi", "DL", "110001"), ("Chennai", "TN", "600001"),
    ("Kolkata", "WB", "700001"), ("Pune", "MH", "411001"), ("Jaipur", "RJ", "302001"), ("Kochi", "KL", "682001"),
    ("Lucknow", "UP", "226001"), ("Guwahati", "AS", "781001"),
)
FIRST_NAMES = ("Asha", "Ravi", "Meera", "Arjun", "Fatima", "Joseph", "Kavya", "Imran", "Nandini", "Vikram", "Lakshmi", "Dev")
LAST_NAMES = ("Rao", "Sharma", "Iyer", "Khan", "Thomas", "Das", "Patel", "Bose", "Menon", "Singh")
STREETS = ("MG Road", "Station Road", "Lake View", "Park Street", "Temple Street", "Residency Road")
BASKET = ("BOTTLE-STEEL-1L", "CASE-PHONE", "COFFEE-MALABAR-250", "SPICE-GARAM-100", "TEA-ASSAM-250")
# KETTLE-COPPER, RUG-DHURRIE, BLANKET-WOOL and HONEY-FOREST-500 are for the orders that are refused: nobody else meets the empty shelf.
AT_TWO_SUPPLIERS = "LAMP-BRASS*1 TEA-NILGIRI-500*2"  # nobody sells both

# (how many, status, words of the column play, fixed lines or None)
CAST = (
    (24, "delivered", "", None), (4, "delivered", "", "SPICE-GARAM-100*1 TEA-ASSAM-250*2"),
    (2, "delivered", "resubmit", None), (1, "delivered", "update", None), (2, "delivered", "shuffle", None),
    (2, "delivered", "early_scan", None), (2, "delivered", "ndr", None), (1, "delivered", "silent", None),
    (4, "delivered", "", AT_TWO_SUPPLIERS), (1, "delivered", "staggered", AT_TWO_SUPPLIERS),
    (1, "delivered", "staggered late edd", AT_TWO_SUPPLIERS),
    (2, "delivered", "two_parcels", "SPICE-GARAM-100*2 COFFEE-MALABAR-250*1"),
    (4, "delivered", "late", None), (2, "delivered", "late edd", None),
    (1, "delivered", "refuse_first", "KETTLE-COPPER*1"), (1, "delivered", "refuse_first", "RUG-DHURRIE*1"),
    (1, "delivered", "refuse_first", "BLANKET-WOOL*2"), (1, "delivered", "refuse_later", "HONEY-FOREST-500*2"),
    (1, "delivered", "drop_answer", None), (1, "delivered", "busy", None), (1, "delivered", "slow", None),
    (1, "delivered", "cancel_late", None), (1, "delivered", "bounce", None), (1, "delivered", "lose_reply", None),
    (2, "returned", "rto", None), (2, "lost", "lost", None), (2, "shipped", "", None), (1, "invoiced", "", None),
    (3, "canceled", "", None), (3, "created", "", None), (1, "created", "payment_failed", None),
    (1, "unavailable", "short", "CHESS-SANDAL*5"), (1, "unavailable", "refuse_all", "LAMP-BRASS*2"),
    (1, "rejected", "no_address", None), (1, "rejected", "bad_total", None), (1, "rejected", "no_contact", None),
    (1, "rejected", "no_lines", None),
)
EMAIL_ONLY = ("bounce", "lose_reply")


def write(out):
    """Writes the whole file; the same every time."""
    chance = random.Random(SEED)
    cast = [part[1:] for part in CAST for _ in range(part[0])]
    chance.shuffle(cast)
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    minutes = sorted(chance.randrange(8 * 60, 4 * 24 * 60) for _ in cast)
    for number, (minute, (status, words, lines)) in enumerate(zip(minutes, cast), 1001):
        writer.writerow(row(chance, number, FIRST_DAY + datetime.timedelta(minutes=minute), status, words, lines))


def row(chance, number, bought, status, words, lines):
    words = words.split()
    late = "late" in words
    row = {"order_id": f"IN-{number}", "order_status": status, "store": "kaveri", "currency": "INR", "country": "IN",
           "time_zone": "Asia/Kolkata", "locale": "en-IN", "play": " ".join(word for word in words if word != "late"),
           "lines": lines or _basket(chance), **_customer(chance, number, words)}
    row["payment"] = chance.choice(("card", "card", "upi", "upi", "cod")) if status != "created" else "upi"
    approved = handed = delivered = None
    if status != "created":
        waits = chance.random() < 0.25 and row["payment"] != "cod"
        approved = bought + datetime.timedelta(minutes=chance.randrange(120, 1500) if waits else chance.randrange(1, 30))
    if status not in ("created", "unavailable", "rejected", "invoiced", "canceled"):
        handed = _by_day(chance, approved + datetime.timedelta(days=chance.choice((1, 1, 2))), 10, 18)
    promised = (bought + datetime.timedelta(days=9)).date()
    if status == "delivered":
        days = chance.choice((2, 3, 3, 4)) if not late else 11
        delivered = _by_day(chance, handed + datetime.timedelta(days=days), 9, 19)
    row.update(order_purchase_timestamp=bought, order_approved_at=approved, order_delivered_carrier_date=handed,
               order_delivered_customer_date=delivered, order_estimated_delivery_date=f"{promised} 00:00:00")
    return row


def _by_day(chance, moment, first_hour, last_hour):
    return moment.replace(hour=chance.randrange(first_hour, last_hour), minute=chance.randrange(60), second=chance.randrange(60))


def _basket(chance):
    return " ".join(f"{sku}*{chance.choice((1, 1, 2))}" for sku in chance.sample(BASKET, chance.choice((1, 1, 2, 3))))


def _customer(chance, number, words):
    city, region, postal_code = chance.choice(CITIES)
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    phone = f"+9198{chance.randrange(10**7, 10**8)}"
    by_text = chance.random() < 0.15 and not set(words) & set(EMAIL_ONLY)
    return {"name": f"{first} {last}", "email": "" if by_text else f"{first}.{last}.{number}@mail.example".lower(),
            "phone": phone if by_text or chance.random() < 0.5 else "", "line1": f"{chance.randrange(1, 400)} {chance.choice(STREETS)}",
            "city": city, "region": region, "postal_code": postal_code}
