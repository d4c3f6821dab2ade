"""The load: order histories of several shops for as long as the run takes, and records that nobody should send."""
import csv
import datetime
import itertools
import json
import os
import random
import subprocess
import tempfile
import threading
import time

from integration import avro
from world import sample
from world.plan import SPOILS

STORES = ("kaveri", "narmada", "tapti")
REFUSAL_APART_DAYS = 8  # a supplier that says "sold out" empties the shelf for all; two such orders must not meet
SCARCE, SCARCE_LINES = 0.03, "CHESS-SANDAL*1"  # there are three
PAYLOADS = 0.3            # of the orders come as their store's own bytes
SECOND_MS = 1000


def write_orders(path, seed, phases, rate):
    """Histories, evenly over each phase (minutes, orders per minute); how many. rate: how fast the clock runs."""
    chance = random.Random(f"orders {seed}")
    cast = [part for part in sample.CAST for _ in range(part[0])]
    last_refusal = {}
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sample.COLUMNS, lineterminator="\n")
        writer.writeheader()
        moments = list(_moments(chance, phases))
        for index, minute in enumerate(moments):
            bought = sample.FIRST_DAY + datetime.timedelta(seconds=int(minute * 60 * rate) + 8 * 3600)
            _, status, words, lines = chance.choice(cast)
            if "refuse_first" in words or "refuse_later" in words:
                if (bought - last_refusal.get(lines, datetime.datetime.min)).days < REFUSAL_APART_DAYS:
                    status, words, lines = "delivered", "", None
                else:
                    last_refusal[lines] = bought
            if chance.random() < SCARCE:
                status, words, lines = "delivered", "scarce", SCARCE_LINES
            row = sample.row(chance, 10001 + index, bought, status, words, lines)
            row["store"] = chance.choice(STORES)
            if chance.random() < PAYLOADS and not set(words.split()) & set(SPOILS):
                row.update(order_id=str(10_000_001 + index), play=f"{row['play']} payload")
            writer.writerow(row)
    return len(moments)


def _moments(chance, phases):
    began = 0.0
    for minutes, per_minute in phases:
        count = max(1, round(minutes * per_minute))
        for index in range(count):
            yield began + (index + chance.random()) * minutes / count
        began += minutes


# Records that nobody should send: (topic, kind, what the dead letter must say; "" = it is moved to where it belongs).
INBOUND = ("inbound.orders", "inbound.stock", "inbound.suppliers", "inbound.tracking", "inbound.messages", "inbound.feedback")
OVERSIZE = 70_000  # bytes; the stage sets event.bytes to 64 KiB
EXPECTED = {"garbage": "undecodable", "truncated": "undecodable", "empty": "undecodable", "unknown schema": "undecodable",
            "second hop": "wrong partition", "no key": "no key", "oversize": "oversize", "bad key": "UTF-8", "wrong partition": ""}


class Noise:
    """Sends one such record every now and then; what it sent is in a ledger."""

    def __init__(self, broker, partitions, seed, ledger, every_s=1.0):
        self._broker, self._partitions, self.ledger, self._every_s = broker, partitions, ledger, every_s
        self._chance = random.Random(f"noise {seed}")
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="noise", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self._chance.expovariate(1 / self._every_s)):
            self.send_one()

    def send_one(self):
        kind = self._chance.choice(tuple(EXPECTED))
        number = next(self._numbers)
        key, name = f"noise:{number}", f"noise-{number}"
        topic = "inbound.orders" if kind == "wrong partition" else self._chance.choice(INBOUND)
        home = avro.murmur2_partition(key, self._partitions)
        partition = (home + 1) % self._partitions if kind in ("wrong partition", "second hop") else home
        headers = {"ce_id": name, "ce_source": "chaos", "ce_type": "noise", "ce_specversion": "1.0", "ce_time": "2026-06-01T00:00:00Z"}
        if kind == "second hop":
            headers["waybill_hops"] = "1"
        entry = {"id": name, "kind": kind, "topic": topic, "partition": partition, "key": key, "expected": EXPECTED[kind]}
        self.ledger.add(**entry, sent=self._produce(kind, topic, key, partition, headers))

    def _produce(self, kind, topic, key, partition, headers):
        """True if kcat says that the brokers have it."""
        value = self._value(kind, key)
        command = ["kcat", "-P", "-b", self._broker, "-t", "waybill." + topic, "-p", str(partition), "-X", "message.max.bytes=20000000",
                   "-X", "enable.idempotence=true"]
        if kind == "bad key":
            command += ["-k", b"noise:\xff\xfe"]
        elif kind != "no key":
            command += ["-k", key]
        for header, text in headers.items():
            command += ["-H", f"{header}={text}"]
        with tempfile.NamedTemporaryFile() as file:
            file.write(value)
            file.flush()
            return subprocess.run([*command, file.name], capture_output=True).returncode == 0

    def _value(self, kind, key):
        good = avro.payment_captured(key, 179900, "INR", "pay", int(time.time()) * SECOND_MS)
        if kind == "garbage":
            return bytes([7]) + self._chance.randbytes(self._chance.randrange(1, 400))
        if kind == "truncated":
            return good[:self._chance.randrange(6, len(good) - 9)]
        if kind == "empty":
            return b"\x00"
        if kind == "unknown schema":
            return avro.framed(9000 + self._chance.randrange(900), avro.string(key))
        if kind == "oversize":
            return avro.payment_captured(key, 179900, "INR", "x" * OVERSIZE)
        return good
