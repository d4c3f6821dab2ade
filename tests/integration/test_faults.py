"""Waybill goes on by itself: workers killed, Redis emptied, Kafka and Redis restarted, suppliers and mail away."""
import os
import random
import sys
import threading
import time
import unittest

from integration import stages
from world.stage import SERVICES

SEED = int(os.environ.get("WAYBILL_SEED", "20261123"))  # of the moments at which workers are killed


def told(text):
    print(text, file=sys.stderr, flush=True)


class Faults:
    """Does what the list says, each at its second after the first order was submitted."""

    def __init__(self, faults):
        self.left, self.began, self.threads = sorted(faults, key=lambda fault: fault[0]), None, []

    def __call__(self, status):
        if self.began is None:
            if not status["submitted"]:
                return
            self.began = time.monotonic()
        while self.left and time.monotonic() - self.began >= self.left[0][0]:
            after, name, action = self.left.pop(0)
            told(f"  {after:5.1f} s: {name} ({status['now']})")
            thread = threading.Thread(target=action)
            thread.start()
            self.threads.append(thread)


class KillTest(stages.PunctualTest):
    """Every worker killed once at a random moment, Redis emptied once: the same table."""
    SUPERVISE = True
    PARKED_ALLOWED = 10  # mails whose sender was killed while it was sending: a person must look

    @classmethod
    def setUpClass(cls):
        chance = random.Random(SEED)
        told(f"\nseed {SEED}")
        faults = [(chance.uniform(1, 22), f"kill -9 {service}", lambda service=service: cls.stage.kill_worker(service))
                  for service in SERVICES]
        faults.append((chance.uniform(2, 22), "FLUSHALL", lambda: cls.stage.flush_redis()))
        cls.faults = Faults(faults)
        super().setUpClass()

    @classmethod
    def meanwhile(cls, status):
        cls.faults(status)

    def test_every_worker_was_killed_once_and_came_back(self):
        self.assertEqual(self.faults.left, [])
        self.assertEqual(sorted(service for service, _ in self.stage.restarts), sorted(SERVICES))
        self.assertEqual({code for _, code in self.stage.restarts}, {-9})

    def test_every_message_is_sent_explained_or_parked(self):
        for kind, row in self.numbers["messages"].items():
            ended = sum(number for end, number in row.items() if end not in ("planned", "open"))
            self.assertEqual(ended, row["planned"], kind)


class OutageTest(stages.PlayedTest):
    """Kafka restarted, Redis restarted, mail and suppliers away for 20 s each: nothing lost, no help needed.

    A worker whose group membership the restarted broker has given up may end; a process manager starts it again.
    """
    SUPERVISE = True
    PARKED_ALLOWED = 10  # mails that were under way when the server's connections were cut: a person must look

    @classmethod
    def setUpClass(cls):
        cls.faults = Faults([
            (2, "mail away for 20 s", lambda: cls.stage.outage("smtp", 20)),
            (4, "suppliers and SMS away for 20 s", lambda: cls.stage.outage("http", 20)),
            (28, "Redis restarts", lambda: cls.stage.restart("redis")),
            (34, "Kafka restarts", lambda: cls.stage.restart("kafka")),
        ])
        super().setUpClass()

    @classmethod
    def meanwhile(cls, status):
        cls.faults(status)

    def test_all_faults_happened_and_no_worker_crashed(self):
        for thread in self.faults.threads:
            thread.join(stages.LIMIT_S)
        self.assertEqual(self.faults.left, [])
        told(f"ended by themselves and started again: {self.stage.restarts}")
        self.assertLessEqual({code for _, code in self.stage.restarts}, {0, 1})


if __name__ == "__main__":
    unittest.main()
