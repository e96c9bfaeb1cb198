"""Signals to real runs: each leaves what was trained, and says how to resume."""

import signal
import time

import tiny_processes

from sgan_jax.training import shutdown


def test_told_to_end_in_each_phase_a_run_ends_like_one_that_was_not(runs, whole, tmp_path):
    workdir = tmp_path / "run"
    for phase, number, step, what in (
        ("build", signal.SIGINT, 0, "nothing is lost"),
        ("compile", signal.SIGTERM, 0, "nothing is lost"),
        ("step@13", signal.SIGTERM, 13, "step 13 of 60 is saved"),
        ("evaluation@2", signal.SIGINT, 24, "step 24 of 60 is saved"),
        ("save@3", signal.SIGTERM, 31, "step 31 of 60 is saved"),
    ):
        run = runs.start(workdir, phase)
        run.wait_for_phase()
        time.sleep(0.3)
        began = time.monotonic()
        run.send_signal(number)
        status, said = run.finish()
        assert time.monotonic() - began < 10, phase
        assert status == shutdown.STOPPED, said
        assert f"stopped by {number.name}; {what}. To resume, repeat the command:" in said
        assert "tiny_run.py" in said.splitlines()[-1]
        assert "Traceback" not in said
        assert tiny_processes.latest_step(workdir) == step, said
    runs.train_to_the_end(workdir)
    assert tiny_processes.outcome(workdir) == whole
