import itertools
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.training import checkpoint, loop, shutdown, workdir, writer


class State(NamedTuple):
    params: jax.Array


class Killed(BaseException):
    """Stands in for a signal: nothing in the loop may catch it."""


class StopAt(shutdown.Shutdown):
    """Tells the loop to end after a step, or in the validation after it."""

    def __init__(self, loop_step=None, validation_step=None):
        super().__init__()
        self.step, self.loop_step, self.validation_step = 0, loop_step, validation_step

    def should_stop(self):
        return self.step == self.loop_step


def train(
    folder,
    *,
    total=12,
    per_call=1,
    kill_at=None,
    loss_at=None,
    diverge_at=99,
    accuracy=None,
    stop=None,
    save_every=3,
    watch=lambda steps: None,
):
    """Run the loop on a state that is a running sum; resume if possible, as a command does."""
    stop = stop or StopAt()

    def advance(state, first, steps):
        if kill_at is not None and first + steps > kill_at:
            raise Killed
        losses = jnp.array(
            [(loss_at or {}).get(s + 1, 1.0 + s) for s in range(first, first + steps)]
        )
        params = state.params + 0.1 * losses.sum() * jnp.where(state.params > 5, 1.25, 1.0)
        params = params * jnp.inf if first < diverge_at <= first + steps else params
        stop.step = first + steps
        watch(first + steps)
        sums = {"loss": losses * 4, "correct": losses, "examples": jnp.full(steps, 4.0)}
        return State(params), sums

    def validate(state):
        if stop.step == stop.validation_step:
            return None
        values = {"accuracy": float(np.sin(np.asarray(state.params)[0]))}
        return values if accuracy is None else {"accuracy": next(accuracy)}

    state, progress = State(jnp.ones(2)), loop.Progress(total=total)
    with (
        workdir.held(folder) as check,
        checkpoint.latest(folder, keep=2) as latest,
        checkpoint.best(folder) as best,
    ):
        if (restored := latest.restore(state)) is not None:
            state, progress = restored.state, loop.Progress(**restored.notes["progress"])
        metrics = writer.MetricsWriter(
            folder,
            first_step=progress.step,
            total_steps=total,
            unevaluated=progress.unevaluated,
        )
        outlets = loop.Outlets(metrics, latest, best, config={}, check_workdir=check)
        schedule = loop.Schedule(per_call, log_every=2, eval_every=4, save_every=save_every)
        try:
            loop.Loop(
                progress, schedule, outlets, advance=advance, validate=validate, stop=stop
            ).run(state)
        finally:
            metrics.close()


def result(folder):
    like = State(jnp.ones(2))
    with checkpoint.latest(folder, keep=2) as latest, checkpoint.best(folder) as best:
        ends = [kind.restore(like) for kind in (latest, best)]
    for end in ends:
        end.notes["progress"].pop("seconds")
    states = [(end.step, end.state.params.tolist(), end.notes["progress"]) for end in ends]
    return states, (folder / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("kills", [[1], [3], [7], [11], [4, 5, 8, 10]])
def test_a_killed_run_ends_like_one_that_was_not(tmp_path, kills):
    train(tmp_path / "whole")
    for step in kills:
        with pytest.raises(Killed):
            train(tmp_path / "killed", kill_at=step)
    train(tmp_path / "killed")
    assert result(tmp_path / "killed") == result(tmp_path / "whole")


@pytest.mark.parametrize(
    "stop",
    [
        dict(loop_step=1),
        dict(loop_step=5),
        dict(loop_step=6),  # a save is due
        dict(loop_step=8),  # a validation is due
        dict(loop_step=12),
        dict(validation_step=4),
        dict(validation_step=12),  # ... and a save
    ],
)
def test_a_run_told_to_end_loses_no_step_and_ends_like_one_that_was_not(tmp_path, stop):
    train(tmp_path / "whole")
    stop = StopAt(**stop)
    with pytest.raises(shutdown.Stopped, match=f"step {stop.loop_step or stop.validation_step} of"):
        train(tmp_path / "stopped", stop=stop)
    with checkpoint.latest(tmp_path / "stopped", keep=2) as latest:
        assert latest.restore(State(jnp.ones(2))).step == stop.step
    if stop.validation_step:  # kill the resumed run after it has written the line
        with pytest.raises(Killed):
            train(tmp_path / "stopped", kill_at=stop.step)
            raise Killed
    train(tmp_path / "stopped")
    ended, whole = result(tmp_path / "stopped"), result(tmp_path / "whole")
    ended[0][0][2]["unevaluated"] = False  # the checkpoint at the end is not rewritten
    assert ended == whole


@pytest.mark.parametrize("save_every", [1, 2, 5])
def test_never_more_steps_are_ahead_of_a_whole_checkpoint_than_may_be_lost(
    tmp_path, monkeypatch, save_every
):
    """However slow the disk: a kill during any step would lose those that are ahead."""
    write, ahead = checkpoint.Checkpoints._write, []

    def write_slowly(self, step, state, notes):
        time.sleep(0.1)
        write(self, step, state, notes)

    def watch(steps):
        whole = [int(p.name) for p in (tmp_path / "run/checkpoints/latest").glob("?")]
        ahead.append(steps - max([0, *whole]))

    monkeypatch.setattr(checkpoint.Checkpoints, "_write", write_slowly)
    train(tmp_path / "run", total=9, save_every=save_every, watch=watch)
    assert max(ahead) == save_every


@pytest.mark.parametrize("per_call", [2, 3, 5])
def test_steps_per_call_change_the_lines_only(tmp_path, per_call):
    train(tmp_path / "one")
    train(tmp_path / "many", per_call=per_call)
    ones, manys = (result(tmp_path / name)[0] for name in ("one", "many"))
    assert ones[0][0] == manys[0][0] == 12
    train(tmp_path / "one")  # a finished run has nothing left to do
    assert result(tmp_path / "one")[0] == ones


def test_lines_are_means_over_examples(tmp_path):
    train(tmp_path / "run", total=4)
    lines = [x for x in writer.read_metrics(tmp_path / "run/metrics.jsonl") if x["kind"] == "train"]
    # Step s has loss s for each of its 4 examples.
    assert [(x["step"], x["loss"], x["correct"]) for x in lines] == [
        (2, 1.5, 0.375),
        (4, 3.5, 0.875),
    ]


def test_the_best_is_the_first_of_equals(tmp_path):
    train(tmp_path / "run", accuracy=iter([0.5, 0.8, 0.8]))
    with checkpoint.best(tmp_path / "run") as best:
        assert best.notes()["progress"]["best_step"] == 8


@pytest.mark.parametrize("per_call", [1, 5])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path, per_call):
    with pytest.raises(FloatingPointError, match="loss is not finite at step 8"):
        train(tmp_path / "run", per_call=per_call, loss_at={8: float("nan")})
    with checkpoint.latest(tmp_path / "run", keep=2) as latest:
        kept = latest.restore(State(jnp.ones(2)))
    assert kept.step == (6 if per_call == 1 else 5)
    assert np.isfinite(kept.state.params).all()


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="a parameter is not finite at step 6"):
        train(tmp_path / "run", diverge_at=6)
    with checkpoint.latest(tmp_path / "run", keep=2) as latest:
        assert latest.restore(State(jnp.ones(2))).step == 5


def test_the_numbers_of_a_call_are_read_after_the_next_was_given(tmp_path):
    order = []

    class Sum:
        def __init__(self, step):
            self.step = step

        def __array__(self, dtype=None, copy=None):
            order.append(f"read {self.step}")
            return np.ones(1, dtype)

    def advance(state, first, steps):
        order.append(f"give {first}")
        return state, {"examples": Sum(first)}

    metrics = writer.MetricsWriter(tmp_path, first_step=0, total_steps=3)
    with checkpoint.latest(tmp_path, keep=1) as latest, checkpoint.best(tmp_path) as best:
        outlets = loop.Outlets(metrics, latest, best, config={}, check_workdir=lambda: None)
        schedule = loop.Schedule(1, log_every=9, eval_every=9, save_every=9)
        run = loop.Loop(
            loop.Progress(total=3),
            schedule,
            outlets,
            advance=advance,
            validate=lambda state: {"accuracy": 0.0},
            stop=shutdown.Shutdown(),
        )
        run.run(State(jnp.ones(2)))
    metrics.close()
    reads = [entry for entry, _ in itertools.groupby(order)]
    assert reads == ["give 0", "give 1", "read 0", "give 2", "read 1", "read 2"]


def test_no_call_goes_beyond_the_end_of_a_phase(tmp_path):
    calls = []

    def advance(state, first, steps):
        calls.append((first, steps))
        return state, {"examples": jnp.ones(steps)}

    metrics = writer.MetricsWriter(tmp_path, first_step=0, total_steps=12)
    with checkpoint.latest(tmp_path, keep=1) as latest, checkpoint.best(tmp_path) as best:
        schedule = loop.Schedule(5, log_every=9, eval_every=99, save_every=99, phase_ends=(7, 12))
        run = loop.Loop(
            loop.Progress(total=12),
            schedule,
            loop.Outlets(metrics, latest, best, config={}, check_workdir=lambda: None),
            advance=advance,
            validate=lambda state: {"accuracy": 0.0},
            stop=shutdown.Shutdown(),
        )
        run.run(State(jnp.ones(2)))
    metrics.close()
    assert calls == [(0, 5), (5, 2), (7, 5)]
