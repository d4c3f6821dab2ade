"""The world's commands: play a file of orders against running workers, check the books, write the sample."""
import argparse
import collections
import datetime
import json
import pathlib
import signal
import sys
import time
import urllib.request

from world import ledger, orders, records, sample
from world.books import Books
from world.bus import Bus
from world.clock import DAY_MS, HOUR_MS, Clock
from world.door import Door, http_handler
from world.mail import MailServer
from world.moods import Moods
from world.plan import plan
from world.player import Player
from world.sms import SmsProvider

LEDGERS = ("suppliers", "mail", "sms", "parcels")
TELL_EVERY_MS = 2 * DAY_MS
READY_LIMIT_S = 90
PRELUDE_S = 3  # real time for the first stock reports
BUSY = ("waybill_input_lag_records", "waybill_tasks_restoring")
ACTIVITY = ("waybill_records_read_total", "waybill_replies_total")  # as long as these grow, something moves


def main(argv):
    parser = argparse.ArgumentParser(prog="world", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    play = commands.add_parser("play", help="stand-ins and player; ends when all is played and quiet")
    play.add_argument("--orders", required=True, help="CSV of order histories")
    play.add_argument("--run-dir", required=True, type=pathlib.Path, help="ledgers, run.json and the producers' log go here")
    play.add_argument("--produce", required=True, help="the waybill program; its settings come by the environment")
    play.add_argument("--http-port", type=int, default=0)
    play.add_argument("--smtp-port", type=int, default=0)
    play.add_argument("--epoch-ms", type=int, required=True)
    play.add_argument("--start-wall-ms", type=int, required=True)
    play.add_argument("--rate", type=float, required=True)
    play.add_argument("--worker", action="append", default=[], help="http://host:port of a worker's health door; repeatable")
    play.add_argument("--limit", type=float, default=600, help="seconds after which the world gives up")
    play.add_argument("--together", action="store_true", help="keep the histories as far apart as the file has them")
    play.add_argument("--repeat", type=float, default=0, metavar="SHARE", help="this share of all events comes again, later, under the same id")
    play.add_argument("--stay", action="store_true", help="keep the doors open after the end, until SIGTERM")
    check = commands.add_parser("check", help="print the table and check that the books balance")
    check.add_argument("--run-dir", required=True, type=pathlib.Path)
    check.add_argument("--records", required=True, help="file of what `waybill consume --all` printed")
    check.add_argument("--parked-allowed", type=int, default=0)
    check.add_argument("--json", help="write the table here, too")
    commands.add_parser("sample", help="write the sample of orders to standard output")
    options = parser.parse_args(argv)
    return {"play": do_play, "check": do_check, "sample": do_sample}[options.command](options)


def do_sample(_options):
    sample.write(sys.stdout)
    return 0


def first_monday(clock):
    """The Monday in whose week the histories begin: the first that comes, wherever on Earth, PRELUDE_S from now or later."""
    soon_ms = clock.now_ms() + PRELUDE_S * 1000 * clock.rate + 12 * HOUR_MS
    day = datetime.datetime.fromtimestamp(soon_ms / 1000, datetime.timezone.utc).date()
    return day + datetime.timedelta(days=-day.weekday() % 7)


def do_play(options):
    clock = Clock(options.epoch_ms, options.start_wall_ms, options.rate)
    options.run_dir.mkdir(parents=True, exist_ok=True)
    ledgers = {name: ledger.Ledger(options.run_dir / f"{name}.jsonl") for name in LEDGERS}
    bus = Bus(options.produce, options.run_dir / "produce.log", options.repeat)
    wait_until_ready(options.worker)
    clock_wait(clock, options.epoch_ms)
    monday = first_monday(clock)
    plans = [plan(history) for history in orders.read(options.orders, monday, options.together)]
    (options.run_dir / "run.json").write_text(json.dumps({"orders": options.orders, "first_monday": monday.isoformat()}))
    player = Player(clock, bus, plans, ledgers)
    status = {"state": "playing"}
    open_doors(options, clock, ledgers, player, status)
    player.start()
    done = player.wait_for_end(options.limit, lambda: activity(options.worker), Teller(player, clock))
    if not done:
        print(f"gave up after {options.limit:.0f} s; not handed over: {', '.join(player.unplayed()) or 'nothing'}; "
              f"still to play: {player.agenda.left()}", flush=True)
    failed = bus.close()
    if failed:
        print(f"the producer ended with status {failed}: see {options.run_dir}/produce.log")
    for failure in player.agenda.failures:
        print(failure, file=sys.stderr)
    status["state"] = "done" if done and not failed and not player.agenda.failures else "gave up"
    if options.stay:
        signal.pause()
    player.agenda.stop()
    return 0 if status["state"] == "done" else 1


def open_doors(options, clock, ledgers, player, status):
    """HTTP for suppliers, SMS and the tests' control; SMTP for mail."""
    moods = Moods()
    sms = SmsProvider(clock, ledgers["sms"], player.on_sms)
    mail = MailServer(clock, ledgers["mail"], lambda address: moods.mail(player.mail_conduct(address)), player.on_mail)
    smtp_door = Door(mail.handler(), options.smtp_port)

    def answer(method, path, query, headers, body):
        head = path.strip("/").split("/", 1)[0]
        if head == "sms":
            return moods.answer("sms", lambda: sms.answer(method, path, query, headers, body))
        if head == "world":
            return control(path, query)
        return moods.answer("suppliers", lambda: player.suppliers.answer(method, path, query, headers, body))

    def control(path, query):
        doors = {"smtp": smtp_door, "http": http_door}
        if path == "/world/outage" and query.get("what") in doors:
            doors[query["what"]].shut_for(float(query.get("seconds", 20)))
            return 200, {"shut": query["what"]}
        if path == "/world/mood":
            moods.set(query["what"], query["mood"], float(query["seconds"]))
            return 200, {"mood": query["mood"]}
        return 200, {**status, **player.progress(), "now_ms": clock.now_ms()}

    http_door = Door(http_handler(answer), options.http_port)
    (options.run_dir / "doors.json").write_text(json.dumps({"http": http_door.port, "smtp": smtp_door.port}))


def wait_until_ready(workers):
    deadline = time.monotonic() + READY_LIMIT_S
    for worker in workers:
        while not fetch(worker + "/readyz"):
            if time.monotonic() > deadline:
                raise SystemExit(f"{worker} is not ready after {READY_LIMIT_S} s")
            time.sleep(0.1)


def clock_wait(clock, until_ms):
    time.sleep(clock.wall_seconds_until(until_ms))


def fetch(url):
    """The body, or None if it is not to be had."""
    try:
        with urllib.request.urlopen(url, timeout=3) as reply:
            return reply.read().decode()
    except OSError:
        return None


def activity(workers):
    """A number that changes as long as the workers have something to do, have nothing to do it with, or do not say."""
    total, ready = 0.0, collections.Counter()
    for worker in workers:
        page = fetch(worker + "/metrics")
        if page is None:
            return time.monotonic()
        for line in page.splitlines():
            name, _, number = line.rpartition(" ")
            if name.startswith(BUSY) and float(number) > 0:
                return time.monotonic()
            if name.startswith("waybill_tasks_ready"):
                ready[name] += float(number)  # the name tells the service
            if name.startswith(ACTIVITY):
                total += float(number)
    return total if all(ready.values()) else time.monotonic()


class Teller:
    """Prints one line every few virtual days."""

    def __init__(self, player, clock):
        self.player, self.clock, self._next_ms = player, clock, 0

    def __call__(self):
        if self.clock.now_ms() < self._next_ms:
            return
        self._next_ms = self.clock.now_ms() + TELL_EVERY_MS
        p = self.player.progress()
        print(f"  {p['now']}  submitted {p['submitted']:>4}  at suppliers {p['ordered']:>4}  parcels {p['shipped']:>4}  "
              f"delivered {p['delivered']:>4}  mails {p['mails']:>4}  texts {p['sms']:>3}", flush=True)


def do_check(options):
    run = json.loads((options.run_dir / "run.json").read_text())
    monday = datetime.date.fromisoformat(run["first_monday"])
    plans = [plan(history) for history in orders.read(run["orders"], monday)]
    ledgers = {name: ledger.read(options.run_dir / f"{name}.jsonl") for name in LEDGERS}
    books = Books(records.read(options.records), ledgers, plans, orders.late_in_file(run["orders"]), options.parked_allowed)
    findings = books.check()
    print(books.render())
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"table": dict(books.table()), "messages": books.messages_by_kind()}))
    print()
    for finding in findings:
        print(f"  does not balance: {finding}")
    print(f"The books balance: {books.balance()}." if not findings else f"The books do not balance: {len(findings)} findings.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
