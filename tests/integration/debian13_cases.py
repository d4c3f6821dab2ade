"""What only Debian 13's libraries can do: Redis over TLS. Called by tests/debian13."""
import re
import unittest

from integration import certificates
from integration.test_security import AccessTest
from world.stage import free_ports


class RedisTlsTest(AccessTest):
    """A Redis that speaks TLS and wants a certificate of its clients."""

    @classmethod
    def prepare(cls):
        cls.stage.partitions = 2
        cls.files = certificates.make(cls.run_dir / "certificates")
        cls.port = free_ports(40)[-1]
        cls.stage.stores_env = {"REDIS_OPTIONS": f"--tls-port {cls.port} --tls-cert-file {cls.files}/server.pem --tls-key-file {cls.files}/server.key "
                                                 f"--tls-ca-cert-file {cls.files}/ca.pem --tls-auth-clients yes"}

    def over_tls(self, host="127.0.0.1", **files):
        names = {"ca": "ca.pem", "certificate": "client.pem", "key": "client.key"} | files
        self.stage.settings = {"redis.urls": f"rediss://{host}:{self.port}",
                               **{f"redis.tls_{name}_file": self.files / file for name, file in names.items() if file}}

    def test_tls(self):
        self.over_tls()
        self.works()

    def test_another_ca_is_told(self):
        self.over_tls(ca="stranger.pem")
        self.refuses(f"Redis 127.0.0.1:{self.port}: its certificate is not trusted: .*; is redis.tls_ca_file its CA")

    def test_another_name_than_the_certificates_is_told(self):
        self.over_tls(host="localhost")
        self.refuses(f"Redis localhost:{self.port}: its certificate is not trusted: .*mismatch")

    def test_a_client_certificate_of_another_ca_is_told(self):
        self.over_tls(certificate="unknown.pem", key="unknown.key")
        self.refuses(f"Redis 127.0.0.1:{self.port} closed the connection right after the TLS handshake: does it want a certificate")

    def test_no_client_certificate_where_one_is_needed_is_told(self):
        self.over_tls(certificate=None, key=None)
        self.refuses(f"Redis 127.0.0.1:{self.port} closed the connection right after the TLS handshake: does it want a certificate")

    def test_a_client_certificate_that_is_over_is_told_before_it_is_shown(self):
        self.over_tls(certificate="over.pem")
        self.refuses(re.escape(f"the certificate in {self.files}/over.pem ended at 2020-01-02T00:00:00Z; renew it"))


if __name__ == "__main__":
    unittest.main()
