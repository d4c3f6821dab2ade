"""The books under chaos: as in tests/world/books.py, but what a person must decide is counted instead of planned for."""
import collections

from world.books import Books, _mail_key
from world.plan import EXHAUSTED, SHORT, stars

# What a finding of the books says when something is missing, and when something happened twice.
LOSING = ("no event knows it", "neither sent nor explained", "nobody got it", "ended as")
DOUBLING = ("went out", "took it", "ended more than once", "planned", "fulfilment.submitted", "created", "accepted", "asked under")


# A mail or text whose sender is killed, or whose server forgets it or hangs, while it is on its way is parked: 30 minutes with 600 faults
# parked 414 of 6216 (7 %), short runs up to 5 %. More than this has another cause. In a short run one kill with all lanes busy counts much.
PARKED_SHARE, PARKED_FLOOR = 0.2, 10


def parked_most(ends):
    """How many messages faults explain as parked; ends: {how messages ended: number}."""
    return max(PARKED_FLOOR, int(PARKED_SHARE * (ends["sent"] + ends["parked"])))


class ChaosBooks(Books):
    """Dead letters and event ids are the oracle's: there are records that nobody should send, and repeats."""

    def __init__(self, records, ledgers, plan_list):
        super().__init__(records, ledgers, plan_list, late_in_file=0)
        ends = collections.Counter(message.end() for message in self.views.messages.values())
        self.parked, self.parked_allowed = ends["parked"], parked_most(ends)
        self._mailed = {_mail_key(entry) for entry in ledgers["mail"] if entry["outcome"].startswith("taken")}
        self.views.dead_letters = []
        self._questions = collections.defaultdict(list)  # order id -> messages that ask how it was
        for message in self.views.messages.values():
            if message.planned and message.kind == "FEEDBACK_REQUEST":
                self._questions[message.planned[0]["order_id"]].append(message)

    def check(self):
        super().check()
        self._check_not_oversold()
        return self.findings

    def _check_order(self, plan, order):
        """Of scarce goods some get nothing, at once or after their hold has expired; who, is not planned."""
        if "scarce" in plan.history.words and order and self.ends[plan.history.order_id] in (SHORT, EXHAUSTED):
            return
        super()._check_order(plan, order)

    def _check_not_oversold(self):
        """No supplier had to say that there is none left, but those who are to say so."""
        for entry in self.ledgers["suppliers"]:
            plan = self.plans.get((entry["reference"] or "").rpartition("/")[0])
            if entry["outcome"].startswith("refused") and plan and not any(word.startswith("refuse") for word in plan.history.words):
                self._fail(f"{entry['reference']}: oversold: {entry['supplier']} has too little of {[line.sku for line in plan.history.lines]}")

    def _check_event_ids(self):
        pass

    def _check_late(self):
        pass  # each delivery is compared with its history anyway

    def _answers(self, plan):
        """The customer wants to answer and has got the question; a parked mail only if the mail server really took it."""
        asked = self._questions.get(plan.history.order_id, ())
        return bool(stars(plan.history)) and any(message.end() == "sent" or message.message_id in self._mailed for message in asked)


def kind_of(finding):
    """lost, doubled or books: for the count of the summary."""
    for kind, signs in (("lost", LOSING), ("doubled", DOUBLING)):
        if any(sign in finding for sign in signs):
            return kind
    return "books"
