"""The player plays each history as its file says, against a router that does what it should."""
import collections
import datetime
import json
import pathlib
import tempfile
import time
import unittest

from world import carrier, catalogue, orders, plan as plans
from world.bus import FakeBus
from world.clock import DAY_MS, Clock
from world.door import DROP
from world.ledger import Ledger
from world.orders import late_in_file
from world.plan import plan
from world.player import Player

SAMPLE = pathlib.Path(__file__).parents[2] / "deploy" / "sample-orders.csv"
MONDAY = datetime.date(2026, 6, 1)
HEAD = ("order_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date,play\n")


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(HEAD + text)
        file.flush()
        return orders.read(file.name, MONDAY)


def history(approved="2018-01-02 12:00:00", handed="2018-01-03 12:00:00", delivered="2018-01-08 12:00:00", status="delivered",
            play="", bought="2018-01-02 11:50:00"):
    return read(f"a1,{status},{bought},{approved},{handed},{delivered},2018-01-09 00:00:00,{play}\n")[0]


class OrdersTest(unittest.TestCase):
    def test_missing_column_is_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("order_id,order_status\na,b\n")
            file.flush()
            with self.assertRaisesRegex(ValueError, "no column order_purchase_timestamp"):
                orders.read(file.name, MONDAY)

    def test_an_order_that_stands_there_twice_is_named(self):
        row = "a1,created,2018-01-02 12:00:00,,,,2018-01-09 00:00:00,\n"
        with self.assertRaisesRegex(ValueError, "demo:a1: an order stands there twice"):
            read(row + row)

    def test_a_bad_row_is_named_by_its_line(self):
        with self.assertRaisesRegex(ValueError, "line 2: order_estimated_delivery_date is empty"):
            read("a1,created,2018-01-02 12:00:00,,,,,\n")
        with self.assertRaisesRegex(ValueError, "line 2: time data '2018-13-01'"):
            read("a1,created,2018-13-01,,,,2018-01-09 00:00:00,\n")

    def test_what_was_delivered_was_approved_and_handed_over(self):
        found = plan(history(approved="", handed=""))
        self.assertEqual(found.end, plans.DELIVERED)
        self.assertTrue(found.submit_ms < found.hand_ms < found.history.ms(found.history.delivered))

    def test_unknown_word_in_play_is_named(self):
        with self.assertRaisesRegex(ValueError, "bounze"):
            plan(history(play="bounze"))

    def test_shift_keeps_weekday_time_of_day_and_distances(self):
        found = history()
        self.assertEqual(found.bought, datetime.datetime(2026, 6, 2, 11, 50))
        self.assertEqual(found.delivered - found.bought, datetime.timedelta(days=6, minutes=10))
        self.assertEqual(found.promised, datetime.date(2026, 6, 9))

    def test_local_times_are_of_the_orders_zone(self):
        found = history()
        self.assertEqual(found.ms(found.bought), datetime.datetime(2026, 6, 2, 14, 50, tzinfo=datetime.timezone.utc).timestamp() * 1000)

    def test_late_leaves_out_what_was_cancelled(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(HEAD + "x,canceled,2018-01-02 12:00:00,,,2018-02-09 00:00:00,2018-01-09 00:00:00,\n")
            file.flush()
            self.assertEqual(late_in_file(file.name), 0)

    def test_late_counts_days_not_hours(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(HEAD)
            for delivered in ("2018-01-09 23:59:59", "2018-01-10 00:00:00", ""):
                file.write(f"x{delivered[-2:]},s,2018-01-02 12:00:00,,,{delivered},2018-01-09 00:00:00,\n")
            file.flush()
            self.assertEqual(late_in_file(file.name), 1)


class PlanTest(unittest.TestCase):
    def test_approval_after_the_hand_over_delays_the_hand_over(self):
        found = history(approved="2018-01-04 09:00:00")
        self.assertEqual(plan(found).hand_ms, found.ms(found.approved))

    def test_approval_within_the_hour_is_paid_at_once(self):
        self.assertTrue(plan(history()).paid_at_once)
        late = plan(history(approved="2018-01-02 13:00:00"))
        self.assertFalse(late.paid_at_once)
        self.assertEqual(late.captured_ms, late.history.ms(late.history.approved))

    def test_cancel_lies_between_approval_and_hand_over_and_nothing_is_handed_over(self):
        found = plan(history(status="canceled", delivered=""))
        self.assertTrue(found.history.ms(found.history.approved) < found.cancel_ms < found.history.ms(found.history.handed))
        self.assertIsNone(found.hand_ms)

    def test_ends_follow_the_history(self):
        for wanted, given in ((plans.DELIVERED, {}), (plans.SHIPPED, {"delivered": "", "status": "shipped"}),
                              (plans.ORDERED, {"delivered": "", "handed": "", "status": "invoiced"}),
                              (plans.EXPIRED, {"delivered": "", "handed": "", "approved": "", "status": "created"}),
                              (plans.RETURNED, {"delivered": "", "play": "rto"}), (plans.LOST, {"delivered": "", "play": "lost"}),
                              (plans.REJECTED, {"play": "no_address"}), (plans.CANCELLED, {"status": "canceled"})):
            self.assertEqual(plan(history(**given)).end, wanted)

    def test_delivery_before_the_hand_over_keeps_its_time(self):
        found = history(approved="2018-01-09 09:00:00", handed="2018-01-06 12:00:00")
        last = plans.scans(found, plans.DELIVERED, 1)[-1]
        self.assertEqual((last.status, last.occurred_ms), ("DELIVERED", found.ms(found.delivered)))

    def test_scans_are_in_order_of_time_and_end_where_the_history_ends(self):
        for end, last in ((plans.DELIVERED, ("FORWARD", "DELIVERED")), (plans.RETURNED, ("RTO", "DELIVERED")),
                          (plans.LOST, ("FORWARD", "LOST")), (plans.SHIPPED, ("FORWARD", "IN_TRANSIT"))):
            scans = plans.scans(history(play="ndr"), end, 1)
            times = [scan.occurred_ms for scan in scans]
            self.assertEqual(times, sorted(times))
            self.assertEqual((scans[-1].leg, scans[-1].status), last)

    def test_sample_has_what_the_issue_asks_for(self):
        found = [plan(history) for history in orders.read(SAMPLE, MONDAY)]
        ends = collections.Counter(p.end for p in found)
        self.assertGreaterEqual(len(found), 60)
        self.assertEqual(set(ends), set(plans.ENDS))
        self.assertGreaterEqual(late_in_file(SAMPLE), 5)

    def test_sample_is_what_its_generator_writes(self):
        import io
        from world import sample
        out = io.StringIO()
        sample.write(out)
        self.assertEqual(out.getvalue(), SAMPLE.read_text())


class PlayerTest(unittest.TestCase):
    """A fast run of the sample; a tiny router orders each accepted order at the first supplier of its first line."""

    @classmethod
    def setUpClass(cls):
        wall = time.time_ns() // 1_000_000
        cls.clock = Clock(int(datetime.datetime(2026, 5, 31, 12, tzinfo=datetime.timezone.utc).timestamp() * 1000), wall, 20 * 86400)
        cls.bus = FakeBus()
        cls.plans = [plan(history) for history in orders.read(SAMPLE, MONDAY) if not history.words & {"slow", "refuse_first", "refuse_later"}]
        cls.player = Player(cls.clock, cls.bus, cls.plans, {name: Ledger() for name in ("suppliers", "mail", "sms", "parcels")})
        cls.player.start()
        cls.route()
        cls.done = cls.player.wait_for_end(30, lambda: 0, lambda: None)
        cls.player.agenda.stop()

    @classmethod
    def route(cls):
        """Each line to the first supplier that sells it; asks again until it is taken."""
        for p in (p for p in cls.plans if p.hand_ms):
            lines = collections.defaultdict(list)
            for line in p.history.lines:
                lines[min(catalogue.sellers(line.sku))].append(
                    {"line_id": line.line_id, "supplier_sku": line.sku, "quantity": line.quantity})
            for number, (supplier, own) in enumerate(sorted(lines.items()), 1):
                raw = json.dumps({"reference_id": f"{p.history.order_id}/{number}", "lines": own}).encode()
                ask = ("POST", f"/{supplier}/orders", {}, {"Idempotency-Key": f"{p.history.order_id}/{number}"}, raw)
                while (reply := cls.player.suppliers.answer(*ask)) is not DROP and reply[0] == 503:
                    pass

    def test_ends_by_itself_without_failures(self):
        self.assertTrue(self.done)
        self.assertEqual((self.player.agenda.failures, self.player.unplayed()), ([], []))

    def test_submits_every_order_and_repeats_as_planned(self):
        counted = collections.Counter(body["external_id"] for body in self.bus.of("order.submitted"))
        for p in self.plans:
            wanted = 3 if "resubmit" in p.history.words else 2 if "update" in p.history.words else 1
            self.assertEqual(counted[p.history.external_id], wanted)

    def test_totals_are_the_sum_of_the_lines(self):
        for body in self.bus.of("order.submitted"):
            if body["lines"] and not any("bad_" in word for word in self.player.plans[f"{body['store']}:{body['external_id']}"].history.words):
                self.assertEqual(body["total_minor"], sum(line["quantity"] * line["unit_price_minor"] for line in body["lines"]))

    def test_delivered_scans_carry_the_historys_time(self):
        delivered = {(body["carrier"], body["tracking_number"]): body["occurred_at_ms"] for body in self.bus.of("scan.reported")
                     if (body["leg"], body["status"]) == ("FORWARD", "DELIVERED")}
        handed = self.player.ledgers["parcels"].lines
        self.assertTrue(handed)
        for entry in handed:
            p = self.player.plans[entry["order_id"]]
            wanted = plans.delivered_ms(p.history, int(entry["reference"][-1])) if p.end == plans.DELIVERED else None
            self.assertEqual(delivered.get((entry["carrier"], entry["number"])), wanted)

    def test_stock_levels_come_with_growing_versions(self):
        levels = self.bus.of("stock.level_reported")
        versions = [body["version"] for body in levels]
        self.assertEqual(versions, sorted(versions))
        self.assertGreater(versions[-1], 1)

    def test_orders_that_never_shipped_have_no_scans(self):
        numbers = {body["tracking_number"] for body in self.bus.of("scan.reported")}
        for p in self.plans:
            if not p.hand_ms:
                self.assertNotIn(carrier.parcel_number(f"{p.history.order_id}/1", 1), numbers)

    def test_shipped_callbacks_hold_all_pieces(self):
        pieces = collections.Counter()
        for body in self.bus.of("supplier.order_shipped"):
            p = self.player.plans[body["order_id"]]
            pieces[body["order_id"]] += sum(line["quantity"] for parcel in body["parcels"] for line in parcel["lines"])
            self.assertLessEqual(len(body["parcels"]), 2 if "two_parcels" in p.history.words else 1)
        for order_id, shipped in pieces.items():
            self.assertEqual(shipped, sum(line.quantity for line in self.player.plans[order_id].history.lines))

    def test_late_is_what_the_file_says(self):
        self.assertEqual(sum(p.history.delivered.date() > p.history.promised for p in self.plans if p.end == plans.DELIVERED),
                         late_in_file(SAMPLE))
        self.assertGreater(self.clock.now_ms(), self.player.last_ms + DAY_MS)


if __name__ == "__main__":
    unittest.main()
