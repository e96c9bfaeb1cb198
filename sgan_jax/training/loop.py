"""The loop around the compiled steps: when to log, validate, save and stop.

It knows neither networks nor data. What it needs to resume an interrupted run exactly is in
`Progress`, which is saved with the state.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from sgan_jax.training import checkpoint, clock, shutdown, writer

Sums = Mapping[str, jax.Array]  # per step of one call, [steps]; 'examples' is their number


@dataclasses.dataclass
class Progress:
    """The loop's own state, saved with the train state."""

    step: int = 0
    total: int = 0  # steps of the whole run
    global_batch: int = 0  # labelled patterns per step, over all devices
    seconds: float = 0.0  # of training, validation and saving, summed over restarts
    best_accuracy: float = -1.0  # on the validation part
    best_step: int = 0
    window: dict[str, float] = dataclasses.field(default_factory=dict)  # sums since the last log
    unevaluated: bool = False  # validation was due at this step, but the run was asked to stop
    devices: list[str] = dataclasses.field(default_factory=list)  # of each start, if they changed


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When things happen, in steps.

    A checkpoint is written while training continues; until it is complete, only the previous one
    counts. One is therefore written every `save_every` / 2 steps, so that a kill loses at most
    `save_every` steps (or one call, if that is longer).
    """

    per_call: int
    log_every: int
    eval_every: int
    save_every: int
    phase_ends: tuple[int, ...] = ()  # no call crosses one of these


@dataclasses.dataclass(frozen=True)
class Outlets:
    """Where the loop's results go."""

    metrics: writer.MetricsWriter | writer.SilentWriter
    latest: checkpoint.Checkpoints
    best: checkpoint.Checkpoints
    config: dict[str, Any]  # saved with each checkpoint
    check_workdir: Callable[[], None]  # raises if the run's folder no longer exists


class Loop:
    """Train from `progress.step` to `progress.total`.

    Args:
      progress: modified in place.
      schedule: when to log, validate and save.
      outlets: where the results go.
      advance: (state, first step, steps) -> (state, sums): one compiled call, dispatched without
        waiting for its result.
      validate: state -> metrics, including 'accuracy'; None if it was asked to stop.
      stop: whether the run has been asked to stop.
    """

    def __init__(
        self,
        progress: Progress,
        schedule: Schedule,
        outlets: Outlets,
        *,
        advance: Callable[[Any, int, int], tuple[Any, Sums]],
        validate: Callable[[Any], dict[str, float] | None],
        stop: shutdown.Shutdown,
    ) -> None:
        self._progress, self._schedule, self._outlets = progress, schedule, outlets
        self._advance, self._validate, self._stop = advance, validate, stop
        self._clock = clock.Clock(progress.seconds)
        self._saved = self._whole = progress.step  # last checkpoint begun; last known to be whole

    def run(self, state: Any) -> Any:
        """Return the trained state; the one given is handed to `advance`.

        Raises:
          FloatingPointError: a loss or a parameter is not finite; all checkpoints predate it.
          Stopped: the run was asked to stop; its state is being saved.
          OSError: something could not be written.
        """
        progress, schedule = self._progress, self._schedule
        waiting: tuple[int, Sums] | None = None  # the call whose metrics have not been read yet
        if progress.unevaluated and self._look(
            state, evaluating=True, saving=False, stopping=False
        ):
            raise self._stopped()
        while progress.step < progress.total:
            before = progress.step
            ends = (progress.total, *schedule.phase_ends)
            steps = min(schedule.per_call, *(end - before for end in ends if end > before))
            if before + steps > self._whole + schedule.save_every:
                self._outlets.latest.wait()
                self._whole = self._saved
            state, sums = self._advance(state, before, steps)
            progress.step += steps
            self._stop.protect()
            if waiting is not None:  # read while the devices work on the call just dispatched
                self._absorb(*waiting)
            waiting = (before, sums)
            evaluating = self._due(schedule.eval_every)(before, progress.step)
            stopping = self._stop.should_stop()
            saving = self._due(schedule.save_every / 2)(before, progress.step) or stopping
            if evaluating or saving:
                self._absorb(*waiting)
                waiting = None
                with self._clock.paused():
                    stopping = self._look(
                        state, evaluating=evaluating, saving=saving, stopping=stopping
                    )
            if stopping:
                raise self._stopped()
        return state

    def _due(self, every: float) -> Callable[[int, int], bool]:
        """Make (before, now) -> whether a multiple of `every`, or the end, is in (before, now]."""
        total = self._progress.total
        return lambda before, now: now // every > before // every or now == total

    def _absorb(self, before: int, sums: Sums) -> None:
        """Read the metrics of the call that followed step `before`; log them when due."""
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

    def _look(self, state: Any, *, evaluating: bool, saving: bool, stopping: bool) -> bool:
        """Check the state, then validate and save as asked; return whether to stop.

        A validation that is due when the run is asked to stop is left to the resumed run.
        """
        progress, outlets = self._progress, self._outlets
        outlets.check_workdir()
        outlets.latest.check()
        outlets.best.check()
        on_host = jax.device_get(state)
        leaves = jax.tree.leaves(on_host.params)
        if not all(np.isfinite(leaf).all() for leaf in leaves):
            raise FloatingPointError(_stopped("a parameter is not finite", progress.step))
        values = self._validate(state) if evaluating and not stopping else None
        progress.unevaluated = evaluating and values is None
        progress.seconds = self._clock.seconds()
        if values is not None:
            outlets.metrics.write(progress.step, "validation", values)
            if values["accuracy"] > progress.best_accuracy:
                progress.best_accuracy, progress.best_step = values["accuracy"], progress.step
                outlets.best.save(progress.step, on_host, self._notes())
        if saving or progress.unevaluated:
            outlets.metrics.sync()
            outlets.best.wait()  # a latest checkpoint never refers to a best one that is missing
            outlets.latest.save(progress.step, on_host, self._notes())
            self._whole, self._saved = self._saved, progress.step
        return stopping or progress.unevaluated

    def _stopped(self) -> shutdown.Stopped:
        progress = self._progress
        return shutdown.Stopped(f"step {progress.step} of {progress.total} is saved")

    def _notes(self) -> dict[str, Any]:
        return {"progress": dataclasses.asdict(self._progress), "config": self._outlets.config}


def _stopped(what: str, step: int) -> str:
    return (
        f"{what} at step {step}; training stopped, and the earlier checkpoints are kept. "
        "Use a smaller learning rate, or check the data"
    )
