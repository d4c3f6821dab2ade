"""The books under chaos: as in tests/world/books.py, but what a person must decide is counted instead of planned for."""
from world.books import Books, _mail_key

# What a finding of the books says when something is missing, and when something happened twice.
LOSING = ("no event knows it", "neither sent nor explained", "nobody got it", "ended as")
DOUBLING = ("went out", "took it", "ended more than once", "planned", "fulfilment.submitted", "created", "accepted", "asked under")


class ChaosBooks(Books):
    """Dead letters and event ids are the oracle's: there are records that nobody should send, and repeats."""

    def __init__(self, records, ledgers, plan_list):
        super().__init__(records, ledgers, plan_list, late_in_file=0, parked_allowed=len(records))
        self.parked = sum(message.end() == "parked" for message in self.views.messages.values())
        self._mailed = {_mail_key(entry) for entry in ledgers["mail"] if entry["outcome"].startswith("taken")}
        self.views.dead_letters = []

    def _check_event_ids(self):
        pass

    def _check_late(self):
        pass  # each delivery is compared with its history anyway

    def _answers(self, plan):
        """A parked mail reached its customer only if the mail server really took it."""
        if not super()._answers(plan):
            return False
        return any(message.kind == "FEEDBACK_REQUEST" and message.planned and message.planned[0]["order_id"] == plan.history.order_id
                   and (message.end() == "sent" or message.message_id in self._mailed) for message in self.views.messages.values())


def kind_of(finding):
    """lost, doubled or books: for the count of the summary."""
    for kind, signs in (("lost", LOSING), ("doubled", DOUBLING)):
        if any(sign in finding for sign in signs):
            return kind
    return "books"
