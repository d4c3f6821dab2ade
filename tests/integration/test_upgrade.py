"""intake and stock_check are rolled to a next version and back while orders flow: the same table, and nothing of the way is lost.

Two instances of each. Readers first (stock_check), one instance after the other; back again writers first; and forth for good.
The four other services stay as they are: for them the next version's writers came too early.
"""
import collections
import contextlib
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from integration import avro, next_version, stages
from world.stage import SERVICES, SETTINGS, Stage

ROLLED, INSTANCES = next_version.SERVICES, ("a", "b")
PHASE_S = 40       # for so long a version is waited for that reads what the other one wrote
STATES = {"intake": ("intake_order", 201), "stock_check": ("stock_order", 211)}  # and the ids that they were released with


class RolledStage(Stage):
    """intake and stock_check twice, each of one version or the other."""

    def __init__(self, run_dir, build_dir, rate, settings, services):
        names = [name for service in services
                 for name in ([f"{service}-{instance}" for instance in INSTANCES] if service in ROLLED else [service])]
        super().__init__(run_dir, build_dir, rate=rate, settings=settings, services=tuple(names))
        self.builds, self.ends = {}, []

    def worker_command(self, name):
        service, _, instance = name.partition("-")
        files = [SETTINGS / f"{service}.yaml", self.run_dir / "endpoints.yaml"]
        settings = {"kafka.bootstrap_servers": self.broker, "redis.urls": self.redis_url, "health.port": self.health[name],
                    "instance": instance or "a", **self.settings}
        return [str(self.builds.get(name, self.build_dir) / "bin" / service), *(f"--config={file}" for file in files),
                *(f"--{setting}={value}" for setting, value in settings.items())]

    def roll(self, name, build):
        """Drains it and starts the other version in its place."""
        self.ends.append((name, self.stop_worker(name)))
        self.builds[name] = build
        self.start_worker(name)

    def bytes_of(self, topic):
        """[(key, value)] of all that read_committed shows, in the order of each partition."""
        done = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.broker, "-t", self.settings.get("prefix", "waybill.") + topic, "-o",
                               "beginning", "-X", "isolation.level=read_committed", "-f", "%K %S\n%k%s"], check=True, capture_output=True)
        data, at, records = done.stdout, 0, []
        while at < len(data):
            line = data.index(b"\n", at)
            key_len, value_len = map(int, data[at:line].split())
            at = line + 1 + key_len
            records.append((data[line + 1:at], data[at:at + max(value_len, 0)]))
            at += max(value_len, 0)
        return records

    def counter(self, service, name):
        """A counter or gauge of a worker, all its labels together."""
        with urllib.request.urlopen(self.health_url(service) + "/metrics", timeout=5) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


def varint(data, at):
    shift = value = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def state_in(entry):
    """(schema id, bytes) of the state in a framed key_entry, its first field; None if it has none."""
    branch, at = varint(entry, 5)
    if branch == 0:
        return None
    length, at = varint(entry, at)
    state = entry[at:at + length]
    return int.from_bytes(state[1:5], "big"), state[5:]


class UpgradeTest(stages.PlayedTest):
    """Forth, back and forth again, in the middle of the sample."""
    STAGE = RolledStage
    RATE = 18000  # slower than the others, about 5 s for a day: orders must flow until the second rolling has ended
    SETTINGS = {"kafka.session_timeout": "6s"}  # for so long a member that comes back with other inputs holds its group up

    @classmethod
    def prepare(cls):
        with tempfile.TemporaryDirectory() as scratch:
            cls.ids = next_version.build(pathlib.Path(scratch) / "schemas")
        cls.rolling, cls.trouble = None, []

    @classmethod
    def meanwhile(cls, status):
        if cls.rolling is None and status["submitted"]:
            cls.rolling = threading.Thread(target=cls.roll_all)
            cls.rolling.start()

    @classmethod
    def roll_all(cls):
        try:
            for last, build, order in ((False, next_version.BUILD, ROLLED[::-1]), (False, stages.BUILD, ROLLED),
                                       (True, next_version.BUILD, ROLLED[::-1])):
                for service in order:
                    for instance in INSTANCES:
                        cls.stage.roll(f"{service}-{instance}", build)
                        time.sleep(0.5)
                if not last:  # then the sample may be at its end
                    cls.wait_until_states_of_the_other_version_are_read()
                if build == next_version.BUILD:
                    cls.audit()
        except BaseException as trouble:  # told by a test: nobody waits for a thread's exception
            cls.trouble.append(trouble)
            raise

    @classmethod
    def wait_until_states_of_the_other_version_are_read(cls):
        deadline, left = time.monotonic() + PHASE_S, set(ROLLED)
        while left and time.monotonic() < deadline:
            for service in list(left):
                with contextlib.suppress(OSError):  # it has only just started
                    if sum(cls.stage.counter(f"{service}-{instance}", "waybill_states_of_other_versions_total") for instance in INSTANCES):
                        left.discard(service)
            time.sleep(0.2)
        if left:
            raise AssertionError(f"{left} read no state of the other version within {PHASE_S} s: did orders still flow?")

    @classmethod
    def audit(cls):
        """An event that only the next version has, where the old ones read."""
        key = "audit:1"
        value = avro.framed(cls.ids[next_version.NEW_EVENT], avro.string(key))
        avro.produce(cls.stage.broker, "waybill.orders", key, value, avro.murmur2_partition(key, cls.stage.partitions),
                     {"ce_id": f"audit-{time.time_ns()}", "ce_type": next_version.NEW_EVENT, "ce_source": "test", "ce_specversion": "1.0"})

    @classmethod
    def play(cls):
        super().play()
        cls.rolling.join(stages.LIMIT_S)
        cls.states = {service: cls.read_states(service) for service in ROLLED}

    @classmethod
    def read_states(cls, service):
        """{key: [(schema id, bytes of the state)]} in the order in which they were written."""
        states = collections.defaultdict(list)
        for key, value in cls.stage.bytes_of(f"{service}.changelog"):
            if key.startswith(f"s:{STATES[service][0]}:".encode()) and value and state_in(value):
                states[key].append(state_in(value))
        return states

    def test_every_instance_was_rolled_three_times_and_left_cleanly(self):
        self.assertEqual(self.trouble, [])
        self.assertEqual(collections.Counter(name for name, _ in self.stage.ends),
                         {f"{service}-{instance}": 3 for service in ROLLED for instance in INSTANCES})
        self.assertEqual({code for _, code in self.stage.ends}, {0})

    def test_nothing_was_set_aside(self):
        told = self.stage.run_tool("dlq", "list").stdout
        self.assertNotIn("undecodable", told)
        self.assertEqual(sum(self.stage.counter(name, "waybill_dead_letters_total") for name in self.stage.workers), 0, told)

    def test_no_task_was_refused_and_all_are_at_work(self):
        for service in ROLLED:
            at_work = [self.stage.counter(f"{service}-{instance}", "waybill_tasks_ready") for instance in INSTANCES]
            self.assertEqual(sum(at_work), self.stage.partitions, f"{service}: {at_work}")
            for instance in INSTANCES:
                self.assertNotIn("refused", (self.stage.run_dir / f"{service}-{instance}.log").read_text(errors="replace"))

    def test_both_versions_wrote_the_same_keys_by_turns(self):
        """So that what follows is about something: keys that the next version wrote and then the old one, and the other way round."""
        for service, (state, old) in STATES.items():
            turns = {pair for history in self.states[service].values()
                     for pair in zip([number for number, _ in history], [number for number, _ in history[1:]])}
            self.assertLessEqual({(old, self.ids[state]), (self.ids[state], old)}, turns, service)

    def test_what_only_the_next_version_knew_is_its_default_after_the_old_one_wrote(self):
        """The contract of schemas/README.md: the field stands last in the state, a long of one byte."""
        whole, lost = bytes([next_version.BORN_NEW << 1]), bytes([next_version.DEFAULT << 1])
        for service, (state, old) in STATES.items():
            new, seen = self.ids[state], set()
            for history in self.states[service].values():
                was_old = False
                for number, body in history:
                    was_old = was_old or number == old
                    if number == new:
                        self.assertEqual(body[-1:], lost if was_old else whole, f"{service}: {history}")
                        seen.add(was_old)
            self.assertEqual(seen, {False, True}, service)

    def test_an_event_that_only_the_next_version_has_is_passed_over_and_counted(self):
        for service in ("supplier_router", "notifier"):
            self.assertEqual(self.stage.counter(service, "waybill_events_unknown_total"), 2, service)


def load_tests(loader, tests, pattern):  # pylint: disable=unused-argument
    """Not against a build with sanitizers: the next version has none, and the old one has them in all other tests."""
    sanitized = "SANITIZE:BOOL=ON" in (stages.BUILD / "CMakeCache.txt").read_text(encoding="utf-8")
    if sanitized:
        print("test_upgrade: not against a build with sanitizers: the next version has none; tests/run has it with the plain build")
    return unittest.TestSuite() if sanitized else tests


if __name__ == "__main__":
    unittest.main()
