"""A ledger: one JSON line for every request that a stand-in got, repeats included."""
import json
import threading


class Ledger:
    def __init__(self, path=None):
        """path None keeps the lines in memory only."""
        self.lines = []
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8", buffering=1) if path else None

    def add(self, **entry):
        with self._lock:
            self.lines.append(entry)
            if self._file:
                self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return entry

    def close(self):
        if self._file:
            self._file.close()


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
