"""The books balance over a perfect run, and name every kind of fault when a run is doctored."""
import dataclasses
import datetime
import pathlib
import unittest

from world import orders
from world.books import Books
from world.ideal import Ideal
from world.plan import plan

SAMPLE = pathlib.Path(__file__).parents[2] / "deploy" / "sample-orders.csv"
PLANS = [plan(history) for history in orders.read(SAMPLE, datetime.date(2026, 6, 1))
         if not history.words & {"cancel_late", "lose_reply"}]
LATE = sum(p.end == "delivered" and p.history.delivered.date() > p.history.promised for p in PLANS)


class BooksTest(unittest.TestCase):
    def setUp(self):
        self.run = Ideal(PLANS)

    def findings(self, late=LATE):
        return Books(self.run.records, self.run.ledgers, PLANS, late).check()

    def assert_found(self, words):
        found = self.findings()
        self.assertTrue(any(words in finding for finding in found), f"'{words}' is not among {found}")

    def index(self, event):
        return next(n for n, record in enumerate(self.run.records) if record.event == event)

    def change(self, event, **body):
        n = self.index(event)
        self.run.records[n] = dataclasses.replace(self.run.records[n], body={**self.run.records[n].body, **body})

    def repeat(self, event):
        record = self.run.records[self.index(event)]
        self.run.add(record.topic, record.event, record.key, **record.body)

    def test_balance_when_nothing_went_wrong(self):
        self.assertEqual(self.findings(), [])

    def test_table_counts_what_the_file_says(self):
        table = dict(Books(self.run.records, self.run.ledgers, PLANS, LATE).table())
        self.assertEqual(table["orders in"], len(PLANS))
        self.assertEqual(table["delivered"], sum(p.history.status == "delivered" for p in PLANS))
        self.assertEqual(table["late"], LATE)

    def test_order_that_no_event_knows(self):
        lost = next(p.history.order_id for p in PLANS if p.end == "rejected")
        self.run.records = [record for record in self.run.records if record.key != lost]
        self.assert_found(f"{lost}: submitted, and no event knows it")

    def test_order_that_nobody_submitted(self):
        self.run.add("orders", "order.accepted", "x:1", order={"order_id": "x:1"})
        self.assert_found("x:1: events of an order that nobody submitted")

    def test_order_accepted_twice(self):
        self.repeat("order.accepted")
        self.assert_found("accepted 2")

    def test_order_with_another_end(self):
        del self.run.records[self.index("shipment.delivered")]
        self.assert_found("its history says 'delivered'")

    def test_order_rejected_for_another_reason(self):
        self.change("order.rejected", reasons=[{"code": "INVALID_PHONE"}])
        self.assert_found("rejected for ['INVALID_PHONE']")

    def test_second_key_for_one_fulfilment_order(self):
        entry = self.run.ledgers["suppliers"][0]
        self.run.ledgers["suppliers"].append({**entry, "key": "another"})
        self.assert_found("asked under 2 keys")
        self.assert_found("took it 2 times")

    def test_supplier_order_without_an_event(self):
        self.run.ledgers["suppliers"].append({"action": "order", "supplier": "northgate", "reference": "x:1/1", "key": "k",
                                              "outcome": "taken"})
        self.assert_found("x:1/1: a supplier got it, and no fulfilment.requested knows it")

    def test_submission_that_no_supplier_got(self):
        self.run.ledgers["suppliers"].pop(0)
        self.assert_found("fulfilment.submitted, and no supplier got it")

    def test_parcel_registered_twice(self):
        self.repeat("shipment.registered")
        self.assert_found("registered 2 times")

    def test_parcel_that_nobody_handed_over(self):
        self.run.ledgers["parcels"].pop(0)
        self.assert_found("events of a parcel that nobody handed over")

    def test_delivery_at_another_time(self):
        self.change("shipment.delivered", delivered_at_ms=1)
        self.assert_found("delivered at [1], the history says")

    def test_late_count_that_differs_from_the_file(self):
        self.assertIn(f"late: {LATE} by the events, {LATE + 1} by the file", self.findings(LATE + 1))

    def test_mail_that_went_out_twice(self):
        self.run.ledgers["mail"].append(self.run.ledgers["mail"][0])
        self.assert_found("went out 2 times")

    def test_mail_under_two_message_ids(self):
        self.run.ledgers["mail"].append({**self.run.ledgers["mail"][0], "message_id": "<other@waybill.example>"})
        self.assert_found("went out under 2 Message-IDs")

    def test_text_under_two_keys(self):
        self.run.ledgers["sms"].append({**self.run.ledgers["sms"][0], "key": "other"})
        self.assert_found("went out under 2 keys")

    def test_message_that_never_ended(self):
        del self.run.records[self.index("message.sent")]
        self.assert_found("neither sent nor explained")

    def test_message_sent_that_nobody_got(self):
        self.run.ledgers["mail"].pop(0)
        self.assert_found("is said to be sent, and nobody got it")

    def test_parked_message_that_no_history_plans(self):
        n = self.index("message.sent")
        self.run.records[n] = dataclasses.replace(self.run.records[n], event="message.outcome_unknown")
        self.assert_found("1 parked that no history plans")
        self.assertEqual(Books(self.run.records, self.run.ledgers, PLANS, LATE, parked_allowed=1).check(), [])

    def test_feedback_asked_twice(self):
        self.repeat("feedback.requested")
        self.assert_found("feedback asked 2 times")

    def test_feedback_asked_of_a_lost_order(self):
        lost = next(p.history.order_id for p in PLANS if p.end == "lost")
        self.run.add("feedback", "feedback.requested", lost, order_id=lost)
        self.assert_found("that must end as 'lost'")

    def test_event_id_twice(self):
        self.run.records.append(dataclasses.replace(self.run.records[0], offset=99999, event="anything"))
        self.assert_found("has the id of inbound.orders/0@0")

    def test_dead_letter(self):
        self.run.records.append(dataclasses.replace(self.run.records[0], topic="intake.dlq", offset=99999,
                                                    headers={"waybill_error_reason": "schema id 999"}))
        self.assert_found("intake.dlq: dead letter")

    def test_dead_letter_that_was_put_back_is_none_but_one_that_comes_of_it_is(self):
        letter = dataclasses.replace(self.run.records[0], topic="intake.dlq", offset=7, headers={"waybill_error_reason": "x"})
        put_back = dataclasses.replace(letter, topic="intake.operator", headers={"waybill_operator_id": f"intake.dlq/{letter.partition}/7"})
        self.run.records += [letter, put_back]
        self.assertEqual(self.findings(), [])
        self.run.records.append(dataclasses.replace(letter, offset=8))
        self.assert_found("intake.dlq: dead letter")


if __name__ == "__main__":
    unittest.main()
