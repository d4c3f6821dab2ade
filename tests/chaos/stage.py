"""The stage for chaos: three brokers, two Redis, doors before them, and several workers per service."""
import pathlib
import time
import urllib.request

from chaos.brokers import Brokers
from chaos.doors import Doors
from chaos.redises import Redises
from world.stage import SERVICES, SETTINGS, ROOT, Stage, free_ports

INSTANCES = ("a", "b")    # of every service, from the beginning
SPARE = "c"               # comes and goes
THROUGH_DOORS = "b"       # its way to Kafka leads through doors; the others' is direct
DOOR_S = 20
SESSION_S = 6             # kafka.session_timeout, its least
QUIET_S = 13              # longer than a task without work takes to notice that its store has lost something (10 s)


class ChaosStage(Stage):
    """Workers are called intake-a, intake-b ...; all else is the stage that the demo has."""

    def __init__(self, run_dir, build_dir, rate, settings=None):
        names = tuple(f"{service}-{instance}" for service in SERVICES for instance in INSTANCES)
        super().__init__(run_dir, build_dir, rate=rate, services=names, settings={
            "kafka.session_timeout": f"{SESSION_S}s", "kafka.transaction_timeout": "10s", "event.bytes": "64KiB",
            "unknown_schema.wait": "2s", **(settings or {})})
        ports = free_ports(Brokers.needed_ports() + Redises.needed_ports() + len(SERVICES) + len(self.health) + 2)
        ports = [port for port in ports if port not in (*self.health.values(), self.http_port, self.smtp_port)]
        self.doors = Doors(self.pids)
        self.brokers = Brokers(self.run_dir / "brokers", ROOT / "deploy" / "dev" / "kafka", ports[:Brokers.needed_ports()], self._remember)
        ports = ports[Brokers.needed_ports():]
        self.redises = Redises(self.run_dir / "redises", self.doors, ports[:Redises.needed_ports()], self._remember)
        ports = ports[Redises.needed_ports():]
        self.health.update({f"{service}-{SPARE}": port for service, port in zip(SERVICES, ports)})

    def start_stores(self):
        for door, behind in self.brokers.doors():
            self.doors.open("kafka", door, behind)
        self.redises.start_all()
        self.brokers.start_all()

    @property
    def broker(self):
        return self.brokers.direct

    @property
    def redis_url(self):
        return self.redises.url

    def tool_env(self):
        return {**super().tool_env(), "WAYBILL_REDIS_URLS": self.redis_url}

    def create_topics(self):
        self.run_tool("topics", "create", "--partitions", str(self.partitions), "--replication", "3")

    def worker_command(self, name):
        service, _, instance = name.rpartition("-")
        files = [SETTINGS / f"{service}.yaml", self.run_dir / "endpoints.yaml"]
        broker = self.brokers.through_doors if instance == THROUGH_DOORS else self.brokers.direct
        settings = {"kafka.bootstrap_servers": broker, "redis.urls": self.redis_url, "health.port": self.health[name],
                    "instance": instance, **self.settings}
        return [str(self.build_dir / "bin" / service), *(f"--config={file}" for file in files),
                *(f"--{setting}={value}" for setting, value in settings.items())]

    def pids(self):
        return [process.pid for process in list(self.workers.values()) if process.poll() is None]

    def restart_worker(self, name):
        """SIGTERM, and a new one; the exit status of the old."""
        try:
            return self.stop_worker(name)
        finally:
            self.start_worker(name)

    def mood(self, what, mood, seconds):
        """Raises OSError if the world's door stays shut; it is, for some seconds, while suppliers and sms are away."""
        url = f"http://127.0.0.1:{self.http_port}/world/mood?what={what}&mood={mood}&seconds={seconds}"
        deadline = time.monotonic() + DOOR_S
        while True:
            try:
                return urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=5).read()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def metrics(self, name):
        """{line's name with labels: number} of a worker's page; None if it does not answer."""
        try:
            with urllib.request.urlopen(self.health_url(name) + "/metrics", timeout=3) as reply:
                page = reply.read().decode()
        except OSError:
            return None
        rows = (line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
        return {row[0]: float(row[1]) for row in rows}

    def wait_until_drained(self, limit_s, quiet_s=QUIET_S):
        """True once no worker has lag, a running or a waiting call, or a task to restore, for quiet_s."""
        deadline, since, self.why_not = time.monotonic() + limit_s, None, ""
        while time.monotonic() < deadline:
            self.why_not = self._busy()
            if self.why_not:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since >= quiet_s:
                return True
            time.sleep(0.5)
        return False

    def _busy(self):
        for name in list(self.workers):
            page = self.metrics(name)
            if page is None:
                return f"{name} does not answer"
            for line, number in page.items():
                if number and line.startswith(("waybill_input_lag_records", "waybill_calls_running", "waybill_calls_waiting",
                                               "waybill_calls_in_flight", "waybill_tasks_restoring")):
                    return f"{name}: {line} {number:.0f}"
        return ""

    def supervise_no_more(self):
        self._supervising = False

    def stop(self):
        ends = super().stop()
        self.brokers.stop_all()
        self.redises.stop_all()
        self.doors.close()
        return ends

    def log_files(self):
        return sorted(pathlib.Path(self.run_dir).glob("*-[abc].log"))
