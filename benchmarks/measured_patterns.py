"""How well a model predicts the symmetry of measured patterns for which it is known.

python benchmarks/measured_patterns.py --folder=../shared/measured --model=RUN [--control=RUN]

The folder holds patterns and `index.json` (compound, space group, wavelength and file of each).
Every constant-wavelength neutron pattern is read as a user would read it, with its wavelength
given. Refused predictions count, too. A model of lattices has no extinction groups. `control` is a
second model to compare with. Prints one line per pattern and, as JSON, the fractions of the
patterns with the true lattice in the top 1 and 3, with the true extinction group in the top 1 and
5, with the true class in the 90 % set, and refused. Aims: lattice in the top 3 for 70 %, group in
the top 5 for 60 %, each 15 points above the control.
"""

import argparse
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import sgan_jax
from sgan_jax import extinction, symmetry
from sgan_jax.answers.classifier import Classifier
from sgan_jax.measured import readers
from sgan_jax.measured.pattern import MeasuredPattern

NEUTRON = "neutron_cw"


def main() -> None:
    """Print the predictions and their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--model", required=True, help="a run's folder, 'bl', 'sg' or a .pth file")
    parser.add_argument("--control", help="a second model to compare with")
    arguments = parser.parse_args()
    index = json.loads((arguments.folder / "index.json").read_text())
    entries = [entry for entry in index if entry["radiation"] == NEUTRON]
    results: dict[str, Any] = {"patterns": len(entries)}
    for name in ("model", "control"):
        if where := getattr(arguments, name):
            print(name, where)
            model = sgan_jax.load(where)
            results.setdefault("task", model.task)
            results[name] = evaluate(model, arguments.folder, entries)
    print(json.dumps(results))


def evaluate(
    model: Classifier, folder: pathlib.Path, entries: list[dict[str, Any]]
) -> dict[str, float]:
    """Return the fraction of the patterns that count as correct by each measure."""
    kinds = ("lattice_1", "lattice_3", "group_1", "group_5", "in_set_90", "refused")
    counts = dict.fromkeys(kinds, 0)
    for entry in entries:
        answer = model.answer(read(folder / entry["id"], entry))
        number = entry["space_group_number"]
        lattice = symmetry.bravais_lattice(number)
        lattices = [name for name, _ in answer.bravais]
        groups = [members for _, members, _ in answer.extinction_groups]
        of_lattice = rank(lattices, lambda name, lattice=lattice: name == lattice)
        of_group = rank(groups, lambda members, number=number: number in members)
        truth = true_class(model, number)
        counts["lattice_1"] += of_lattice <= 1
        counts["lattice_3"] += of_lattice <= 3
        counts["group_1"] += of_group <= 1
        counts["group_5"] += of_group <= 5
        counts["in_set_90"] += truth in answer.prediction_set
        counts["refused"] += answer.refused
        refused = "refused" if answer.refused else ""
        print(
            f"{entry['id']:28} {number:3} lattice {of_lattice:3g} group {of_group:3g} "
            f"set {len(answer.prediction_set):3} {refused}"
        )
    return {kind: round(count / len(entries), 3) for kind, count in counts.items()}


def read(folder: pathlib.Path, entry: dict[str, Any]) -> MeasuredPattern:
    """Return the first pattern of an entry's file."""
    (pattern, *_) = readers.read_patterns(
        folder / entry["data_file"], wavelength_angstrom=entry["wavelength"]
    )
    return pattern


def rank(found: list, is_true: Callable[[Any], bool]) -> float:
    """Return the rank of the true one, from 1; infinite if it is absent."""
    return next((place for place, one in enumerate(found, 1) if is_true(one)), math.inf)


def true_class(model: Classifier, number: int) -> str:
    """Return the name of the class that a space group has in the model's task."""
    if model.task == "bl":
        return symmetry.bravais_lattice(number)
    if model.task == "eg":
        return extinction.extinction_group(number).name
    return dict(zip(model.classes, model.class_names, strict=True)).get(number, "")


if __name__ == "__main__":
    main()
