"""The oracle: from the bytes in all topics and in Redis alone, whether every input has one fate, once and in order.

It knows how Waybill names things (ce_id, ce_causationid, dead letters' headers, the changelog's keys), and nothing of batches.
What became of orders, suppliers, mails and texts is checked by tests/world/books.py.
"""
import collections

from chaos import reading

INBOUND = "inbound."
POSITION_KEY = b"position"
# By topic of what asks for calls: the events that replies to them may cause. They come in the order in which calls end. Calls that events
# from outside, timers and replies ask for need no place here: what comes of them does not name those as its cause.
_OF_SUPPLIERS = frozenset(f"fulfilment.{what}" for what in (
    "submitted", "accepted", "rejected", "outcome_unknown", "cancelled", "cancel_refused", "unwanted", "stock_requested", "exhausted"))
OF_CALLS = {"stock": _OF_SUPPLIERS, "orders": _OF_SUPPLIERS,
            "messages": frozenset(f"message.{what}" for what in ("sent", "failed", "outcome_unknown", "suppressed"))}
# (event, service) whose rule always emits something, whatever the state: an ask is answered; an accepted order, of which there is one,
# asks for stock or is short, and its confirmation is planned or suppressed. The rules are shelf_hold, reservation_open and plan_event.
ALWAYS_ANSWERED = frozenset({("stock.hold_requested", "stock_check"), ("order.accepted", "stock_check"), ("order.accepted", "notifier")})
STORE_ONLY = (b"p", b"starts", b"trying")  # fields of a task's hash that are not from the changelog
MOVED, DUPLICATE, DEAD, DECIDED, TAKEN, LOST = "moved", "duplicate", "dead letter", "decided", "taken, nothing to say", "lost"
LOSING, DOUBLING = "lost", "doubled"


class Finding(str):
    """One violation in words; kind is LOSING, DOUBLING or the check's own name."""

    def __new__(cls, kind, text):
        self = super().__new__(cls, text)
        self.kind = kind
        return self


def is_service_topic(topic):
    """Written by services only: each event once."""
    return not (topic.startswith(INBOUND) or topic.endswith((".dlq", ".changelog")) or topic == "schemas")


class Oracle:
    """records: {topic: [Raw]} of all topics, values kept for changelogs; noise: the ledger of records that nobody should send."""

    def __init__(self, records, noise=(), services=()):
        self.records, self.noise = records, {entry["id"]: entry for entry in noise}
        self.services = services
        self.findings = []
        self.fates = collections.Counter()   # (topic, fate) -> number
        self.dead_reasons = collections.Counter()
        self.positions = {}                  # (service, partition) -> last Position
        self._place_of = {}                  # ce_id -> first record with it in an inbound or service topic

    def _fail(self, kind, text):
        self.findings.append(Finding(kind, text))

    def check(self):
        """All findings; none = all is well."""
        for topic in sorted(self.records):
            for record in self.records[topic]:
                if not topic.endswith((".dlq", ".changelog")) and record.ce_id:
                    self._place_of.setdefault(record.ce_id, record)
        self._check_ids()
        self._check_positions()
        self._check_fates()
        self._check_noise()
        self._check_order()
        return self.findings

    # Each event once

    def _check_ids(self):
        for topic in filter(is_service_topic, self.records):
            seen = {}
            for record in self.records[topic]:
                if not record.ce_id:
                    self._fail("ids", f"{record.place}: an event without ce_id")
                elif record.ce_id in seen:
                    self._fail(DOUBLING, f"{record.place}: the event {record.headers.get('ce_type')} of {_text(record.key)} has the id "
                                         f"{record.ce_id} of {seen[record.ce_id].place}: decided twice")
                seen[record.ce_id] = record

    # Batches follow each other, and nothing is passed over

    def _check_positions(self):
        for service in self.services:
            last = {}
            for record in self.records.get(f"{service}.changelog", ()):
                if record.key != POSITION_KEY:
                    continue
                now, before = reading.position(record.value), last.get(record.partition)
                if before:
                    if now.batch != before.batch + 1:
                        self._fail("positions", f"{record.place}: batch {now.batch} follows batch {before.batch}")
                    for topic, offset in before.next.items():
                        if now.next.get(topic, -1) < offset:
                            self._fail("positions", f"{record.place}: {topic} goes back from {offset} to {now.next.get(topic)}")
                last[record.partition] = now
            self.positions.update({(service, partition): where for partition, where in last.items()})

    def readers(self, topic):
        """The services that read a topic, by their own positions."""
        return sorted({service for (service, _), where in self.positions.items() if topic in where.next})

    # Every input has exactly one fate

    def _check_fates(self):
        dead, effects = self._dead_letters(), self._effects()
        for topic in sorted(self.records):
            if topic.endswith((".dlq", ".changelog")) or topic == "schemas":
                continue
            for service in self.readers(topic):
                seen = {}
                for record in self.records[topic]:
                    fate = self._fate(service, record, dead, effects, seen)
                    self.fates[topic, service, fate] += 1
                    if fate == LOST:
                        self._fail(LOSING, f"{record.place}: {record.headers.get('ce_type')} {record.ce_id} of {_text(record.key)}: {service} "
                                           f"{self._why_lost(service, record)}")

    def _is_behind(self, service, record):
        """The service has not come to it."""
        where = self.positions.get((service, record.partition))
        return not where or record.offset >= where.next.get(record.topic, -1)

    def _why_lost(self, service, record):
        if not self._is_behind(service, record):
            return "went past it, and it caused nothing; it always causes something"
        where = self.positions.get((service, record.partition))
        return f"stopped before it, at {where.next.get(record.topic)}" if where else "has no position"

    def _fate(self, service, record, dead, effects, seen):
        if self._is_behind(service, record):
            return LOST
        letters = dead.get((service, record.topic, record.partition, record.offset), 0)
        if letters > 1:
            self._fail(DOUBLING, f"{record.place}: {letters} dead letters of {service}")
        if letters:
            return DEAD
        # The same id may come from different sources: (source, id, key) is one event.
        name = (record.headers.get("ce_source"), record.ce_id, record.key)
        earlier = seen.setdefault(name, record)
        if record.ce_id and earlier is not record:
            return MOVED if record.headers.get("waybill_hops") and not earlier.headers.get("waybill_hops") else DUPLICATE
        if (service, record.ce_id) in effects:
            return DECIDED
        return LOST if (record.headers.get("ce_type"), service) in ALWAYS_ANSWERED else TAKEN

    def _dead_letters(self):
        """{(service, topic, partition, offset): number}; counts reasons on the way."""
        found = collections.Counter()
        for service in self.services:
            for record in self.records.get(f"{service}.dlq", ()):
                headers = record.headers
                reason = headers.get("waybill_error_reason", "")
                self.dead_reasons[reason.partition(":")[0].partition(",")[0]] += 1
                topic = headers.get("waybill_error_topic", "").removeprefix("waybill.")
                found[service, topic, int(headers.get("waybill_error_partition", -1)), int(headers.get("waybill_error_offset", -1))] += 1
                if record.ce_id not in self.noise:
                    self._fail("dead letters", f"{record.place}: {_text(record.key)} from {topic}: nobody made this one bad, and yet: {reason}")
        return found

    def _effects(self):
        """{(service, ce_id of a cause)} of what services wrote."""
        found = set()
        for topic in filter(is_service_topic, self.records):
            for record in self.records[topic]:
                source = record.headers.get("ce_source", "").rpartition("/")[2]
                found.add((source, record.headers.get("ce_causationid", "")))
        return found

    # What nobody should send

    def _check_noise(self):
        """Each record of the noise was seen once in its topic and had the fate that its kind deserves."""
        letters, copies = collections.defaultdict(list), collections.defaultdict(list)
        for topic, records in self.records.items():
            for record in records:
                if record.ce_id in self.noise:
                    (letters if topic.endswith(".dlq") else copies)[record.ce_id].append(record)
        for name, entry in self.noise.items():
            reasons = {record.headers.get("waybill_error_reason", "") for record in letters[name]}
            if not copies[name]:
                if entry["sent"]:
                    self._fail("noise", f"{name}: the brokers said they have it, and {entry['topic']} does not")
            elif not entry["expected"]:
                places = collections.Counter((record.partition != entry["partition"], record.headers.get("waybill_hops"))
                                             for record in copies[name])
                if places[True, "1"] < 1 or places[True, "1"] != places[False, None]:
                    self._fail(DOUBLING if places[True, "1"] else LOSING, f"{name}: sent to a wrong partition, and moved {places[True, '1']} "
                                                                          f"times for {places[False, None]}")
            elif not reasons or not all(entry["expected"] in reason for reason in reasons):
                self._fail(LOSING if not reasons else "noise", f"{name} ({entry['kind']}) at {copies[name][0].place}: dead letters "
                                                               f"{sorted(reasons) or 'none'}, expected one with '{entry['expected']}'")

    # Order

    def _check_order(self):
        """What one key's events caused for one key comes out in the order in which they went in."""
        for topic in sorted(topic for topic in self.records if is_service_topic(topic)):
            last = {}
            for record in self.records[topic]:
                cause = self._place_of.get(record.headers.get("ce_causationid", ""))
                if cause is None or record.headers.get("ce_type") in OF_CALLS.get(cause.topic, ()):
                    continue
                line = (record.partition, record.key, cause.topic, cause.partition, cause.key, record.headers.get("ce_source"))
                before = last.get(line)
                if before and before[0].offset > cause.offset:
                    self._fail("order", f"{record.place}: {record.headers.get('ce_type')} of {_text(record.key)}, caused by {cause.place}, "
                                        f"comes after {before[1].place}, caused by {before[0].place}")
                last[line] = (cause, record)


def fold(records):
    """{partition: {key: value}} and {partition: (offset, value) of the last position} of a changelog's records."""
    states, positions = collections.defaultdict(dict), {}
    for record in records:
        if record.key == POSITION_KEY:
            positions[record.partition] = (record.offset, record.value)
        elif record.value is None:
            states[record.partition].pop(record.key, None)
        else:
            states[record.partition][record.key] = record.value
    return states, positions


def compare_store(service, partition, state, position, held, due):
    """Findings: a task's hash and sorted set in Redis against the fold of its changelog. position: (offset, value) or None."""
    name = f"redis {service}:{partition}"
    stored = held.get(b"p")
    if position is None:
        return [Finding("redis", f"{name}: holds {len(held)} fields, and the changelog has no position")] if held else []
    if stored is None:
        return [Finding("redis", f"{name}: has no position; the changelog's is at {position[0]}")]
    if stored[16:] != position[1] or int.from_bytes(stored[:8], "big") != position[0]:
        return [Finding("redis", f"{name}: stands at changelog offset {int.from_bytes(stored[:8], 'big')}, the changelog at {position[0]}")]
    fields = {field: value for field, value in held.items() if field not in STORE_ONLY}
    findings = [Finding("redis", f"{name}: {_text(field)} is in the changelog and not in Redis") for field in sorted(state.keys() - fields.keys())]
    findings += [Finding("redis", f"{name}: {_text(field)} is in Redis and not in the changelog") for field in sorted(fields.keys() - state.keys())]
    findings += [Finding("redis", f"{name}: {_text(field)} differs from the changelog") for field in sorted(state.keys() & fields.keys())
                 if state[field] != fields[field]]
    findings += [Finding("redis", f"{name}: {_text(member)} is due, and there is no such key") for member in sorted(due.keys() - fields.keys())]
    for field, value in sorted(state.items()):
        if not _is_in_its_place(field, value, due.get(field)):
            findings.append(Finding(LOSING, f"{name}: {_text(field)} has timers {reading.timers(value) if field[:2] == b's:' else ''} or a call that "
                                            f"waits, and its place among what is due is {due.get(field)}"))
    return findings


def _is_in_its_place(field, value, score):
    """A key stands in the sorted set at its earliest timer, an intent that is not parked below zero; all else is not in it."""
    if field.startswith(b"i:"):
        return score is None if reading.intent_status(value) == reading.PARKED else score is not None and score < 0
    timers = reading.timers(value)
    return score == min(timers) if timers else score is None


def _text(key):
    return key.decode("utf-8", "backslashreplace") if key is not None else "no key"
