import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

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
        (["--config=configs/demo.py", "--mode=test"], "<train|build|inspect|evaluate|compare>"),
        (["--config=configs/demo.py", "--workdr=x"], "workdr"),
        (["--config=configs/demo.py", "workdir"], "'workdir' is not a flag"),
        (["--config=configs/demo.py", "--crystals=a.zip"], "--mode=evaluate"),
        (["--mode=evaluate", "--workdir=/nowhere"], "train first"),
        (["--mode=compare", "--workdir=/nowhere"], "/nowhere holds no run"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_1(arguments, said):
    finished = run(*arguments)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert said in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert not finished.stdout


def test_help_shows_the_commands():
    finished = run("--help")
    for words in ("--config=configs/demo.py", "--mode=evaluate", "--mode=compare", "--crystals"):
        assert words in finished.stdout
    assert not finished.stderr


def small_run(workdir, data_dir, **changes) -> list[str]:
    settings = {
        "data.prototype_crystals": 150,
        "data.dir": data_dir,
        "train.steps": 4,
        "train.batch_size": 8,
        "eval.batch_size": 32,
    } | {name.replace("__", "."): value for name, value in changes.items()}
    given = [f"--config.{name}={value}" for name, value in settings.items()]
    return ["--config=configs/demo.py", f"--workdir={workdir}", *given]


def test_from_crystals_to_a_report_by_one_command(tmp_path):
    arguments = small_run(tmp_path / "run", tmp_path / "data")
    built = run("--mode=build", *arguments)
    assert built.returncode == 0, built.stderr
    (folder,) = (tmp_path / "data").glob("powder_patterns/*/1.2.0")
    assert str(folder) in built.stderr
    assert not (tmp_path / "run").exists()
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    assert "crystals to patterns" not in first.stderr  # it finds them
    measured = json.loads((tmp_path / "run/test_metrics.json").read_text())
    assert (measured["task"], measured["method"], measured["steps"]) == ("bl", "supervised", 4)
    assert len(measured["confusion"]) == len(measured["classes"]) == 14
    for name in ("report.html", "test_predictions.csv", "split.tsv", "metrics.jsonl"):
        assert (tmp_path / "run" / name).stat().st_size
    for words in ("150", "labelled", "parameters", "4 steps", "cpu"):
        assert words in first.stderr

    again = run("--mode=evaluate", f"--workdir={tmp_path / 'run'}")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "run/test_metrics.json").read_text()) == measured


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
    """As Slurm sends it; the workers may have it before the run has."""
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
    assert "stopped by SIGTERM; nothing is lost. The same command goes on:" in said
    assert "Traceback" not in said
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr
