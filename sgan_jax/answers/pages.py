"""HTML: a page for each pattern, and an index of them; self-contained, usable without a network."""

import pathlib
import re
from typing import Any

import markupsafe
import numpy as np

from sgan_jax import symmetry
from sgan_jax.answers import table
from sgan_jax.answers.answer import Answer
from sgan_jax.answers.outcome import Outcome
from sgan_jax.evaluation import page
from sgan_jax.measured.model_pattern import ModelPattern

INDEX = "index.html"
TOP = table.TOP


class Pages:
    """The pages of one call, in one folder.

    Args:
        folder: created if it does not exist; pages of the same name are replaced.
        model: description of the models that answer.
        coverage: of the prediction sets, between 0 and 1.
    """

    def __init__(self, folder: pathlib.Path, model: str, coverage: float) -> None:
        self.folder = folder
        self.model = model
        self.coverage = coverage
        self._rows: list[dict[str, Any]] = []
        self._names = {INDEX}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, outcome: Outcome) -> pathlib.Path:
        """Write the page of a pattern and return its path."""
        name = _unused_name(outcome, self._names)
        self._names.add(name.lower())
        values = page_values(outcome) | {"model": self.model, "index": INDEX}
        page.write_page(self.folder / name, "answers/answer.html.j2", values)
        self._rows.append(summary(outcome) | {"page": name})
        return self.folder / name

    def finish(self) -> pathlib.Path:
        """Write the index page and return its path."""
        values: dict[str, Any] = {
            "rows": self._rows,
            "groups": any(row["group"] for row in self._rows),
            "answered": sum(not row["refused"] for row in self._rows),
            "coverage": self.coverage,
            "model": self.model,
        }
        page.write_page(self.folder / INDEX, "answers/index.html.j2", values)
        return self.folder / INDEX


def page_values(outcome: Outcome) -> dict[str, Any]:
    """Return the values of the template of a pattern's page."""
    answer = outcome.answer
    path = pathlib.PurePath(outcome.file)
    values: dict[str, Any] = {
        "name": _name(outcome),
        "path": str(path),
        "refused": outcome.refused,
        "reason": outcome.reason,
        "answer": answer,
    }
    if answer is not None:
        values |= {
            "picture": outcome.picture and markupsafe.Markup(outcome.picture),
            "extinction_groups": [
                {
                    "symbol": symbol,
                    "lattice": symmetry.bravais_lattice(numbers[0]),
                    "members": table.members_in_words(numbers, most=len(numbers)),
                    "probability": probability,
                }
                for symbol, numbers, probability in answer.extinction_groups[:TOP]
            ],
            "space_groups": [
                (number, symmetry.SPACE_GROUP_SYMBOLS[number - 1], probability)
                for number, probability in answer.space_groups[:TOP]
            ],
            "facts": facts(answer),
        }
    return values


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the row of a pattern in the index page."""
    answer, path = outcome.answer, pathlib.PurePath(outcome.file)
    return {
        "name": _name(outcome),
        "folder": "" if str(path.parent) == "." else str(path.parent),
        "refused": outcome.refused,
        "reason": outcome.reason,
        "wavelength_angstrom": answer and answer.wavelength_angstrom,
        "lattice": answer.bravais[0] if answer and answer.bravais else None,
        "group": answer.extinction_groups[0] if answer and answer.extinction_groups else None,
        "set": list(answer.prediction_set) if answer else [],
    }


def _name(outcome: Outcome) -> str:
    name = pathlib.PurePath(outcome.file).name
    return f"{name} ({outcome.bank})" if outcome.bank else name


def facts(answer: Answer) -> list[tuple[str, str]]:
    """Return (name, value) rows: how the file was read, and how much of it the model saw."""
    measured, seen = answer.measured, answer.seen
    two_theta_deg = measured.two_theta_deg
    rows = [
        ("title in the file", measured.title),
        ("format", measured.format),
        ("wavelength", f"{answer.wavelength_angstrom:g} Å"),
        (
            "measured range",
            f"{two_theta_deg[0]:.2f} to {two_theta_deg[-1]:.2f}° 2θ, "
            f"{page.thousands(len(two_theta_deg))} points, "
            f"steps of {float(np.median(np.diff(two_theta_deg))):.3g}°",
        ),
        ("2θ zero shift", f"{measured.zero_deg:g}°"),
        ("standard errors", "from the file" if measured.sigma is not None else "estimated"),
    ]
    if seen is not None:
        low, high = _d_range(seen)
        share = page.percent(float(seen.inside.mean()), 0)
        rows.append(
            ("measured part of the model's range", f"{share} (d = {low:.2f} to {high:.2f} Å)")
        )
        if seen.widths is None:
            rows.append(("peak widths", "not determined: too few isolated peaks"))
    return [row for row in rows if row[1]]


def _d_range(seen: ModelPattern) -> tuple[float, float]:
    """Return the smallest and largest measured d-spacing (Å) within the model's range."""
    angles = seen.instrument.two_theta_deg[seen.inside][[-1, 0]]
    low, high = seen.instrument.wavelength_angstrom / (2.0 * np.sin(np.radians(angles) / 2.0))
    return float(low), float(high)


def _unused_name(outcome: Outcome, used: set[str]) -> str:
    """Return an unused page name from the file's, valid in URLs and on all file systems."""
    text = f"{pathlib.PurePath(outcome.file).name} {outcome.bank}".strip()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "pattern"
    name, count = f"{stem[:80]}.html", 2
    while name.lower() in used:
        name, count = f"{stem[:80]}-{count}.html", count + 1
    return name
