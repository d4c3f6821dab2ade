"""What is still to be done in the world and when: actions by virtual time, run in order on one thread."""
import heapq
import itertools
import threading
import traceback

LONGEST_NAP_S = 0.25


class Agenda:
    def __init__(self, clock):
        self.clock = clock
        self.failures = []
        self._heap, self._count = [], itertools.count()
        self._changed = threading.Condition()
        self._running = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="agenda", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def at(self, when_ms, action, *args):
        """Does action(*args) once the clock shows when_ms; at once if it already does."""
        with self._changed:
            heapq.heappush(self._heap, (when_ms, next(self._count), action, args))
            self._changed.notify()

    def left(self):
        with self._changed:
            return len(self._heap) + self._running

    def run_due(self):
        """Runs what is due; True if there was anything."""
        with self._changed:
            if not self._heap or self._heap[0][0] > self.clock.now_ms():
                return False
            _, _, action, args = heapq.heappop(self._heap)
            self._running = 1
        try:
            action(*args)
        except Exception:  # one broken action must not stop the world; the books will tell
            self.failures.append(traceback.format_exc())
        with self._changed:
            self._running = 0
        return True

    def _run(self):
        while True:
            if self.run_due():
                continue
            with self._changed:
                if self._stopped:
                    return
                nap = LONGEST_NAP_S
                if self._heap:
                    nap = min(nap, self.clock.wall_seconds_until(self._heap[0][0]))
                self._changed.wait(max(nap, 0.001))
