"""data.html: an overview of a data set, to inspect before a model is trained on it."""

import pathlib
from typing import Any

import numpy as np

from sgan_jax import symmetry
from sgan_jax.datasets import powder_patterns
from sgan_jax.evaluation import class_figures, figures, page
from sgan_jax.evaluation.figure_style import svg_data_uri

_LOOKED_AT = 2000  # crystals, evenly spaced in the set, whose reflections are read


def write(folder: pathlib.Path, path: pathlib.Path) -> None:
    """Write the page on the data set in a folder."""
    page.write_page(path, "evaluation/data.html.j2", page_values(folder))


def page_values(folder: pathlib.Path) -> dict[str, Any]:
    """Return the values of the template."""
    data, summary = powder_patterns.load(folder), powder_patterns.read_summary(folder)
    crystals = data.catalogue
    groups = np.bincount(crystals.space_group, minlength=231)[1:]
    lattices = np.bincount(crystals.bravais, minlength=len(symmetry.BRAVAIS_LATTICES))
    numbers = tuple(range(1, 231))
    rows = np.unique(np.linspace(0, len(data) - 1, min(len(data), _LOOKED_AT)).astype(np.int64))
    reflections = powder_patterns.read_reflections(folder, rows)
    starts = reflections.row_splits[:-1]
    pictures = (
        ("Reflections", np.diff(reflections.row_splits), "stored reflections"),
        ("Largest d-spacing", np.maximum.reduceat(reflections.d_angstrom, starts), "Å"),
        ("Cell volume", _volumes(reflections.cell), "Å³, of the cell as given"),
    )
    by_count = sorted(summary["skipped"].items(), key=lambda entry: -entry[1])
    return {
        "title": folder.parent.name,
        "folder": str(folder),
        "summary": summary,
        "skipped": [(reason, count, _such_as(folder, reason)) for reason, count in by_count],
        "structure_types": len(np.unique(crystals.structure_type)),
        "groups_present": int(np.count_nonzero(groups)),
        "absent": [symmetry.SPACE_GROUP_SYMBOLS[n - 1] for n in numbers if not groups[n - 1]],
        "lattices": _distribution(lattices, list(symmetry.BRAVAIS_LATTICES)),
        "groups": _distribution(groups, symmetry.class_names("sg", numbers)),
        "looked_at": len(rows),
        "histograms": [
            (title, svg_data_uri(figures.histogram(values, what)))
            for title, values, what in pictures
        ],
        "examples": _examples(data),
    }


def _volumes(cell: np.ndarray) -> np.ndarray:
    """Return the volumes [n], Å³, of cells [n, 6]."""
    lengths, cosines = cell[:, :3].astype(np.float64), np.cos(np.radians(cell[:, 3:], dtype=float))
    root = 1.0 + 2.0 * cosines.prod(axis=1) - (cosines**2).sum(axis=1)
    return lengths.prod(axis=1) * np.sqrt(np.maximum(root, 0.0))


def _distribution(counts: np.ndarray, names: list[str]) -> str:
    return svg_data_uri(class_figures.class_distribution({"patterns": counts}, names))


def _examples(data: powder_patterns.PatternDataset) -> list[tuple[str, str, str]]:
    """Return (caption, note, picture) of the first crystal of each Bravais lattice."""
    crystals, found = data.catalogue, []
    for index, lattice in enumerate(symmetry.BRAVAIS_LATTICES):
        members = np.flatnonzero(crystals.bravais == index)[:1]
        for row in members.tolist():
            number = int(crystals.space_group[row])
            symbol = symmetry.SPACE_GROUP_SYMBOLS[number - 1]
            note = f"{crystals.formula[row]} · {symbol} ({number}) · {crystals.ids[row]}"
            picture = figures.pattern(data.instrument.two_theta_deg, data.patterns[members][0])
            found.append((lattice, note, svg_data_uri(picture)))
    return found


def _such_as(folder: pathlib.Path, reason: str) -> str:
    """Return the first entry of skipped.tsv with a reason, as 'file: detail'; '' without any."""
    with (folder / "skipped.tsv").open(encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 3 and fields[1] == reason:
                return f"{fields[0]}: {fields[2]}"
    return ""
