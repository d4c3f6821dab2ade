"""How much memory the workers hold: samples of their RSS, and whether it is flat after a warm-up."""
import threading
import time

EVERY_S = 10
FLAT_KB_PER_MINUTE = 256  # a leak of 1 KB per event would be a hundred times that


class Memory:
    """Samples until stop(); samples[(name, pid)] = [(seconds since start, KB)]."""

    def __init__(self, stage, every_s=EVERY_S):
        self._stage, self._every_s = stage, every_s
        self._stop, self._began = threading.Event(), time.monotonic()
        self.samples = {}
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self._every_s):
            for name, process in list(self._stage.workers.items()):
                kb = rss_kb(process.pid)
                if kb:
                    self.samples.setdefault((name, process.pid), []).append((time.monotonic() - self._began, kb))

    def lines(self, warm_up_s=0):
        """One line for each worker: least, most, slope after the warm-up."""
        told = []
        for (name, pid), samples in sorted(self.samples.items()):
            after = [sample for sample in samples if sample[0] >= warm_up_s]
            if len(after) < 6:
                continue
            slope = slope_per_minute(after)
            flat = "flat" if abs(slope) <= FLAT_KB_PER_MINUTE else "NOT FLAT"
            told.append(f"{name:<20} pid {pid:<8} {min(kb for _, kb in after) / 1024:6.1f} to {max(kb for _, kb in samples) / 1024:6.1f} MB, "
                        f"{slope:+8.1f} KB per minute after {warm_up_s:.0f} s: {flat}")
        return told

    def most_kb(self):
        return max((kb for samples in self.samples.values() for _, kb in samples), default=0)


def rss_kb(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmRSS:")), 0)
    except OSError:
        return 0


def slope_per_minute(samples):
    """Least squares through (seconds, KB), in KB per minute."""
    count = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / count, sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0
