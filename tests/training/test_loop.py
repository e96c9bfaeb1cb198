import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.training import checkpoint, loop, writer


class State(NamedTuple):
    params: jax.Array


class Killed(BaseException):
    """Stands for a signal: nothing in the loop may catch it."""


def train(
    workdir, *, total=12, per_call=1, kill_at=None, loss_at=None, diverge_at=99, accuracy=None
):
    """Run the loop on a state that is a running sum, as a command does: going on where it can."""
    workdir.mkdir(exist_ok=True)

    def advance(state, first, steps):
        if kill_at is not None and first + steps > kill_at:
            raise Killed
        losses = jnp.array(
            [(loss_at or {}).get(s + 1, 1.0 + s) for s in range(first, first + steps)]
        )
        params = state.params + 0.1 * losses.sum() * jnp.where(state.params > 5, 1.25, 1.0)
        params = params * jnp.inf if first < diverge_at <= first + steps else params
        sums = {"loss": losses * 4, "correct": losses, "examples": jnp.full(steps, 4.0)}
        return State(params), sums

    def validate(state):
        values = {"accuracy": float(np.sin(np.asarray(state.params)[0]))}
        return values if accuracy is None else {"accuracy": next(accuracy)}

    state, progress = State(jnp.ones(2)), loop.Progress(total=total)
    with checkpoint.latest(workdir, keep=2) as latest, checkpoint.best(workdir) as best:
        if (restored := latest.restore(state)) is not None:
            state, progress = restored.state, loop.Progress(**restored.notes["progress"])
        metrics = writer.MetricsWriter(workdir, first_step=progress.step, total_steps=total)
        outlets = loop.Outlets(metrics, latest, best, config={})
        schedule = loop.Schedule(per_call, log_every=2, eval_every=4, save_every=3)
        try:
            loop.Loop(progress, schedule, outlets, advance=advance, validate=validate).run(state)
        finally:
            metrics.close()


def result(workdir):
    like = State(jnp.ones(2))
    with checkpoint.latest(workdir, keep=2) as latest, checkpoint.best(workdir) as best:
        ends = [kind.restore(like) for kind in (latest, best)]
    for end in ends:
        end.notes["progress"].pop("seconds")
    states = [(end.step, end.state.params.tolist(), end.notes["progress"]) for end in ends]
    return states, (workdir / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("kills", [[1], [3], [7], [11], [4, 5, 8, 10]])
def test_a_killed_run_ends_like_one_that_was_not(tmp_path, kills):
    train(tmp_path / "whole")
    for step in kills:
        with pytest.raises(Killed):
            train(tmp_path / "killed", kill_at=step)
    train(tmp_path / "killed")
    assert result(tmp_path / "killed") == result(tmp_path / "whole")


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
        assert latest.restore(State(jnp.ones(2))).step == 3


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
        outlets = loop.Outlets(metrics, latest, best, config={})
        schedule = loop.Schedule(1, log_every=9, eval_every=9, save_every=9)
        run = loop.Loop(
            loop.Progress(total=3),
            schedule,
            outlets,
            advance=advance,
            validate=lambda state: {"accuracy": 0.0},
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
            loop.Outlets(metrics, latest, best, config={}),
            advance=advance,
            validate=lambda state: {"accuracy": 0.0},
        )
        run.run(State(jnp.ones(2)))
    metrics.close()
    assert calls == [(0, 5), (5, 2), (7, 5)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (700, "12 min"), (33_000, "9 h 10 min"), (273_700, "3 days 4 h")],
)
def test_durations_in_words(seconds, words):
    assert loop.duration(seconds) == words
