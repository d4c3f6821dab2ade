"""Two Redis servers, one the replica of the other; workers and replica reach the master by doors, whose target moves at a fail-over.

Sentinel is not built into Waybill yet, so the stable address is what a cloud's managed Redis or a keepalived gives: it leads to
the master, and connections are cut when it moves. The replica, too, replicates through a door: held, it lags and nobody notices.
"""
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

from chaos.doors import HELD, OPEN

LIMIT_S = 60
OPTIONS = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
           "--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "10",
           "--auto-aof-rewrite-percentage", "0")


class RedisError(Exception):
    """A server did not do what it was told."""


class Redises:
    """master and replica are 0 and 1, or the other way round after a fail-over."""

    def __init__(self, run_dir, doors, ports, remember):
        self.dir, self._doors, self._remember = pathlib.Path(run_dir), doors, remember
        self.ports, (self.door, self._replication_door) = ports[:2], ports[2:4]
        self.processes, self.master = [None, None], 0

    @staticmethod
    def needed_ports():
        return 4

    @property
    def replica(self):
        return 1 - self.master

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.door}/0"

    def start_all(self):
        self._doors.open("redis", self.door, self.ports[0])
        self._doors.open("replication", self._replication_door, self.ports[0])
        self.start(0)
        self.start(1)
        self.wait_for_replica()

    def start(self, number):
        home = self.dir / str(number + 1)
        home.mkdir(parents=True, exist_ok=True)
        of = ["--replicaof", f"127.0.0.1 {self._replication_door}"] if number == self.replica else []
        self.processes[number] = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.ports[number]), "--dir", str(home),
             "--logfile", str(home / "log"), *OPTIONS, *of], stdin=subprocess.DEVNULL, start_new_session=True)
        self._remember(self.processes[number].pid, f"redis-{number + 1}")
        deadline = time.monotonic() + LIMIT_S
        while self.ask(number, "PING") != "PONG":
            if time.monotonic() > deadline or self.processes[number].poll() is not None:
                raise RedisError(f"redis {number + 1} does not serve: see {home}/log")
            time.sleep(0.1)

    def ask(self, number, *words):
        """One command by redis-cli; its answer as text."""
        done = subprocess.run(["redis-cli", "-p", str(self.ports[number]), *words], capture_output=True, text=True, timeout=LIMIT_S)
        return done.stdout.strip()

    def wait_for_replica(self):
        deadline = time.monotonic() + LIMIT_S
        while "master_link_status:up" not in self.ask(self.replica, "INFO", "replication"):
            if time.monotonic() > deadline:
                raise RedisError(f"the replica does not follow: see {self.dir}/*/log")
            time.sleep(0.1)

    # Faults

    def kill(self, number):
        self.processes[number].kill()
        self.processes[number].wait()

    def pause(self, number):
        os.kill(self.processes[number].pid, signal.SIGSTOP)

    def go_on(self, number):
        os.kill(self.processes[number].pid, signal.SIGCONT)

    def flush(self):
        self.ask(self.master, "FLUSHALL")

    def hold_replication(self):
        self._doors.set("replication", HELD)

    def fail_over(self):
        """The replica becomes the master, however far behind it is; the old master follows it and forgets what it had more."""
        old, new = self.master, self.replica
        self.ask(new, "REPLICAOF", "NO", "ONE")
        self._doors.move(self._replication_door, self.ports[new])
        self._doors.set("replication", OPEN)
        self._doors.move(self.door, self.ports[new])
        self.ask(old, "REPLICAOF", "127.0.0.1", str(self._replication_door))
        self.master = new

    def cut_tail(self, number, chance: random.Random):
        """Of a server that does not run: its append-only file loses its end. How many bytes."""
        files = sorted((self.dir / str(number + 1) / "appendonlydir").glob("*.incr.aof"))
        size = files[-1].stat().st_size
        lost = min(size, chance.choice((37, 1000, 20_000, 200_000)))
        os.truncate(files[-1], size - lost)
        return lost

    def stop_all(self):
        for process in self.processes:
            if process and process.poll() is None:
                process.kill()
                process.wait()


class Client:
    """A few commands in Redis' own protocol, bytes in, bytes out: redis-cli cannot print what is binary and be read back."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._answer()

    def _answer(self):
        line = self._file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            if int(rest) < 0:
                return None
            data = self._file.read(int(rest) + 2)
            return data[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        raise RedisError(rest.decode(errors="replace"))

    def hash(self, key):
        flat = self.ask("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def sorted_set(self, key):
        flat = self.ask("ZRANGE", key, 0, -1, "WITHSCORES")
        return {member: float(score) for member, score in zip(flat[::2], flat[1::2])}
