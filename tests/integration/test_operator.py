"""What a person can do at night: each command of the tool, on what went wrong before."""
import http.server
import json
import socket
import threading
import time
import unittest
import urllib.request

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


class Supplier:
    """One that takes orders over HTTP, once per Idempotency-Key, and whose line is cut when one wants."""

    def __init__(self, port):
        self.cut = ""            # "after" = it takes the order and does not say so; "before" = it never gets it
        self.taken, self.requests = {}, []  # key -> reference; every key that came
        supplier = self

        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Idempotency-Key"].strip('"')
                supplier.requests.append(key)
                if supplier.cut != "before":
                    supplier.taken.setdefault(key, body["reference_id"])
                if supplier.cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                answer = json.dumps({"supplier_order_id": "A-" + key, "state": "ACCEPTED"}).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class OperatorTest(stages.StageTest):
    """A supplier that answers badly, and events that nobody can read: mended with nothing but the tool."""
    RATE = None  # real time
    SERVICES = ("intake", "stock_check", "supplier_router")
    SETTINGS = {"unknown_schema.wait": "1s"}
    OWN = {"stock_check": ["--stock_check.answer_wait=5s", "--stock_check.hold=1h", "--stock_check.settle=1s"],
           "supplier_router": ["--supplier_router.retry=1s"]}

    @classmethod
    def play(cls):
        command = cls.stage.worker_command
        cls.stage.worker_command = lambda service: [*command(service), *cls.OWN.get(service, ())]
        (cls.run_dir / "endpoints.yaml").write_text(
            f"endpoints:\n  artisans: {{url: 'http://127.0.0.1:{cls.stage.http_port}', on_unknown: park, timeout: 2s, breaker_failures: 0}}\n")
        cls.supplier = Supplier(cls.stage.http_port)
        for service in cls.SERVICES:
            cls.stage.start_worker(service)
        cls.stage.wait_until_ready()
        level = {"supplier_id": "artisans", "sku": "LAMP-BRASS", "available": 100, "version": 1, "as_of_ms": 1780000000000}
        cls.stage.run_tool("produce", "--event", "stock.level_reported", stdin=json.dumps(level) + "\n")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.supplier.close()

    def tool(self, *arguments, status=0, stdin=None):
        done = self.stage.run_tool(*arguments, check=False, stdin=stdin)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def rows(self, key):
        lines = self.stage.run_tool("consume", "--all", "--key", key).stdout.splitlines()
        return [record for record in map(records.parse, lines) if record.key == key]

    def wait_for(self, key, found):
        """The records of this key, once found(records) is true."""
        deadline = time.monotonic() + WAIT_S
        while not found(rows := self.rows(key)):
            self.assertLess(time.monotonic(), deadline, f"{key}: {[(row.topic, row.event, row.headers) for row in rows]}")
            time.sleep(0.2)
        return rows

    def submit(self, external_id):
        self.tool("produce", "--event", "order.submitted", stdin=json.dumps({**SUBMITTED, "external_id": external_id}) + "\n")
        order_id = f"kaveri:{external_id}"
        self.wait_for(order_id, lambda rows: any(row.event == "order.payment_pending" for row in rows))
        return order_id

    def produce(self, key, value, **headers):
        avro.produce(self.stage.broker, "waybill.inbound.orders", key, value, avro.murmur2_partition(key, self.stage.partitions), headers)

    def order(self, external_id):
        body = {**SUBMITTED, "external_id": external_id, "payment": {"status": "PAID", "method": "upi"}}
        self.tool("produce", "--event", "order.submitted", stdin=json.dumps(body) + "\n")
        return f"kaveri:{external_id}"

    def wait_for_event(self, key, event, times=1):
        return self.wait_for(key, lambda rows: sum(row.event == event for row in rows) == times)

    def wait_until(self, what, is_so):
        deadline = time.monotonic() + WAIT_S
        while not is_so():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.2)

    def metric(self, service, name, endpoint):
        with urllib.request.urlopen(self.stage.health_url(service) + "/metrics", timeout=5) as reply:
            lines = reply.read().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + "{") and f'endpoint="{endpoint}"' in line)

    def park(self, external_id, cut):
        """An order whose outcome nobody knows; its intent."""
        self.supplier.cut = cut
        order_id = self.order(external_id)
        self.wait_for_event(order_id, "fulfilment.outcome_unknown")
        self.supplier.cut = ""
        return order_id, f"{order_id}/1:submit:1"

    def replay(self, order_id):
        """Decided again on the state as it is: nothing new, and no call."""
        self.assertIn("its inputs: inbound.suppliers, orders, stock", self.tool("replay", "supplier_router", "--topic", "messages", status=1))
        command = ("replay", "supplier_router", "--topic", "stock", "--key", order_id, "--run", "monday")
        self.assertIn("would be decided again by supplier_router alone, effects off", self.tool(*command))
        before, asked = self.rows(order_id), len(self.supplier.requests)
        self.tool(*command, "--yes", "--why", "to see")
        self.tool(*command, "--yes")
        # Behind them comes what tells that they were decided.
        self.tool("replay", "supplier_router", "--topic", "orders", "--key", order_id, "--type", "order.accepted", "--yes")
        sent = [row for row in self.rows(order_id) if row.headers.get("waybill_operator") == "replay"]
        self.assertEqual([(row.topic, row.headers["waybill_operator_effects"]) for row in sent], [("supplier_router.operator", "off")] * 3)
        end = max(row.offset for row in sent) + 1
        self.wait_until("decided", lambda: any(
            record.event == "task_position" and record.topic == "supplier_router.changelog" and record.partition == sent[0].partition
            and any(place["topic"] == "supplier_router.operator" and place["next_offset"] >= end for place in record.body["inputs"])
            for record in records.read(self.stage.collect())))
        told = [[row.event for row in rows if not row.topic.endswith((".operator", ".changelog"))] for rows in (before, self.rows(order_id))]
        self.assertEqual((sorted(told[1]), len(self.supplier.requests)), (sorted(told[0]), asked))

    def test_a_supplier_that_answers_badly_is_mended_and_the_books_balance(self):
        taken, taken_intent = self.park("taken", "after")
        lost, lost_intent = self.park("lost", "before")
        told, told_intent = self.park("told", "after")
        again, again_intent = self.park("again", "after")

        # The supplier's word about one of them comes in a version that nobody can read.
        schema = json.loads((ROOT / "schemas" / "supplier.order_accepted.avsc").read_text())
        schema["fields"].append({"name": "clerk", "type": ["null", "string"], "default": None})
        callback = avro.string(told) + avro.string(f"{told}/1") + avro.string("artisans") + avro.long(0) + avro.long(0) + avro.long(0)
        avro.produce(self.stage.broker, "waybill.inbound.suppliers", told, avro.framed(9003, callback),
                     avro.murmur2_partition(told, self.stage.partitions), {"ce_id": "callback-1"})
        self.wait_for(told, lambda rows: any(row.topic == "supplier_router.dlq" for row in rows))

        # Stop the supplier: what comes now waits, whoever restarts.
        said = self.tool("endpoint", "stop", "supplier_router/artisans", "--why", "drops every line", "--by", "ann")
        self.assertIn("stopped  supplier_router/artisans", said)
        self.wait_until("stopped", lambda: self.metric("supplier_router", "waybill_endpoint_stopped", "artisans") == 1)
        waiting = self.order("waiting")
        self.wait_for_event(waiting, "fulfilment.requested")
        self.stage.kill_worker("supplier_router")
        self.stage.start_worker("supplier_router")
        self.stage.wait_until_ready()
        asked = len(self.supplier.requests)
        self.assertIn("drops every line", self.tool("endpoint", "list"))

        # Look, ask, answer.
        listed = self.tool("parked", "list")
        for intent in (taken_intent, lost_intent, told_intent, again_intent):
            self.assertIn(intent, listed)
        page = self.tool("parked", "show", taken_intent)
        self.assertIn("Idempotency-Key", page)
        self.assertNotIn("MG Road", page)
        self.assertIn("MG Road", self.tool("parked", "show", taken_intent, "--personal"))
        answer = self.run_dir / "answer.json"
        answer.write_text('{"supplier_order_id": "A-77", "state": "ACCEPTED"}')
        self.tool("parked", "resolve", taken_intent, "--ok", "--body", str(answer), "--why", "Ann sees it", "--by", "bob")
        self.wait_for_event(taken, "fulfilment.accepted")
        self.assertIn("no parked call", self.tool("parked", "resolve", taken_intent, "--refused", "--why", "x", status=1))
        self.tool("parked", "resolve", lost_intent, "--not-sent", "--why", "they never got it")
        self.tool("parked", "resolve", again_intent, "--retry", "--why", "they honour the key")

        # The callback can be read now; what it says closes the parked call without harm.
        avro.produce(self.stage.broker, "waybill.schemas", "9003", json.dumps(schema).encode(), 0)
        self.tool("dlq", "requeue", "supplier_router", "--key", told, "--yes")
        self.wait_for_event(told, "fulfilment.accepted")
        self.wait_until("settled", lambda: told_intent not in self.tool("parked", "list"))
        self.assertIn("no parked call", self.tool("parked", "resolve", told_intent, "--not-sent", "--why", "too late", status=1))

        # All waited for the switch.
        self.assertEqual(len(self.supplier.requests), asked)
        self.tool("endpoint", "start", "supplier_router/artisans", "--why", "mended")
        for order_id in (waiting, lost, again):
            self.wait_for_event(order_id, "fulfilment.accepted")
        self.wait_until("nothing parked", lambda: "nothing is parked" in self.tool("parked", "list"))

        # The books: each order was taken once, and each was told so once; whatever was dead is alive.
        for order_id in (taken, lost, told, again, waiting):
            self.assertEqual(list(self.supplier.taken.values()).count(f"{order_id}/1"), 1, order_id)
            rows = self.wait_for_event(order_id, "fulfilment.accepted")
            self.assertEqual(sum(row.event == "fulfilment.submitted" for row in rows), 1, order_id)
        self.assertIn("0 would be requeued, 0 cannot be, 1 were before", self.tool("dlq", "requeue", "supplier_router"))
        self.assertIn("ok, says bob: Ann sees it", self.tool("order", "show", taken))
        self.replay(taken)
        audit = [row for row in self.rows(taken) if row.event == "call.answered"]
        self.assertEqual([(row.topic, row.body["by"], row.body["why"], row.body["answer"]) for row in audit],
                         [("supplier_router.operator", "bob", "Ann sees it", "OK")])

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
