"""Bad moods of the providers, for a while: slow, refusing, forgetful, lying. The ledgers tell what they did all the same."""
import random
import time

from world import mail
from world.door import DROP, Twice

HTTP = ("unavailable", "throttled", "forbidden", "slow", "forgets", "lies", "twice")
MAIL = {"busy": mail.BUSY, "slow": mail.SLOW, "forgets": mail.LOSE_REPLY}
SHARE = 0.7  # of the requests meet the mood; the others get through
WAIT_S = (0.5, 4.0)  # shorter and longer than the timeouts of deploy/settings/endpoints.yaml


class Moods:
    """what: suppliers, sms, mail."""

    def __init__(self, chance=random.random, now_s=time.monotonic, sleep=time.sleep):
        self._moods, self._chance, self._now_s, self._sleep = {}, chance, now_s, sleep

    def set(self, what, mood, seconds):
        """Raises ValueError for a mood that there is not."""
        if mood not in (MAIL if what == "mail" else HTTP):
            raise ValueError(f"{what} has no mood {mood!r}")
        self._moods[what] = (mood, self._now_s() + seconds)

    def _now(self, what):
        mood, until = self._moods.get(what, (None, 0))
        return mood if self._now_s() < until and self._chance() < SHARE else None

    def answer(self, what, inner):
        """inner() does what was asked and gives the honest answer."""
        mood = self._now(what)
        if mood == "unavailable":
            return 503, {"error": "in maintenance"}
        if mood == "throttled":
            return 429, {"error": "too many requests"}
        if mood == "forbidden":
            return 401, {"error": "who are you"}
        if mood == "slow":
            self._sleep(WAIT_S[0] + self._chance() * (WAIT_S[1] - WAIT_S[0]))
        reply = inner()
        if mood == "forgets":
            return DROP
        # A no that is told as a yes cannot be found out by any answer, only by what never comes: so it lies about the form only.
        if mood == "lies" and reply is not DROP and reply[0] < 300:
            return 200, {"weather": "fine"}
        return Twice(reply) if mood == "twice" and reply is not DROP else reply

    def mail(self, conduct):
        """What a recipient's own conduct becomes."""
        mood = self._now("mail")
        return MAIL[mood] if mood and conduct == mail.OK else conduct
