"""The stage: Kafka, Redis, the six workers and the world on free loopback ports, in one run directory."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("intake", "stock_check", "supplier_router", "tracking_ingest", "notifier", "feedback")
SETTINGS = ROOT / "deploy" / "settings"
PARTITIONS = 8
START_S = 8            # real time that the workers get before the clock shows the epoch
RESTART_S = 0.5
STOP_LIMIT_S = 40
MONDAY_MS = 1_780_272_000_000  # 2026-06-01T00:00:00Z: histories begin in this week
PRELUDE_S = 5          # real time between the epoch and that Monday: stock is reported in it


class StageError(Exception):
    """Something did not start or failed; the text says where to look."""


def free_ports(count):
    """Ports that nobody listens on, below the range from which the kernel picks by itself."""
    with contextlib.ExitStack() as held:
        ports = []
        candidate = 20000 + os.getpid() % 8000
        while len(ports) < count:
            candidate += 1
            door = held.enter_context(socket.socket())
            try:
                door.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            ports.append(candidate)
        return ports


def started_at(pid):
    """When this process began, in ticks; None if there is none: so that a pid is not taken for another's."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Stage:
    """Starts and stops everything. Use as a context manager, or call stop()."""

    def __init__(self, run_dir, build_dir, rate=86400, settings=None, partitions=PARTITIONS, services=SERVICES):
        """settings: {"name": "value"} for all workers, over the files."""
        self.run_dir, self.build_dir = pathlib.Path(run_dir).resolve(), pathlib.Path(build_dir).resolve()
        self.rate, self.partitions, self.services = rate, partitions, services
        self.settings = dict(settings or {})
        self.stores_env = {}          # for deploy/dev/kafka and redis
        self.service_settings = {}    # service: {"name": "value"}, over all others
        self.run_dir.mkdir(parents=True, exist_ok=True)
        ports = free_ports(len(services) + 2)
        self.health = dict(zip(services, ports))
        self.http_port, self.smtp_port = ports[-2:]
        self.workers, self.world = {}, None
        self.world_flags = []         # more flags of `world play`
        self.restarts = []            # (service, exit status) of workers that ended by themselves
        self._supervising = False
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # Start

    def start_stores(self):
        for name in ("kafka", "redis"):
            self._dev(name, "start")

    def _dev(self, name, verb):
        done = subprocess.run([str(ROOT / "deploy" / "dev" / name), verb, str(self.run_dir / name)],
                              capture_output=True, text=True, env={**os.environ, **self.stores_env})
        if done.returncode:
            raise StageError(f"{name} did not {verb}: {done.stdout}{done.stderr}")

    @property
    def broker(self):
        return (self.run_dir / "kafka" / "address").read_text().strip()

    @property
    def redis_url(self):
        return (self.run_dir / "redis" / "address").read_text().strip()

    @property
    def waybill(self):
        """The command line tool; wants tool_env()."""
        return str(self.build_dir / "bin" / "waybill")

    def tool_env(self):
        shared = re.compile(r"clock\.|prefix$|kafka\.(?!session|transaction)")  # common/environment
        settings = {"kafka.bootstrap_servers": self.broker, **self.settings}
        return {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1",
                **{"WAYBILL_" + name.replace(".", "_").upper(): str(value) for name, value in settings.items() if shared.match(name)}}

    def create_topics(self):
        self.run_tool("topics", "create", "--partitions", str(self.partitions))

    def run_tool(self, *arguments, check=True, stdin=None):
        """One command of the tool; its finished process, text captured."""
        done = subprocess.run([self.waybill, *arguments], capture_output=True, text=True, input=stdin, timeout=120,
                              env=self.tool_env())
        if check and done.returncode:
            raise StageError(f"waybill {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done

    def set_clock(self, start_s=START_S):
        """The clock shows the epoch start_s from now; PRELUDE_S later begins the week of the histories."""
        self.epoch_ms = int(MONDAY_MS - 12 * 3_600_000 - PRELUDE_S * 1000 * self.rate)
        self.start_wall_ms = time.time_ns() // 1_000_000 + int(start_s * 1000)
        self.settings.update({"clock.epoch": self.epoch_ms, "clock.rate": self.rate, "clock.start_wall": self.start_wall_ms})

    def start_workers(self, supervise=False):
        text = (SETTINGS / "endpoints.yaml").read_text()
        (self.run_dir / "endpoints.yaml").write_text(
            text.replace("@HTTP@", f"127.0.0.1:{self.http_port}").replace("@SMTP@", f"127.0.0.1:{self.smtp_port}"))
        for service in self.services:
            self.start_worker(service)
        if supervise:
            self._supervising = True
            threading.Thread(target=self._supervise, daemon=True).start()

    def worker_command(self, service):
        files = [SETTINGS / f"{service}.yaml", self.run_dir / "endpoints.yaml"]
        settings = {"kafka.bootstrap_servers": self.broker, "redis.urls": self.redis_url,
                    "health.port": self.health[service], **self.settings, **self.service_settings.get(service, {})}
        return [str(self.build_dir / "bin" / service), *(f"--config={file}" for file in files if file.exists()),
                *(f"--{name}={value}" for name, value in settings.items())]

    def start_worker(self, service):
        with open(self.run_dir / f"{service}.log", "ab") as log:
            self.workers[service] = subprocess.Popen(self.worker_command(service), stdin=subprocess.DEVNULL, stdout=log,
                                                     stderr=log, start_new_session=True)
        self._remember(self.workers[service].pid, service)

    def _remember(self, pid, name):
        with open(self.run_dir / "pids", "a", encoding="ascii") as file:
            file.write(f"{pid} {started_at(pid)} {name}\n")

    def _supervise(self):
        """Starts again what ended by itself, as any process manager would."""
        while self._supervising:
            time.sleep(RESTART_S)
            with self._lock:
                for service, process in self.workers.items():
                    if self._supervising and process.poll() is not None:
                        self.restarts.append((service, process.returncode))
                        self.start_worker(service)

    def start_world(self, orders, limit_s=600, stay=False):
        command = [sys.executable, "-m", "world", "play", "--orders", str(orders), "--run-dir", str(self.run_dir / "world"),
                   "--produce", self.waybill, "--http-port", str(self.http_port), "--smtp-port", str(self.smtp_port),
                   "--epoch-ms", str(self.epoch_ms), "--start-wall-ms", str(self.start_wall_ms), "--rate", str(self.rate),
                   "--limit", str(limit_s), *(["--stay"] if stay else []), *self.world_flags]
        for service in self.services:
            command += ["--worker", self.health_url(service)]
        with open(self.run_dir / "world.log", "ab") as log:
            self.world = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                          env=self.tool_env())
        self._remember(self.world.pid, "world")

    def wait_until_ready(self, limit_s=90):
        deadline = time.monotonic() + limit_s
        for service in self.services:
            while True:
                self._check_workers()
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(self.health_url(service) + "/readyz", timeout=3).close()
                    break
                if time.monotonic() > deadline:
                    raise StageError(f"{service} is not ready after {limit_s} s: see {self.run_dir}/{service}.log\n{self.tail(service)}")
                time.sleep(0.1)

    def health_url(self, service):
        return f"http://127.0.0.1:{self.health[service]}"

    # While it runs

    def status(self):
        """What the world says of itself; None if its door is shut or not open yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/world/status", timeout=3) as reply:
                return json.loads(reply.read())
        except (OSError, ValueError):
            return None

    def wait_for_world(self, limit_s, each=lambda status: None, stay=False):
        """Waits until all is played; each(status) is called about every half second. Raises StageError if it failed."""
        deadline, state = time.monotonic() + limit_s, None
        while time.monotonic() < deadline:
            status = self.status()
            if status:
                each(status)
                state = status["state"]
            if self.world.poll() is not None or (stay and state in ("done", "gave up")):
                break
            self._check_workers()
            time.sleep(0.5)
        code = self.world.poll()
        if code or state == "gave up" or (code is None and not stay):
            raise StageError(f"the world did not come to its end (status {code}): see {self.run_dir}/world.log\n{self.tail('world')}")

    def _check_workers(self):
        for service, process in self.workers.items():
            if not self._supervising and process.poll() is not None:
                raise StageError(f"{service} ended with status {process.returncode}: see {self.run_dir}/{service}.log\n"
                                 f"{self.tail(service)}")

    def tail(self, name, lines=12):
        with contextlib.suppress(OSError):
            text = (self.run_dir / f"{name}.log").read_text(errors="replace").splitlines()
            return "\n".join(f"    {line}" for line in text[-lines:])
        return ""

    def kill_worker(self, service):
        """kill -9; the supervisor brings it back."""
        with self._lock:
            self.workers[service].kill()
            self.workers[service].wait()

    def flush_redis(self):
        subprocess.run(["redis-cli", "-s", str(self.run_dir / "redis" / "redis.sock"), "FLUSHALL"], check=True, capture_output=True)

    def restart(self, store):
        """Stops and starts kafka or redis; the data stays."""
        self._dev(store, "stop")
        self._dev(store, "start")

    def outage(self, what, seconds):
        """Shuts the world's door for smtp or http (suppliers and SMS) for so long."""
        url = f"http://127.0.0.1:{self.http_port}/world/outage?what={what}&seconds={seconds}"
        with contextlib.suppress(urllib.error.URLError, ConnectionError):  # the http door may shut before it has answered
            urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=3).read()

    # The books

    def collect(self):
        """Everything in all topics, as JSON lines in a file; its path."""
        path = self.run_dir / "records.jsonl"
        with open(path, "wb") as file:
            done = subprocess.run([self.waybill, "consume", "--all"], stdout=file, stderr=subprocess.PIPE, timeout=1200,
                                  env=self.tool_env())
        if done.returncode:
            raise StageError(f"waybill consume --all failed: {done.stderr.decode(errors='replace')}")
        return path

    def check_books(self, parked_allowed=0):
        """(balanced, printed text, {"table", "messages"})."""
        records, table = self.collect(), self.run_dir / "table.json"
        done = subprocess.run([sys.executable, "-m", "world", "check", "--run-dir", str(self.run_dir / "world"), "--records",
                               str(records), "--json", str(table), "--parked-allowed", str(parked_allowed)],
                              capture_output=True, text=True, env=self.tool_env())
        if not table.exists():
            raise StageError(f"the books could not be read: {done.stderr}")
        return done.returncode == 0, done.stdout, json.loads(table.read_text())

    # The end

    def stop_worker(self, service, limit_s=STOP_LIMIT_S):
        """SIGTERM, as a drain; its exit status."""
        with self._lock:
            process = self.workers.pop(service)
        process.terminate()
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StageError(f"{service} did not drain within {limit_s} s: see {self.run_dir}/{service}.log") from None

    def stop(self):
        """Ends everything that this stage started; (service, exit status) of the workers that were still running."""
        self._supervising = False
        with self._lock:
            processes = {**self.workers, **({"world": self.world} if self.world else {})}
            self.workers, self.world = {}, None
        for process in processes.values():
            process.terminate()
        ends = []
        for name, process in processes.items():
            try:
                ends.append((name, process.wait(STOP_LIMIT_S)))
            except subprocess.TimeoutExpired:
                process.kill()
                ends.append((name, process.wait()))
        for name in ("kafka", "redis"):
            if (self.run_dir / name).exists():
                self._dev(name, "stop")
        return ends


def stop_run(run_dir):
    """Stops what an earlier process started in run_dir and left running; the names of what ran."""
    run_dir, stopped = pathlib.Path(run_dir), []
    running = []
    with contextlib.suppress(FileNotFoundError):
        for line in (run_dir / "pids").read_text().splitlines():
            pid, ticks, name = line.split(" ", 2)
            if ticks != "None" and started_at(int(pid)) == int(ticks):
                running.append((int(pid), int(ticks), name))
    for pid, _, name in running:
        os.kill(pid, signal.SIGTERM)
        stopped.append(name)
    deadline = time.monotonic() + STOP_LIMIT_S
    for pid, ticks, _ in running:
        while started_at(pid) == ticks and time.monotonic() < deadline:
            time.sleep(0.1)
        if started_at(pid) == ticks:
            os.kill(pid, signal.SIGKILL)
    for name in ("kafka", "redis"):
        if (run_dir / name / "pid").exists():
            subprocess.run([str(ROOT / "deploy" / "dev" / name), "stop", str(run_dir / name)], check=True, capture_output=True)
            stopped.append(name)
    return stopped
