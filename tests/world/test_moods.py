"""Moods of the providers: what the asker hears, and whether it was done all the same."""
import unittest

from world import mail
from world.door import DROP, Twice
from world.moods import HTTP, Moods

ANSWER = (201, {"id": 1})


class MoodsTest(unittest.TestCase):
    def setUp(self):
        self.now, self.slept, self.done = 100.0, [], 0
        self.moods = Moods(chance=lambda: 0.0, now_s=lambda: self.now, sleep=self.slept.append)

    def ask(self, mood):
        def inner():
            self.done += 1
            return ANSWER
        if mood:
            self.moods.set("sms", mood, 10)
        return self.moods.answer("sms", inner)

    def test_who_refuses_has_done_nothing(self):
        for mood, status in (("unavailable", 503), ("throttled", 429), ("forbidden", 401)):
            self.assertEqual(self.ask(mood)[0], status)
        self.assertEqual(self.done, 0)

    def test_who_forgets_lies_or_is_slow_has_done_it(self):
        self.assertIs(self.ask("forgets"), DROP)
        self.assertEqual(self.ask("lies")[0], 200)
        self.assertNotEqual(self.ask("lies"), ANSWER)
        self.assertEqual(self.ask("slow"), ANSWER)
        self.assertIsInstance(self.ask("twice"), Twice)
        self.assertEqual((self.done, len(self.slept)), (5, 1))

    def test_a_no_stays_a_no(self):
        for mood in ("lies", "slow", "twice"):
            self.moods.set("sms", mood, 10)
            self.assertEqual(self.moods.answer("sms", lambda: (422, {"reasons": []})), (422, {"reasons": []}))

    def test_a_mood_passes_and_is_nobody_else_s(self):
        self.ask("forgets")
        self.assertEqual(self.moods.answer("suppliers", lambda: ANSWER), ANSWER)
        self.now += 10
        self.assertEqual(self.ask(None), ANSWER)

    def test_some_get_through(self):
        self.moods = Moods(chance=lambda: 0.99, now_s=lambda: self.now)
        for mood in HTTP:
            self.assertEqual(self.ask(mood), ANSWER, mood)

    def test_mail_that_would_be_taken_meets_the_mood_and_a_bounce_stays_a_bounce(self):
        self.moods.set("mail", "busy", 10)
        self.assertEqual((self.moods.mail(mail.OK), self.moods.mail(mail.REFUSE)), (mail.BUSY, mail.REFUSE))

    def test_a_mood_that_there_is_not_is_refused(self):
        with self.assertRaises(ValueError):
            self.moods.set("mail", "lies", 10)


if __name__ == "__main__":
    unittest.main()
