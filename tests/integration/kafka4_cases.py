"""What differs on Kafka 4 with Debian 12's librdkafka: SCRAM is refused although the password is right. Called by tests/run, step kafka4."""
import unittest

from integration.test_security import ME, ListenersTest


class Kafka4Test(ListenersTest):
    def test_plain_over_tls(self):
        self.over("SASL_SSL", sasl_mechanism="PLAIN")
        self.works()

    def test_scram_is_refused_and_the_reason_is_told(self):
        reason = "Kafka 4 refuses SCRAM of librdkafka below 2.6.1"
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            self.over("SASL_SSL", sasl_mechanism=mechanism)
            self.tool_refuses(f"does not let User:{ME} in: .*; if they are right: {reason}")
        self.refuses(reason)


if __name__ == "__main__":
    unittest.main()
