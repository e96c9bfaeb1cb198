"""crystals.tsv, next to the patterns of a data set: the metadata of every crystal.

Parts and classes are determined from these columns, so that a host reads the patterns of its own
share only. It is a text file because people read it, too.
"""

import itertools
import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

NAME = "crystals.tsv"
_TEXTS = ("id", "formula", "structure_type", "source")
_NUMBERS = ("space_group", "bravais")
COLUMNS = (*_TEXTS, *_NUMBERS)
_READ_AT_ONCE = 65_536


class Catalogue(NamedTuple):
    """The crystals of a data set, in its order.

    Attributes:
      ids, formula, structure_type, source: strings [N], numpy's StringDType.
      space_group: int32 [N], 1..230.
      bravais: int32 [N], index into `symmetry.BRAVAIS_LATTICES`.
    """

    ids: np.ndarray
    formula: np.ndarray
    structure_type: np.ndarray
    source: np.ndarray
    space_group: np.ndarray
    bravais: np.ndarray


def row(example: Mapping[str, object]) -> tuple[str, ...]:
    """Return the fields of an example; each run of whitespace in a text becomes one space."""
    return tuple(" ".join(str(example[column]).split()) for column in COLUMNS)


def write(path: pathlib.Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write the rows below a header of column names."""
    with path.open("w", newline="\n", encoding="utf-8") as file:
        file.writelines("\t".join(fields) + "\n" for fields in itertools.chain([COLUMNS], rows))


def read(path: pathlib.Path) -> Catalogue:
    """Read what `write` wrote, in batches: Python's own strings take four times the memory."""
    with path.open(newline="\n", encoding="utf-8") as file:
        lines = (tuple(line.rstrip("\n").split("\t")) for line in file)
        if (header := next(lines, ())) != COLUMNS:
            raise ValueError(f"{path} begins with {header}, not {COLUMNS}; rebuild the data set")
        parts = [_arrays(some) for some in itertools.batched(lines, _READ_AT_ONCE)]
    return Catalogue(*map(np.concatenate, zip(*parts or [_arrays(())], strict=True)))


def _arrays(lines: tuple[tuple[str, ...], ...]) -> list[np.ndarray]:
    columns = list(zip(*lines, strict=True)) or [()] * len(COLUMNS)
    texts = [np.array(column, np.dtypes.StringDType()) for column in columns[: len(_TEXTS)]]
    return texts + [np.array(column, np.int32) for column in columns[len(_TEXTS) :]]
