"""The loop around the compiled steps: when to log, to validate, to save, to stop.

It knows neither networks nor data. What it needs to go on exactly where a killed run stopped is in
`Progress`, which is saved with the state.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging

from sgan_jax.training import checkpoint, writer

Sums = Mapping[str, jax.Array]  # of each step of one call, [steps]; 'examples' counts


@dataclasses.dataclass
class Progress:
    """What the loop knows beside the state."""

    step: int = 0
    total: int = 0  # steps of the whole run
    seconds: float = 0.0  # of training, validation and saving, in all the starts of the run
    best_accuracy: float = -1.0  # on the validation part
    best_step: int = 0
    window: dict[str, float] = dataclasses.field(default_factory=dict)  # sums since the last log


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When things happen, in steps."""

    per_call: int
    log_every: int
    eval_every: int
    save_every: int
    phase_ends: tuple[int, ...] = ()  # no call goes beyond one of these


@dataclasses.dataclass(frozen=True)
class Outlets:
    """Where the loop's results go."""

    metrics: writer.MetricsWriter
    latest: checkpoint.Checkpoints
    best: checkpoint.Checkpoints
    config: dict[str, Any]  # saved with each checkpoint


class Loop:
    """Train from `progress.step` to `progress.total`.

    Args:
      progress: changed in place.
      schedule: when to log, validate and save.
      outlets: where to.
      advance: (state, first step, steps) -> (state, sums): one compiled call, not waited for.
      validate: state -> numbers, among them 'accuracy'.
    """

    def __init__(
        self,
        progress: Progress,
        schedule: Schedule,
        outlets: Outlets,
        *,
        advance: Callable[[Any, int, int], tuple[Any, Sums]],
        validate: Callable[[Any], dict[str, float]],
    ) -> None:
        self._progress, self._schedule, self._outlets = progress, schedule, outlets
        self._advance, self._validate = advance, validate
        self._clock = Clock(progress.seconds)

    def run(self, state: Any) -> Any:
        """Return the trained state; the one given goes to `advance`.

        Raises:
          FloatingPointError: a loss or a parameter is not finite; the checkpoints are from before.
        """
        progress, schedule = self._progress, self._schedule
        waiting: tuple[int, Sums] | None = None  # the call whose numbers have not been read
        while progress.step < progress.total:
            before = progress.step
            ends = (progress.total, *schedule.phase_ends)
            steps = min(schedule.per_call, *(end - before for end in ends if end > before))
            state, sums = self._advance(state, before, steps)
            progress.step += steps
            if waiting is not None:  # read while the devices work on the call just given to them
                self._absorb(*waiting)
            waiting = (before, sums)
            evaluating, saving = self._due(schedule.eval_every), self._due(schedule.save_every)
            if evaluating(before, progress.step) or saving(before, progress.step):
                self._absorb(*waiting)
                waiting = None
                with self._clock.paused():
                    self._look(state, before, evaluating(before, progress.step))
        return state

    def _due(self, every: int) -> Callable[[int, int], bool]:
        """Return whether the steps after `before`, up to `now`, hold a multiple of `every`."""
        total = self._progress.total
        return lambda before, now: now // every > before // every or now == total

    def _absorb(self, before: int, sums: Sums) -> None:
        """Read the numbers of the call that followed step `before`; log where it is time."""
        window = self._progress.window
        on_host = {name: np.asarray(value, np.float64) for name, value in sums.items()}
        for name, values in on_host.items():
            if not np.isfinite(values).all():
                first_bad = int(np.argmin(np.isfinite(values)))
                raise FloatingPointError(_stopped(f"{name} is not finite", before + first_bad + 1))
            window[name] = window.get(name, 0.0) + float(values.sum())
        now = before + len(on_host["examples"])
        self._outlets.metrics.progress(now)
        self._clock.tick(now, on_host["examples"].sum(), self._progress.total)
        if self._due(self._schedule.log_every)(before, now):
            examples = window.pop("examples")
            values = {name: value / examples for name, value in window.items()}
            rate = self._clock.samples_per_second()
            self._outlets.metrics.write(now, "train", values, samples_per_second=rate)
            window.clear()

    def _look(self, state: Any, before: int, evaluating: bool) -> None:
        """Validate if asked to, and save the state if it is sound."""
        progress, outlets = self._progress, self._outlets
        on_host = jax.device_get(state)
        leaves = jax.tree.leaves(on_host.params)
        if not all(np.isfinite(leaf).all() for leaf in leaves):
            raise FloatingPointError(_stopped("a parameter is not finite", progress.step))
        values = self._validate(state) if evaluating else {}
        if evaluating:
            outlets.metrics.write(progress.step, "validation", values)
        progress.seconds = self._clock.seconds()
        if evaluating and values["accuracy"] > progress.best_accuracy:
            progress.best_accuracy, progress.best_step = values["accuracy"], progress.step
            outlets.best.save(progress.step, on_host, self._notes())
        if self._due(self._schedule.save_every)(before, progress.step):
            outlets.latest.save(progress.step, on_host, self._notes())

    def _notes(self) -> dict[str, Any]:
        return {"progress": dataclasses.asdict(self._progress), "config": self._outlets.config}


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


def _stopped(what: str, step: int) -> str:
    return (
        f"{what} at step {step}; training stopped, the checkpoints from before are kept. "
        "Use a smaller learning rate, or look at the data"
    )
