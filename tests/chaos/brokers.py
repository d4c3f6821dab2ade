"""Three Kafka brokers on loopback (KRaft, combined), each with a second listener that is advertised behind a door."""
import json
import os
import pathlib
import signal
import subprocess
import time

COUNT = 3
START_LIMIT_S, ISR_LIMIT_S = 90, 90
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},DOOR://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},DOOR://127.0.0.1:{door}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,DOOR:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={dir}/data
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.num.partitions=8
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=3
log.segment.bytes=67108864
# The oracle wants to see every position record: nothing is compacted while a run lasts.
log.cleaner.min.compaction.lag.ms=14400000
# Fail-over within 2 to 3 s instead of more than 10.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
replica.lag.time.max.ms=4000
"""
LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n
"""


class BrokersError(Exception):
    """A broker did not do what it was told; the text says where to look."""


class Brokers:
    """ports: of `needed_ports()` free ports. Broker numbers are 0, 1, 2."""

    def __init__(self, run_dir, fetch, ports, remember):
        """fetch: the program deploy/dev/kafka; remember(pid, name) notes what must end with the run."""
        self.dir, self._fetch, self._remember = pathlib.Path(run_dir), str(fetch), remember
        self.ports, self._behind, self.door_ports, self._controllers = (ports[i * COUNT:(i + 1) * COUNT] for i in range(4))
        self.processes = [None] * COUNT
        self._log_began = [0] * COUNT  # where in its log the present process begins

    @staticmethod
    def needed_ports():
        return 4 * COUNT

    @property
    def direct(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    @property
    def through_doors(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.door_ports)

    def doors(self):
        """[(door's port, port behind it)]"""
        return list(zip(self.door_ports, self._behind))

    def start_all(self):
        self._jars = subprocess.run([self._fetch, "fetch", str(self.dir)], check=True, capture_output=True, text=True).stdout.strip()
        cluster = subprocess.run(["java", "-Xmx64m", "-cp", f"{self._jars}/*", "kafka.tools.StorageTool", "random-uuid"],
                                 check=True, capture_output=True, text=True).stdout.strip()
        for number in range(COUNT):
            self._configure(number)
        formats = [subprocess.Popen([*self._java(number, 128), "kafka.tools.StorageTool", "format", "-t", cluster, "-c",
                                     str(self._home(number) / "server.properties")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                   for number in range(COUNT)]
        for process in formats:
            said, _ = process.communicate()
            if process.returncode:
                raise BrokersError(f"a broker's storage could not be formatted: {said.decode(errors='replace')}")
        for number in range(COUNT):
            self.start(number)
        for number in range(COUNT):
            self.wait_until_serving(number)
        self.wait_in_sync()

    def _home(self, number):
        return self.dir / str(number + 1)

    def _configure(self, number):
        home = self._home(number)
        home.mkdir(parents=True, exist_ok=True)
        voters = ",".join(f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(self._controllers))
        (home / "server.properties").write_text(PROPERTIES.format(
            node=number + 1, voters=voters, port=self.ports[number], behind=self._behind[number], door=self.door_ports[number],
            controller=self._controllers[number], dir=home))
        (home / "log4j.properties").write_text(LOG4J)

    def _java(self, number, heap_mb):
        return ["java", "-Xms128m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j.configuration=file:{self._home(number)}/log4j.properties", "-cp", f"{self._jars}/*"]

    def start(self, number):
        home = self._home(number)
        with open(home / "log", "ab") as log:
            self._log_began[number] = log.tell()
            self.processes[number] = subprocess.Popen([*self._java(number, 384), "kafka.Kafka", str(home / "server.properties")],
                                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._remember(self.processes[number].pid, f"broker-{number + 1}")

    def wait_until_serving(self, number):
        """By the broker's own word, so that a port alone is not taken for it."""
        log, deadline = self._home(number) / "log", time.monotonic() + START_LIMIT_S
        while log.read_bytes()[self._log_began[number]:].find(b"Kafka Server started") < 0:
            if self.processes[number].poll() is not None or time.monotonic() > deadline:
                raise BrokersError(f"broker {number + 1} does not serve: see {log}")
            time.sleep(0.2)

    def kill(self, number):
        self.processes[number].kill()
        self.processes[number].wait()

    def pause(self, number):
        os.kill(self.processes[number].pid, signal.SIGSTOP)

    def go_on(self, number):
        os.kill(self.processes[number].pid, signal.SIGCONT)

    def in_sync(self):
        """True when every partition has all its replicas in sync, as kcat hears it."""
        done = subprocess.run(["kcat", "-L", "-J", "-m", "5", "-b", self.direct], capture_output=True, text=True)
        if done.returncode:
            return False
        told = json.loads(done.stdout)
        partitions = [partition for topic in told["topics"] for partition in topic["partitions"]]
        return len(told["brokers"]) == COUNT and all(len(partition["isrs"]) == COUNT for partition in partitions)

    def wait_in_sync(self, limit_s=ISR_LIMIT_S):
        deadline = time.monotonic() + limit_s
        while not self.in_sync():
            if time.monotonic() > deadline:
                raise BrokersError(f"the brokers are not in sync after {limit_s} s: see {self.dir}/*/log")
            time.sleep(0.5)

    def stop_all(self):
        for process in self.processes:
            if process and process.poll() is None:
                process.kill()  # nothing in it is read again
                process.wait()
