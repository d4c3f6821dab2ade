"""The customers: read what they get, and answer when asked for a rating."""
import re

from world.clock import HOUR_MS
from world.plan import stars

ORDER_NUMBER = re.compile(r"\bW-[0-9A-Z-]{1,8}\b")
ASKS = re.compile(r"\b1\s*(?:to|-|–)\s*5\b")
ANSWER_AFTER_MS = 5 * HOUR_MS
WORDS = {1: "Never again", 2: "Came too late", 3: "It is all right", 4: "Good", 5: "Lovely"}


class Customers:
    def __init__(self, clock, agenda, bus, histories):
        self.clock, self.agenda, self.bus = clock, agenda, bus
        self._by_number = {history.number: history for history in histories}
        self.answered = set()

    def read(self, text):
        """A message has come. If it asks for 1 to 5 and names an order, the customer may answer."""
        if not ASKS.search(text):
            return
        for number in ORDER_NUMBER.findall(text):
            history = self._by_number.get(number)
            if history and stars(history) and history.order_id not in self.answered:
                self.answered.add(history.order_id)
                self.agenda.at(self.clock.now_ms() + ANSWER_AFTER_MS, self._answer, history)

    def _answer(self, history):
        rating = stars(history)
        self.bus.emit("feedback.rated", {"order_id": history.order_id, "rating": rating, "text": WORDS[rating],
                                         "reasons": ["late"] if rating < 3 else [], "answered_at_ms": self.clock.now_ms()})
