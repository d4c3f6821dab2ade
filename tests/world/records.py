"""What `waybill consume --all` prints, as records of Python; instants become Unix ms again."""
import dataclasses
import datetime
import json


@dataclasses.dataclass(frozen=True)
class Record:
    topic: str          # without prefix
    partition: int
    offset: int
    key: str
    event: str          # order.accepted; "" if it could not be decoded
    body: dict
    headers: dict
    cause: str = ""     # the ce_id of what caused it

    @property
    def ce_id(self):
        return self.headers.get("ce_id", "")


def parse(line):
    """One JSON line -> Record."""
    row = json.loads(line)
    body = row.get("data")
    return Record(row["topic"], row["partition"], row["offset"], row.get("key") or "", row.get("event") or "",
                  _instants(body) if isinstance(body, dict) else {}, row.get("headers") or {}, row.get("cause") or "")


def _instants(value):
    """Texts of fields whose name ends in _ms -> ms."""
    if isinstance(value, list):
        return [_instants(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: parse_ms(item) if name.endswith("_ms") and isinstance(item, str) else _instants(item) for name, item in value.items()}


def parse_ms(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [parse(line) for line in file if line.strip()]
