"""The accelerated clock that the world shares with the workers (settings clock.epoch_ms, clock.start_wall_ms, clock.rate)."""
import time

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Clock:
    """now = epoch_ms + (wall_ms - start_wall_ms) * rate; a rate of 86400 makes a day of every second."""

    def __init__(self, epoch_ms, start_wall_ms, rate, wall_ms=lambda: time.time_ns() // 1_000_000):
        self.epoch_ms, self.start_wall_ms, self.rate = epoch_ms, start_wall_ms, rate
        self._wall_ms = wall_ms

    def now_ms(self):
        return int(self.epoch_ms + (self._wall_ms() - self.start_wall_ms) * self.rate)

    def wall_seconds_until(self, when_ms):
        return max(0.0, (when_ms - self.now_ms()) / self.rate / 1000)
