"""What `waybill consume --all` prints, as records of Python."""
import dataclasses
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

    @property
    def ce_id(self):
        return self.headers.get("ce_id", "")


def parse(line):
    """One JSON line -> Record."""
    row = json.loads(line)
    headers = row.get("headers") or {}
    return Record(row["topic"], row["partition"], row["offset"], row.get("key") or "", row.get("event") or "",
                  row.get("value") or {}, headers)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [parse(line) for line in file if line.strip()]
