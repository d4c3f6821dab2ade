"""One bad event never stops a partition: bombs, and events that kill the worker that decides them."""
import collections
import http.server
import json
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

from integration import avro, stages
from world import records
from world.stage import Stage

WAIT_S = 120
BATCH_MIB = 64
MEMORY_MIB_MAX = 200  # of a worker with batches of BATCH_MIB, at any time (seen: 110); a sanitizer takes four times as much


def framed_payment(key, amount):
    return avro.payment_captured(key, amount, "INR")


class PoisonTest(stages.StageTest):
    """Everything bad is sent at once, between good events; the tests look at what became of it."""
    RATE = None
    SERVICES = ("intake",)
    SETTINGS = {"batch.bytes": f"{BATCH_MIB}MiB"}

    @classmethod
    def partition(cls, key):
        return avro.murmur2_partition(key, cls.stage.partitions)

    @classmethod
    def neighbour(cls, key):
        """Another key on the same partition."""
        return next(name for name in (f"{key}-next-{i}" for i in range(1000)) if cls.partition(name) == cls.partition(key))

    @classmethod
    def send(cls, key, value, topic="inbound.orders", partition=None, **headers):
        avro.produce(cls.stage.broker, "waybill." + topic, key, value, cls.partition(key) if partition is None else partition, headers)

    @classmethod
    def wait(cls, arrived):
        """All records, by topic and key, once arrived(them) is true."""
        deadline = time.monotonic() + WAIT_S
        while True:
            rows = collections.defaultdict(list)
            for row in records.read(cls.stage.collect()):
                rows[row.topic, row.key].append(row)
            if arrived(rows):
                return rows
            if time.monotonic() > deadline:
                letters = [(key, row.headers.get("waybill_error_reason")) for (topic, key), all in rows.items() for row in all
                           if topic == "intake.dlq"]
                raise AssertionError(f"not there after {WAIT_S} s; dead letters: {letters}\n{cls.stage.tail('intake', 30)}")
            time.sleep(0.5)

    def assert_dead(self, key, *reasons):
        """Exactly one dead letter of the key, whose reason says all that."""
        letters = self.rows["intake.dlq", key]
        self.assertEqual(len(letters), 1, f"{key}: {letters}")
        for reason in reasons:
            self.assertIn(reason, letters[0].headers["waybill_error_reason"])
        return letters[0]

    @classmethod
    def memory_mib(cls):
        with open(f"/proc/{cls.stage.workers['intake'].pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024

    @classmethod
    def is_sanitized(cls):
        with open(f"/proc/{cls.stage.workers['intake'].pid}/maps", encoding="ascii", errors="replace") as file:
            return "libasan" in file.read()


def cancelled_with(name, type, **more):
    """A newer order.cancelled, as its writer publishes it: with one more field."""
    fields = [("order_id", "string"), ("reason", "string"), ("cancelled_at_ms", "long"), ("refund_due", "boolean")]
    return {"type": "record", "name": "order_cancelled", "namespace": "waybill",
            "fields": [*({"name": field, "type": of} for field, of in fields), {"name": name, "type": type, **more}]}


SCHEMAS = {
    9001: cancelled_with("nothing", {"type": "array", "items": "null"}),
    9002: cancelled_with("next", ["null", "order_cancelled"], default=None),
    9003: cancelled_with("empty", {"type": "map", "values": {"type": "record", "name": "empty", "fields": []}}),
    9004: cancelled_with("large", {"type": "fixed", "name": "large", "size": 2**31 - 1}),
    9005: cancelled_with("deep", json.loads('{"type":"array","items":' * 40 + '"int"' + "}" * 40)),
}
HEAD = avro.string("o") + avro.string("r") + avro.long(0) + b"\0"
BOMBS = {  # name: value, or a payload of shopify as text; what the dead letter must say
    "array-of-nothing": (avro.framed(9001, HEAD + avro.long(2**62) + avro.long(0)), ("undecodable", "nothing")),
    "map-of-nothing": (avro.framed(9003, HEAD + avro.long(2**40) + avro.string("k") * 1000), ("undecodable",)),
    "nested": (avro.framed(9002, (HEAD + avro.long(1)) * 100_000), ("undecodable",)),
    "large-fixed": (avro.framed(9004, HEAD + b"x" * 1000), ("undecodable",)),
    "lists-of-lists": (avro.framed(9005, HEAD + avro.long(1) * 100_000), ("undecodable",)),
    "lines": (avro.framed(101, avro.string("kaveri") * 2 + avro.long(2**40) * 10), ("undecodable",)),
    "length": (avro.framed(102, avro.long(2**40) + b"x"), ("undecodable", "order_id")),
    "negative-length": (avro.framed(102, avro.long(-5) + b"xxxxx"), ("undecodable", "order_id")),
    "negative-block": (avro.framed(9005, HEAD + avro.long(-2**62) + avro.long(2**50)), ("undecodable",)),
    "endless-number": (avro.framed(102, b"\xff" * 100_000), ("undecodable",)),
    "value": (framed_payment("x" * 1_100_000, 1), ("oversize", "1048576")),
    "deep-json": ("[" * 500_000, ("unreadable payload", "depth")),
    "deep-members": ('{"a":' * 100_000 + "1" + "}" * 100_000, ("unreadable payload", "depth")),
    "huge-number": ('{"id":' + "9" * 900_000 + "}", ("unreadable payload",)),
    "no-json": ("\x00" * 1000, ("unreadable payload",)),
}


class BombTest(PoisonTest):
    """What is small and becomes large, nested or endless, to the real intake."""

    @classmethod
    def play(cls):
        cls.stage.start_workers()
        cls.stage.wait_until_ready()
        for number, schema in SCHEMAS.items():
            cls.send(str(number), json.dumps(schema).encode(), topic="schemas", partition=0)
        for name, (value, _) in BOMBS.items():
            key = f"kaveri:{name}"
            if isinstance(value, bytes):
                cls.send(key, value)
            else:
                path = cls.run_dir / f"{name}.json"
                path.write_text(value)
                cls.stage.run_tool("produce", "--payload", "shopify", str(path), "--key", key)
        cls.many_lines = json.dumps({"id": 1, "line_items": [{}] * 300_000}, separators=(",", ":"))
        path = cls.run_dir / "many.json"
        path.write_text(cls.many_lines)
        cls.stage.run_tool("produce", "--payload", "shopify", str(path), "--key", "kaveri:many-lines")
        cls.send("kaveri:headers", framed_payment("kaveri:headers", 1), **{f"h{i}": "x" * 1000 for i in range(80)})
        cls.send("kaveri:many-headers", framed_payment("kaveri:many-headers", 1), **{f"h{i}": "x" for i in range(300)})
        cls.long_key = "kaveri:" + "k" * 600
        cls.send(cls.long_key, framed_payment(cls.long_key, 1))
        cls.keys = [f"kaveri:{name}" for name in (*BOMBS, "many-lines", "headers", "many-headers")]
        cls.neighbours = [cls.neighbour(key) for key in (*cls.keys, cls.long_key)]
        orders = [cls.order(key) for key in (*cls.keys, *cls.neighbours) if len(key) < 100]
        cls.stage.run_tool("produce", "--event", "order.submitted", stdin="".join(json.dumps(order) + "\n" for order in orders))
        cls.good = [f"kaveri:{order['external_id']}" for order in orders]
        cls.rows = cls.wait(lambda rows: all(cls.is_pending(rows, key) for key in cls.good))

    @staticmethod
    def order(key):
        return {"store": "kaveri", "external_id": key.removeprefix("kaveri:"), "placed_at_ms": 1780000000000, "currency": "INR",
                "customer": {"name": "Asha Rao", "email": "asha@mail.example"},
                "ship_to": {"name": "Asha Rao", "line1": "1 MG Road", "city": "Bengaluru", "region": "KA", "postal_code": "560001",
                            "country": "IN"},
                "lines": [{"line_id": "1", "sku": "LAMP-BRASS", "quantity": 1, "unit_price_minor": 100}],
                "total_minor": 100, "payment": {"status": "PENDING", "method": "upi"}}

    @staticmethod
    def is_pending(rows, key):
        return any(row.event == "order.payment_pending" for row in rows["orders", key])

    def test_later_orders_of_the_same_keys_and_partitions_pass_once(self):
        for key in self.good:
            pending = [row for row in self.rows["orders", key] if row.event == "order.payment_pending"]
            self.assertEqual(len(pending), 1, key)

    def test_no_worker_died(self):
        self.assertIsNone(self.stage.workers["intake"].poll())
        self.assertNotIn("the worker dies", (self.run_dir / "intake.log").read_text(errors="replace"))

    def test_memory_stayed_bounded(self):
        limit = MEMORY_MIB_MAX * (4 if self.is_sanitized() else 1)
        print(f"VmHWM {self.memory_mib():.0f} MiB", file=sys.stderr)
        self.assertLess(self.memory_mib(), limit)

    def test_many_empty_lines_are_refused(self):
        dead, rejected = self.rows["intake.dlq", "kaveri:many-lines"], self.rows["orders", "kaveri:many-lines"]
        self.assertTrue(dead or any(row.event == "order.rejected" for row in rejected), (dead, rejected))

    def test_headers_too_large(self):
        self.assert_dead("kaveri:headers", "oversize", "headers", "65536")

    def test_headers_too_many(self):
        self.assert_dead("kaveri:many-headers", "oversize", "headers", "200")

    def test_key_too_long(self):
        letters = [row for (topic, key), rows in self.rows.items() for row in rows if topic == "intake.dlq" and key == self.long_key[:512]]
        self.assertEqual(len(letters), 1)
        self.assertIn("oversize: key of 607 bytes (limit 512)", letters[0].headers["waybill_error_reason"])


def add_bomb_tests():
    for name, (_, reasons) in BOMBS.items():
        def test(self, name=name, reasons=reasons):
            self.assert_dead(f"kaveri:{name}", *reasons)
        setattr(BombTest, f"test_{name.replace('-', '_')}", test)


add_bomb_tests()

# What poison_worker does, by the amount of a payment.
PLAIN, FAULTS, ABORTS, HANGS, OVERFLOWS, FAULTS_SOON, CALLS, GROWS, SPREADS = range(9)
KILLERS = {"faults": FAULTS, "aborts": ABORTS, "hangs": HANGS, "overflows": OVERFLOWS, "timer": FAULTS_SOON, "reply": CALLS}


class Deadly(Stage):
    """intake's place is taken by a worker that dies on request."""
    endpoint = None

    def worker_command(self, service):
        config = self.run_dir / "poison.yaml"
        config.write_text(f"endpoints:\n  there:\n    url: {self.endpoint}\n")
        settings = {"kafka.bootstrap_servers": self.broker, "redis.urls": self.redis_url, "health.port": self.health[service],
                    "rules.cpu_limit": "1s", "kafka.session_timeout": "6s", **self.settings}
        return [str(self.build_dir / "tests" / "integration" / "poison_worker"), f"--config={config}",
                *(f"--{name}={value}" for name, value in settings.items())]


class There(http.server.BaseHTTPRequestHandler):
    """Takes every call, and remembers under which key."""
    keys = []

    def do_POST(self):
        self.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class CrashTest(PoisonTest):
    """Events that kill their worker, under a supervisor that starts it again."""
    STAGE = Deadly

    @classmethod
    def play(cls):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), There)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(lambda: (server.shutdown(), server.server_close()))
        cls.stage.endpoint = f"http://127.0.0.1:{server.server_port}"
        cls.stage.start_workers(supervise=True)
        cls.stage.wait_until_ready()
        cls.expected, cls.payments = collections.Counter(), []
        for name, amount in KILLERS.items():
            key = f"kaveri:{name}"
            for one in (PLAIN, amount, PLAIN):
                cls.pay(key, one)
            cls.pay(cls.neighbour(key), PLAIN)
            cls.expected[key] -= amount <= OVERFLOWS  # of the other two the record itself is good
        for _ in range(6):
            cls.pay("kaveri:grows", GROWS)
        cls.expected["kaveri:grows"] -= 2  # 4 x 60 kB fit
        cls.pay("kaveri:grows", PLAIN)
        cls.pay("kaveri:spreads", SPREADS)
        cls.expected["kaveri:spreads"] -= 1
        cls.pay("kaveri:spreads", PLAIN)
        for number in range(40):
            cls.pay(f"kaveri:bystander-{number}", PLAIN)
        cls.send_payments()
        letters = len(KILLERS) + 3  # and two of what grows, one of what spreads
        cls.rows = cls.wait(lambda rows: all(len(rows["orders", key]) >= count for key, count in cls.expected.items()) and
                            sum(len(all) for (topic, _), all in rows.items() if topic == "intake.dlq") >= letters)

    @classmethod
    def pay(cls, key, amount):
        cls.payments.append({"order_id": key, "amount_minor": amount, "currency": "INR", "reference": str(len(cls.payments))})
        cls.expected[key] += 1

    @classmethod
    def send_payments(cls):
        lines = "".join(json.dumps(payment) + "\n" for payment in cls.payments)
        cls.payments = []
        cls.stage.run_tool("produce", "--event", "payment.captured", "--new-ids", stdin=lines)

    def test_all_other_events_are_decided_once_and_in_order(self):
        for key, count in self.expected.items():
            said = [row.body["reason"] for row in self.rows["orders", key]]
            self.assertEqual(said, [f"paid {number + 1}" for number in range(count)], key)

    def assert_crashed(self, name):
        return self.assert_dead(f"kaveri:{name}", "crashed")

    def test_record_that_faults(self):
        letter = self.assert_crashed("faults")
        self.assertEqual(letter.headers["waybill_error_topic"], "inbound.orders")
        self.assertEqual(letter.body["amount_minor"], FAULTS)

    def test_record_that_aborts(self):
        self.assert_crashed("aborts")

    def test_record_whose_rule_never_returns(self):
        self.assert_crashed("hangs")
        self.assertIn("rules.cpu_limit", (self.run_dir / "intake.log").read_text(errors="replace"))

    def test_record_that_overflows_the_stack(self):
        self.assert_crashed("overflows")

    def test_timer_that_faults(self):
        letter = self.assert_crashed("timer")
        self.assertEqual(letter.headers["waybill_error_topic"], "timer")
        self.assertTrue(letter.headers["waybill_error_what"].startswith("timer bomb, due 20"), letter.headers)

    def test_reply_that_faults_and_nothing_is_called_under_two_keys(self):
        letter = self.assert_crashed("reply")
        self.assertIn("reply to call call (called) at there: ok, status 200", letter.headers["waybill_error_what"])
        self.assertEqual(len(set(There.keys)), 1)

    def test_log_says_what_the_worker_died_of(self):
        log = (self.run_dir / "intake.log").read_text(errors="replace")
        offset = self.assert_crashed("faults").headers["waybill_error_offset"]
        self.assertRegex(log, f'msg="the worker dies" why="SIGSEGV" at="inbound.orders" partition=[0-9]+ offset={offset}\n')
        self.assertRegex(log, 'msg="the worker dies" why="SIGSEGV" at="a timer" timer="bomb" partition=')

    def test_few_deaths_tell_the_poison(self):
        """Four for the first (the first death casts suspicion only), three for each other, and some that a small first batch costs."""
        print(f"{len(self.stage.restarts)} deaths", file=sys.stderr)
        self.assertLessEqual(len(self.stage.restarts), 4 * len(KILLERS) + 6)

    def test_state_that_grows_past_its_limit_is_set_aside_and_its_key_goes_on(self):
        letters = self.rows["intake.dlq", "kaveri:grows"]
        self.assertEqual(len(letters), 2)
        for letter in letters:
            self.assertIn("(limit 262144)", letter.headers["waybill_error_reason"])

    def test_rule_that_emits_too_much_is_set_aside_and_its_key_goes_on(self):
        self.assert_dead("kaveri:spreads", "more than 1000 events")

    def test_liveness_fails_while_a_rule_does_not_return(self):
        """Without the limit on processor time, whoever asks /livez sees it and kills."""
        self.stage.settings.update({"rules.cpu_limit": "10m", "health.stale": "1s"})
        self.stage.kill_worker("intake")
        time.sleep(1)
        self.stage.wait_until_ready()
        self.pay("kaveri:stuck", HANGS)
        self.pay("kaveri:stuck", PLAIN)
        self.send_payments()
        deadline = time.monotonic() + 30
        while self.livez() != 503:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.stage.settings.update({"rules.cpu_limit": "1s"})
        self.stage.kill_worker("intake")
        rows = self.wait(lambda rows: rows["orders", "kaveri:stuck"] and rows["intake.dlq", "kaveri:stuck"])
        self.assertIn("crashed", rows["intake.dlq", "kaveri:stuck"][0].headers["waybill_error_reason"])

    def livez(self):
        try:
            with urllib.request.urlopen(self.stage.health_url("intake") + "/livez", timeout=5) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


if __name__ == "__main__":
    unittest.main()
