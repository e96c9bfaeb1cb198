"""Read a data set of powder patterns from disk.

The catalogue of the crystals is read at once, patterns and reflections only on demand.
"""

import dataclasses
import json
import pathlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from sgan_jax.datasets import builder, catalogue
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction.instrument import Instrument

_READ_AT_ONCE = 1024


class Reflections(NamedTuple):
    """Concatenated reflections of N crystals, and the crystals' cells.

    Attributes:
      row_splits: int64 [N + 1]; those of crystal n are row_splits[n] to row_splits[n + 1].
      d_angstrom: float64 [M] d-spacings, down to slightly below the pattern's smallest.
      multiplicity_f_squared: float64 [M], fm² per cell.
      cell: float32 [N, 6], a, b, c in Å and alpha, beta, gamma in degrees.
    """

    row_splits: np.ndarray
    d_angstrom: np.ndarray
    multiplicity_f_squared: np.ndarray
    cell: np.ndarray


class StoredPatterns:
    """The patterns of a data set on disk, indexed like the rows of an array and read on demand.

    Attributes:
      shape: (N, points).
    """

    def __init__(self, folder: pathlib.Path, points: int) -> None:
        self._examples = open_examples(folder)
        self.shape = (len(self._examples), points)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return the patterns at positions `rows` [n], float32 [n, points], maximum 1."""
        rows = np.asarray(rows)
        patterns = np.empty((len(rows), self.shape[1]), np.float32)
        for start in range(0, len(rows), _READ_AT_ONCE):
            some = rows[start : start + _READ_AT_ONCE].tolist()
            for i, example in enumerate(self._examples.__getitems__(some), start):
                patterns[i] = example["pattern"]
        return patterns


@dataclasses.dataclass(frozen=True, eq=False)
class PatternDataset:
    """A data set: the catalogue of its crystals, and their patterns, in memory or on disk.

    Attributes:
      catalogue: the N crystals, in the order of their source.
      patterns: float32 [N, points], maximum 1; an array, or an object indexed like one.
      instrument: of the patterns.
      folder: where they and their reflections are stored; None if they are only in memory.
    """

    catalogue: Catalogue
    patterns: np.ndarray | StoredPatterns
    instrument: Instrument
    folder: pathlib.Path | None = None

    def __len__(self) -> int:
        return len(self.catalogue.ids)


def load(folder: pathlib.Path) -> PatternDataset:
    """Open a data set: read its catalogue, leave its patterns on disk."""
    instrument = Instrument(**read_summary(folder)["identity"]["instrument"])
    listed = catalogue.read(folder / catalogue.NAME)
    patterns = StoredPatterns(folder, instrument.points)
    if len(patterns) != len(listed.ids):
        raise ValueError(
            f"{folder} holds {len(patterns)} patterns but lists {len(listed.ids)} crystals; remove "
            "the folder to rebuild the data set"
        )
    return PatternDataset(listed, patterns, instrument, folder)


def read_reflections(folder: pathlib.Path, rows: np.ndarray) -> Reflections:
    """Read the reflections of the crystals at the positions `rows` [N]."""
    examples = open_examples(folder)
    found, cells = [], []
    for start in range(0, len(rows), _READ_AT_ONCE):
        some = np.asarray(rows)[start : start + _READ_AT_ONCE].tolist()
        for example in examples.__getitems__(some):
            found.append((example["d_angstrom"], example["multiplicity_f_squared"]))
            cells.append(example["cell"])
    return Reflections(
        np.cumsum([0, *(len(d) for d, _ in found)]),
        np.concatenate([d for d, _ in found] or [np.empty(0)]),
        np.concatenate([strength for _, strength in found] or [np.empty(0)]),
        np.array(cells, np.float32).reshape(-1, 6),
    )


def open_examples(folder: pathlib.Path) -> Any:
    """Return the examples of a data set, a sequence that reads them when it is indexed."""
    whole: Any = tfds.builder_from_directory(folder)  # its decorated methods have no types
    return whole.as_data_source(builder.SPLIT)


def read_summary(folder: pathlib.Path) -> dict:
    """Return the counts of the build: files, lost, skipped by reason, duplicates, crystals, ..."""
    return json.loads((folder / "build.json").read_text())
