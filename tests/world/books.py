"""The books: the table of what became of everything, and the checks that it balances with plans and ledgers."""
import collections

from world import plan as plans
from world.views import MESSAGE_ENDS, Views

MAY_COME_TWICE = {"OUT_FOR_DELIVERY", "DELAYED"}  # a second attempt; a delay foreseen, and then confirmed


class Books:
    """records: of all topics; ledgers: {suppliers, mail, sms, parcels: [entries]}; late_in_file: counted from the CSV.

    parked_allowed: messages that may be parked beyond the planned ones (a sender that was killed while it was sending).
    """

    def __init__(self, records, ledgers, plan_list, late_in_file, parked_allowed=0):
        self.records, self.ledgers, self.late_in_file, self.parked_allowed = records, ledgers, late_in_file, parked_allowed
        self.plans = {plan.history.order_id: plan for plan in plan_list}
        self.views = Views(records)
        self.ends = {order_id: order.end(self._pieces(order_id)) for order_id, order in self.views.orders.items()}
        self.findings = []

    def _pieces(self, order_id):
        plan = self.plans.get(order_id)
        return sum(line.quantity for line in plan.history.lines) if plan else 0

    def _fail(self, text):
        self.findings.append(text)

    # The table

    def table(self):
        """[(what, number)]; messages come as (kind, {end: number})."""
        orders, ends = self.views.orders.values(), collections.Counter(self.ends.values())
        messages = collections.Counter(message.end() for message in self.views.messages.values())
        return [
            ("orders in", sum(order.submitted > 0 for order in orders)),
            ("accepted", sum(order.accepted > 0 for order in orders)),
            ("rejected", ends[plans.REJECTED]),
            ("cancelled", ends[plans.CANCELLED]),
            ("payment expired", ends[plans.EXPIRED]),
            ("payment failed", ends[plans.PAYMENT_FAILED]),
            ("short", ends[plans.SHORT]),
            ("exhausted", ends[plans.EXHAUSTED]),
            ("not shipped yet", ends[plans.ORDERED]),
            ("shipped", sum(bool(order.parcels) for order in orders)),
            ("parcels", sum(len(order.parcels) for order in orders)),
            ("delivered", ends[plans.DELIVERED]),
            ("late", sum(self.ends[order.order_id] == plans.DELIVERED and order.late() for order in orders)),
            ("returned", ends[plans.RETURNED]),
            ("lost", ends[plans.LOST]),
            ("on the way", ends[plans.SHIPPED]),
            ("feedback asked", sum(order.asked for order in orders)),
            ("feedback answered", sum(order.answered for order in orders)),
            ("parked", messages["parked"]),
            ("dead letters", len(self.views.dead_letters)),
        ]

    def messages_by_kind(self):
        """{kind: {planned, sent, suppressed, failed, parked}}"""
        kinds = {}
        for message in self.views.messages.values():
            row = kinds.setdefault(message.kind, collections.Counter())
            row["planned"] += len(message.planned)
            row[message.end()] += 1
        return kinds

    NOTES = {
        "parcels": "   of the shipped orders; some orders are split",
        "parked": "   mails whose outcome nobody knows (waybill parked list); the mail server here loses some answers on purpose",
    }

    def balance(self):
        """What was compared, in one sentence."""
        entries = sum(map(len, self.ledgers.values()))
        return (f"{len(self.plans)} orders each ended in the one state that their history explains; {entries} ledger entries of suppliers, mail and SMS "
                f"each match one event; {len(self.records)} records, every event id once")

    def render(self):
        """The table as text."""
        lines = [f"  {what:<20}{number:>6}{self.NOTES.get(what, '') if number else ''}" for what, number in self.table()]
        columns = ("planned", "sent", "suppressed", "failed", "parked")
        lines.append(f"\n  {'messages':<20}" + "".join(f"{column:>12}" for column in columns))
        for kind, row in sorted(self.messages_by_kind().items()):
            lines.append(f"  {kind.lower():<20}" + "".join(f"{row[column]:>12}" for column in columns))
        return "\n".join(lines)

    # The checks

    def check(self):
        """All findings, one line each; none = the books balance."""
        self.findings = []
        for order_id, plan in sorted(self.plans.items()):
            self._check_order(plan, self.views.orders.get(order_id))
        for order_id in sorted(self.views.orders.keys() - self.plans.keys()):
            self._fail(f"{order_id}: events of an order that nobody submitted")
        self._check_suppliers()
        self._check_parcels()
        self._check_late()
        self._check_messages()
        self._check_mail()
        self._check_texts()
        self._check_event_ids()
        for record in self.views.dead_letters:
            self._fail(f"{record.topic}: dead letter of {record.key}: {record.headers.get('waybill_error_reason', record.headers)}")
        return self.findings

    def _check_order(self, plan, order):
        order_id = plan.history.order_id
        if order is None:
            self._fail(f"{order_id}: submitted, and no event knows it")
            return
        if self.ends[order_id] != plan.end:
            self._fail(f"{order_id}: ended as '{self.ends[order_id]}', its history says '{plan.end}'")
        if order.accepted > 1 or order.pending > 1 or len(order.cancelled) > 1:
            self._fail(f"{order_id}: accepted {order.accepted}, pending {order.pending}, cancelled {len(order.cancelled)} times")
        if order.accepted and plan.end in (plans.REJECTED, plans.EXPIRED, plans.PAYMENT_FAILED):
            self._fail(f"{order_id}: accepted although it must end as '{plan.end}'")
        if plan.end == plans.REJECTED:
            wanted = {plans.SPOILS[word] for word in plan.history.words & plans.SPOILS.keys()}
            if not wanted <= set(order.reasons or ()):
                self._fail(f"{order_id}: rejected for {order.reasons}, expected {sorted(wanted)}")
        if "cancel_late" in plan.history.words and not order.cancel_refused:
            self._fail(f"{order_id}: cancelled after the hand-over, and no cancel_refused")
        if order.asked != (plan.end == plans.DELIVERED):
            self._fail(f"{order_id}: feedback asked {order.asked} times of an order that must end as '{plan.end}'")
        if order.answered != self._answers(plan):
            self._fail(f"{order_id}: feedback answered {order.answered} times, the customer answers {int(self._answers(plan))} times")

    def _answers(self, plan):
        """The customer wants to answer and has got the question."""
        reached = any(message.kind == "FEEDBACK_REQUEST" and message.end() in ("sent", "parked")
                      and message.planned and message.planned[0]["order_id"] == plan.history.order_id
                      for message in self.views.messages.values())
        return bool(plans.stars(plan.history)) and reached

    def _check_suppliers(self):
        """F20: one fulfilment order = one key = one order at one supplier."""
        keys, taken, suppliers = collections.defaultdict(set), collections.Counter(), collections.defaultdict(set)
        for entry in self.ledgers["suppliers"]:
            if entry["action"] == "order":
                keys[entry["reference"]].add(entry["key"])
                suppliers[entry["reference"]].add(entry["supplier"])
                taken[entry["reference"]] += entry["outcome"].startswith("taken")
        known = {reference: body for order in self.views.orders.values() for reference, body in order.requested.items()}
        submissions = {reference: bodies for order in self.views.orders.values()
                       for reference, bodies in order.submissions.items()}
        for reference, used in sorted(keys.items()):
            if reference not in known:
                self._fail(f"{reference}: a supplier got it, and no fulfilment.requested knows it")
                continue
            if len(used) != 1:
                self._fail(f"{reference}: asked under {len(used)} keys: {', '.join(sorted(used))}")
            if suppliers[reference] != {known[reference]["supplier_id"]}:
                self._fail(f"{reference}: asked at {sorted(suppliers[reference])}, requested at {known[reference]['supplier_id']}")
            if taken[reference] > 1:
                self._fail(f"{reference}: the supplier took it {taken[reference]} times")
            bodies = submissions.get(reference, [])
            if taken[reference] and len(bodies) != 1:
                self._fail(f"{reference}: taken by the supplier, {len(bodies)} fulfilment.submitted")
            if bodies and bodies[0]["idempotency_key"] not in used:
                self._fail(f"{reference}: submitted under {bodies[0]['idempotency_key']}, the supplier saw {sorted(used)}")
        for reference in sorted(submissions.keys() - keys.keys()):
            self._fail(f"{reference}: fulfilment.submitted, and no supplier got it")

    def _check_parcels(self):
        """Every parcel that a supplier handed over is registered once, and the other way round; delivered as planned."""
        handed = {f"{entry['carrier']}/{entry['number']}": entry for entry in self.ledgers["parcels"]}
        parcels = {name: (order, parcel) for order in self.views.orders.values() for name, parcel in order.parcels.items()}
        for name in sorted(parcels.keys() - handed.keys()):
            self._fail(f"{name}: events of a parcel that nobody handed over")
        for name, entry in sorted(handed.items()):
            if name not in parcels:
                self._fail(f"{name}: handed over for {entry['reference']}, and no event knows it")
                continue
            order, parcel = parcels[name]
            if parcel.created != 1 or parcel.registered != 1:
                self._fail(f"{name}: created {parcel.created}, registered {parcel.registered} times")
            if parcel.fulfilment != entry["reference"]:
                self._fail(f"{name}: handed over for {entry['reference']}, known for {parcel.fulfilment}")
            self._check_delivery(self.plans.get(order.order_id), parcel)
        for record in self.views.registrations:
            if record.key != f"{record.body['carrier']}/{record.body['tracking_number']}":
                self._fail(f"{record.key}: registered under a key that is not its own")

    def _check_delivery(self, plan, parcel):
        if plan is None:
            return
        if plan.end != plans.DELIVERED:
            if parcel.delivered:
                self._fail(f"{parcel.number}: delivered, but its order must end as '{plan.end}'")
            return
        wanted = plans.delivered_ms(plan.history, int(parcel.fulfilment.rpartition("/")[2]))
        if [body["delivered_at_ms"] for body in parcel.delivered] != [wanted]:
            self._fail(f"{parcel.number}: delivered at {[body['delivered_at_ms'] for body in parcel.delivered]}, "
                       f"the history says {wanted}")

    def _check_late(self):
        late = dict(self.table())["late"]
        if late != self.late_in_file:
            self._fail(f"late: {late} by the events, {self.late_in_file} by the file")

    def _check_messages(self):
        parked = 0
        for message_id, message in sorted(self.views.messages.items()):
            sent = sum(event == "message.sent" for event, _ in message.ends)
            if len(message.planned) != 1:
                self._fail(f"message {message_id}: planned {len(message.planned)} times")
            if sent > 1 or len(message.ends) > len({event for event, _ in message.ends}):
                self._fail(f"message {message_id}: ended more than once: {[event for event, _ in message.ends]}")
            if message.end() == "open":
                self._fail(f"message {message_id}: {message.kind} of {message.planned[0]['order_id']} is neither sent nor explained")
            parked += message.end() == "parked" and not self._parks(message)
        if parked > self.parked_allowed:
            self._fail(f"messages: {parked} parked that no history plans")

    def _parks(self, message):
        plan = self.plans.get(message.ends[0][1]["order_id"])
        return plan is not None and "lose_reply" in plan.history.words

    def _ended(self, channel):
        """{message id: body} of what was sent, or perhaps sent, by this channel."""
        return {message.message_id: body for message in self.views.messages.values() for event, body in message.ends
                if body["channel"] == channel and MESSAGE_ENDS[event] in ("sent", "parked")}

    def _check_mail(self):
        """SMTP knows no keys: what was taken twice went out twice."""
        taken = [entry for entry in self.ledgers["mail"] if entry["outcome"].startswith("taken")]
        self._match("mail", collections.Counter(_mail_key(entry) for entry in taken), "EMAIL")
        contents = collections.defaultdict(set)
        for entry in taken:
            contents[entry["recipients"][0], entry["subject"], entry["text"]].add(_mail_key(entry))
        for (recipient, subject, _), ids in sorted(contents.items()):
            if len(ids) > self._repeats(ids):
                self._fail(f"mail to {recipient}: '{subject}' went out under {len(ids)} Message-IDs")

    def _repeats(self, message_ids):
        """How often the same words may go out: once, but for what may happen to a parcel twice."""
        kinds = {self.views.messages[message_id].kind for message_id in message_ids if message_id in self.views.messages}
        return 2 if kinds <= MAY_COME_TWICE and kinds else 1

    def _check_texts(self):
        sent = [entry for entry in self.ledgers["sms"] if entry["outcome"] == "sent"]
        self._match("sms", collections.Counter(entry["key"] for entry in sent), "SMS")
        contents = collections.defaultdict(set)
        for entry in sent:
            contents[entry["to"], entry["text"]].add(entry["key"])
        for (recipient, _), keys in sorted(contents.items()):
            if len(keys) > self._repeats(keys):
                self._fail(f"sms to {recipient}: the same text went out under {len(keys)} keys")

    def _match(self, ledger, counted, channel):
        ended = self._ended(channel)
        for message_id, times in sorted(counted.items()):
            if times > 1:
                self._fail(f"{ledger}: message {message_id} went out {times} times")
            if message_id not in ended:
                self._fail(f"{ledger}: message {message_id} went out, and no event says so")
        for message_id in sorted(ended.keys() - counted.keys()):
            if self.views.messages[message_id].end() == "sent":
                self._fail(f"{ledger}: message {message_id} is said to be sent, and nobody got it")

    def _check_event_ids(self):
        seen = {}
        for record in self.records:
            if record.topic.endswith((".dlq", ".changelog", ".operator")) or record.topic in ("controls", "schemas"):
                continue
            place = f"{record.topic}/{record.partition}@{record.offset}"
            if not record.ce_id:
                self._fail(f"{place}: {record.event} without ce_id")
            elif record.ce_id in seen:
                self._fail(f"{place}: {record.event} has the id of {seen[record.ce_id]}")
            seen[record.ce_id] = place


def _mail_key(entry):
    """`<message id@domain>` -> message id"""
    return entry["message_id"].strip("<>").partition("@")[0]
