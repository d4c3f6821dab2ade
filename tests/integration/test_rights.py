"""Least rights: with what `waybill acls list` says, and no more, everything works; what is missing is named."""
import json
import re
import unittest

from integration import acls, avro, stages
from integration.test_records import SUBMITTED
from integration.test_security import AccessTest
from world.stage import SERVICES

USERS = (*SERVICES, "admin", "operator", "producer", "analyst")


def properties():
    users = " ".join(f'user_{user}="pw-{user}"' for user in USERS)
    return ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:ANONYMOUS\n"
            "listener.name.sasl.sasl.enabled.mechanisms=PLAIN\n"
            f"listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};\n")


class Users:
    """A broker where each has a name of its own, and nobody may do anything without being allowed; beside a stage's test."""

    @classmethod
    def prepare(cls):
        (cls.run_dir / "kafka.properties").write_text(properties())
        cls.stage.stores_env = {"KAFKA_LISTENERS": "SASL:SASL_PLAINTEXT", "KAFKA_PROPERTIES": str(cls.run_dir / "kafka.properties")}
        for user in USERS:
            (cls.run_dir / f"{user}.password").write_text(f"pw-{user}\n")
        cls.stage.service_settings = {service: cls.login(service) for service in SERVICES}
        cls.stage.create_topics = cls.create_topics

    @classmethod
    def login(cls, user):
        return {"kafka.sasl_username": user, "kafka.sasl_password_file": cls.run_dir / f"{user}.password"}

    @classmethod
    def act_as(cls, user):
        """The tool from now on."""
        cls.stage.settings.update({"kafka.bootstrap_servers": (cls.run_dir / "kafka" / "address.SASL").read_text().strip(),
                                   "kafka.security_protocol": "SASL_PLAINTEXT", "kafka.sasl_mechanism": "PLAIN", **cls.login(user)})

    @classmethod
    def create_topics(cls):
        cls.rights = {}
        for user in USERS:
            cls.rights[user] = acls.parse(cls.stage.run_tool("acls", "list", user).stdout)
            acls.allow(cls.stage.broker, f"User:{user}", cls.rights[user])
        cls.act_as("admin")
        cls.stage.run_tool("topics", "create", "--partitions", str(cls.stage.partitions))
        cls.stage.run_tool("topics", "check")
        cls.act_as("operator")


class RightsTest(Users, stages.PlayedTest):
    """The whole sample, each service and the tool with their listed rights only."""

    def test_nobody_lacked_a_right(self):
        for service in SERVICES:
            text = (self.run_dir / f"{service}.log").read_text(errors="replace")
            self.assertNotIn("does not let", text)
            self.assertNotIn("uthorization", text)

    def test_the_operator_sees_how_far_each_service_has_come(self):
        redis = f"--redis.urls={self.stage.redis_url}"
        listed = self.stage.run_tool("task", "list", redis).stdout
        self.assertEqual(listed.count(f"{self.stage.partitions} of {self.stage.partitions} tasks owned"), len(SERVICES), listed)
        self.assertIn("; 0 differences", self.stage.run_tool("verify", "intake", redis).stdout)

    def test_an_analyst_reads_events_and_no_states(self):
        self.act_as("analyst")
        self.assertGreater(len(self.stage.run_tool("consume", "orders").stdout.splitlines()), 50)
        done = self.stage.run_tool("consume", "intake.changelog", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "Kafka does not let User:analyst Describe topic waybill.intake.changelog")

    def test_a_producer_writes_in_and_reads_nothing(self):
        self.act_as("producer")
        self.stage.run_tool("produce", "--event", "order.submitted", stdin=json.dumps({**SUBMITTED, "external_id": "foreign"}) + "\n")
        done = self.stage.run_tool("consume", "orders", check=False)
        self.assertRegex(done.stderr, "Kafka does not let User:producer Describe topic waybill.orders")

    def tearDown(self):
        self.act_as("operator")


class MissingTest(Users, AccessTest):
    """One right of intake's after the other is taken: the line names it; given back, the worker goes on by itself."""
    PASSWORDS = ("pw-intake",)

    @classmethod
    def prepare(cls):
        cls.stage.partitions = 2
        super().prepare()

    def misplace(self):
        """A record for another partition."""
        key, value = "kaveri:misplaced", avro.payment_captured("kaveri:misplaced", 1, "INR")
        wrong = 1 - avro.murmur2_partition(key, 2)
        avro.produce(self.stage_broker, "waybill.inbound.orders", key, value, wrong)

    def malform(self):
        avro.produce(self.stage_broker, "waybill.inbound.orders", "kaveri:bad", b"\0\0\0\0\x66\xff", avro.murmur2_partition("kaveri:bad", 2))

    @property
    def stage_broker(self):
        return self.stage.broker

    def is_said(self, right):
        """In one line: who, what (to Describe comes first), and of which name."""
        kinds = {"Topic": "topic", "Group": "group", "TransactionalId": "transactional id"}
        operation = right.operation if right.operation == "DescribeConfigs" else f"(Describe|{right.operation})"
        return any(re.search(f"does not let User:intake {operation} {kinds[right.resource]}.*{re.escape(right.name)}", line)
                   for line in self.new_lines())

    def without(self, right, provoke=None):
        self.logged_before = len(self.log_lines())
        acls.take_back(self.stage.broker, "User:intake", [right])
        try:
            self.stage.start_worker("intake")
            self.wait_until(lambda: self.is_said(right) or self.readiness()[0] == 200, "it neither starts nor says why")
            if provoke and not self.is_said(right):
                provoke()
            self.wait_until(lambda: self.is_said(right), f"{right} is not named")
            self.assertIsNone(self.stage.workers["intake"].poll(), "the worker ended")
            self.assertLessEqual(sum("does not let" in line for line in self.new_lines()), 2, "\n".join(self.new_lines()))
        finally:
            acls.allow(self.stage.broker, "User:intake", [right])
        self.wait_until(lambda: self.readiness()[0] == 200, "it does not go on")
        self.assertEqual(self.stage.stop_worker("intake"), 0)

    def test_each_right_that_is_missing_is_named_and_waited_for(self):
        rights = [right for right in self.rights["intake"] if right.operation != "DescribeConfigs"]
        provoked = {("Write", "waybill.inbound.orders"): self.misplace, ("Write", "waybill.intake.dlq"): self.malform,
                    ("Write", "waybill.orders"): self.submit, ("Write", "waybill.intake.changelog"): self.submit}
        seldom = ("Write", "waybill.intake.operator")  # only for a misplaced record of a person
        first = ("Write", "waybill.schemas")           # published by the first worker of all
        rights.sort(key=lambda right: (right.operation, right.name) != first)
        self.assertEqual((rights[0].operation, rights[0].name), first)
        for right in rights:
            if (right.operation, right.name) != seldom:
                self.without(right, provoked.get((right.operation, right.name)))

    def test_without_describe_configs_it_warns_and_works(self):
        rights = [right for right in self.rights["intake"] if right.operation == "DescribeConfigs"]
        acls.take_back(self.stage.broker, "User:intake", rights)
        self.works()
        for right in rights:
            self.assertTrue(self.is_said(right), right)
        acls.allow(self.stage.broker, "User:intake", rights)


if __name__ == "__main__":
    unittest.main()
