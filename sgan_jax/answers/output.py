"""answers.json and answers.csv: the answers in machine-readable form."""

import csv
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from sgan_jax.answers.outcome import Outcome

SUFFIXES = (".json", ".csv")
DIGITS = 6  # decimals of probabilities


def check(path: pathlib.Path) -> None:
    """Raise ValueError for a name that ends neither with .json nor with .csv."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--output={path}; give a name that ends with .json or .csv")


def write(path: pathlib.Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write the `entry` of each pattern; the file is replaced atomically.

    JSON: a list. CSV: the same as columns, with lists and booleans as JSON.

    Raises:
        ValueError: the name ends neither with .json nor with .csv.
    """
    check(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        if path.suffix.lower() == ".json":
            json.dump(entries, file, ensure_ascii=False, allow_nan=False, indent=1)
            file.write("\n")
        else:
            columns = list(dict.fromkeys(key for each in entries for key in each))
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({key: _cell(x) for key, x in each.items()} for each in entries)
    os.replace(partial, path)


def entry(outcome: Outcome, coverage: float) -> dict[str, Any]:
    """Return the output for one pattern.

    Keys: file, bank (only if the file holds several patterns), wavelength_angstrom (null if the
    file could not be used), bravais [[name, probability] ...], space_groups [[number, probability]
    ...], extinction_groups [[symbol, [numbers], probability] ...], each most probable first and
    empty if the model does not predict them or saw no pattern; set_90, the prediction set, which
    contains the true class with 90 % probability (set_95 for a coverage of 0.95, and so on);
    refused; reason (null unless refused).
    """
    answer = outcome.answer
    return {
        "file": outcome.file,
        **({"bank": outcome.bank} if outcome.bank else {}),
        "wavelength_angstrom": answer and answer.wavelength_angstrom,
        "bravais": [[name, _rounded(p)] for name, p in answer.bravais] if answer else [],
        "space_groups": [[int(n), _rounded(p)] for n, p in answer.space_groups] if answer else [],
        "extinction_groups": [
            [symbol, [int(n) for n in members], _rounded(p)]
            for symbol, members, p in (answer.extinction_groups if answer else [])
        ],
        f"set_{100 * coverage:g}": list(answer.prediction_set) if answer else [],
        "refused": outcome.refused,
        "reason": outcome.reason,
    }


def _rounded(probability: float) -> float:
    return round(float(probability), DIGITS)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else value
