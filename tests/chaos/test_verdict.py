"""What makes a run red besides the oracle and the books: too few faults, workers that end or complain, memory that nobody measured."""
import pathlib
import tempfile
import time
import types
import unittest

from chaos import __main__ as chaos, summary
from chaos.faults import KINDS, Faults
from world.ledger import Ledger


class FaultsTest(unittest.TestCase):
    def faults(self, ended, every_s=3, kinds=None):
        faults = Faults(None, 1, Ledger(), every_s, kinds)
        for number in range(ended):
            faults.ledger.add(number=number)
        return faults

    def test_what_30_minutes_usually_have_is_enough_and_less_than_half_is_not(self):
        self.assertIsNone(self.faults(570).too_few(1800))
        self.assertIn("299 faults", self.faults(299).too_few(1800))

    def test_short_runs_may_have_few_faults_but_not_none(self):
        self.assertIsNone(self.faults(5).too_few(42))  # as in tests/run
        self.assertIsNone(self.faults(20).too_few(120))
        self.assertIsNotNone(self.faults(5).too_few(120))
        self.assertIsNotNone(self.faults(0).too_few(10))

    def test_no_more_is_asked_than_may_happen_at_once(self):
        self.assertIsNone(self.faults(900, every_s=0.1).too_few(1800))

    def test_of_few_kinds_those_that_had_to_wait_count(self):
        faults = self.faults(100, kinds=[next(iter(KINDS))])
        faults._draws = 600
        self.assertIsNone(faults.too_few(1800))
        faults._draws = 100
        self.assertIsNotNone(faults.too_few(1800))

    def test_that_nothing_is_drawn_any_more_is_said(self):
        faults = self.faults(0, every_s=0.001)
        faults._draw = lambda: 1 / 0
        faults.start()
        faults._thread.join(10)
        self.assertEqual(faults.broken, ["no fault was drawn after 0: ZeroDivisionError('division by zero')"])

    def test_too_few_faults_are_a_violation(self):
        run = a_run(chaos.Run)
        run.faults, run.watch = self.faults(0, every_s=9), lambda seconds: time.sleep(0.01)
        run.act()
        self.assertEqual([finding.kind for finding in run.findings], ["faults"])


class WorkersTest(unittest.TestCase):
    def test_what_sanitizers_and_assertions_say_is_no_mere_error(self):
        lines = ["level=error msg=beginning-anew", "intake: a.c:7: f: Assertion `x' failed.", "a.c:7:3: runtime error: signed integer overflow",
                 "==7==ERROR: AddressSanitizer: heap-use-after-free", "==7==ERROR: LeakSanitizer: detected memory leaks", "level=info msg=fine"]
        with tempfile.TemporaryDirectory() as directory:
            log = pathlib.Path(directory) / "intake-a.log"
            log.write_text("\n".join(lines))
            _, _, errors, reports = summary.read_logs([log])
        self.assertEqual(errors, [f"intake-a.log: {lines[0]}"])
        self.assertEqual(reports, [f"intake-a.log: {line}" for line in lines[1:5]])

    def test_such_a_report_and_a_crash_are_violations(self):
        run = a_run(chaos.Run, restarts=[("intake-a", -6), ("intake-a", -9), ("intake-b", 1)])
        run.judge_ends(["intake-b.log: runtime error: x"])
        self.assertEqual([finding.kind for finding in run.findings], ["crash", "crash"])

    def test_without_faults_no_worker_may_end(self):
        soak = a_run(chaos.Soak, restarts=[("intake-a", -9), ("intake-b", 1)])
        soak.judge_ends([])
        self.assertEqual([finding.partition(":")[0] for finding in soak.findings], ["intake-a ended by signal 9", "intake-b ended with status 1"])


class MemoryTest(unittest.TestCase):
    """Full load lasts from 100 to 200 s, a round every 10 s; a lives all the time."""

    def setUp(self):
        self.soak = a_run(chaos.Soak)
        self.soak.began_s, self.soak.full_until_s = 60, 200  # 40 s to get warm
        self.soak.memory.idle = [(at_s, 0.5) for at_s in range(0, 300, 10)]
        self.live("a", 0, 300)

    def live(self, name, from_s, until_s):
        self.soak.memory.samples[name, 7] = [(at_s, 9000) for at_s in range(from_s, until_s, 10)]

    def findings(self):
        self.soak.judge_memory()
        return [finding.partition(":")[0] for finding in self.soak.findings]

    def test_who_lives_all_the_time_is_judged(self):
        self.assertEqual(self.findings(), [])
        self.assertIn("flat", self.soak.memory_lines[0])

    def test_who_rises_is_a_violation_once_it_can_be_told(self):
        self.soak.memory.samples["a", 7] = [(at_s, 9000 + 100 * at_s) for at_s in range(0, 300, 10)]
        self.assertEqual(self.findings(), [])
        self.assertIn("too short to judge", self.soak.memory_lines[1])
        self.soak.options.minutes = chaos.FLAT_MINUTES
        self.soak.began_s = -200  # 300 s to get warm
        self.assertEqual(self.findings(), ["a"])

    def test_who_died_is_not_called_flat(self):
        self.live("before", 0, 90)
        self.live("early", 0, 180)
        self.live("late", 130, 300)
        self.assertEqual(self.findings(), ["before, process 7", "early, process 7", "late, process 7"])

    def test_nobody_is_called_flat_when_the_measuring_has_ended(self):
        self.soak.full_until_s = 400
        self.soak.memory.idle = self.soak.memory.idle[:18]
        self.live("a", 0, 180)
        self.assertEqual(self.findings(), ["a, process 7"])


def a_run(kind, **stage):
    return kind(types.SimpleNamespace(**stage), types.SimpleNamespace(minutes=2, orders_per_minute=None), pathlib.Path("out"))


if __name__ == "__main__":
    unittest.main()
