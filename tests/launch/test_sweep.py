"""launch/sweep.py as users start it, with a stand-in for the program that it runs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from sweep_stage import ROOT, Stage


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_a_grid_runs_and_is_compared_and_then_nothing_is_left_to_do(stage):
    status, out, err = stage.run("four.py", "--parallel=2")
    assert status == 0, err
    assert "60" not in out  # mean of 50 and 60
    assert out.count("55.0 ± 7.1 (2)") == 2  # stdev of 50 and 60 is 10/√2
    with (stage.runs / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["data.labelled_percent"] for row in rows] == ["10", "50"]
    assert (stage.runs / "p10_0/output.log").read_text() == "training p10_0\n"

    status, again, err = stage.run("four.py")
    assert (status, again) == (0, out)
    assert "4 finished" in err
    for name in ("p10_0", "p10_1", "p50_0", "p50_1"):
        assert stage.starts(name) == [0]


def test_a_failing_run_stops_no_other_and_is_tried_again_from_where_it_was(stage):
    status, out, err = stage.run("four.py", FAILS="p10_1")
    assert status == 1
    assert "p10_1: FAILED, status 1; error: loss is not finite" in err
    assert "1 of 4 runs failed: p10_1; repeat the command to retry them" in err
    assert "50.0 (1 of 2)" in out  # for 10 % labelled
    assert "55.0 ± 7.1 (2)" in out
    status, out, _ = stage.run("four.py")
    assert (status, out.count("55.0 ± 7.1 (2)")) == (0, 2)
    assert stage.starts("p10_1") == [0, 2]
    assert stage.starts("p10_0") == stage.starts("p50_0") == [0]


def test_when_all_fail_that_is_what_it_says(stage):
    status, out, err = stage.run("four.py", "--only=p10", FAILS="p10")
    assert (status, out) == (1, "")
    assert "2 of 2 runs failed: p10_0, p10_1" in err


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_runs_which_save_and_the_same_command_goes_on(stage, signum):
    process = stage.start("four.py", "--parallel=2", "--only=_0$", STEP_SECONDS="30")
    for name in ("p10_0", "p50_0"):
        stage.wait_for(stage.runs / name / "metrics.jsonl")
    process.send_signal(signum)
    time.sleep(0.3)
    process.send_signal(signum)  # as `uv run` does: the same signal a second time
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "stopped; repeat the command to resume" in err
    assert "FAILED" not in err
    for name in ("p10_0", "p50_0"):
        assert "saved" in (stage.runs / name / "output.log").read_text()
    status, *_ = stage.run("four.py", "--only=_0$")
    assert status == 0
    for name in ("p10_0", "p50_0"):
        first, second = stage.starts(name)
        assert first == 0
        assert second == 1
    assert stage.starts("p10_1") == []


def test_a_second_order_kills_what_does_not_end(stage):
    process = stage.start("four.py", "--only=p10_0", STEP_SECONDS="30", DEAF="1")
    stage.wait_for(stage.runs / "p10_0/metrics.jsonl")
    process.send_signal(signal.SIGINT)
    time.sleep(2.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "p10_0: FAILED, status -9" in err


def test_a_dry_run_says_what_is_there_and_what_would_be_done(stage):
    stage.run("four.py", "--only=p10_0")
    stage.run("four.py", "--only=p10_1", FAILS="p10_1")
    status, out, _ = stage.run("four.py", "--dry_run")
    assert status == 0
    assert "p10_0: finished" in out
    assert "p10_1: to resume after step 2" in out
    assert "p50_0: to start" in out
    assert "--config.seed=1 --config.data.labelled_percent=50" in out
    assert len(out.splitlines()) == 4 + 3
    assert not (stage.runs / "p50_0").exists()


def test_settings_of_the_command_line_go_to_every_run(stage):
    settings = ("--config.train.steps=2", "--config.model.dropout=0.5")
    assert stage.run("four.py", *settings, "--only=_0$", "--runs_dir=elsewhere")[0] == 0
    files = list(stage.folder.glob("elsewhere/*/config.json"))
    assert len(files) == 2
    for file in files:
        assert '"dropout": 0.5' in file.read_text()
        assert '"steps": 2,' in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give one sweep file"),
        (("none.py",), "none.py does not exist"),
        (("four.py", "--config.train.step=3"), "train.step does not exist; use one of train.steps"),
        (("four.py", "--config.model.dropout=2"), "model.dropout is 2.0; use at least 0 and below"),
        (("four.py", "--config.train.steps=many"), "invalid literal for int()"),
        (("four.py", "--config.seed", "3"), "settings as --config.KEY=VALUE"),
        (("four.py", "--only=p9"), "--only=p9 matches none of p10_0, p10_1"),
        (("four.py", "--only=("), "is not a regular expression"),
        (("four.py", "--parallel=0"), "not a positive integer"),
        (("four.py", "--paralel=2"), "paralel"),
        (("four.py", "--parallel=3"), "--parallel=3 but there are 2 GPUs; use at most 2"),
    ],
)
def test_a_mistake_is_one_line_before_anything_starts(stage, arguments, said):
    status, out, err = stage.run(*arguments, CUDA_VISIBLE_DEVICES="0,1")
    assert (status, out) == (1, "")
    assert said in err
    assert err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in err
    assert not stage.runs.exists()


def test_a_folder_with_another_run_is_left_alone(stage):
    assert stage.run("four.py", "--only=p50_1")[0] == 0
    status, _, err = stage.run("four.py", "--config.train.steps=6")
    assert status == 1
    assert "p50_1 holds a run of another configuration (train.steps: 4 -> 6)" in err
    assert not (stage.runs / "p10_0").exists()


@pytest.mark.slow
def test_the_smoke_sweep_trains_four_runs(tmp_path):
    arguments = ["configs/sweeps/smoke.py", f"--runs_dir={tmp_path}", "--parallel=2"]
    finished = subprocess.run(
        [sys.executable, "launch/sweep.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    rows = [line.split("|") for line in finished.stdout.splitlines() if "Bravais" in line]
    assert [row[2].strip() for row in rows] == ["sgan", "supervised"]
    assert all("(2)" in row[3] and "±" in row[3] for row in rows)
    for name in ("csv", "md", "html", "png"):
        assert (tmp_path / f"comparison.{name}").stat().st_size


def test_records_are_kept_of_finished_runs_only(stage):
    status, _, _ = stage.run("four.py", "--records=kept", FAILS="p10_1")
    assert status == 1
    assert sorted(path.name for path in (stage.folder / "kept").iterdir()) == [
        "p10_0.json",
        "p50_0.json",
        "p50_1.json",
    ]
    record = json.loads((stage.folder / "kept/p50_1.json").read_text())
    assert (record["name"], record["row"], record["percent"]) == ("p50_1", "supervised", 50)
    assert record["top1"] == 0.6
    assert "--config.seed=1" in record["command"]
    assert record["command"].startswith("python -m sgan_jax.main --config=")
    (stage.folder / "kept/p50_0.json").unlink()
    status, _, _ = stage.run("four.py", "--records=kept")
    assert status == 0
    assert len(list((stage.folder / "kept").iterdir())) == 4
