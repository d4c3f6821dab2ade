"""What a person can do at night: each command of the tool, on what went wrong before."""
import json
import time
import unittest

from integration import avro, stages
from world import records
from world.stage import ROOT

WAIT_S = 30
SUBMITTED = {
    "store": "kaveri", "placed_at_ms": 1780000000000, "currency": "INR",
    "customer": {"name": "Asha Rao", "email": "asha@mail.example"},
    "ship_to": {"name": "Asha Rao", "line1": "1 MG Road", "city": "Bengaluru", "region": "KA", "postal_code": "560001", "country": "IN"},
    "lines": [{"line_id": "1", "sku": "LAMP-BRASS", "quantity": 1, "unit_price_minor": 179900}],
    "total_minor": 179900, "payment": {"status": "PENDING", "method": "upi"},
}


class OperatorTest(stages.StageTest):
    """Words for what the tests below do."""
    RATE = None  # real time

    @classmethod
    def play(cls):
        cls.stage.start_workers()
        cls.stage.wait_until_ready()

    def tool(self, *arguments, status=0, stdin=None):
        done = self.stage.run_tool(*arguments, check=False, stdin=stdin)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def rows(self, key):
        return [record for record in records.read(self.stage.collect()) if record.key == key]

    def wait_for(self, key, found):
        """The records of this key, once found(records) is true."""
        deadline = time.monotonic() + WAIT_S
        while not found(rows := self.rows(key)):
            self.assertLess(time.monotonic(), deadline, f"{key}: {[(row.topic, row.event, row.headers) for row in rows]}")
            time.sleep(0.3)
        return rows

    def submit(self, external_id):
        self.tool("produce", "--event", "order.submitted", stdin=json.dumps({**SUBMITTED, "external_id": external_id}) + "\n")
        order_id = f"kaveri:{external_id}"
        self.wait_for(order_id, lambda rows: any(row.event == "order.payment_pending" for row in rows))
        return order_id

    def produce(self, key, value, **headers):
        avro.produce(self.stage.broker, "waybill.inbound.orders", key, value, avro.murmur2_partition(key, self.stage.partitions), headers)


class RequeueTest(OperatorTest):
    SERVICES = ("intake",)
    SETTINGS = {"unknown_schema.wait": "1s"}

    def publish_schema(self, schema_id):
        """payment.captured with one field more, under an id that nobody knew."""
        schema = json.loads((ROOT / "schemas" / "payment.captured.avsc").read_text())
        schema["fields"].append({"name": "terminal", "type": ["null", "string"], "default": None})
        avro.produce(self.stage.broker, "waybill.schemas", str(schema_id), json.dumps(schema).encode(), 0)

    def test_an_event_whose_schema_came_too_late_is_put_back_and_decided_once(self):
        order_id = self.submit("late-schema")
        value = avro.framed(9001, avro.payment_captured(order_id, 179900, "INR", "pay", 1780000000000)[5:] + avro.long(0))
        self.produce(order_id, value, ce_id="captured-1")
        self.wait_for(order_id, lambda rows: any(row.topic == "intake.dlq" for row in rows))
        self.assertIn("cannot be requeued: it still cannot be read", self.tool("dlq", "requeue", "intake", "--key", order_id, status=1))

        self.publish_schema(9001)
        said = self.tool("dlq", "requeue", "--reason", "schema with id 9001")
        self.assertIn("1 would be requeued", said)
        self.assertEqual([row for row in self.rows(order_id) if row.topic == "intake.operator"], [], "a dry run sends nothing")
        self.tool("dlq", "requeue", "intake", "--key", order_id, "--yes", "--why", "published late", "--by", "ann")
        rows = self.wait_for(order_id, lambda rows: any(row.event == "order.accepted" for row in rows))
        sent = next(row for row in rows if row.topic == "intake.operator")
        self.assertEqual((sent.headers["ce_id"], sent.headers["waybill_operator_by"], sent.headers["waybill_operator_why"]),
                         ("captured-1", "ann", "published late"))

        self.assertIn("was requeued", self.tool("dlq", "requeue", "intake", "--key", order_id, "--yes"))
        # The shop sends the same event once more: it was decided.
        self.produce(order_id, value, ce_id="captured-1")
        after = self.submit("after-late-schema")
        rows = self.rows(order_id)
        self.assertEqual(sum(row.event == "order.accepted" for row in rows), 1)
        self.assertEqual(sum(row.topic == "intake.dlq" for row in rows), 1)
        self.assertNotEqual(after, order_id)

    def test_later_events_of_the_key_are_told_and_what_fails_again_names_its_forebear(self):
        order_id = self.submit("overtaken")
        self.produce(order_id, avro.framed(9002, avro.payment_captured(order_id, 179900, "INR", "pay", 1780000000000)[5:] + avro.long(0)))
        self.wait_for(order_id, lambda rows: any(row.topic == "intake.dlq" for row in rows))
        self.tool("produce", "--event", "cancel.submitted", "--key", order_id, stdin=json.dumps({"order_id": "kaveri:other"}) + "\n")
        self.wait_for(order_id, lambda rows: sum(row.topic == "intake.dlq" for row in rows) == 2)
        self.tool("produce", "--event", "cancel.submitted", stdin=json.dumps({"order_id": order_id}) + "\n")
        self.wait_for(order_id, lambda rows: any(row.event == "order.cancelled" for row in rows))

        self.publish_schema(9002)
        said = self.tool("dlq", "requeue", "intake", "--key", order_id, "--reason", "9002")
        self.assertIn("2 later events of its key having come since, the last one cancel.submitted on inbound.orders", said)
        self.tool("dlq", "requeue", "intake", "--key", order_id, "--yes")
        rows = self.wait_for(order_id, lambda rows: sum(row.topic == "intake.dlq" for row in rows) == 3)
        first, again = [row for row in rows if row.topic == "intake.dlq" and "stands under the key" in row.headers["waybill_error_reason"]]
        self.assertEqual(again.headers["waybill_operator_id"], f"intake.dlq/{first.partition}/{first.offset}")
        self.assertEqual(again.headers["waybill_error_topic"], "intake.operator")
        # The capture came before it, and was decided on the cancelled order.
        self.assertEqual(sum(row.event == "order.accepted" for row in rows), 0)
        self.assertIn(f"failed again as intake.dlq/{again.partition}/{again.offset}", self.tool("dlq", "requeue", "intake", "--key", order_id))


if __name__ == "__main__":
    unittest.main()
