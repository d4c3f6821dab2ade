"""How much memory the workers hold, how far they are behind and how busy the machine is: samples; is the memory flat after a warm-up?"""
import threading
import time

EVERY_S = 10
FLAT_KB_PER_MINUTE = 256  # a leak of 1 KB per event would be a hundred times that
SAMPLES_LEAST = 6


class Memory:
    """Samples until stop(); samples[(name, pid)] = [(seconds since start, KB)], behind = [(seconds, records of lag, records read)]."""

    def __init__(self, stage, every_s=EVERY_S):
        self._stage, self._every_s = stage, every_s
        self._stop, self._began = threading.Event(), time.monotonic()
        self.samples, self.behind, self.idle = {}, [], []  # idle: (seconds, share of all processors since the sample before)
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        before = processor_ticks()
        while not self._stop.wait(self._every_s):
            now = processor_ticks()
            self.idle.append((self.now_s(), (now[0] - before[0]) / max(1, now[1] - before[1])))
            before = now
            for name, process in list(self._stage.workers.items()):
                kb = rss_kb(process.pid)
                if kb:
                    self.samples.setdefault((name, process.pid), []).append((self.now_s(), kb))
            pages = [page for name in list(self._stage.workers) if (page := self._stage.metrics(name))]
            self.behind.append((self.now_s(), *(sum(number for page in pages for name, number in page.items() if name.startswith(what))
                                                for what in ("waybill_input_lag_records", "waybill_records_read_total"))))

    def now_s(self):
        return time.monotonic() - self._began

    def lines(self, from_s, until_s):
        """(one line for each worker: least, most, slope between these moments; names of those that are not flat; of those that did not live
        through all of it, or were not measured: about them nobody can say)"""
        told, rising, unknown = [], [], []
        rounds = sum(from_s <= at_s <= until_s for at_s, _ in self.idle)
        least = max(SAMPLES_LEAST, rounds - 1, (until_s - from_s) / self._every_s / 2)
        for (name, pid), samples in sorted(self.samples.items()):
            some = [sample for sample in samples if from_s <= sample[0] <= until_s]
            if len(some) < least:
                unknown.append(f"{name}, process {pid}")
                continue
            slope = slope_per_minute(some)
            if slope > FLAT_KB_PER_MINUTE:
                rising.append(name)
            told.append(f"{name:<20}{min(kb for _, kb in some) / 1024:7.1f} to {max(kb for _, kb in some) / 1024:6.1f} MB, {slope:+7.1f} KB "
                        f"per minute: {'RISES' if name in rising else 'flat'}; later at most {max(kb for _, kb in samples) / 1024:.1f} MB")
        return told, rising, unknown

    def throughput(self, from_s, until_s):
        """(records read per second by all workers, median and most lag) between these moments."""
        some = [row for row in self.behind if from_s <= row[0] <= until_s]
        if len(some) < 2:
            return 0.0, 0, 0
        lags = sorted(row[1] for row in some)
        return (some[-1][2] - some[0][2]) / (some[-1][0] - some[0][0]), lags[len(lags) // 2], lags[-1]

    def median_idle(self, from_s, until_s):
        """The share of the machine that nobody used."""
        some = sorted(share for at_s, share in self.idle if from_s <= at_s <= until_s)
        return some[len(some) // 2] if some else 0.0

    def most_kb(self):
        return max((kb for samples in self.samples.values() for _, kb in samples), default=0)


def rss_kb(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmRSS:")), 0)
    except OSError:
        return 0


def processor_ticks():
    """(idle, all) of all processors together since the machine began."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def slope_per_minute(samples):
    """Least squares through (seconds, KB), in KB per minute."""
    count = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / count, sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0
