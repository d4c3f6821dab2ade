"""The oracle notices: a lost, a doubled, a reordered record, a batch too many, a store that differs."""
import io
import pathlib
import re
import unittest

from chaos import memory, oracle, reading, summary
from chaos.books import kind_of, parked_most
from chaos.reading import Raw

ID, CAUSE = "ce_id", "ce_causationid"


def number(value):
    """Avro's zigzag varint."""
    value, out = (value << 1) ^ (value >> 63), b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def text(value):
    return number(len(value)) + value.encode()


def position(batch, **inputs):
    body = number(batch) + text("random") + number(len(inputs))
    body += b"".join(text(name.replace("_", ".")) + number(offset) for name, offset in inputs.items()) + b"\0"
    return b"\0\0\0\0\x05" + body + number(1_780_000_000_000) + number(1)


class Run:
    """A perfect run of one service: three inputs of two keys, each decided to one event, in two batches. Change it and ask."""

    def __init__(self):
        self.records = {topic: [] for topic in ("inbound.orders", "orders", "intake.changelog", "intake.dlq")}
        self.noise = []
        for offset, key in enumerate((b"a", b"b", b"a")):
            self.add("inbound.orders", key, **{ID: f"in-{offset}", "ce_source": "shop"})
            self.add("orders", key, **{ID: f"out-{offset}", CAUSE: f"in-{offset}", "ce_source": "waybill/intake"})
        self.add_position(1, inbound_orders=1)
        self.add_position(2, inbound_orders=3)

    def add(self, topic, key, value=None, partition=0, **headers):
        records = self.records[topic]
        records.append(Raw(topic, partition, len(records), key, value, headers))

    def add_position(self, batch, **inputs):
        self.add("intake.changelog", oracle.POSITION_KEY, position(batch, **inputs))

    def judge(self):
        judge = oracle.Oracle(self.records, self.noise, ("intake",))
        judge.check()
        return judge

    def kinds(self):
        return [finding.kind for finding in self.judge().findings]


class OracleTest(unittest.TestCase):
    def setUp(self):
        self.run_ = Run()

    def test_a_perfect_run_has_no_findings_and_every_input_one_fate(self):
        judge = self.run_.judge()
        self.assertEqual(judge.findings, [])
        self.assertEqual(judge.fates, {("inbound.orders", "intake", oracle.DECIDED): 3})

    def test_a_record_behind_the_last_position_is_lost(self):
        self.run_.add("inbound.orders", b"c", **{ID: "in-3"})
        judge = self.run_.judge()
        self.assertEqual([finding.kind for finding in judge.findings], [oracle.LOSING])
        self.assertIn("inbound.orders/0@3", judge.findings[0])

    def test_a_partition_without_any_position_has_lost_all(self):
        self.run_.add("inbound.orders", b"c", partition=1, **{ID: "in-3"})
        self.assertEqual(self.run_.kinds(), [oracle.LOSING])

    def passed_over(self, kind):
        """A record that stock_check has gone past without a word."""
        self.run_.records.update({"stock.holds": [], "stock_check.changelog": []})
        self.run_.add("stock.holds", b"a", **{ID: "silent", "ce_type": kind})
        self.run_.add("stock_check.changelog", oracle.POSITION_KEY, position(1, stock_holds=1))
        judge = oracle.Oracle(self.run_.records, services=("stock_check",))
        judge.check()
        return judge

    def test_what_always_causes_something_and_did_not_is_lost(self):
        judge = self.passed_over("stock.hold_requested")
        self.assertEqual([finding.kind for finding in judge.findings], [oracle.LOSING])
        self.assertEqual(judge.fates["stock.holds", "stock_check", oracle.LOST], 1)

    def test_what_may_cause_nothing_is_taken(self):
        judge = self.passed_over("stock.hold_released")
        self.assertEqual(judge.findings, [])
        self.assertEqual(judge.fates["stock.holds", "stock_check", oracle.TAKEN], 1)

    def test_an_event_that_comes_twice_is_doubled(self):
        self.run_.add("orders", b"a", **{ID: "out-2", CAUSE: "in-2", "ce_source": "waybill/intake"})
        self.assertEqual(self.run_.kinds(), [oracle.DOUBLING])

    def test_an_input_that_comes_twice_is_a_duplicate(self):
        self.run_.add("inbound.orders", b"a", **{ID: "in-0", "ce_source": "shop"})
        self.run_.add_position(3, inbound_orders=4)
        judge = self.run_.judge()
        self.assertEqual(judge.findings, [])
        self.assertEqual(judge.fates["inbound.orders", "intake", oracle.DUPLICATE], 1)

    def test_effects_of_one_key_in_another_order_are_noticed(self):
        orders = self.run_.records["orders"]
        orders[0], orders[2] = orders[2]._replace(offset=0), orders[0]._replace(offset=2)
        self.assertEqual(self.run_.kinds(), ["order"])

    def test_effects_of_different_keys_may_come_in_any_order(self):
        orders = self.run_.records["orders"]
        orders[0], orders[1] = orders[1]._replace(offset=0), orders[0]._replace(offset=1)
        self.assertEqual(self.run_.kinds(), [])

    def backwards(self, topic, kind, caused_in):
        """Two events of one order, caused by two others, come in the other order."""
        for offset in range(2):
            self.run_.records.setdefault(caused_in, [])
            self.run_.add(caused_in, b"a", **{ID: f"cause-{offset}"})
        for offset in (1, 0):
            self.run_.records.setdefault(topic, [])
            self.run_.add(topic, b"a", **{ID: f"effect-{offset}", CAUSE: f"cause-{offset}", "ce_source": "waybill/x", "ce_type": kind})
        return self.run_.kinds()

    def test_what_replies_to_calls_cause_may_come_in_any_order(self):
        for topic, kind, caused_in in (("fulfilment", "fulfilment.accepted", "stock"), ("fulfilment", "fulfilment.cancelled", "orders"),
                                       ("notifications", "message.sent", "messages")):
            self.setUp()
            self.assertEqual(self.backwards(topic, kind, caused_in), [], kind)

    def test_what_no_reply_causes_keeps_its_order_beside_what_replies_cause(self):
        for topic, kind, caused_in in (("fulfilment", "fulfilment.requested", "stock"), ("fulfilment", "shipment.created", "inbound.suppliers"),
                                       ("fulfilment", "fulfilment.accepted", "inbound.suppliers"),
                                       ("notifications", "message.delivered", "inbound.messages"),
                                       ("notifications", "message.suppressed", "tracking")):
            self.setUp()
            self.assertEqual(self.backwards(topic, kind, caused_in), ["order"], (kind, caused_in))

    def test_a_batch_that_is_left_out_or_comes_twice_is_noticed(self):
        self.run_.add_position(4, inbound_orders=3)
        self.assertEqual(self.run_.kinds(), ["positions"])
        self.run_ = Run()
        self.run_.add_position(2, inbound_orders=3)
        self.assertEqual(self.run_.kinds(), ["positions"])

    def test_a_position_that_goes_back_is_noticed(self):
        self.run_.add_position(3, inbound_orders=2)
        self.assertIn("positions", self.run_.kinds())

    def test_an_event_without_id_is_noticed(self):
        self.run_.add("orders", b"a")
        self.assertEqual(self.run_.kinds(), ["ids"])

    # Dead letters and noise

    def bad(self, expected="undecodable", kind="garbage", letters=1, partition=0):
        self.run_.noise.append({"id": "noise-1", "kind": kind, "topic": "inbound.orders", "partition": partition, "key": "noise:1",
                                "expected": expected, "sent": True})
        self.run_.add("inbound.orders", b"noise:1", partition=partition, **{ID: "noise-1"})
        self.run_.add_position(3, inbound_orders=4)
        for _ in range(letters):
            self.letter("noise-1")

    def letter(self, name, offset=3):
        self.run_.add("intake.dlq", b"noise:1", **{
            ID: name, "waybill_error_reason": "undecodable: what is this", "waybill_error_topic": "inbound.orders",
            "waybill_error_partition": "0", "waybill_error_offset": str(offset)})

    def test_a_bad_record_becomes_one_dead_letter(self):
        self.bad()
        judge = self.run_.judge()
        self.assertEqual(judge.findings, [])
        self.assertEqual(judge.fates["inbound.orders", "intake", oracle.DEAD], 1)
        self.assertEqual(judge.dead_reasons, {"undecodable": 1})

    def test_a_bad_record_without_dead_letter_is_lost(self):
        self.bad(letters=0)
        self.assertEqual(self.run_.kinds(), [oracle.LOSING])

    def test_two_dead_letters_of_one_record_are_doubled(self):
        self.bad(letters=2)
        self.assertEqual(self.run_.kinds(), [oracle.DOUBLING])

    def test_a_dead_letter_for_another_reason_is_noticed(self):
        self.bad(expected="oversize")
        self.assertEqual(self.run_.kinds(), ["noise"])

    def test_a_dead_letter_of_a_good_record_is_noticed(self):
        self.letter("in-0", offset=0)
        self.assertEqual(self.run_.kinds(), ["dead letters"])

    def test_a_bad_record_that_never_arrived_is_noticed(self):
        self.bad()
        self.run_.records["inbound.orders"].pop()
        self.run_.records["intake.dlq"].pop()
        self.assertEqual(self.run_.kinds(), ["noise"])

    def moved(self, copies):
        self.bad(expected="", kind="wrong partition", letters=0, partition=1)
        self.run_.records["inbound.orders"][-1] = self.run_.records["inbound.orders"][-1]._replace(offset=0)
        self.run_.add("intake.changelog", oracle.POSITION_KEY, position(1, inbound_orders=1), partition=1)
        for _ in range(copies):
            self.run_.add("inbound.orders", b"noise:1", **{ID: "noise-1", "waybill_hops": "1"})
        self.run_.add_position(4, inbound_orders=9)
        return self.run_.kinds()

    def test_a_record_on_the_wrong_partition_is_moved_once(self):
        self.assertEqual(self.moved(1), [])

    def test_a_record_that_is_not_moved_is_lost(self):
        self.assertEqual(self.moved(0), [oracle.LOSING])

    def test_a_record_that_is_moved_twice_is_doubled(self):
        self.assertEqual(self.moved(2), [oracle.DOUBLING])


def entry(*timers, state=b"state"):
    """schemas/key_entry.avsc"""
    rows = b"".join(text("release") + number(due) for due in timers)
    body = number(1) + number(len(state)) + state + (number(len(timers)) + rows if timers else b"") + b"\0"
    return b"\0\0\0\0\x06" + body + b"\0\0\0"


def intent(status):
    """schemas/task_intent.avsc, its head"""
    return b"\0\0\0\0\x07" + text("i") * 5 + number(status) + number(9)


class StoreTest(unittest.TestCase):
    """Redis against the fold of the changelog."""

    def setUp(self):
        rows = [(b"s:x:a", entry()), (b"s:x:b", entry(3)), (b"s:x:a", entry(8, 5)), (b"s:x:b", None), (b"s:x:c", entry()),
                (b"i:x:1", intent(0)), (b"i:x:2", intent(2)), (oracle.POSITION_KEY, b"stand")]
        self.records = [Raw("intake.changelog", 0, offset, key, value, {}) for offset, (key, value) in enumerate(rows)]
        self.held = {b"p": (7).to_bytes(8, "big") + bytes(8) + b"stand", b"s:x:a": entry(8, 5), b"s:x:c": entry(), b"i:x:1": intent(0),
                     b"i:x:2": intent(2), b"starts": b"1:1"}
        self.due = {b"s:x:a": 5.0, b"i:x:1": -7.0}

    def compare(self):
        states, positions = oracle.fold(self.records)
        return oracle.compare_store("intake", 0, states[0], positions.get(0), self.held, self.due)

    def test_the_same_is_the_same(self):
        self.assertEqual(self.compare(), [])

    def test_another_value_a_missing_and_a_surplus_key_are_noticed(self):
        for change in ({b"s:x:a": entry(5)}, {b"s:x:b": entry()}, {b"p": (3).to_bytes(8, "big") + bytes(8) + b"stand"}):
            self.setUp()
            self.held.update(change)
            self.assertEqual(len(self.compare()), 1, change)
        for missing in (b"s:x:c", b"p"):
            self.setUp()
            del self.held[missing]
            self.assertEqual(len(self.compare()), 1, missing)

    def test_a_timer_or_a_call_in_another_place_is_noticed(self):
        for change in ({b"s:x:a": 8.0}, {b"s:x:b": 5.0}, {b"s:x:c": 5.0}, {b"i:x:1": 7.0}, {b"i:x:2": -7.0}):
            self.setUp()
            self.due.update(change)
            self.assertEqual(len(self.compare()), 1, change)

    def test_a_timer_or_a_call_that_nobody_will_look_for_is_lost(self):
        for missing in (b"s:x:a", b"i:x:1"):
            self.setUp()
            del self.due[missing]
            self.assertEqual([finding.kind for finding in self.compare()], [oracle.LOSING], missing)

    def test_a_store_of_a_task_that_never_began_is_empty(self):
        self.records, self.held, self.due = [], {}, {}
        self.assertEqual(self.compare(), [])


class ReadingTest(unittest.TestCase):
    def test_kcat_s_lines_are_read_byte_by_byte(self):
        stream = io.BytesIO(b"0 7 3 5\nk\n1va\nuece_id=x,waybill_error_reason=bad: a=b, c,ce_source=s\n1 8 1 -1\nk\n0 9 -1 0\nce_id=y\n")
        found = list(reading.parse(stream, "t", keep_values=True))
        self.assertEqual([(r.partition, r.offset, r.key, r.value) for r in found],
                         [(0, 7, b"k\n1", b"va\nue"), (1, 8, b"k", None), (0, 9, None, b"")])
        self.assertEqual(found[0].headers, {"ce_id": "x", "waybill_error_reason": "bad: a=b, c", "ce_source": "s"})

    def test_a_position_is_decoded(self):
        where = reading.position(position(300, inbound_orders=70000, fulfilment=0))
        self.assertEqual(where, (300, {"inbound.orders": 70000, "fulfilment": 0}, 1))


class SummaryTest(unittest.TestCase):
    def test_times_of_take_overs(self):
        self.assertEqual(summary.times([5, 1, 3]), {"count": 3, "median_ms": 3, "p95_ms": 5, "max_ms": 5})
        self.assertEqual(summary.times([]), {"count": 0, "median_ms": 0, "p95_ms": 0, "max_ms": 0})

    def test_a_line_that_rises_is_not_flat(self):
        self.assertAlmostEqual(memory.slope_per_minute([(0, 100), (60, 160), (120, 220)]), 60)
        self.assertAlmostEqual(memory.slope_per_minute([(0, 100), (60, 100)]), 0)

    def test_findings_of_the_books_are_told_apart(self):
        self.assertEqual(kind_of("mail: message m went out 2 times"), "doubled")
        self.assertEqual(kind_of("x: submitted, and no event knows it"), "lost")
        self.assertEqual(kind_of("x: rejected for A, expected B"), "books")

    def test_that_every_mail_is_parked_is_more_than_faults_explain(self):
        self.assertEqual(parked_most({"sent": 5802, "parked": 414, "suppressed": 14414}), 1243)
        self.assertLess(parked_most({"sent": 0, "parked": 200}), 200)
        self.assertEqual(parked_most({"sent": 12, "parked": 6}), 10)  # a short run

    def test_inputs_without_a_fate_do_not_count_as_out(self):
        self.assertEqual(summary.decided_on({"orders|intake|decided": 7, "orders|intake|lost": 2, "orders|intake|dead letter": 1}), 8)

    def test_what_the_summary_counts_is_what_workers_log(self):
        root = pathlib.Path(__file__).resolve().parents[2] / "common"
        code = re.sub(r'"\s*\n\s*"', "", "".join(path.read_text(encoding="utf-8") for path in root.glob("**/*.[ch]")))
        for what, sign in summary.COUNTED.items():
            self.assertIn(sign, code, what)


if __name__ == "__main__":
    unittest.main()
