"""What the integration tests share: where the build is, and a stage that is played once per class."""
import csv
import datetime
import os
import pathlib
import shutil
import tempfile
import unittest

from integration import expected
from world import ledger, orders
from world.plan import plan
from world.stage import ROOT, SERVICES, Stage, StageError

BUILD = pathlib.Path(os.environ.get("WAYBILL_BUILD") or ROOT / "build")
SAMPLE = ROOT / "deploy" / "sample-orders.csv"
RATE = 33000        # about 2.6 s for a day
LIMIT_S = 240


class StageTest(unittest.TestCase):
    """Starts a stage for the class; its logs stay when a test of the class fails."""
    RATE = RATE
    SETTINGS = {}
    SERVICES = SERVICES
    STAGE = Stage

    @classmethod
    def setUpClass(cls):
        cls.run_dir = pathlib.Path(tempfile.mkdtemp(prefix=f"waybill-{cls.__name__}-"))
        cls.stage = cls.STAGE(cls.run_dir, BUILD, rate=cls.RATE, settings=cls.SETTINGS, services=cls.SERVICES)
        cls.failed = False
        try:
            cls.prepare()
            cls.stage.start_stores()
            cls.stage.create_topics()
            if cls.RATE:
                cls.stage.set_clock()
            cls.play()
        except BaseException:
            cls.failed = True
            cls.tearDownClass()
            raise

    @classmethod
    def prepare(cls):
        """What happens before Kafka and Redis start."""

    @classmethod
    def play(cls):
        """What happens before the tests."""

    @classmethod
    def tearDownClass(cls):
        ends = cls.stage.stop()
        if cls.failed:
            print(f"logs: {cls.run_dir}")
        else:
            shutil.rmtree(cls.run_dir, ignore_errors=True)
        bad = [(name, code) for name, code in ends if name in SERVICES and code != 0]
        if bad and not cls.failed:
            raise StageError(f"workers did not drain cleanly: {bad}; sanitizer reports, if any, went to their logs")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        outcome = super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            type(self).failed = True
        return outcome


class PlayedTest(StageTest):
    """Plays the sample to its end and reads the books."""
    ORDERS = SAMPLE
    SUPERVISE = False
    PARKED_ALLOWED = 0

    @classmethod
    def play(cls):
        cls.stage.start_workers(supervise=cls.SUPERVISE)
        cls.stage.start_world(cls.ORDERS, LIMIT_S, stay=True)
        cls.stage.wait_for_world(LIMIT_S + 60, cls.meanwhile, stay=True)
        cls.balanced, cls.books, cls.numbers = cls.stage.check_books(cls.PARKED_ALLOWED)

    @classmethod
    def meanwhile(cls, status):
        """Called every half second with what the world says of itself."""

    def test_books_balance(self):
        self.assertTrue(self.balanced, "\n" + self.books)

    def test_table_is_what_the_file_says(self):
        """Independent of the plans: counted from the columns of the file."""
        with open(self.ORDERS, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        delivered = [row for row in rows if row["order_status"] == "delivered"]
        late = [row for row in delivered if row["order_delivered_customer_date"][:10] > row["order_estimated_delivery_date"][:10]]
        statuses = [row["order_status"] for row in rows]
        table = self.numbers["table"]
        self.assertEqual(table["orders in"], len(rows))
        self.assertEqual((table["delivered"], table["late"]), (len(delivered), len(late)))
        self.assertEqual((table["cancelled"], table["rejected"], table["returned"], table["lost"]),
                         tuple(statuses.count(status) for status in ("canceled", "rejected", "returned", "lost")))
        self.assertEqual(table["short"] + table["exhausted"], statuses.count("unavailable"))
        self.assertEqual(table["payment expired"] + table["payment failed"], statuses.count("created"))


class PunctualTest(PlayedTest):
    """Where nothing holds the world up for days, the messages are known beforehand, too."""

    def test_messages_are_planned_as_the_histories_say(self):
        plans = [plan(history) for history in orders.read(self.ORDERS, datetime.date(2026, 6, 1))]
        planned = {kind: row["planned"] for kind, row in self.numbers["messages"].items()}
        self.assertEqual(planned, expected.messages(plans, ledger.read(self.run_dir / "world" / "parcels.jsonl")))
