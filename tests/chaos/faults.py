"""Faults: drawn by a seed, done to the stage, each with its begin, end and target in a ledger."""
import math
import os
import random
import signal
import threading
import time

from chaos.brokers import COUNT
from chaos.doors import CUT, HELD, OPEN, SLOW
from chaos.stage import INSTANCES, SESSION_S, SPARE, THROUGH_DOORS
from world import moods
from world.stage import SERVICES, StageError

AT_ONCE_MAX = 5
FAULT_S = 6  # how long one lasts, on average

# kind: (how often it is drawn, what it needs for itself). Two faults that need the same wait for each other.
KINDS = {
    "worker kill -9": (8, "worker"),
    "worker paused shortly": (3, "worker"),
    "worker paused beyond the session timeout": (4, "worker"),
    "worker restarted by SIGTERM": (3, "worker"),
    "service restarted, worker by worker": (1, "service"),
    "worker added, and removed later": (3, "spare"),
    "two workers killed at once": (2, "service"),
    "broker kill -9 and restart": (3, "brokers"),
    "broker paused": (3, "brokers"),
    "way to Kafka cut": (3, "worker behind door"),
    "way to Kafka holds everything": (3, "worker behind door"),
    "way to Kafka slow": (2, "worker behind door"),
    "way to Redis cut": (3, "worker"),
    "way to Redis holds everything": (2, "worker"),
    "way to Redis slow": (2, "worker"),
    "redis kill -9 and restart": (3, "redis"),
    "redis FLUSHALL": (3, "redis"),
    "redis fails over to a lagging replica": (3, "redis"),
    "redis fails over": (1, "redis"),
    "redis loses the end of its file": (3, "redis"),
    "redis stalls": (3, "redis"),
    "redis replica kill -9 and restart": (2, "redis"),
    **{f"suppliers in the mood: {mood}": (1, "suppliers") for mood in moods.HTTP},
    **{f"sms in the mood: {mood}": (1, "sms") for mood in moods.HTTP},
    **{f"mail in the mood: {mood}": (1, "mail") for mood in moods.MAIL},
    "suppliers and sms away": (1, "suppliers"),
    "mail away": (1, "mail"),
}


def ended(stop):
    """How stop() ended a worker. While Kafka or Redis are away it may take too long; then it was killed, which is a fault like others."""
    try:
        return f"exit status {stop()}"
    except StageError as error:
        return str(error)


class Faults:
    """start() draws until stop(); every_s = mean time between two. The ledger gets a line when a fault has ended."""

    def __init__(self, stage, seed, ledger, every_s, kinds=None):
        self.stage, self.ledger, self._every_s = stage, ledger, every_s
        self.kinds = {kind: KINDS[kind] for kind in kinds} if kinds else KINDS
        self._chance = random.Random(f"faults {seed}")
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._held, self._running = set(), []
        self._number = self._draws = 0
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)
        self.broken = []  # what went wrong with faults: text

    def start(self):
        self._thread.start()

    def stop(self):
        """Draws no more and waits until all faults have ended."""
        self._stop.set()
        self._thread.join()
        for thread in self._running:
            thread.join()

    def too_few(self, seconds):
        """Why a run of so many seconds had too few faults, or None: half of what is usual is enough, and in a short run what chance leaves."""
        expected = seconds / max(self._every_s, FAULT_S / AT_ONCE_MAX)
        least = max(1, min(expected / 2, expected - 3 * math.sqrt(expected)))
        ended = len(self.ledger.lines)
        # Few kinds (--kind) may all need the same, and wait for each other: then each time to draw one counts.
        if ended and (ended if self.kinds is KINDS else self._draws) >= least:
            return None
        return f"{ended} faults, drawn {self._draws} times, in {seconds:.0f} s; about {expected:.0f} were to be expected, {least:.0f} at least"

    def _run(self):
        try:
            while not self._stop.wait(self._chance.expovariate(1 / self._every_s)):
                self._draws += 1
                self._running = [thread for thread in self._running if thread.is_alive()]
                if len(self._running) < AT_ONCE_MAX:
                    self._draw()
        except Exception as error:  # the run goes on, and ends in red
            self.broken.append(f"no fault was drawn after {self._number}: {error!r}")

    def _draw(self):
        names, weights = list(self.kinds), [weight for weight, _ in self.kinds.values()]
        for _ in range(20):
            kind = self._chance.choices(names, weights)[0]
            target, needs = self._target(self.kinds[kind][1])
            with self._lock:
                if self._held & needs:
                    continue
                self._held |= needs
            self._number += 1
            chance = random.Random(self._chance.random())
            thread = threading.Thread(target=self._do, args=(self._number, kind, target, needs, chance), daemon=True)
            self._running.append(thread)
            thread.start()
            return

    def _target(self, what):
        """(target, the things that nobody else may touch meanwhile)"""
        if what == "worker":
            name = f"{self._chance.choice(SERVICES)}-{self._chance.choice(INSTANCES)}"
            return name, {name}
        if what == "worker behind door":
            name = f"{self._chance.choice(SERVICES)}-{THROUGH_DOORS}"
            return name, {name}
        if what in ("service", "spare"):
            service = self._chance.choice(SERVICES)
            return service, {f"{service}-{i}" for i in INSTANCES} if what == "service" else {f"{service}-{SPARE}"}
        if what == "brokers":
            return self._chance.randrange(COUNT), {"brokers"}
        return what, {what}

    def _do(self, number, kind, target, needs, chance):
        began, said = time.time(), None
        try:
            said = self._actions(kind)(target, chance)
        except Exception as error:  # the run goes on, and ends in red
            said = f"could not be done: {error!r}"
            self.broken.append(f"{kind} of {target} could not be done or undone: {error!r}")
        ended = time.time()
        name = f"broker {target + 1}" if isinstance(target, int) else target
        with self._lock:
            self._held -= needs
            self.ledger.add(number=number, kind=kind, target=name, begin=round(began, 3), end=round(ended, 3), detail=said)

    def _actions(self, kind):
        plain = {
            "worker kill -9": self._kill, "worker paused shortly": self._pause_shortly,
            "worker paused beyond the session timeout": self._zombie, "worker restarted by SIGTERM": self._restart,
            "service restarted, worker by worker": self._roll, "worker added, and removed later": self._add,
            "two workers killed at once": self._kill_all,
            "broker kill -9 and restart": self._broker_kill, "broker paused": self._broker_pause,
            "redis kill -9 and restart": self._redis_kill, "redis FLUSHALL": self._redis_flush,
            "redis fails over to a lagging replica": self._redis_lagging, "redis fails over": self._redis_fail_over,
            "redis loses the end of its file": self._redis_cut, "redis stalls": self._redis_stall,
            "redis replica kill -9 and restart": self._replica_kill,
            "suppliers and sms away": lambda target, chance: self._away("http", chance),
            "mail away": lambda target, chance: self._away("smtp", chance),
        }
        if kind in plain:
            return plain[kind]
        if kind.startswith("way to "):
            door, mood = ("kafka" if "Kafka" in kind else "redis"), {"cut": CUT, "everything": HELD, "slow": SLOW}[kind.split()[-1]]
            return lambda target, chance: self._way(door, mood, target, chance)
        what, _, mood = kind.partition(" in the mood: ")
        return lambda target, chance: self._mood(what, mood, chance)

    # Workers

    def _kill(self, name, chance):
        self.stage.kill_worker(name)

    def _kill_all(self, service, chance):
        for instance in INSTANCES:
            self.stage.kill_worker(f"{service}-{instance}")

    def _paused(self, name, seconds):
        pid = self.stage.workers[name].pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return f"{seconds:.1f} s"

    def _pause_shortly(self, name, chance):
        return self._paused(name, chance.uniform(0.5, SESSION_S / 2))

    def _zombie(self, name, chance):
        return self._paused(name, SESSION_S + chance.uniform(1, 6))

    def _restart(self, name, chance):
        return ended(lambda: self.stage.restart_worker(name))

    def _roll(self, service, chance):
        return [ended(lambda: self.stage.restart_worker(name)) for name in (f"{service}-{instance}" for instance in INSTANCES)]

    def _add(self, service, chance):
        name, seconds = f"{service}-{SPARE}", chance.uniform(5, 40)
        self.stage.start_worker(name)
        self._stop.wait(seconds)
        return f"{seconds:.0f} s, {ended(lambda: self.stage.stop_worker(name))}"

    # Kafka, Redis, the ways to them

    def _broker_kill(self, number, chance):
        brokers, seconds = self.stage.brokers, chance.uniform(0, 6)
        brokers.kill(number)
        time.sleep(seconds)
        brokers.start(number)
        brokers.wait_until_serving(number)
        brokers.wait_in_sync()
        return f"down for {seconds:.1f} s and its start"

    def _broker_pause(self, number, chance):
        seconds = chance.uniform(1, 9)
        self.stage.brokers.pause(number)
        time.sleep(seconds)
        self.stage.brokers.go_on(number)
        self.stage.brokers.wait_in_sync()
        return f"{seconds:.1f} s"

    def _redis_kill(self, _, chance):
        redises, seconds = self.stage.redises, chance.uniform(0, 5)
        redises.kill(redises.master)
        time.sleep(seconds)
        redises.start(redises.master)
        redises.wait_for_replica()
        return f"down for {seconds:.1f} s"

    def _replica_kill(self, _, chance):
        redises, seconds = self.stage.redises, chance.uniform(0, 5)
        redises.kill(redises.replica)
        time.sleep(seconds)
        redises.start(redises.replica)
        redises.wait_for_replica()
        return f"no replica, so no writes, for {seconds:.1f} s"

    def _redis_flush(self, _, chance):
        self.stage.redises.flush()

    def _redis_lagging(self, _, chance):
        redises, seconds = self.stage.redises, chance.uniform(0.5, 6)
        redises.hold_replication()
        time.sleep(seconds)
        redises.fail_over()
        redises.wait_for_replica()
        return f"{seconds:.1f} s behind"

    def _redis_fail_over(self, _, chance):
        self.stage.redises.fail_over()
        self.stage.redises.wait_for_replica()

    def _redis_cut(self, _, chance):
        redises = self.stage.redises
        redises.kill(redises.master)
        lost = redises.cut_tail(redises.master, chance)
        redises.start(redises.master)
        redises.wait_for_replica()
        return f"{lost} bytes"

    def _redis_stall(self, _, chance):
        return self.stall_redis(chance.uniform(1, 9))

    def stall_redis(self, seconds):
        """Both servers alive and silent: the master holds its connections and answers nothing."""
        redises = self.stage.redises
        redises.pause(redises.master)
        time.sleep(seconds)
        redises.go_on(redises.master)
        redises.wait_for_replica()
        return f"{seconds:.1f} s"

    def _way(self, door, mood, name, chance):
        seconds, pid = chance.uniform(1, 12), self.stage.workers[name].pid
        self.stage.doors.set(door, mood, pid)
        time.sleep(seconds)
        self.stage.doors.set(door, OPEN, pid)
        return f"{seconds:.1f} s"

    # The world

    def _mood(self, what, mood, chance):
        seconds = chance.uniform(3, 10)
        self.stage.mood(what, mood, seconds)
        time.sleep(seconds)
        return f"{seconds:.1f} s"

    def _away(self, door, chance):
        seconds = chance.uniform(2, 8)
        self.stage.outage(door, seconds)
        time.sleep(seconds)
        return f"{seconds:.1f} s"
