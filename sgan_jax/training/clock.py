"""How fast a run is, and how long it will take."""

import contextlib
import time
from collections.abc import Generator

from absl import logging


class Clock:
    """Seconds of the run, samples a second, and how long it all will take."""

    MEASURED_SECONDS = 5.0  # enough to say how long the whole will take

    def __init__(self, seconds_before: float) -> None:
        self._origin = time.monotonic() - seconds_before
        self._since = time.monotonic()  # of the rate's window, pauses taken out
        self._examples = 0.0
        self._compiled: tuple[float, int] | None = None  # time and step after the first call
        self._told = False

    def seconds(self) -> float:
        """Return the seconds of the run."""
        return time.monotonic() - self._origin

    def tick(self, step: int, examples: float, total: int) -> None:
        """Note that a call's numbers have been read; once, say how long the run will take."""
        self._examples += examples
        now = time.monotonic()
        if self._compiled is None:  # what came before was mostly compilation
            self._compiled = (now, step)
            self._since, self._examples = now, 0.0
            return
        began, first = self._compiled
        if not self._told and now - began >= self.MEASURED_SECONDS:
            self._told = True
            seconds_per_step = (now - began) / (step - first)
            text = duration((total - step) * seconds_per_step)
            logging.info("the %d steps to go take about %s on this machine", total - step, text)

    def samples_per_second(self) -> float:
        """Return the rate since this was last asked, validation and saving left out."""
        now = time.monotonic()
        rate = self._examples / max(now - self._since, 1e-3)
        self._since, self._examples = now, 0.0
        return rate

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """Leave what happens inside out of the rates."""
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
