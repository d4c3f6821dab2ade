"""The sample of orders travels the whole way, and the books balance."""
import datetime
import subprocess
import unittest

from integration import stages
from world import catalogue, demo, orders, records
from world.plan import plan
from world.stage import SERVICES


class SampleTest(stages.PunctualTest):
    def test_order_show_tells_the_whole_life_of_a_split_delayed_order(self):
        plans = [plan(history) for history in orders.read(self.ORDERS, datetime.date(2026, 6, 1))]
        order_id = demo.interesting(plans)
        said = self.stage.run_tool("order", "show", order_id).stdout
        for event in ("order.submitted", "order.accepted", "stock.reserved", "fulfilment.requested", "fulfilment.submitted",
                      "shipment.created", "shipment.delay_predicted", "shipment.delivered", "message.sent", "feedback.requested"):
            self.assertIn(event, said)
        self.assertLess(len(said.splitlines()), 90)

    def test_every_event_says_what_caused_it(self):
        """Another event that stands in the topics, or a timer or call of the service."""
        own = [record for record in records.read(self.run_dir / "records.jsonl")
               if not record.topic.startswith(("inbound.", "schemas", "controls")) and not record.topic.endswith((".changelog", ".dlq", ".operator"))]
        self.assertGreater(len(own), 1000)
        self.assertEqual([record.event for record in own if not record.cause], [])

    def test_no_supplier_is_named_to_a_customer(self):
        """F29."""
        for name in ("mail", "sms"):
            for line in (self.run_dir / "world" / f"{name}.jsonl").read_text().splitlines():
                for supplier in (*catalogue.SUPPLIERS, "supplier"):
                    self.assertNotIn(supplier, line.lower())

    def test_settings_of_all_workers_are_accepted(self):
        for service in SERVICES:
            done = subprocess.run([*self.stage.worker_command(service), "--check-config"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_one_worker_drains_when_asked(self):
        self.assertEqual(self.stage.stop_worker("feedback"), 0)


if __name__ == "__main__":
    unittest.main()
