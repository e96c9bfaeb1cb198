"""How fast a run is and how long it will take."""

import contextlib
import time
from collections.abc import Generator

from absl import logging


class Clock:
    """Measure a run's time and samples per second, and estimate how long it will take."""

    MEASURED_SECONDS = 5.0  # enough to estimate the duration of the run

    def __init__(self, seconds_before: float) -> None:
        self._origin = time.monotonic() - seconds_before
        self._since = time.monotonic()  # start of the rate's window, moved on by each pause
        self._examples = 0.0
        self._compiled: tuple[float, int] | None = None  # time and step after the first call
        self._told = False

    def seconds(self) -> float:
        """Return the seconds that the run has taken, earlier starts included."""
        return time.monotonic() - self._origin

    def tick(self, step: int, examples: float, total: int) -> None:
        """Record that a call's metrics were read; log once how long the run will take."""
        self._examples += examples
        now = time.monotonic()
        if self._compiled is None:  # the time until now was mostly compilation
            self._compiled = (now, step)
            self._since, self._examples = now, 0.0
            return
        began, first = self._compiled
        if not self._told and now - began >= self.MEASURED_SECONDS:
            self._told = True
            seconds_per_step = (now - began) / (step - first)
            text = duration((total - step) * seconds_per_step)
            logging.info(
                "the remaining %d steps will take about %s on this machine", total - step, text
            )

    def samples_per_second(self) -> float:
        """Return the rate since the last call of this method, without validation and saving."""
        now = time.monotonic()
        rate = self._examples / max(now - self._since, 1e-3)
        self._since, self._examples = now, 0.0
        return rate

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """Exclude the time spent inside the block from the rates."""
        began = time.monotonic()
        yield
        pause = time.monotonic() - began
        self._since += pause
        if self._compiled is not None:
            self._compiled = (self._compiled[0] + pause, self._compiled[1])


def duration(seconds: float) -> str:
    """Return a duration in words: '40 s', '12 min', '9 h 10 min', '3 days 4 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} days {minutes % 1440 // 60} h"
