"""Put trained runs into the package, with a model card: what they know, how well, and their limits.

    python launch/package_models.py --runs=runs/measured_bl,runs/measured_sg \
        --measured=../shared/measured

Each run goes to sgan_jax/trained/TASK/. Of what was measured on the runs (test_metrics.json,
confidence.json, robustness.json) and on patterns of `--measured` (benchmarks/measured_patterns.py)
the card, sgan_jax/trained/README.md, has the numbers.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
from typing import Any

from sgan_jax.answers import loading, saved_model

ROOT = pathlib.Path(__file__).parents[1]
CARD = ROOT / "launch/model_card.md"


def main() -> None:
    """Write models and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="folders, with commas")
    parser.add_argument("--control", help="a run without views, for the card")
    parser.add_argument("--measured", help="a folder of measured patterns with index.json")
    arguments = parser.parse_args()
    runs = {}
    for run in map(pathlib.Path, arguments.runs.split(",")):
        runs[read(run / "config.json")["task"]["name"]] = run
    for task, run in runs.items():
        loading.export(run, saved_model.PACKAGED / task)
    first = read(next(iter(runs.values())) / "config.json")
    measured = {}
    if arguments.measured:
        measured = {task: answers(str(run), arguments) for task, run in runs.items()}
    card = CARD.read_text().format(
        commands="\n".join(
            "python -m sgan_jax.main "
            f"--config=configs/measured.py:{task} --workdir=runs/measured_{task}"
            for task in runs
        ),
        synthetic=first["data"]["source"].partition(":")[2].partition("+")[0],
        accuracy=accuracy_table(runs),
        patterns=next(iter(measured.values()), {}).get("patterns", "no"),
        measured=measured_table(measured),
        robustness="\n".join(filter(None, (robustness(task, run) for task, run in runs.items()))),
        checksums="\n".join(f"- `{task}`: `{checksum(task)}`" for task in runs),
    )
    (saved_model.PACKAGED / "README.md").write_text(card)
    print(f"wrote {', '.join(runs)} and the card to {saved_model.PACKAGED}")


def accuracy_table(runs: dict[str, pathlib.Path]) -> str:
    """Return top-1, top-5, calibration error and coverage of each run."""
    titles = ("", "classes", "top-1", "top-5", "patterns", "error of confidence")
    titles += ("90 % sets hold", "classes in a set")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for task, run in runs.items():
        metrics, confidence = read(run / "test_metrics.json"), read(run / "confidence.json")
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


def answers(run: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what benchmarks/measured_patterns.py says of a run."""
    command = [sys.executable, str(ROOT / "benchmarks/measured_patterns.py")]
    command += [f"--folder={arguments.measured}", f"--model={run}"]
    command += [f"--control={arguments.control}"] if arguments.control else []
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=pathlib.Path.cwd()
    )
    return json.loads(said.stdout.splitlines()[-1])


def measured_table(found: dict[str, dict[str, Any]]) -> str:
    """Return the answers for measured patterns, per cent."""
    kinds = {
        "lattice_1": "lattice first",
        "lattice_3": "in the first 3",
        "group_1": "extinction group first",
        "group_5": "in the first 5",
        "in_set_90": "in the 90 % set",
        "refused": "refused",
    }
    lines = [f"| | {' | '.join(kinds.values())} |", "|---" * (len(kinds) + 1) + "|"]
    for task, results in found.items():
        for name in ("model", "control"):
            if name in results:
                title = f"`{task}`" if name == "model" else "plain"
                numbers = (f"{100 * results[name][kind]:.0f}" for kind in kinds)
                lines.append(f"| {title} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def robustness(task: str, run: pathlib.Path) -> str:
    """Return the sentence on robustness, '' where it was not measured."""
    path = run / "robustness.json"
    if not path.exists():
        return ""
    bars = read(path)["bars"]
    said = ", ".join(
        f"{bar['name']} {100 * bar['lost']:.1f} ({100 * bar['allowed']:.0f} allowed)"
        for bar in bars
    )
    return f"Points of accuracy that `{task}` loses on simulated test patterns, at most: {said}."


def checksum(task: str) -> str:
    """Return the SHA-256 of a model's parameters."""
    return hashlib.sha256(
        (saved_model.PACKAGED / task / saved_model.PARAMS).read_bytes()
    ).hexdigest()


def read(path: pathlib.Path) -> dict[str, Any]:
    """Return a JSON file's content."""
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
