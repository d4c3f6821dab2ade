"""waybill verify and task show over real Kafka and Redis: right while it flows and at rest; whatever is spoilt by hand is named."""
import json
import subprocess
import time
import unittest

from integration import avro, stages
from integration.redis import Redis
from world import records

FIRST = 100
LATE = 40           # orders that nobody takes any more
ORDERS = 2000       # so that a task has more keys than verify looks at in one go
PAGE = 200
LINE = {"line_id": "1", "sku": "LAMP-BRASS", "quantity": 1, "unit_price_minor": 179900}
ADDRESS = {"name": "Asha Rao", "line1": "1 MG Road", "city": "Bengaluru", "region": "KA", "postal_code": "560001", "country": "IN"}


def order(number, status):
    return {"store": "kaveri", "external_id": f"V-{number}", "placed_at_ms": 1780000000000, "currency": "INR",
            "customer": {"name": "Asha Rao", "email": f"asha{number}@mail.example"}, "ship_to": ADDRESS, "lines": [LINE],
            "total_minor": 179900, "payment": {"status": status, "method": "upi"}}


class InspectTest(stages.StageTest):
    """Traffic, then rest: the tests spoil Redis, look, and put it right again."""
    RATE = None  # real time
    SERVICES = ("intake", "notifier")  # nobody answers the notifier's mails: intents wait

    @classmethod
    def play(cls):
        cls.stage.start_workers()
        cls.stage.wait_until_ready()
        cls.redis = Redis(cls.run_dir / "redis" / "redis.sock")
        cls.addClassCleanup(cls.redis.close)
        cls.submit(range(FIRST), "PAID")
        cls.settle(FIRST)
        cls.earlier = cls.dump("intake", 0)
        cls.submit(range(FIRST, ORDERS), "PENDING")
        cls.flowing = [cls.verify("--all") for _ in range(3)]
        cls.settle(ORDERS)
        cls.owned = cls.rows(cls.look("show", "intake", "--json"))
        cls.listed = cls.look("list")
        for service in cls.SERVICES:
            cls.stage.stop_worker(service)
        cls.wait_until_nobody_owns_anything()
        cls.submit(range(ORDERS, ORDERS + LATE), "PENDING")

    @classmethod
    def submit(cls, numbers, status):
        lines = "".join(json.dumps(order(number, status)) + "\n" for number in numbers)
        cls.stage.run_tool("produce", "--event", "order.submitted", stdin=lines)

    @classmethod
    def settle(cls, orders):
        """Until intake has a state of every order and its positions stand still. (The notifier's go on: it tries to mail.)"""
        before, deadline = None, time.monotonic() + 60
        while time.monotonic() < deadline:
            now = [cls.redis("HGET", cls.key("intake", task), "p") for task in range(cls.stage.partitions)]
            states = sum(len(cls.fields("intake", task)) for task in range(cls.stage.partitions))
            if now == before and states == orders:
                return
            before = now
            time.sleep(1.5)
        raise AssertionError(f"{states} of {orders} orders have a state: {cls.stage.tail('intake')}")

    @classmethod
    def wait_until_nobody_owns_anything(cls):
        """A member with a name of its own stays in its group until its session times out."""
        deadline = time.monotonic() + 60
        while any(row["owner"] for service in cls.SERVICES for row in cls.rows(cls.look("show", service, "--json"))):
            if time.monotonic() > deadline:
                raise AssertionError("the workers have ended, and still own tasks")
            time.sleep(0.5)

    @classmethod
    def verify(cls, *arguments, url=None):
        return cls.stage.run_tool("verify", *arguments, f"--redis.urls={url or cls.stage.redis_url}", check=False)

    @classmethod
    def look(cls, *arguments):
        """waybill task …"""
        return cls.stage.run_tool("task", *arguments, f"--redis.urls={cls.stage.redis_url}", check=False)

    @staticmethod
    def rows(done):
        return [json.loads(line) for line in done.stdout.splitlines()]

    @classmethod
    def changelog(cls, service, task):
        """Its records, as the tool's other command reads them."""
        return cls.rows(cls.stage.run_tool("consume", f"{service}.changelog", "--partition", str(task)))

    @staticmethod
    def key(service, task, suffix=""):
        return f"{{waybill.{service}:{task}}}{suffix}"

    @classmethod
    def dump(cls, service, task):
        return [(cls.key(service, task, suffix), cls.redis("DUMP", cls.key(service, task, suffix))) for suffix in ("", ":due")]

    def load(self, dumped):
        for key, value in dumped:
            self.redis("DEL", key)
            if value is not None:
                self.redis("RESTORE", key, 0, value)

    def spoil(self, service, task):
        """Redis is put right after the test; the names of the hash and of the sorted set."""
        self.addCleanup(self.load, self.dump(service, task))
        return self.key(service, task), self.key(service, task, ":due")

    @classmethod
    def fields(cls, service, task, prefix=b"s:"):
        return sorted(field for field in cls.redis("HKEYS", cls.key(service, task)) if field.startswith(prefix))

    def assert_equal(self, done, *words):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout)

    def assert_differs(self, service, task, *words):
        done = self.verify(service, "--task", str(task))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in (f"{service} task {task}: DIFFERS", "1 tasks: 1 DIFFERENT", *words):
            self.assertIn(word, done.stdout)
        return done.stdout

    # Equal

    def test_equal_while_it_flows(self):
        for done in self.flowing:
            self.assert_equal(done, "; 0 differences")
            self.assertNotIn("read", done.stderr)

    def test_equal_at_rest_and_the_numbers_are_those_of_redis(self):
        done = self.verify("intake", "notifier")
        self.assert_equal(done, "16 tasks: 16 equal; 0 differences")
        for service in self.SERVICES:
            for task in range(self.stage.partitions):
                keys = self.redis("HLEN", self.key(service, task)) - 1
                due = self.redis("ZCARD", self.key(service, task, ":due"))
                self.assertIn(f"{service} task {task}: equal; {keys} keys, {due} in the sorted set", done.stdout)
        self.assertGreater(self.redis("HLEN", self.key("intake", 0)), PAGE)
        self.assertTrue(any(self.fields("notifier", task, b"i:") for task in range(8)), "no intent waits: the test shows less than it should")

    def test_counters_of_crashes_are_no_difference(self):
        hash_key, _ = self.spoil("intake", 1)
        self.redis("HSET", hash_key, "starts", "12:2", "trying", "0:17:1")
        self.assert_equal(self.verify("intake", "--task", "1"))

    # Different

    def test_a_changed_value_is_named_with_both_and_without_personal_data(self):
        hash_key, _ = self.spoil("intake", 1)
        first, second = self.fields("intake", 1)[:2]
        self.redis("HSET", hash_key, first, self.redis("HGET", hash_key, second))
        said = self.assert_differs("intake", 1, f"intake task 1: {first.decode()} differs", "DIFFERS in 1 keys")
        one, other = (key.rpartition(b":")[2].decode() for key in (first, second))
        for line, external_id in (("changelog", one), ("Redis", other)):
            shown = next(text for text in said.splitlines() if text.strip().startswith(line))
            self.assertEqual(json.loads(shown[shown.index("{"):])["state"]["data"]["order"]["external_id"], external_id)
        self.assertNotIn("Asha", said)
        self.assertNotIn('"state":{"base64"', said)  # a state's own bytes

    def test_a_value_that_is_cut_is_named(self):
        hash_key, _ = self.spoil("intake", 1)
        field = self.fields("intake", 1)[0]
        self.redis("HSET", hash_key, field, self.redis("HGET", hash_key, field)[:-1])
        self.assert_differs("intake", 1, f"{field.decode()} differs")

    def test_a_missing_key_is_named_also_on_a_later_page(self):
        hash_key, _ = self.spoil("intake", 2)
        for field in (self.fields("intake", 2)[0], self.fields("intake", 2)[-1]):
            value = self.redis("HGET", hash_key, field)
            self.redis("HDEL", hash_key, field)
            self.assert_differs("intake", 2, f"{field.decode()} is missing in Redis", "Redis: nothing", "DIFFERS in 1 keys")
            self.redis("HSET", hash_key, field, value)

    def test_a_key_too_much_is_named(self):
        hash_key, _ = self.spoil("intake", 3)
        self.redis("HSET", hash_key, "s:intake_order:nobody:1", "x")
        self.assert_differs("intake", 3, "s:intake_order:nobody:1 is too much in Redis", "DIFFERS in 1 keys")

    def test_scores_that_differ_are_named_each_way(self):
        _, due_key = self.spoil("intake", 4)
        member = self.fields("intake", 4)[0]
        score = int(self.redis("ZSCORE", due_key, member))
        for other, word in ((score + 1, "stands elsewhere in the sorted set"), (score - 1, "stands elsewhere in the sorted set"),
                            (None, "is missing in the sorted set")):
            if other is None:
                self.redis("ZREM", due_key, member)
            else:
                self.redis("ZADD", due_key, other, member)
            self.assert_differs("intake", 4, f"{member.decode()} {word}", f"(score {score})", "DIFFERS in 1 keys")
        self.redis("ZADD", due_key, score, member, 77, "ghost")
        self.assert_differs("intake", 4, "ghost is too much in the sorted set", "(score 77)", "DIFFERS in 1 keys")

    def test_an_intent_that_does_not_wait_any_more_is_named(self):
        task = next(task for task in range(8) if self.fields("notifier", task, b"i:"))
        _, due_key = self.spoil("notifier", task)
        intent = self.fields("notifier", task, b"i:")[0]
        self.assertEqual(self.redis("ZREM", due_key, intent), 1)
        self.assert_differs("notifier", task, f"{intent.decode()} is missing in the sorted set", "a call that waits")

    def test_many_differences_are_all_counted_and_some_shown(self):
        hash_key, _ = self.spoil("intake", 5)
        fields = self.fields("intake", 5)
        for field in fields:
            self.redis("HSET", hash_key, field, "x")
        done = self.verify("intake", "--task", "5", "--limit", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"DIFFERS in {len(fields)} keys", done.stdout)
        self.assertEqual(done.stdout.count(" differs\n"), 3)

    def test_a_position_that_is_no_position_of_the_changelog_is_named(self):
        hash_key, _ = self.spoil("intake", 6)
        good = self.redis("HGET", hash_key, "p")
        at = int.from_bytes(good[:8], "big")
        for bad, word in ((good[:-1], f"not the one that the changelog has at offset {at}"), (good[:10], "has 10 bytes"),
                          ((at + 1000).to_bytes(8, "big") + good[8:], f"it stands at changelog offset {at + 1000}, but the changelog ends at")):
            self.redis("HSET", hash_key, "p", bad)
            self.assert_differs("intake", 6, word)

    # Legal, though not equal

    def test_redis_behind_is_legal_and_says_by_how_much(self):
        self.spoil("intake", 0)
        self.load(self.earlier)
        done = self.verify("intake", "--task", "0")
        self.assert_equal(done, "intake task 0: equal as far as it stands; ", "1 tasks: 1 behind; 0 differences")
        at = int.from_bytes(self.redis("HGET", self.key("intake", 0), "p")[:8], "big")
        rows = [row for row in self.changelog("intake", 0) if row["offset"] > at]
        batches = sum(row["event"] == "task_position" for row in rows)
        self.assertGreater(batches, 0)
        self.assertIn(f"{batches} batches ({len(rows)} records) behind", done.stdout)

    def test_redis_behind_with_a_difference_is_named(self):
        hash_key, _ = self.spoil("intake", 0)
        self.load(self.earlier)
        field = self.fields("intake", 0)[0]
        self.redis("HDEL", hash_key, field)
        self.assert_differs("intake", 0, f"{field.decode()} is missing in Redis")

    def test_a_batch_that_has_half_arrived_is_legal(self):
        """A worker that dies between two pieces of a large batch leaves newer values under the older position."""
        hash_key, due_key = self.spoil("intake", 0)
        whole = self.dump("intake", 0)
        self.load(self.earlier)
        first_batch = self.first_batch_after(int.from_bytes(self.redis("HGET", hash_key, "p")[:8], "big"))
        self.load(whole)
        half = {field: (self.redis("HGET", hash_key, field), self.redis("ZSCORE", due_key, field)) for field in first_batch[: len(first_batch) // 2]}
        self.load(self.earlier)
        for field, (value, score) in half.items():
            self.redis("HSET", hash_key, field, value)
            self.redis("ZADD", due_key, score, field)
        self.assertGreater(len(half), 0)
        self.assert_equal(self.verify("intake", "--task", "0"), "behind; 0 differences")

    def first_batch_after(self, offset):
        """The changelog's keys between that position and the next."""
        keys = []
        for row in self.changelog("intake", 0):
            if row["offset"] > offset and row["event"] == "task_position":
                return keys
            if row["offset"] > offset:
                keys.append(row["key"])
        return keys

    def test_no_position_and_a_rebuild_at_work_are_legal(self):
        hash_key, due_key = self.spoil("intake", 7)
        self.redis("HSET", hash_key, "p", b"0123456789abcdef")
        self.assert_equal(self.verify("intake", "--task", "7"), "is being restored now", "1 tasks: 1 being restored; 0 differences")
        self.redis("DEL", hash_key, due_key)
        self.assert_equal(self.verify("intake", "--task", "7"), "to be rebuilt", "1 tasks: 1 without a position; 0 differences")

    def test_task_i_is_looked_for_on_redis_i_modulo_their_number(self):
        for task in range(1, self.stage.partitions, 2):
            for suffix in ("", ":due"):
                self.redis("MOVE", self.key("intake", task, suffix), 1)
        self.addCleanup(self.bring_back)
        base = self.stage.redis_url.rpartition("/")[0]
        self.assert_equal(self.verify("intake", url=f"{base}/0,{base}/1"), "8 tasks: 8 equal; 0 differences")
        self.assert_equal(self.verify("intake"), "8 tasks: 4 equal, 4 without a position; 0 differences")

    def bring_back(self):
        self.redis("SELECT", 1)
        for key in self.redis("KEYS", "*"):
            self.redis("MOVE", key, 0)
        self.redis("SELECT", 0)

    # Repair, and what cannot be done

    def test_repair_wipes_what_differs_and_nothing_else(self):
        hash_key, due_key = self.spoil("intake", 1)
        self.redis("HSET", hash_key, "s:intake_order:nobody:1", "x")
        done = self.verify("intake", "--repair")
        self.assertEqual(done.returncode, 1)
        self.assertIn("intake task 1: wiped in Redis", done.stdout)
        self.assertEqual(self.redis("EXISTS", hash_key, due_key), 0)
        self.assertEqual(self.redis("EXISTS", self.key("intake", 2), self.key("intake", 2, ":due")), 2)
        self.assert_equal(self.verify("intake", "--repair"), "8 tasks: 7 equal, 1 without a position; 0 differences")

    def test_a_key_of_another_kind_differs_and_is_repaired(self):
        keys, whole = self.spoil("intake", 3), self.dump("intake", 3)
        for key in keys:
            self.load(whole)
            self.redis("DEL", key)
            self.redis("SET", key, "somebody else's")
            self.assert_differs("intake", 3, "WRONGTYPE")
            self.assertIn("intake task 3: wiped in Redis", self.verify("intake", "--task", "3", "--repair").stdout)
            self.assertEqual(self.redis("EXISTS", *keys), 0)

    def test_says_what_is_wrong_with_how_it_was_called(self):
        for arguments, word in (((), "which services?"), (("intake", "--all"), "which services?"), (("intak",), "nearest: intake"),
                                (("intake", "--task", "x"), "x")):
            done = self.verify(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(word, done.stderr)
        done = self.verify("intake", "--task", "8")
        self.assertEqual(done.returncode, 1)
        self.assertIn("has only the tasks 0 to 7", done.stderr)

    def test_a_redis_that_is_away_is_a_failure_that_says_which_setting(self):
        done = self.verify("intake", url="redis://127.0.0.1:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("127.0.0.1:1", done.stderr)
        self.assertIn("redis.urls", done.stderr)

    # task show, list

    def kcat(self, *arguments):
        return subprocess.run(["kcat", "-b", self.stage.broker, *arguments], capture_output=True, text=True, check=True).stdout

    def test_show_says_who_owns_what_and_that_nothing_waits(self):
        self.assertEqual([row["task"] for row in self.owned], list(range(self.stage.partitions)))
        for row in self.owned:
            self.assertEqual((row["owner"], row["owner_split"], row["group_state"]), ("0", False, "Stable"))
            self.assertEqual([(entry["waiting"], entry["oldest"]) for entry in row["inputs"]], [(0, None)] * len(row["inputs"]))
            self.assertEqual(row["redis"]["state"], "at_end")

    def test_list_has_a_line_for_each_service(self):
        self.assertEqual(self.listed.returncode, 0, self.listed.stderr)
        lines = {line.split()[0]: line for line in self.listed.stdout.splitlines()}
        self.assertIn("Stable              1 workers  8 of 8 tasks owned", lines["intake"])
        self.assertIn("0 workers  0 of 8 tasks owned", lines["feedback"])

    def test_shows_positions_and_lag_as_kcat_counts_them(self):
        rows = self.rows(self.look("show", "intake", "--json"))
        late = {}
        for number in range(ORDERS, ORDERS + LATE):
            task = avro.murmur2_partition(f"kaveri:V-{number}", self.stage.partitions)
            late[task] = late.get(task, 0) + 1
        for row in rows:
            task = row["task"]
            position = [record for record in self.changelog("intake", task) if record["event"] == "task_position"][-1]
            self.assertEqual((row["batch"], row["position_offset"]), (position["data"]["batch"], position["offset"]))
            self.assertIsNone(row["owner"])
            self.assertEqual({entry["topic"]: entry["next"] for entry in row["inputs"]},
                             {entry["topic"]: entry["next_offset"] for entry in position["data"]["inputs"]})
            for entry in row["inputs"]:
                topic = f"waybill.{entry['topic']}"
                end = int(self.kcat("-Q", "-t", f"{topic}:{task}:-1").split()[-1])
                self.assertEqual(entry["end"], end)
                orders = entry["topic"] == "inbound.orders"
                self.assertEqual(entry["waiting"], late.get(task, 0) if orders else 0)
                self.assertEqual(entry["oldest"] is not None, orders and task in late)
                if orders:
                    self.assertEqual(entry["group_offset"], entry["next"])

    def test_shows_keys_timers_and_calls_as_redis_has_them(self):
        for service in self.SERVICES:
            for row in self.rows(self.look("show", service, "--json")):
                hash_key, due_key = self.key(service, row["task"]), self.key(service, row["task"], ":due")
                self.assertEqual(row["keys"], len(self.fields(service, row["task"])))
                self.assertEqual(row["keys_with_timers"], self.redis("ZCOUNT", due_key, "(0", "+inf"))
                self.assertEqual(sum(calls["pending"] + calls["started"] for calls in row["calls"]), self.redis("ZCOUNT", due_key, "-inf", "(0"))
                self.assertEqual(row["redis"], {"state": "at_end", "keys": self.redis("HLEN", hash_key) - 1, "batches_behind": 0, "error": None})
                first = self.redis("ZRANGEBYSCORE", due_key, "(0", "+inf", "WITHSCORES", "LIMIT", 0, 1)
                if first:
                    self.assertEqual(records.parse_ms(row["earliest_due"]), int(first[1]))
        self.assertIn("calls at email: ", self.look("show", "notifier").stdout)

    def test_shows_where_redis_stands(self):
        hash_key, due_key = self.spoil("intake", 0)
        self.load(self.earlier)
        row = self.rows(self.look("show", "intake", "--task", "0", "--json", "--quick"))[0]
        at = int.from_bytes(self.redis("HGET", hash_key, "p")[:8], "big")
        behind = sum(record["event"] == "task_position" and record["offset"] > at for record in self.changelog("intake", 0))
        self.assertEqual((row["redis"]["state"], row["redis"]["batches_behind"]), ("behind", behind))
        self.redis("HSET", hash_key, "p", b"0123456789abcdef")
        said = self.look("show", "intake", "--task", "0").stdout
        self.assertIn(f"restoring: {self.redis('HLEN', hash_key) - 1} of {self.keys_in_changelog()} keys", said)
        self.redis("DEL", hash_key, due_key)
        self.assertEqual(self.rows(self.look("show", "intake", "--task", "0", "--json", "--quick"))[0]["redis"]["state"], "nothing")

    def keys_in_changelog(self):
        """How many keys the changelog of intake's task 0 leaves."""
        last = {record["key"]: record["event"] for record in self.changelog("intake", 0)}
        return sum(key.startswith("s:") and event is not None for key, event in last.items())

    def test_shows_the_rest_without_redis(self):
        done = self.stage.run_tool("task", "show", "intake", "--redis.urls=redis://127.0.0.1:1", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("look: task 0: Redis 127.0.0.1:1: Connection refused", done.stdout)
        self.assertIn("look: 8 tasks have no owner", done.stdout)


if __name__ == "__main__":
    unittest.main()
