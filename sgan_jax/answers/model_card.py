"""The model card of the packaged models: what they predict, how well, and their limits."""

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from sgan_jax.answers import packaged, saved_model

CARD = pathlib.Path(__file__).with_name("model_card.md")


def card(runs: Sequence[pathlib.Path], measured: Sequence[Mapping[str, Any]]) -> str:
    """Return the card of exported runs as Markdown.

    Args:
      runs: folders with names as in configs/measured.py, next to those of the runs they start from;
        each with test_metrics.json, confidence.json and optionally robustness.json.
      measured: results of benchmarks/measured_patterns.py for their models.
    """
    by_task = {_read(run / "config.json")["task"]["name"]: run for run in runs}
    first = _read(runs[0] / "config.json")
    said = (_robustness(task, run) for task, run in by_task.items())
    return CARD.read_text(encoding="utf-8").format(
        commands="\n".join(commands(runs)),
        synthetic=first["data"]["source"].partition(":")[2].partition("+")[0],
        accuracy=_accuracy_table(by_task),
        patterns=measured[0]["patterns"] if measured else "no",
        measured=_measured_table(measured),
        robustness="\n".join(filter(None, said)),
        checksums="\n".join(f"- `{task}`: `{_checksum(task)}`" for task in by_task),
    )


def commands(runs: Sequence[pathlib.Path]) -> list[str]:
    """Return the commands that make runs of configs/measured.py, each after the run it starts from.

    Raises:
      ValueError: a folder does not exist, or has no config.json.
    """
    found: list[str] = []
    for run in runs:
        if not (run / "config.json").exists():
            raise ValueError(
                f"{run} is not a run's folder; the card needs all runs and those they start from"
            )
        start = _read(run / "config.json")["train"].get("start_from", "")
        if start:
            found += commands([run.with_name(pathlib.Path(start).name)])
        model = run.name.removeprefix("measured_")
        command = f"python -m sgan_jax.main --config=configs/measured.py:{model}"
        found.append(f"{command} --workdir=runs/{run.name}")
    return list(dict.fromkeys(found))


def _accuracy_table(runs: dict[str, pathlib.Path]) -> str:
    """Return the table of top-1, top-5, calibration error, and coverage and size of 90 % sets."""
    titles = ("", "classes", "top-1", "top-5", "patterns", "calibration error")
    titles += ("coverage of 90 % sets", "classes in a set")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for task, run in runs.items():
        metrics, confidence = _read(run / "test_metrics.json"), _read(run / "confidence.json")
        for kind in ("as_simulated", "as_distorted"):
            found = confidence[kind]
            if found is None:
                continue
            top = (
                [f"{100 * metrics[x]:.1f}" for x in ("top1", "top5")]
                if kind == "as_simulated"
                else ["", ""]
            )
            (sets,) = (x for x in found["sets"] if x["coverage"] == 0.9)
            name = "as simulated" if kind == "as_simulated" else "as in training"
            cells = (f"`{task}`", len(metrics["classes"]), *top, name, f"{found['ece_after']:.3f}")
            cells += (f"{100 * sets['covered']:.1f} %", f"{sets['mean_size']:.1f}")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _measured_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of results on measured patterns, in per cent."""
    kinds = {
        "lattice_1": "lattice, top-1",
        "lattice_3": "lattice, top-3",
        "group_1": "extinction group, top-1",
        "group_5": "extinction group, top-5",
        "in_set_90": "true class in the 90 % set",
        "refused": "refused",
    }
    lines = [f"| | {' | '.join(kinds.values())} |", "|---" * (len(kinds) + 1) + "|"]
    for results in found:
        for name in ("model", "control"):
            if name in results:
                title = f"`{results['task']}`" if name == "model" else "control"
                # A lattice model does not predict groups.
                unknown = ("group_1", "group_5") if results["task"] == "bl" else ()
                numbers = (
                    "" if kind in unknown else f"{100 * results[name][kind]:.0f}" for kind in kinds
                )
                lines.append(f"| {title} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def _robustness(task: str, run: pathlib.Path) -> str:
    """Return the sentence on robustness, '' if it was not measured."""
    path = run / "robustness.json"
    if not path.exists():
        return ""
    said = ", ".join(
        f"{curve['name']} {curve['lost_points']:.1f} (limit {curve['limit_points']:g})"
        for curve in _read(path)["curves"]
    )
    return (
        f"Largest loss of top-1 accuracy of `{task}` on perturbed test patterns, in points: {said}."
    )


def _checksum(task: str) -> str:
    """Return the SHA-256 of a packaged model's parameter file."""
    return hashlib.sha256((packaged.FOLDER / task / saved_model.PARAMS).read_bytes()).hexdigest()


def _read(path: pathlib.Path) -> dict[str, Any]:
    """Return the content of a JSON file."""
    return json.loads(path.read_text())
