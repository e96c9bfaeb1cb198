"""One small JSON file for each finished run of a sweep, for a study to keep in its repository."""

import contextlib
import json
import pathlib
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any

from sgan_jax.evaluation import run_folder
from sgan_jax.sweeps import sweep_file

ROUNDED = 6  # digits, enough for a test part of a million patterns


def write(run: sweep_file.Run, runs_dir: pathlib.Path, folder: pathlib.Path) -> pathlib.Path | None:
    """Write <folder>/<name>.json for a finished run and return its path, else None.

    It holds `name`, `row` (see below), `percent`, `command`, `program` (the commit),
    `validation_top1` (of the step that was tested), `training` (from `how_it_went`), all of
    test_metrics.json and, for methods with a generator, `generator`, which is
    generator_metrics.json.
    An existing file is kept (and None returned): the run may have been deleted and repeated since.
    """
    there = run_folder.read(runs_dir / run.name)
    path = folder / f"{run.name}.json"
    if path.exists() or there is None or there.metrics is None:
        return None
    record = {
        "name": run.name,
        "row": row(run),
        "percent": run.config.data.labelled_percent,
        "command": shlex.join(run.command(pathlib.Path("runs"), ("python", "-m", "sgan_jax.main"))),
        "program": commit(),
        "validation_top1": best_validation(there.path),
        "training": how_it_went(there.path),
        **{key: _rounded(value) for key, value in there.metrics.items()},
    }
    with contextlib.suppress(FileNotFoundError):
        generator = json.loads((there.path / "generator_metrics.json").read_text())
        record["generator"] = {key: _rounded(value) for key, value in generator.items()}
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    beside.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    beside.replace(path)
    return path


def row(run: sweep_file.Run) -> str:
    """Return 'augmented' for --config=configs/study.py:augmented; without a colon, the method."""
    return run.flags[0].partition(".py:")[2] or run.config.method


def best_validation(workdir: pathlib.Path) -> float | None:
    """Return the highest validation accuracy in metrics.jsonl, or None if it has none."""
    return max((line["accuracy"] for line in _metrics(workdir, "validation")), default=None)


def how_it_went(workdir: pathlib.Path) -> dict[str, Any]:
    """Return what metrics.jsonl says about a run's end and its best step.

    The fields of the last training line; `best_step`, the first with the highest validation
    accuracy; `validation_loss_least`; `validation_loss` and `validation_top1` of the last step.
    """
    found = {}
    for line in _metrics(workdir, "train")[-1:]:
        found = {key: value for key, value in line.items() if key not in ("step", "kind")}
    if validated := _metrics(workdir, "validation"):
        found["best_step"] = max(validated, key=lambda line: line["accuracy"])["step"]
        found["validation_loss_least"] = min(line["loss"] for line in validated)
        found["validation_loss"] = validated[-1]["loss"]
        found["validation_top1"] = validated[-1]["accuracy"]
    return {key: _rounded(value) for key, value in found.items()}


def _metrics(workdir: pathlib.Path, kind: str) -> list[dict[str, Any]]:
    """Return the lines of one kind in metrics.jsonl, 'train' or 'validation'."""
    lines = (json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def commit() -> str | None:
    """Return the program's commit, with '-dirty' if it was changed; None outside git."""
    command = ("git", "describe", "--always", "--dirty", "--abbrev=12")
    try:
        here = pathlib.Path(__file__).parent
        found = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, ROUNDED)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(each) for each in value]
    return value
