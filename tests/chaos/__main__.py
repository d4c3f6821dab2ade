"""Chaos and soak: called by tests/chaos/run and tests/chaos/soak."""
import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from chaos import oracle, reading, summary
from chaos.books import ChaosBooks, kind_of
from chaos.faults import Faults
from chaos.load import Noise, write_orders
from chaos.memory import Memory
from chaos.redises import Client
from chaos.stage import ChaosStage
from world import ledger, orders, records
from world.plan import plan
from world.stage import ROOT, SERVICES, StageError

LEDGERS = ("suppliers", "mail", "sms", "parcels")
TELL_EVERY_S = 30
START_S = 25                  # real time that the workers get before the clock shows the epoch
STILL_DAYS, STILL_S = 12, 120  # virtual days and real time after which nothing comes any more
DRAIN_S = 300
CRASHES = (-4, -6, -7, -8, -11)
REPEAT = 0.08
RUN_ORDERS, SOAK_ORDERS = 160, 400  # orders per minute
LAST_ORDER_MINUTES = 4  # before the last fault, so that the ends of histories meet faults, too
STALL_AFTER_S, STALL_S = 10, 30
FLAT_MINUTES = 10  # of a soak: before that workers still get warm, and nobody can say whether they stay flat
BOUND_MB = 300
READERS = 4


def parse(argv):
    parser = argparse.ArgumentParser(prog=f"tests/chaos/{argv[0] if argv else 'run'}", description=(
        "Plays orders of several shops on three brokers, two Redis and two or three workers per service while faults happen, "
        "and then counts: every input has one fate, nothing is lost, nothing doubled, all in order. Exit status 1 on any violation."))
    parser.add_argument("plan", choices=("run", "soak"), help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=2, help="how long faults happen, or full load lasts (default 2); the end takes some minutes more")
    parser.add_argument("--seed", type=int, default=1, help="of orders, faults and noise (default 1)")
    parser.add_argument("--out", type=pathlib.Path, help="logs, ledgers, summary.txt and summary.json (default: a new directory)")
    parser.add_argument("--every", type=float, default=3, metavar="SECONDS", help="mean time between two faults (default 3)")
    parser.add_argument("--orders-per-minute", type=float, metavar="N", help="(default: run 160, soak 400)")
    parser.add_argument("--rate", type=float, help="how much faster than real time the clock runs (default: by the minutes)")
    parser.add_argument("--kind", action="append", metavar="KIND", help="only faults of this kind; repeatable; --list-kinds names them")
    parser.add_argument("--list-kinds", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep all files of a run without violations, too")
    parser.add_argument("--build-dir", type=pathlib.Path, default=pathlib.Path(os.environ.get("WAYBILL_BUILD") or ROOT / "build" / "test-gcc"))
    return parser.parse_args(argv)


def main(argv):
    options = parse(argv)
    if options.list_kinds:
        from chaos.faults import KINDS
        print("\n".join(KINDS))
        return 0
    if not (options.build_dir / "bin" / "intake").exists():
        print(f"chaos: there is no build in {options.build_dir}; run tests/run --fast first, or say --build-dir DIR", file=sys.stderr)
        return 2
    # What waits for days (a payment, a supplier's answer) must outlive a fault: 9 days are 108 s, or 49 s where faults are short.
    options.rate = options.rate or (7200 if options.minutes > 5 or options.plan == "soak" else 16000)
    out = options.out or pathlib.Path(tempfile.mkdtemp(prefix=f"waybill-chaos-{options.seed}-"))
    out.mkdir(parents=True, exist_ok=True)
    if (out / "faults.jsonl").exists():
        print(f"chaos: {out} holds another run already", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    stage = ChaosStage(out, options.build_dir, rate=options.rate)
    try:
        told = (Soak if options.plan == "soak" else Run)(stage, options, out).play()
    except StageError as error:
        print(f"chaos: {error}\nlogs: {out}", file=sys.stderr)
        return 2
    finally:
        stage.stop()
    print(summary.write(told, out))
    if not (told["findings"] or options.out or options.keep):
        shutil.rmtree(out)
    return 1 if told["findings"] else 0


class Run:
    """One run from start to summary."""

    def __init__(self, stage, options, out):
        self.stage, self.options, self.out = stage, options, out
        self.findings, self.notes, self.memory_lines = [], [], []
        self.orders = out / "orders.csv"
        self.memory = Memory(stage)
        self.faults = self.noise = None

    def phases(self):
        """[(minutes, orders per minute)]"""
        return [(max(self.options.minutes - LAST_ORDER_MINUTES, self.options.minutes / 2), self.options.orders_per_minute or RUN_ORDERS)]

    def say(self, text):
        print(f"chaos: {datetime.datetime.now():%H:%M:%S} {text}", flush=True)

    def fail(self, kind, text):
        self.findings.append(oracle.Finding(kind, text))

    def play(self):
        self.start()
        self.faults = Faults(self.stage, self.options.seed, ledger.Ledger(self.out / "faults.jsonl"), self.options.every, self.options.kind)
        self.noise = Noise(self.stage.broker, self.stage.partitions, self.options.seed, ledger.Ledger(self.out / "noise.jsonl"))
        self.memory.start()
        self.noise.start()
        self.act()
        self.noise.stop()
        for text in self.faults.broken:
            self.fail("faults", text)
        self.say("no more faults; waiting until all histories have ended")
        self.finish()
        self.memory.stop()
        self.judge_memory()
        self.drain()
        return self.conclude()

    def act(self):
        """What happens while the load runs."""
        self.faults.start()
        self.watch(self.options.minutes * 60)
        self.faults.stop()
        if few := self.faults.too_few(self.options.minutes * 60):
            self.fail("faults", few)

    def judge_memory(self):
        self.memory_lines = [f"most of any worker: {self.memory.most_kb() / 1024:.1f} MB"]

    def start(self):
        self.count = write_orders(self.orders, self.options.seed, self.phases(), self.options.rate)
        self.say(f"starting three brokers and two Redis in {self.out}")
        self.stage.start_stores()
        self.stage.create_topics()
        self.stage.set_clock(START_S)
        self.say(f"starting {len(self.stage.services)} workers and the world; {self.count} orders")
        self.stage.world_flags = ["--together", "--repeat", str(REPEAT)]
        self.stage.start_workers(supervise=True)
        self.stage.start_world(self.orders, sum(minutes for minutes, _ in self.phases()) * 60 + 3600, stay=True)
        self.stage.wait_until_ready(180)
        deadline = time.monotonic() + 180
        while not (self.stage.status() or {}).get("submitted"):
            if time.monotonic() > deadline or self.stage.world.poll() is not None:
                raise StageError(f"the world submits nothing: see {self.out}/world.log\n{self.stage.tail('world')}")
            time.sleep(0.5)

    def watch(self, seconds):
        until, next_s = time.monotonic() + seconds, 0.0
        while time.monotonic() < until:
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + TELL_EVERY_S
                self.tell()
            time.sleep(0.5)

    def tell(self):
        status = self.stage.status() or {}
        names = ("submitted", "ordered", "shipped", "delivered", "mails", "sms", "waiting")
        faults = sum(1 for _ in open(self.out / "faults.jsonl", encoding="utf-8"))
        self.say(f"{status.get('now', '?')}  " + "  ".join(f"{name} {status.get(name, '?')}" for name in names)
                 + f"  faults {faults}  restarts {len(self.stage.restarts)}")

    def finish(self):
        """Until the world has played all and is quiet, or nothing moves for a long time."""
        patience_s = max(STILL_S, STILL_DAYS * 86400 / self.options.rate)
        until, next_s, before = time.monotonic() + patience_s, 0.0, None
        while time.monotonic() < until:
            status = self.stage.status()
            if status and status["state"] != "playing":
                if status["state"] != "done":
                    self.fail("world", f"the world gave up: see {self.out}/world.log: {self.stage.tail('world')}")
                return
            counts = {name: number for name, number in (status or {}).items() if not name.startswith("now")}
            if status and counts != before:
                until, before = time.monotonic() + patience_s, counts
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + TELL_EVERY_S
                self.tell()
            time.sleep(0.5)
        self.fail(oracle.LOSING, f"the histories do not come to their end, and nothing has moved for {patience_s:.0f} s: {json.dumps(before)}")

    def drain(self):
        self.say("waiting until nothing is left to do")
        if not self.stage.wait_until_drained(DRAIN_S):
            self.fail(oracle.LOSING, f"not drained after {DRAIN_S} s: {self.stage.why_not}")
        self.stage.supervise_no_more()
        for name in list(self.stage.workers):
            try:
                code = self.stage.stop_worker(name)
            except StageError as error:
                code = str(error)
            if code != 0:
                self.fail("drain", f"{name} did not end cleanly on SIGTERM: {code}")

    # What became of all

    def conclude(self):
        self.say("reading all topics")
        topics = sorted(reading.topics(self.stage.broker))
        with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
            all_records = dict(zip(topics, readers.map(
                lambda topic: reading.read(self.stage.broker, topic, keep_values=topic.endswith(".changelog")), topics)))
        judge = oracle.Oracle(all_records, self.noise.ledger.lines, SERVICES)
        self.findings += judge.check()
        self.compare_stores(all_records)
        books = self.books()
        self.findings += [oracle.Finding(kind_of(text), text) for text in books.check()]
        logs, took, errors, reports = summary.read_logs(self.stage.log_files())
        self.judge_ends(reports)
        for line, number in collections.Counter(line.partition(" msg=")[2] or line for line in errors).most_common(20):
            self.notes.append(f"{number} × {line}")
        kinds = collections.Counter(finding.kind for finding in self.findings)
        return {
            "minutes": self.options.minutes, "seed": self.options.seed, "out": str(self.out), "orders": self.count, "rate": self.options.rate,
            "faults": collections.Counter(entry["kind"] for entry in self.faults.ledger.lines),
            "fates": {"|".join(name): number for name, number in judge.fates.items()},
            "ends": {**dict(books.table()), **{f"mail and texts: {end}": number for end, number in self.messages(books).items()}},
            "dead_letters": judge.dead_reasons, "takeovers": summary.times(took), "logs": logs,
            "restarts": collections.Counter(str(code) for _, code in self.stage.restarts), "parked": books.parked,
            "parked_most": books.parked_allowed,
            "memory": self.memory_lines, "notes": self.notes, "plan": self.options.plan,
            "lost": kinds[oracle.LOSING], "doubled": kinds[oracle.DOUBLING], "findings": self.findings,
        }

    @staticmethod
    def may_end(code):
        """Whether faults explain that a worker ended so."""
        return code not in CRASHES

    def judge_ends(self, reports):
        """Workers that ended as none should, and what sanitizers and assertions said."""
        for name, code in self.stage.restarts:
            if not self.may_end(code):
                self.fail("crash", f"{name} ended {f'by signal {-code}' if code < 0 else f'with status {code}'}: see {self.out}/{name}.log")
        for line in reports:
            self.fail("crash", line)

    @staticmethod
    def messages(books):
        return collections.Counter(message.end() for message in books.views.messages.values())

    def compare_stores(self, all_records):
        with Client(self.stage.redises.ports[self.stage.redises.master]) as redis:
            for service in SERVICES:
                states, positions = oracle.fold(all_records.get(f"{service}.changelog", []))
                for partition in range(self.stage.partitions):
                    key = f"{{waybill.{service}:{partition}}}"
                    self.findings += oracle.compare_store(service, partition, states[partition], positions.get(partition),
                                                          redis.hash(key), redis.sorted_set(key + ":due"))

        told = self.stage.run_tool("verify", "--all", check=False)
        if told.returncode:
            self.fail("redis", f"waybill verify finds differences, too: {(told.stdout + told.stderr)[:2000]}")

    def books(self):
        run = json.loads((self.out / "world" / "run.json").read_text())
        monday = datetime.date.fromisoformat(run["first_monday"])
        plans = [plan(history) for history in orders.read(self.orders, monday, together=True)]
        ledgers = {name: ledger.read(self.out / "world" / f"{name}.jsonl") for name in LEDGERS}
        with open(self.stage.collect(), encoding="utf-8") as file:
            kept = [records.parse(line) for line in file if ".changelog\"" not in line[:80]]
        return ChaosBooks(kept, ledgers, plans)


class Soak(Run):
    """Full load without faults: is memory flat? Then normal load, and ten times as much for a minute with Redis stalled."""

    def phases(self):
        full = self.options.orders_per_minute or SOAK_ORDERS
        normal = full / 5
        return [(self.options.minutes, full), (1, normal), (1, 10 * normal), (1, normal)]

    def act(self):
        self.began_s = self.memory.now_s()
        self.watch(self.options.minutes * 60)
        self.full_until_s = self.memory.now_s()
        self.watch(60)
        self.say(f"ten times as much for a minute, and after {STALL_AFTER_S} s Redis stalls for {STALL_S} s")
        self.watch(STALL_AFTER_S)
        began = time.time()
        self.faults.stall_redis(STALL_S)
        self.faults.ledger.add(number=1, kind="redis stalls", target="redis", begin=began, end=time.time(), detail=f"{STALL_S} s")
        self.watch(60 - STALL_AFTER_S - STALL_S + 60)

    @staticmethod
    def may_end(code):
        """No fault is done to workers."""
        return False

    def judge_memory(self):
        warm_s = self.began_s + min(300, self.options.minutes * 60 / 3)
        self.memory_lines, rising, unknown = self.memory.lines(warm_s, self.full_until_s)
        if self.options.minutes < FLAT_MINUTES:
            rising = []
            self.memory_lines.append(f"too short to judge whether they stay flat: that takes --minutes {FLAT_MINUTES} or more")
        for name in rising:
            self.fail("memory", f"{name}: its memory is not flat under full load, see above")
        for name in unknown:
            self.fail("memory", f"{name}: measured too seldom to say whether its memory is flat: it did not live through all of the full load")
        per_s, usual, most = self.memory.throughput(warm_s, self.full_until_s)
        self.memory_lines.append(f"full load: {per_s:.0f} records per second read by all workers, lag {usual:.0f} (median), {most:.0f} (most), "
                                 f"{100 * self.memory.median_idle(warm_s, self.full_until_s):.0f} % of the machine idle (median)")
        _, _, most = self.memory.throughput(self.full_until_s, self.memory.now_s())
        self.memory_lines.append(f"burst: lag at most {most:.0f} records; memory of any worker at most {self.memory.most_kb() / 1024:.1f} MB")
        if self.memory.most_kb() > BOUND_MB * 1024:
            self.fail("memory", f"a worker took {self.memory.most_kb() / 1024:.0f} MB, more than {BOUND_MB} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
