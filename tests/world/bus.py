"""The way into Waybill's topics: JSON lines into a long-lived `waybill produce`."""
import json
import random
import subprocess
import threading
import uuid

REPEAT_AFTER_S = (0.05, 1.0, 10.0, 120.0)  # at once, soon, late, when the sender's own retry is long over


class Bus:
    """emit(event, body) from any thread, in that order; what is emitted twice is two events of one content.

    repeat: this share of all events is sent again later, under the same id, as senders do that got no answer.
    """

    def __init__(self, program, log_path, repeat=0.0):
        self._lock, self._repeat, self._closed = threading.Lock(), repeat, False
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen([program, "produce", "--source", "world"], stdin=subprocess.PIPE,
                                             stdout=log, stderr=log)

    def emit(self, event, body, **where):
        """where: key and topic, for bodies that do not tell them."""
        row = {"id": str(uuid.uuid4()), "event": event, "data": body, **where}
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        self._write(line)
        if random.random() < self._repeat:
            again = threading.Timer(random.choice(REPEAT_AFTER_S), self._write, [line])
            again.daemon = True
            again.start()

    def _write(self, line):
        with self._lock:
            if self._closed:
                return  # a repeat that came too late
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def close(self):
        """Waits until everything is in Kafka; the exit status of the producer."""
        with self._lock:
            self._closed = True
            self._process.stdin.close()
            return self._process.wait(timeout=120)


class FakeBus:
    """Remembers instead of sending: for tests of the world itself."""

    def __init__(self):
        self.events, self._lock = [], threading.Lock()

    def emit(self, event, body, **_where):
        with self._lock:
            self.events.append((event, body))

    def of(self, event):
        with self._lock:
            return [body for name, body in self.events if name == event]
