"""The demo: plays orders through the whole of Waybill and shows what became of them. Called by deploy/demo."""
import argparse
import datetime
import os
import pathlib
import shutil
import sys
import time

from world import orders, stage
from world.clock import DAY_MS
from world.plan import DELIVERED, plan
from world.player import AFTER_MS

RUNS = stage.ROOT / ".cache" / "demo"
SAMPLE = stage.ROOT / "deploy" / "sample-orders.csv"
PLAY_S = 60            # how long a play should take
RATE_MIN, RATE_MAX = 6 * 3600, 86400
LIMIT_S = 300


def parse(argv):
    parser = argparse.ArgumentParser(prog="deploy/demo", description=__doc__.partition(" Called")[0])
    parser.add_argument("--orders", type=pathlib.Path, default=SAMPLE, metavar="FILE",
                        help="another file of order histories (default: deploy/sample-orders.csv)")
    parser.add_argument("--keep", action="store_true", help="leave everything running afterwards, and say how to look")
    parser.add_argument("--down", action="store_true", help="stop what --keep left running")
    parser.add_argument("--check-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--build-dir", type=pathlib.Path, default=stage.ROOT / "build", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.down and (options.keep or options.orders != SAMPLE):
        parser.error("--down stops what runs; it goes with no other flag")
    return options


def main(argv):
    options = parse(argv)
    if options.down:
        stopped = stage.stop_run(RUNS)
        print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
        return 0
    options.orders = options.orders.resolve()
    try:
        plans = [plan(history) for history in orders.read(options.orders, datetime.date(2026, 6, 1))]
    except (OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    if options.check_only:
        return 0
    stage.stop_run(RUNS)
    shutil.rmtree(RUNS, ignore_errors=True)
    show = stage.Stage(RUNS, options.build_dir, rate=rate_for(plans))
    kept = False
    try:
        balanced = run(show, options, plans)
        kept = options.keep
        return 0 if balanced else 1
    except stage.StageError as error:
        print(f"\nThe demo failed: {error}\nThe logs are in {RUNS}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped by hand", file=sys.stderr)
        return 130
    finally:
        if not kept:
            show.stop()


def rate_for(plans):
    """So fast that the histories take about PLAY_S, within limits."""
    span_ms = max(p.last_ms for p in plans) - min(p.submit_ms for p in plans) + AFTER_MS
    return min(RATE_MAX, max(RATE_MIN, round(span_ms / 1000 / PLAY_S)))


def run(show, options, plans):
    began = time.monotonic()
    say("starting Kafka and Redis")
    show.start_stores()
    show.create_topics()
    show.set_clock()
    say("starting six workers and the world")
    show.start_workers()
    show.start_world(options.orders, LIMIT_S, stay=options.keep)
    second = show.rate / DAY_MS * 1000  # days
    say(f"playing {len(plans)} orders; a day takes {1 / second:.1f} seconds")
    show.wait_for_world(LIMIT_S + 120, Progress(), stay=options.keep)
    order_id = interesting(plans)
    print(f"\nThe life of order {order_id}, in UTC. An hour between two lines is {1000 / 24 / second:.0f} ms of this machine's time:\n")
    print(show.run_tool("order", "show", order_id).stdout.rstrip())
    balanced, text, _ = show.check_books()
    print(f"\nWhat became of the orders of {options.orders.name}:\n\n{text.rstrip()}")
    if not balanced:
        print("\nThe books know by themselves what must become of an order (tests/world/ideal.py, books.py). If you changed a rule, "
              "change them, too.")
    print(f"\nTook {time.monotonic() - began:.0f} s; logs, ledgers and records are in {RUNS}")
    if options.keep:
        explain(show, order_id)
    return balanced


def say(text):
    print(f"demo: {text}", flush=True)


class Progress:
    """One line for every few virtual days."""

    def __init__(self):
        self._shown = None

    def __call__(self, status):
        day = datetime.date.fromisoformat(status["now"][:10])
        if status["state"] != "playing" or not status["submitted"] or (self._shown and (day - self._shown).days < 2):
            return
        self._shown = day
        print(f"  {day:%a %d %b}   submitted {status['submitted']:>4}   at suppliers {status['ordered']:>4}   "
              f"parcels {status['shipped']:>4}   delivered {status['delivered']:>4}   mails {status['mails']:>4}   "
              f"texts {status['sms']:>3}   ratings {status['answers']:>3}", flush=True)


def interesting(plans):
    """The order whose life tells most: late, with many lines or many things planned for it."""
    def worth(p):
        late = p.end == DELIVERED and p.history.delivered.date() > p.history.promised
        return (late and "staggered" in p.history.words, late, p.end == DELIVERED, len(p.history.lines))
    return max(plans, key=worth).history.order_id


def explain(show, order_id):
    tool = os.path.relpath(show.waybill)
    print(f"""
Everything runs on. To look:
  export WAYBILL_KAFKA_BOOTSTRAP_SERVERS={show.broker}
  {tool} order show {order_id}
  {tool} consume notifications
  {tool} dlq list
  curl -s {show.health_url('intake')}/metrics
  redis-cli -u {show.redis_url}
To stop: deploy/demo --down""")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
