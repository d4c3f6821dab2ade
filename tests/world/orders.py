"""Order histories: reads the CSV, fills in what a file leaves open, shifts every history by whole weeks to the world's now."""
import csv
import dataclasses
import datetime
import zoneinfo

from world import catalogue, chance

REQUIRED = (
    "order_id", "order_status", "order_purchase_timestamp", "order_approved_at",
    "order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date",
)
# What a file without the column means.
DEFAULTS = {
    "store": "demo", "currency": "BRL", "country": "BR", "time_zone": "America/Sao_Paulo", "locale": "pt-BR",
    "payment": "", "play": "", "lines": "", "name": "", "email": "", "phone": "", "line1": "", "city": "",
    "region": "", "postal_code": "",
}
STATUSES = frozenset("created approved invoiced processing shipped delivered unavailable canceled rejected returned lost".split())
LIMIT = 20_000  # orders of one file
PAID_AT_ONCE = datetime.timedelta(hours=1)
BRAZIL = (
    # city, region, postal code, area code
    ("São Paulo", "SP", "01310-100", "11"), ("Rio de Janeiro", "RJ", "20040-002", "21"),
    ("Belo Horizonte", "MG", "30130-010", "31"), ("Curitiba", "PR", "80010-000", "41"),
    ("Porto Alegre", "RS", "90010-150", "51"), ("Salvador", "BA", "40020-000", "71"),
)


@dataclasses.dataclass(frozen=True)
class Line:
    line_id: str
    sku: str
    quantity: int

    @property
    def price(self):
        return catalogue.GOODS[self.sku][1]


@dataclasses.dataclass(frozen=True)
class History:
    """One order of the file, its local times already shifted. None = it never happened."""
    external_id: str
    status: str
    bought: datetime.datetime
    approved: datetime.datetime | None
    handed: datetime.datetime | None
    delivered: datetime.datetime | None
    promised: datetime.date
    lines: tuple
    words: frozenset  # of the column `play`: what goes differently with this order
    facts: dict  # the other columns, filled in

    @property
    def order_id(self):
        return f"{self.facts['store']}:{self.external_id}"

    @property
    def number(self):
        """What the customer knows the order by."""
        return f"W-{self.external_id[:8].upper()}"

    @property
    def total_minor(self):
        return sum(line.price * line.quantity for line in self.lines)

    def ms(self, local):
        """Local naive time of the order's zone -> Unix ms."""
        return to_ms(local, self.facts["time_zone"])


def to_ms(local, zone):
    return int(local.replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp() * 1000)


def _moment(text):
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S") if text else None


def _lines(text, external_id):
    """`SKU*2 SKU*1`; a file without lines gets one to three seeded ones."""
    if text:
        pairs = [item.split("*") if "*" in item else (item, "1") for item in text.split()]
        for sku, quantity in pairs:
            if sku not in catalogue.GOODS:
                raise ValueError(f"lines: there is no SKU {sku!r}; there are {', '.join(sorted(catalogue.GOODS))}")
            if not quantity.isdigit() or not 1 <= int(quantity) <= 100:
                raise ValueError(f"lines: {sku}*{quantity}: the quantity is not a number from 1 to 100")
    else:
        count = chance.pick((1, 1, 1, 2, 2, 3), external_id, "lines")
        start = chance.below(len(catalogue.PLENTIFUL), external_id, "sku")
        goods = [catalogue.PLENTIFUL[(start + 3 * n) % len(catalogue.PLENTIFUL)] for n in range(count)]
        pairs = [(sku, 1 + chance.below(2, external_id, sku)) for sku in goods]
    return tuple(Line(str(n), sku, int(quantity)) for n, (sku, quantity) in enumerate(pairs, 1))


def _facts(row):
    """A file that says nothing of the customer gets one in Brazil, where real-orders.csv comes from."""
    facts = {name: row.get(name) or default for name, default in DEFAULTS.items()}
    seed = row["order_id"]
    if not facts["city"]:
        city, region, postal_code, area = chance.pick(BRAZIL, seed, "city")
        facts.update(city=city, region=region, postal_code=postal_code, line1=f"Rua {1 + chance.below(900, seed)}")
        facts.update(name=f"Cliente {seed[:6]}", email=f"cliente.{seed[:12]}@mail.example")
        if chance.below(10, seed, "sms") == 0:
            facts.update(email="", phone=f"+55{area}9{60000000 + chance.below(39999999, seed, 'phone')}")
    return facts


def read(path, first_monday, together=False):
    """All histories of the file, each shifted by whole weeks so that it begins in the week of first_monday.

    together: all by as many weeks, so that only the first begins in that week.
    """
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}")
        rows = [(reader.line_num, row) for row in reader]
    first = min((row["order_purchase_timestamp"] for _, row in rows), default="") if together else None
    histories = [_checked(path, number, row, first_monday, first) for number, row in rows]
    if not 1 <= len(histories) <= LIMIT:
        raise ValueError(f"{path}: {len(histories)} orders; there must be 1 to {LIMIT}")
    ids = [history.order_id for history in histories]
    doubles = sorted({order_id for order_id in ids if ids.count(order_id) > 1})
    if doubles:
        raise ValueError(f"{path}: {', '.join(doubles[:3])}: an order stands there twice")
    return histories


def _checked(path, line, row, first_monday, first):
    try:
        return _history(row, first_monday, first)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path}, line {line}: {error}") from error


def _history(row, first_monday, first):
    for column in ("order_id", "order_purchase_timestamp", "order_estimated_delivery_date"):
        if not row[column]:
            raise ValueError(f"{column} is empty")
    if row["order_status"] not in STATUSES:
        raise ValueError(f"order_status: {row['order_status']!r} is none of {', '.join(sorted(STATUSES))}")
    facts = _facts(row)
    try:
        zoneinfo.ZoneInfo(facts["time_zone"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"time_zone: there is no zone {facts['time_zone']!r}") from error
    bought = _moment(row["order_purchase_timestamp"])
    began = (_moment(first) if first else bought).date()
    monday = began - datetime.timedelta(days=began.weekday())
    shift = first_monday - monday
    def moved(column):
        moment = _moment(row[column])
        return moment + shift if moment else None
    for column in ("order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date"):
        if row[column] and _moment(row[column]) < bought:
            raise ValueError(f"{column} is before order_purchase_timestamp")
    approved, handed, delivered = (moved(column) for column in (
        "order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date"))
    if not approved and (handed or delivered):
        approved = bought + shift  # it was sent, so somebody had approved it
    if delivered and not handed:
        handed = approved + (delivered - approved) / 2
    return History(
        external_id=row["order_id"], status=row["order_status"], bought=bought + shift,
        approved=approved, handed=handed, delivered=delivered,
        promised=moved("order_estimated_delivery_date").date(),
        lines=_lines(row.get("lines", ""), row["order_id"]),
        words=frozenset((row.get("play") or "").split()), facts=facts)


def late_in_file(path):
    """How many orders of the file were delivered after their promised day: straight from the file, for the books.

    A cancelled one is played as cancelled, whatever else its row says.
    """
    late = 0
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            delivered = row["order_delivered_customer_date"][:10]
            if row["order_status"] == "canceled":
                continue
            late += bool(delivered) and delivered > row["order_estimated_delivery_date"][:10]
    return late
