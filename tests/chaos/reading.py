"""Reads whole topics by kcat, read_committed, byte by byte: nothing of Waybill's own code has a hand in it."""
import json
import re
import subprocess
import typing

FORMAT = "%p %o %K %S\n%k%s%h\n"
NEXT_HEADER = re.compile(r",(?=(?:ce_[a-z]+|waybill_[a-z_]+|traceparent|content-type)=)")


class Raw(typing.NamedTuple):
    topic: str            # without prefix
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None   # None: a tombstone, or not kept
    headers: dict

    @property
    def ce_id(self):
        return self.headers.get("ce_id", "")

    @property
    def place(self):
        return f"{self.topic}/{self.partition}@{self.offset}"


class ReadError(Exception):
    """A topic could not be read."""


def topics(broker, prefix="waybill."):
    """{topic without prefix: partitions}"""
    done = subprocess.run(["kcat", "-L", "-J", "-m", "30", "-b", broker], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["topics"]
    return {topic["topic"].removeprefix(prefix): len(topic["partitions"]) for topic in found if topic["topic"].startswith(prefix)}


def read(broker, topic, keep_values=False, prefix="waybill."):
    """All committed records of a topic, partition by partition in order."""
    process = subprocess.Popen(["kcat", "-C", "-q", "-e", "-b", broker, "-t", prefix + topic, "-o", "beginning", "-f", FORMAT,
                                "-X", "isolation.level=read_committed", "-X", "fetch.message.max.bytes=4000000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = list(parse(process.stdout, topic, keep_values))
    said = process.stderr.read().decode(errors="replace")
    if process.wait():
        raise ReadError(f"{topic}: {said}")
    found.sort(key=lambda record: (record.partition, record.offset))
    return found


def parse(stream, topic, keep_values):
    """What kcat prints in FORMAT, as records."""
    while line := stream.readline():
        partition, offset, key_bytes, value_bytes = map(int, line.split())
        key = stream.read(key_bytes) if key_bytes > 0 else None
        value = stream.read(value_bytes) if value_bytes >= 0 else None
        yield Raw(topic, partition, offset, key, value if keep_values else None, _headers(stream.readline()))


def _headers(line):
    text = line.rstrip(b"\n").decode("utf-8", "replace")
    return dict(part.partition("=")[::2] for part in NEXT_HEADER.split(text)) if text else {}


class Cursor:
    """Avro's binary encoding, field by field, behind the five bytes of the framing."""

    def __init__(self, value):
        self._value, self._at = value, 5

    def long(self):
        shift = number = 0
        while True:
            byte = self._value[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7

    def chunk(self):
        """bytes or string"""
        size = self.long()
        self._at += size
        return self._value[self._at - size:self._at]

    def array(self, item):
        found = []
        while count := self.long():
            if count < 0:
                count = -count
                self.long()  # the block's size in bytes
            found += [item() for _ in range(count)]
        return found


class Position(typing.NamedTuple):
    """schemas/task_position.avsc"""
    batch: int
    next: dict            # {topic: next offset}
    partition_count: int


def position(value):
    """The bytes of a position record -> Position."""
    cursor = Cursor(value)
    batch, _ = cursor.long(), cursor.chunk()
    inputs = cursor.array(lambda: (cursor.chunk().decode(), cursor.long()))
    cursor.long()  # event_time_ms
    return Position(batch, dict(inputs), cursor.long())


def timers(value):
    """The bytes of a key's record (schemas/key_entry.avsc) -> when its timers are due, in ms."""
    cursor = Cursor(value)
    if cursor.long():
        cursor.chunk()  # the state
    return [due for _, due in cursor.array(lambda: (cursor.chunk(), cursor.long()))]


PARKED = 2


def intent_status(value):
    """The bytes of an intent (schemas/task_intent.avsc) -> 0 pending, 1 started, 2 parked."""
    cursor = Cursor(value)
    for _ in range(5):
        cursor.chunk()
    return cursor.long()
