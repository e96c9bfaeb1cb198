import asyncio
import csv
import gc
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sgan_jax import main, symmetry
from sgan_jax.diffraction import instrument, profile

ROOT = pathlib.Path(__file__).parents[1]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sgan_jax.main", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "try --config=configs/demo.py"),
        (["--config=configs/none.py"], "configs/none.py does not exist"),
        (["--config=configs/none.py", "--config.seed=1"], "No such file or directory"),
        (["--config=configs/demo.py", "--config.data.cif=x"], "data.cif_path"),
        (["--config=configs/demo.py", "--config.seed=x"], "invalid literal for int()"),
        (["--config=configs/demo.py:sgn"], "method is 'sgn'; use one of 'supervised', 'sgan'"),
        (
            ["--config=configs/demo.py", "--mode=test"],
            "<train|build|inspect|evaluate|robustness|compare|predict>",
        ),
        (["--config=configs/demo.py", "--workdr=x"], "workdr"),
        (["--config=configs/demo.py", "workdir"], "'workdir' is not a flag"),
        (["--config=configs/demo.py", "--crystals=a.zip"], "--mode=evaluate"),
        (["--config=configs/demo.py", "--beam_pipeline_options=a=b"], "--mode=build"),
        (["--mode=evaluate", "--workdir=/nowhere"], "train first"),
        (["--mode=compare", "--workdir=/nowhere"], "/nowhere holds no run"),
        (["--mode=predict"], "--input is missing"),
        (["--mode=predict", "--input=/nowhere/*.xy"], "/nowhere/*.xy does not exist"),
        (["--mode=predict", "--input=README.md", "--output=a.txt"], "ends with .json or .csv"),
        (["--mode=predict", "--input=README.md", "--workdir=/nowhere"], "/nowhere is not a model"),
        (["--mode=predict", "--input=README.md", "--workdir=a", "--checkpoint=b"], "give only one"),
        (["--mode=predict", "--input=README.md", "--format=none"], "use one of gsas, bt1"),
        (["--mode=predict", "--input=README.md", "--coverage=2"], "coverage"),
        (["--config=configs/demo.py", "--input=a.xy"], "--mode=predict"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_1(arguments, said):
    finished = run(*arguments)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert said in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert not finished.stdout


def test_writes_that_nobody_waits_for_end_in_silence_and_other_warnings_are_shown(caplog):
    with caplog.at_level(logging.WARNING):
        loop = asyncio.new_event_loop()
        loop.create_future().set_exception(ValueError("RESOURCE_EXHAUSTED: the disk is full"))
        gc.collect()  # asyncio reports the exception now
        loop.call_exception_handler({"message": "a callback failed"})
        loop.close()
    told = {record.getMessage().splitlines()[0]: main.is_shown(record) for record in caplog.records}
    assert told == {"Future exception was never retrieved": False, "a callback failed": True}


def test_help_shows_the_commands():
    finished = run("--help")
    for words in ("--config=configs/demo.py", "--mode=evaluate", "--mode=compare", "--crystals"):
        assert words in finished.stdout
    assert not finished.stderr


def small_run(workdir, data_dir, **changes) -> list[str]:
    settings = {
        "data.source": "prototypes",
        "data.prototype_crystals": 150,
        "data.dir": data_dir,
        "train.steps": 4,
        "train.batch_size": 8,
        "eval.batch_size": 32,
    } | {name.replace("__", "."): value for name, value in changes.items()}
    given = [f"--config.{name}={value}" for name, value in settings.items()]
    return ["--config=configs/demo.py", f"--workdir={workdir}", *given]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> pathlib.Path:
    """Return the workdir of a run that was built, trained and evaluated."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = small_run(folder / "run", folder / "data")
    built = run("--mode=build", *arguments)
    assert built.returncode == 0, built.stderr
    (data,) = (folder / "data").glob("powder_patterns/*/1.2.0")
    assert str(data) in built.stderr
    assert not (folder / "run").exists()
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    assert "crystals to patterns" not in first.stderr  # the data set is found
    for words in ("150", "labelled", "parameters", "4 steps", "cpu"):
        assert words in first.stderr
    return folder / "run"


def test_from_crystals_to_a_report_by_one_command(trained):
    measured = json.loads((trained / "test_metrics.json").read_text())
    assert (measured["task"], measured["method"], measured["steps"]) == ("bl", "supervised", 4)
    assert len(measured["confusion"]) == len(measured["classes"]) == 14
    for name in ("report.html", "test_predictions.csv", "split.tsv", "metrics.jsonl"):
        assert (trained / name).stat().st_size

    again = run("--mode=evaluate", f"--workdir={trained}")
    assert again.returncode == 0, again.stderr
    assert json.loads((trained / "test_metrics.json").read_text()) == measured


def write_pattern(path: pathlib.Path) -> None:
    """Write the counts of a cubic crystal on an instrument of 1.909 Å."""
    d = 3.9 / np.sqrt([3.0, 4.0, 8.0, 11.0, 12.0, 16.0])
    strength = np.array([8.0, 6.0, 12.0, 24.0, 8.0, 6.0])
    d1a = instrument.PRESETS["d1a"]
    counts = 5000 * profile.intensity_pattern(d, strength, d1a) + 200
    counts = np.random.default_rng(0).poisson(counts)
    np.savetxt(path, np.column_stack([d1a.two_theta_deg, counts]), ("%.2f", "%d"))


def test_answers_for_files_good_and_bad(trained, tmp_path):
    # As if the model had been trained on noisy patterns; otherwise it would refuse these.
    calibration = trained / "calibration.json"
    calibration.write_text(json.dumps(json.loads(calibration.read_text()) | {"noise_limit": 1.0}))
    write_pattern(tmp_path / "good.xy")
    write_pattern(tmp_path / "better & <best>.xy")
    (tmp_path / "bad.xy").write_text("1 2\nnot a number\n")
    given = ("--mode=predict", f"--workdir={trained}", f"--input={tmp_path}/*.xy")
    finished = run(*given, "--wavelength=1.909", f"--output={tmp_path}/answers.json")
    assert finished.returncode == 0, finished.stderr
    bad, best, good = json.loads((tmp_path / "answers.json").read_text())
    assert [pathlib.Path(each["file"]).name for each in (bad, best, good)] == [
        *("bad.xy", "better & <best>.xy", "good.xy")
    ]
    assert bad["refused"] and "not a number" in bad["reason"] and bad["bravais"] == []
    for each in (best, good):
        assert each["wavelength_angstrom"] == 1.909
        names, chances = zip(*each["bravais"], strict=True)
        assert set(names) == set(symmetry.BRAVAIS_LATTICES)
        assert sum(chances) == pytest.approx(1.0, abs=1e-4)
        assert sorted(chances, reverse=True) == list(chances)
        assert each["set_90"][0] == names[0] and each["space_groups"] == []
    assert f"{tmp_path}/bad.xy" in finished.stdout and "NO PREDICTION" in finished.stdout
    assert finished.stdout.count(f"{names[0]} ") >= 1
    assert "100%" in finished.stderr  # progress
    pages = tmp_path / "answers_pages"
    assert {each.name for each in pages.iterdir()} == {
        *("index.html", "bad.xy.html", "better_best_.xy.html", "good.xy.html")
    }


def test_the_exit_status_says_whether_any_pattern_has_an_answer(trained, tmp_path):
    (tmp_path / "bad.xy").write_text("1 2\nnot a number\n")
    given = ("--mode=predict", f"--workdir={trained}", f"--input={tmp_path}")
    finished = run(*given, f"--output={tmp_path}/answers.csv", "--pages=none")
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert "1 of 1 patterns have no prediction" in finished.stderr
    with (tmp_path / "answers.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["refused"] == "true"
    assert {each.name for each in tmp_path.iterdir()} == {"bad.xy", "answers.csv"}


def test_robustness_is_measured_and_reported(trained):
    finished = run("--mode=robustness", f"--workdir={trained}")
    assert finished.returncode == 0, finished.stderr
    found = json.loads((trained / "robustness.json").read_text())
    plain = json.loads((trained / "test_metrics.json").read_text())
    assert found["patterns"] == plain["examples"]  # few enough for the whole test part to be used
    none = {"impurity": 0.0, "zero_shift": 0.0, "resolution": "nist2022"}
    none["preferred_orientation"] = 1.0
    by_name = {curve["name"]: curve for curve in found["curves"]}
    for name, level in none.items():
        curve = by_name[name]
        assert curve["top1"][curve["levels"].index(level)] == pytest.approx(plain["top1"])
    assert "<h2>Robustness</h2>" in (trained / "report.html").read_text()


@pytest.mark.slow
def test_a_run_killed_twice_ends_like_one_that_was_not(tmp_path):
    changes = {"train__steps": 60, "checkpoint__every_steps": 5, "train__log_every_steps": 7}
    whole = small_run(tmp_path / "whole", tmp_path / "data", **changes)
    assert run(*whole).returncode == 0
    killed = small_run(tmp_path / "killed", tmp_path / "data", **changes)
    for step in (10, 25):
        process = subprocess.Popen(command(*killed), cwd=ROOT, stderr=subprocess.DEVNULL)
        latest = tmp_path / "killed/checkpoints/latest"
        deadline = time.monotonic() + 300
        while max([0, *(int(p.name) for p in latest.glob("[0-9]*") if p.name.isdigit())]) < step:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run(*killed).returncode == 0
    ends = []
    for name in ("whole", "killed"):
        measured = json.loads((tmp_path / name / "test_metrics.json").read_text())
        del measured["seconds"]
        ends.append((measured, (tmp_path / name / "metrics.jsonl").read_bytes()))
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_sigterm_to_all_processes_of_a_build_ends_them_and_the_same_command_builds(tmp_path):
    """Slurm signals all processes; the workers may receive it before the main process does."""
    arguments = small_run(
        tmp_path / "run", tmp_path / "data", data__prototype_crystals=600, data__processes=2
    )
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list((tmp_path / "data").glob("powder_patterns/*/incomplete*")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(3)  # the workers have begun
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 75
    assert "stopped by SIGTERM; nothing is lost. To resume, repeat the command:" in said
    assert "Traceback" not in said
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_a_worker_that_the_system_ends_ends_the_build_with_advice(tmp_path):
    """As the system does when memory runs out."""
    arguments = small_run(
        tmp_path / "run", tmp_path / "data", data__prototype_crystals=600, data__processes=2
    )
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = []
    while len(workers) < 3:  # the first of them is the resource tracker
        assert process.poll() is None
        workers = children.read_text().split()
        time.sleep(0.01)
    time.sleep(3)
    os.kill(int(workers[-1]), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "data.processes" in said.splitlines()[-1]
    assert "Traceback" not in said
