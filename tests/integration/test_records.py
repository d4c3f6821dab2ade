"""Records that nobody should send, and the commands of the tool: each does what the design says."""
import base64
import json
import subprocess
import time
import unittest
import urllib.request

from integration import avro, stages
from world import records
from world.stage import SERVICES

WAIT_S = 30
SUBMITTED = {
    "store": "kaveri", "external_id": "1", "placed_at_ms": 1780000000000, "currency": "INR",
    "customer": {"name": "Asha Rao", "email": "asha@mail.example"},
    "ship_to": {"name": "Asha Rao", "line1": "1 MG Road", "city": "Bengaluru", "region": "KA", "postal_code": "560001", "country": "IN"},
    "lines": [{"line_id": "1", "sku": "LAMP-BRASS", "quantity": 1, "unit_price_minor": 179900}],
    "total_minor": 179900, "payment": {"status": "PENDING", "method": "upi"},
}


class RecordsTest(stages.StageTest):
    """One stage without a player: intake is looked at from outside."""
    RATE = None  # real time
    SERVICES = ("intake",)
    SETTINGS = {"event.bytes": "16KiB", "unknown_schema.wait": "2s"}

    @classmethod
    def play(cls):
        cls.stage.start_workers()
        cls.stage.wait_until_ready()

    def partition(self, key):
        return avro.murmur2_partition(key, self.stage.partitions)

    def produce(self, key, value, partition=None, topic="inbound.orders", **headers):
        avro.produce(self.stage.broker, "waybill." + topic, key, value, self.partition(key) if partition is None else partition, headers)

    def submit(self, external_id, **changes):
        body = {**SUBMITTED, "external_id": external_id, **changes}
        self.stage.run_tool("produce", "--event", "order.submitted", stdin=json.dumps(body) + "\n")
        return f"{body['store']}:{external_id}"

    def wait_for(self, key, found):
        """The records of this key, once found(records) is true."""
        deadline = time.monotonic() + WAIT_S
        while True:
            rows = [record for record in records.read(self.stage.collect()) if record.key == key]
            if found(rows):
                return rows
            self.assertLess(time.monotonic(), deadline, f"{key}: {[(row.topic, row.event) for row in rows]}\n{self.stage.tail('intake')}")
            time.sleep(0.5)

    def wait_for_dead_letter(self, key):
        rows = self.wait_for(key, lambda rows: any(row.topic == "intake.dlq" for row in rows))
        return next(row for row in rows if row.topic == "intake.dlq")

    def assert_alive(self, key_of_same_partition):
        """The partition goes on after the bad record."""
        number = 0
        while self.partition(f"kaveri:after-{key_of_same_partition}-{number}") != self.partition(key_of_same_partition):
            number += 1
        order_id = self.submit(f"after-{key_of_same_partition}-{number}")
        self.wait_for(order_id, lambda rows: any(row.event == "order.payment_pending" for row in rows))

    def test_malformed_avro_becomes_a_dead_letter(self):
        self.produce("kaveri:bad", avro.framed(102, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ce_id="bad-1", shop="kaveri")
        dead = self.wait_for_dead_letter("kaveri:bad")
        self.assertIn("undecodable", dead.headers["waybill_error_reason"])
        self.assertEqual((dead.headers["waybill_error_topic"].removeprefix("waybill."), dead.headers["shop"], dead.headers["ce_id"]),
                         ("inbound.orders", "kaveri", "bad-1"))
        self.assertEqual(int(dead.headers["waybill_error_partition"]), self.partition("kaveri:bad"))
        self.assert_alive("kaveri:bad")

    def test_bytes_without_framing_become_a_dead_letter(self):
        self.produce("kaveri:json", b'{"order_id": "kaveri:json"}')
        self.assertIn("undecodable", self.wait_for_dead_letter("kaveri:json").headers["waybill_error_reason"])

    def test_unknown_schema_id_waits_and_then_becomes_a_dead_letter(self):
        began = time.monotonic()
        self.produce("kaveri:schema", avro.framed(9999, avro.string("kaveri:schema")))
        dead = self.wait_for_dead_letter("kaveri:schema")
        self.assertIn("9999", dead.headers["waybill_error_reason"])
        self.assertGreater(time.monotonic() - began, 2)
        self.assert_alive("kaveri:schema")

    def test_oversize_record_becomes_a_dead_letter(self):
        self.produce("kaveri:big", avro.payment_captured("kaveri:big", 1, "INR", "x" * 20000))
        self.assertIn("oversize", self.wait_for_dead_letter("kaveri:big").headers["waybill_error_reason"])
        self.assert_alive("kaveri:big")

    def test_missing_field_rejects_the_order_with_its_reason(self):
        for external_id, changes, code in (("no-address", {"ship_to": None}, "MISSING_ADDRESS"),
                                           ("no-contact", {"customer": {"name": "x"}}, "MISSING_CUSTOMER_CONTACT"),
                                           ("no-currency", {"currency": ""}, "MISSING_CURRENCY"), ("no-lines", {"lines": []}, "NO_LINES")):
            order_id = self.submit(external_id, **changes)
            rows = self.wait_for(order_id, lambda rows: any(row.event == "order.rejected" for row in rows))
            reasons = [reason["code"] for row in rows if row.event == "order.rejected" for reason in row.body["reasons"]]
            self.assertIn(code, reasons)

    def test_wrong_partition_is_sent_to_the_right_one_and_counts_once(self):
        order_id = self.submit("misplaced")
        wrong = (self.partition(order_id) + 1) % self.stage.partitions
        self.produce(order_id, avro.payment_captured(order_id, 179900, "INR", "pay", 1780000000000), wrong, ce_id="captured-1")
        rows = self.wait_for(order_id, lambda rows: any(row.event == "order.accepted" for row in rows))
        captured = [row for row in rows if row.event == "payment.captured"]
        self.assertEqual([(row.partition, row.ce_id) for row in sorted(captured, key=lambda row: row.partition != wrong)],
                         [(wrong, "captured-1"), (self.partition(order_id), "captured-1")])
        self.assertEqual(sum(row.event == "order.accepted" for row in rows), 1)

    def test_wrong_partition_twice_becomes_a_dead_letter(self):
        wrong = (self.partition("kaveri:hop") + 1) % self.stage.partitions
        self.produce("kaveri:hop", avro.payment_captured("kaveri:hop", 1, "INR"), wrong, waybill_hops="1")
        self.assertIn("wrong partition", self.wait_for_dead_letter("kaveri:hop").headers["waybill_error_reason"])

    def test_same_event_twice_is_decided_once(self):
        order_id = self.submit("twice")
        for _ in range(3):
            self.produce(order_id, avro.payment_captured(order_id, 179900, "INR", "pay", 1780000000000), ce_id="captured-2")
        self.wait_for(order_id, lambda rows: any(row.event == "order.accepted" for row in rows))
        time.sleep(2)
        rows = self.wait_for(order_id, lambda rows: True)
        self.assertEqual(sum(row.event == "order.accepted" for row in rows), 1)

    # The tool

    def test_order_show_tells_the_life_of_an_order(self):
        order_id = self.submit("shown")
        self.wait_for(order_id, lambda rows: any(row.event == "order.payment_pending" for row in rows))
        said = self.stage.run_tool("order", "show", order_id).stdout
        self.assertIn("order.submitted", said)
        self.assertIn("order.payment_pending", said)
        self.assertLess(said.index("order.submitted"), said.index("order.payment_pending"))

    def test_order_show_of_an_unknown_order_says_so(self):
        done = self.stage.run_tool("order", "show", "kaveri:nobody", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("kaveri:nobody", done.stdout + done.stderr)

    def test_dlq_list_and_show_tell_the_reason(self):
        self.produce("kaveri:listed", avro.framed(102, b"\xff"))
        self.wait_for_dead_letter("kaveri:listed")
        listed = self.stage.run_tool("dlq", "list").stdout
        self.assertIn("kaveri:listed", listed)
        self.assertIn("undecodable", listed)

    def test_produce_refuses_what_does_not_fit_the_schema(self):
        done = self.stage.run_tool("produce", "--event", "payment.captured", check=False, stdin='{"amount_minor": 1}\n')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("order_id", done.stderr)
        done = self.stage.run_tool("produce", "--event", "payment.capturd", check=False, stdin="{}\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("payment.captured", done.stderr)

    def test_produce_takes_a_stores_own_bytes(self):
        payload = self.run_dir / "order.json"
        payload.write_text('{"id": 1}')
        self.stage.run_tool("produce", "--payload", "shopify", str(payload), "--key", "shopify:1")
        rows = self.wait_for("shopify:1", lambda rows: any(row.event == "payload.received" for row in rows))
        body = next(row.body for row in rows if row.event == "payload.received")
        bytes_given = body["body"]
        text = bytes_given.get("text") or base64.b64decode(bytes_given["base64"]).decode()
        self.assertEqual(text, '{"id": 1}')

    def test_topics_create_is_repeatable_and_check_is_content(self):
        self.assertIn("0 topics created", self.stage.run_tool("topics", "create", "--partitions", str(self.stage.partitions)).stdout)
        self.assertIn("0 topics created", self.stage.run_tool("topics", "create").stdout)
        refused = self.stage.run_tool("topics", "create", "--partitions", str(self.stage.partitions + 1), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("leave --partitions out", refused.stderr)
        self.assertEqual(self.stage.run_tool("topics", "check", "--partitions", str(self.stage.partitions)).returncode, 0)

    def test_all_programs_tell_of_themselves(self):
        for program in (*SERVICES, "waybill"):
            for flag in ("--help", "--version"):
                done = subprocess.run([str(self.stage.build_dir / "bin" / program), flag], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, f"{program} {flag}")
                self.assertTrue(done.stdout)

    def test_a_worker_refuses_a_wrong_setting_by_name(self):
        done = subprocess.run([str(self.stage.build_dir / "bin" / "intake"), "--intake.payment_wiat=3d", "--check-config"],
                              capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("intake.payment_wait", done.stdout + done.stderr)

    def test_a_worker_refuses_to_trust_the_changelog_for_longer_than_it_keeps_deletions(self):
        done = subprocess.run([*self.stage.worker_command("intake"), "--changelog.retention=8d", "--instance=other", "--health.port=0"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("changelog.retention", done.stderr)
        self.assertIn("waybill.intake.changelog", done.stderr)

    def test_workers_serve_health_and_metrics(self):
        for service in self.stage.workers:
            for path in ("/livez", "/readyz", "/metrics"):
                with urllib.request.urlopen(self.stage.health_url(service) + path, timeout=5) as reply:
                    self.assertEqual(reply.status, 200)


if __name__ == "__main__":
    unittest.main()
