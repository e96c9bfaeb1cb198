"""The state of a run from its folder, read without jax and without changing anything."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from sgan_jax import config as configuration

INSIDE_A_RUN = ("checkpoints", "tensorboard")  # folders that contain no runs
TAIL = 4096  # bytes, longer than a line of metrics.jsonl


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A run, finished or not.

    Attributes:
      path: its folder.
      config: what it was started with; keys newer than the run have their defaults.
      step: the last one in metrics.jsonl; 0 without any.
      metrics: the content of test_metrics.json; None until the run has done all its steps.
    """

    path: pathlib.Path
    config: ml_collections.ConfigDict
    step: int
    metrics: Mapping[str, Any] | None


def read(path: pathlib.Path) -> RunFolder | None:
    """Return the run in a folder, None if none was started there.

    Raises:
      ValueError: config.json is damaged, or of a program version with other settings.
    """
    saved = path / "config.json"
    if not saved.is_file():
        return None
    try:
        config = configuration.load(saved)
        config_hash = configuration.config_hash(ml_collections.ConfigDict(_json(saved)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).strip().splitlines()
        raise ValueError(f"{saved} cannot be read: {reason[-1] if reason else error!r}") from error
    metrics = _finished_metrics(path, config_hash)
    return RunFolder(path, config, last_step(path), metrics)


def find(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield the run folders at and below `root`, sorted; symbolic links do not repeat any."""
    seen = set()
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if name not in INSIDE_A_RUN)
        if "config.json" in files:
            yield pathlib.Path(folder)


def last_step(path: pathlib.Path) -> int:
    """Return the last step that a run has logged in metrics.jsonl, 0 without any."""
    try:
        with (path / "metrics.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):  # the last line may be incomplete
            continue
    return 0


def total_steps(path: pathlib.Path) -> int | None:
    """Return the number of steps of the whole run from its newest checkpoint; None without one.

    Reads the JSON beside the state, without orbax, which takes seconds to import.
    """
    folder = path / "checkpoints" / "latest"
    steps = [int(each.name) for each in folder.glob("*") if each.name.isdigit()]
    for step in sorted(steps, reverse=True):
        try:
            saved = _json(folder / str(step) / "notes" / "metadata")
            return int(saved.get("notes", saved)["progress"]["total"])
        except (OSError, ValueError, KeyError, TypeError):  # damaged, or being removed
            continue
    return None


def _finished_metrics(path: pathlib.Path, config_hash: str) -> Mapping[str, Any] | None:
    """Return test_metrics.json if it is of this configuration and of all the run's steps.

    --mode=evaluate also writes one for an unfinished run. A run whose checkpoints were deleted is
    taken as finished.
    """
    try:
        metrics = _json(path / "test_metrics.json")
        whole = metrics["steps"] >= (total_steps(path) or 0)
        return metrics if whole and metrics["config_hash"] == config_hash else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _json(path: pathlib.Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
