"""kill -9 at random moments of real runs: they lose no more than the steps since a checkpoint."""

import math
import random
import signal
import time

import pytest
import tiny_processes
from tiny_processes import SETTINGS, latest_step, metrics

EVERY = SETTINGS["checkpoint.every_steps"]


def kill_at_random(runs, workdir, moment):
    """Kill a run at a random moment, while it starts or while it trains.

    Return the step that it is known to have done, and the step from which it would resume.
    """
    before, run = len(metrics(workdir)), runs.start(workdir)
    if moment.random() < 0.2:
        lines, until = 1, time.monotonic() + moment.uniform(0, 2)  # it may already train by then
    else:
        # A line or two each time, so that most of the ten find it training.
        lines, until = moment.randrange(1, 3), math.inf
    while len(metrics(workdir)) < before + lines and time.monotonic() < until:
        if run.poll() is not None:
            break
        time.sleep(0.001)
    else:
        time.sleep(moment.uniform(0, 0.05))
    run.send_signal(signal.SIGKILL)
    run.finish()
    return max([0, *(line["step"] for line in metrics(workdir))]), latest_step(workdir)


def count_kills_in_training(runs, whole, workdir, seed):
    """Kill a run ten times, compare its end with an undisturbed one's; count kills in training."""
    moment, count = random.Random(seed), 0
    for _ in range(10):
        done, saved = kill_at_random(runs, workdir, moment)
        assert done - saved <= EVERY
        count += 0 < saved < SETTINGS["train.steps"]
    runs.train_to_the_end(workdir)
    assert tiny_processes.outcome(workdir) == whole
    return count


def test_a_run_killed_at_ten_random_moments_ends_like_one_that_was_not(runs, whole, tmp_path):
    assert count_kills_in_training(runs, whole, tmp_path / "run", seed=1) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_kills_ten_times(runs, whole, tmp_path, seed):
    count_kills_in_training(runs, whole, tmp_path / "run", seed)
