"""The way into Waybill's topics: JSON lines into a long-lived `waybill produce`."""
import json
import subprocess
import threading
import uuid


class Bus:
    """emit(event, body) from any thread, in that order; what is emitted twice is two events of one content."""

    def __init__(self, program, log_path):
        self._lock = threading.Lock()
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen([program, "produce", "--source", "world"], stdin=subprocess.PIPE,
                                             stdout=log, stderr=log)

    def emit(self, event, body):
        line = json.dumps({"id": str(uuid.uuid4()), "event": event, "data": body}, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def close(self):
        """Waits until everything is in Kafka; the exit status of the producer."""
        with self._lock:
            self._process.stdin.close()
            return self._process.wait(timeout=120)


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
