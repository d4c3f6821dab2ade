"""Kafka as people run it: TLS, SASL, mutual TLS; wrong credentials give one line, no crash, and are mended while the worker runs."""
import contextlib
import json
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from integration import certificates, stages
from integration.test_records import SUBMITTED
from world import records

WAIT_S = 40
PASSWORD = "correct-horse-7"
LISTENERS = {"SSL": "SSL", "MTLS": "SSL", "SASL_SSL": "SASL_SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT"}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
ME = "alice"


def properties(folder):
    """Of a broker with every kind of listener, where nobody may do anything without being allowed."""
    module = "org.apache.kafka.common.security"
    lines = ["ssl.keystore.type=PEM", f"ssl.keystore.location={folder}/server.store",
             "ssl.truststore.type=PEM", f"ssl.truststore.location={folder}/ca.pem",
             "listener.name.mtls.ssl.client.auth=required",
             "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
             f"super.users=User:ANONYMOUS;User:{ME};User:CN=intake,O=Shop"]
    for listener in ("sasl_ssl", "sasl_plaintext"):
        lines.append(f"listener.name.{listener}.sasl.enabled.mechanisms={','.join(MECHANISMS)}")
        lines.append(f'listener.name.{listener}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{ME}="{PASSWORD}";')
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            lines.append(f"listener.name.{listener}.{mechanism}.sasl.jaas.config={module}.scram.ScramLoginModule required;")
    return "\n".join(lines) + "\n"


class AccessTest(stages.StageTest):
    """What tests of access share: intake alone, looked at from outside."""
    RATE = None
    SERVICES = ("intake",)
    PASSWORDS = (PASSWORD, "wrong-password")

    @classmethod
    def setUpClass(cls):
        cls.number = 0
        super().setUpClass()

    def setUp(self):
        self.password = self.run_dir / "password"
        self.password.write_text(PASSWORD + "\n")
        self.logged_before = len(self.log_lines())

    def tearDown(self):
        with contextlib.suppress(KeyError):
            self.assertEqual(self.stage.stop_worker("intake"), 0)
        for password in self.PASSWORDS:
            self.assertNotIn(password, "\n".join(self.log_lines()))

    def log_lines(self):
        with contextlib.suppress(OSError):
            return (self.run_dir / "intake.log").read_text(errors="replace").splitlines()
        return []

    def new_lines(self):
        return self.log_lines()[self.logged_before:]

    def readiness(self):
        """(status, text) of /readyz; (None, "") before it is served."""
        with contextlib.suppress(OSError):
            try:
                with urllib.request.urlopen(self.stage.health_url("intake") + "/readyz", timeout=3) as reply:
                    return reply.status, reply.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
        return None, ""

    def wait_until(self, holds, what):
        deadline = time.monotonic() + WAIT_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, f"{what}\n" + "\n".join(self.new_lines()[-12:]))
            time.sleep(0.1)

    def submit(self):
        type(self).number += 1
        body = {**SUBMITTED, "external_id": f"s{self.number}"}
        self.stage.run_tool("produce", "--event", "order.submitted", stdin=json.dumps(body) + "\n")

    def goes(self):
        """An order goes in through the tool, out through the worker, and is read by the tool: all over the same listener."""
        self.submit()
        self.wait_until(lambda: any(record.key == f"kaveri:s{self.number}" and record.event == "order.payment_pending"
                                    for record in records.read(self.stage.collect())), "the order is not answered")

    def works(self):
        self.stage.start_worker("intake")
        self.stage.wait_until_ready()
        self.goes()

    def refuses(self, pattern, attempts_s=3.5):
        """The worker stays up, is not ready, and says why in one line."""
        self.stage.start_worker("intake")
        self.wait_until(lambda: any("cannot start yet" in line for line in self.new_lines()), "nothing is said")
        time.sleep(attempts_s)
        self.assertIsNone(self.stage.workers["intake"].poll(), "the worker ended")
        said = [line for line in self.new_lines() if "level=info" not in line]
        self.assertEqual(len(said), 1, "\n".join(said))
        self.assertRegex(said[0], pattern)
        status, text = self.readiness()
        self.assertEqual(status, 503)
        self.assertRegex(text, pattern)


class ListenersTest(AccessTest):
    """One broker with every listener; intake alone is started on each."""

    @classmethod
    def prepare(cls):
        cls.stage.partitions = 2
        cls.files = certificates.make(cls.run_dir / "certificates")
        (cls.run_dir / "kafka.properties").write_text(properties(cls.files))
        scram = (f"{mechanism}=[name={ME},password={PASSWORD}]" for mechanism in MECHANISMS[1:])
        cls.stage.stores_env = {"KAFKA_LISTENERS": " ".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items()),
                                "KAFKA_PROPERTIES": str(cls.run_dir / "kafka.properties"), "KAFKA_SCRAM": " ".join(scram)}

    # What the tests are made of

    def address(self, listener):
        return (self.run_dir / "kafka" / f"address.{listener}").read_text().strip()

    def over(self, listener, **settings):
        """The settings of the stage from now on."""
        protocol = LISTENERS[listener]
        base = {"bootstrap_servers": self.address(listener), "security_protocol": protocol}
        if "SSL" in protocol:
            base["tls_ca_file"] = self.files / "ca.pem"
        if listener == "MTLS":
            base |= {"tls_certificate_file": self.files / "client.pem", "tls_key_file": self.files / "client.key"}
        if "SASL" in protocol:
            base |= {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": ME, "sasl_password_file": self.password}
        self.stage.settings = {f"kafka.{name}": value for name, value in (base | settings).items() if value is not None}

    def tool_refuses(self, pattern):
        done = self.stage.run_tool("topics", "check", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, pattern)


class SecurityTest(ListenersTest):
    # What works

    def test_tls(self):
        self.over("SSL")
        self.works()

    def test_mutual_tls_with_a_password_on_the_key(self):
        self.over("MTLS", tls_key_file=self.files / "client.locked", tls_key_password_file=self.files / "client.password")
        self.works()

    def test_plain_over_tls(self):
        self.over("SASL_SSL", sasl_mechanism="PLAIN")
        self.works()

    def test_scram_256_over_tls(self):
        self.over("SASL_SSL", sasl_mechanism="SCRAM-SHA-256")
        self.works()

    def test_scram_512_over_tls(self):
        self.over("SASL_SSL")
        self.works()

    def test_scram_without_tls(self):
        self.over("SASL_PLAINTEXT")
        self.works()

    # What does not

    def test_a_wrong_password_is_told_once_and_can_be_mended_while_the_worker_waits(self):
        self.password.write_text("wrong-password\n")
        for mechanism, why in (("PLAIN", "Invalid username or password"), ("SCRAM-SHA-512", "invalid credentials")):
            with self.subTest(mechanism=mechanism):
                self.over("SASL_SSL", sasl_mechanism=mechanism)
                self.tool_refuses(f"Kafka does not let User:{ME} in: .*authentication error.*{why}")
        self.refuses(f"Kafka does not let User:{ME} in: .*invalid credentials")
        self.password.write_text(PASSWORD)
        self.stage.wait_until_ready()
        self.goes()

    def test_another_ca_is_told(self):
        self.over("SSL", tls_ca_file=self.files / "stranger.pem")
        self.tool_refuses("Kafka does not let .* in: .*certificate verify failed; is kafka.tls_ca_file its CA")
        self.refuses("Kafka does not let .* in: .*certificate verify failed; is kafka.tls_ca_file its CA")

    def test_another_name_than_the_certificates_is_told(self):
        self.over("SSL", bootstrap_servers=self.address("SSL").replace("127.0.0.1", "localhost"))
        self.refuses("Kafka does not let .* in: .*certificate verify failed")

    def test_a_client_certificate_of_another_ca_is_told(self):
        self.over("MTLS", tls_certificate_file=self.files / "unknown.pem", tls_key_file=self.files / "unknown.key")
        self.refuses("Kafka does not let User:CN=intake,O=Shop in: .*alert.*certificate")

    def test_no_client_certificate_where_one_is_needed_is_told(self):
        self.over("MTLS", tls_certificate_file=None, tls_key_file=None)
        self.refuses("Kafka does not let .* in: .*alert.*certificate")

    def test_a_client_certificate_that_is_over_is_told_before_it_is_shown(self):
        self.over("MTLS", tls_certificate_file=self.files / "over.pem")
        self.refuses(re.escape(f"the certificate in {self.files}/over.pem ended at 2020-01-02T00:00:00Z; renew it"))


class RedisTest(AccessTest):
    """Redis with a user of its own for intake, who has the rights that are listed."""

    @classmethod
    def prepare(cls):
        cls.stage.partitions = 2

    def redis(self, *words):
        done = subprocess.run(["redis-cli", "-s", str(self.run_dir / "redis" / "redis.sock"), *words], capture_output=True, text=True, check=True)
        self.assertNotIn("ERR", done.stdout)

    def setUp(self):
        super().setUp()
        said = self.stage.run_tool("acls", "list", "intake").stdout
        self.rights = re.search("^Redis: ACL SETUSER (.*)$", said, re.M).group(1).split()[1:]
        self.redis("ACL", "SETUSER", ME, "reset", "on", f">{PASSWORD}", *self.rights)
        self.stage.settings = {"redis.username": ME, "redis.password_file": self.password}

    def test_a_user_with_the_listed_rights(self):
        self.works()

    def test_a_wrong_password_is_told_once_and_can_be_mended_while_the_worker_waits(self):
        self.password.write_text("wrong-password\n")
        self.refuses(f"Redis 127.0.0.1:[0-9]+ does not let {ME} in: WRONGPASS")
        self.password.write_text(PASSWORD)
        self.stage.wait_until_ready()
        self.goes()

    def test_a_right_that_is_taken_while_it_runs_is_told_and_waited_for(self):
        self.works()
        self.redis("ACL", "SETUSER", ME, "-hset")
        self.submit()
        self.wait_until(lambda: any("cannot go on for now" in line and ME in line for line in self.new_lines()), "nothing is said")
        self.wait_until(lambda: any("hset" in line for line in self.new_lines()), "the right is not named")
        self.assertEqual(self.readiness()[0], 503)
        self.redis("ACL", "SETUSER", ME, "+hset")
        self.stage.wait_until_ready()
        self.goes()


if __name__ == "__main__":
    unittest.main()
