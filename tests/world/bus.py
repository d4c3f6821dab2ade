"""The way into Waybill's topics: JSON lines into one long-lived `waybill produce --event NAME` per event."""
import json
import subprocess
import threading


class Bus:
    """emit(event, body) from any thread. A pipe that breaks is opened again once; its line is written again."""

    def __init__(self, command, log_path):
        """command: the program and its flags, to which `produce --event NAME` is added."""
        self._command, self._log = list(command), open(log_path, "ab")
        self._pipes, self._lock = {}, threading.Lock()
        self.emitted = {}

    def emit(self, event, body):
        line = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            try:
                self._write(event, line)
            except BrokenPipeError:
                self._pipes.pop(event).wait()
                self._write(event, line)
            self.emitted[event] = self.emitted.get(event, 0) + 1

    def _write(self, event, line):
        if event not in self._pipes:
            self._pipes[event] = subprocess.Popen(
                [*self._command, "produce", "--event", event], stdin=subprocess.PIPE, stdout=self._log, stderr=self._log)
        pipe = self._pipes[event].stdin
        pipe.write(line)
        pipe.flush()

    def close(self):
        """Waits until everything is in Kafka; the exit status of each producer that failed, by event."""
        failed = {}
        with self._lock:
            for event, process in self._pipes.items():
                process.stdin.close()
                if process.wait(timeout=60):
                    failed[event] = process.returncode
            self._pipes = {}
            self._log.close()
        return failed


class FakeBus:
    """Remembers instead of sending: for tests of the world itself."""

    def __init__(self):
        self.events, self._lock = [], threading.Lock()

    def emit(self, event, body):
        with self._lock:
            self.events.append((event, body))

    def of(self, event):
        with self._lock:
            return [body for name, body in self.events if name == event]

    def close(self):
        return {}
