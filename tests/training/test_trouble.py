"""What clusters do to real runs: each ends with one line that says what to do."""

import os
import signal

import tiny_processes
from full_disk import small_disk


def test_on_a_full_disk_a_run_ends_and_goes_on_when_there_is_room(runs, whole, tmp_path):
    with small_disk(tmp_path / "disk", kilobytes=3000) as disk:
        workdir = disk / "run"
        run = runs.start(workdir, "step@20")
        run.wait_for_phase()
        with (disk / "other data").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        status, said = run.finish()
        assert status == 1
        assert "Traceback" not in said
        error = said.splitlines()[-1]
        assert error.startswith(f"error: {workdir}")
        assert "is full: " in error and "0.0 MB are free" in error and "make space" in error
        (disk / "other data").unlink()
        assert 10 <= tiny_processes.latest_step(workdir) <= 20
        runs.train_to_the_end(workdir)
        assert tiny_processes.outcome(workdir) == whole


def test_two_runs_in_one_workdir(runs, whole, tmp_path):
    first = runs.start(tmp_path / "run", "step@20")
    first.wait_for_phase()
    os.kill(first.pid, signal.SIGSTOP)
    status, said = runs.start(tmp_path / "run").finish()
    os.kill(first.pid, signal.SIGCONT)
    assert status == 1
    expected = f"error: {tmp_path / 'run'} is in use by process {first.pid} on {os.uname()[1]}"
    assert said.splitlines()[-1].startswith(expected)
    assert first.finish()[0] == 0
    assert tiny_processes.outcome(tmp_path / "run") == whole


def test_a_vanished_workdir(runs, tmp_path):
    run = runs.start(tmp_path / "run", "step@20")
    run.wait_for_phase()
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    status, said = run.finish()
    assert status == 1
    assert "run has vanished while the run was writing to it" in said.splitlines()[-1]
    assert tiny_processes.latest_step(tmp_path / "elsewhere") >= 15
