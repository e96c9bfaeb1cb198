"""The crystals of a data set as arrays of one shape, for rendering on the devices."""

import pathlib
from typing import Any, NamedTuple

import numpy as np

from sgan_jax.crystals import sites
from sgan_jax.datasets import powder_patterns
from sgan_jax.diffraction import few_reflections, march_dollase

_READ_AT_ONCE = 1024
_NO_REFLECTION_ANGSTROM = 1e6  # a d-spacing that no instrument sees


class Crystals(NamedTuple):
    """The crystal data that patterns are rendered from; arrays on the host or on a device.

    Attributes:
      d_angstrom: float32 [..., R]; padded with 1e6 if there are fewer reflections.
      strength: float32 [..., R], multiplicity·|F|², maximum 1; padded with 0.
      hkl: int16 [..., R, 3].
      reciprocal_metric: float32 [..., 3, 3], Å⁻².
      rotations: int8 [..., 24, 3, 3], as `march_dollase.weights` expects them.
    """

    d_angstrom: Any
    strength: Any
    hkl: Any
    reciprocal_metric: Any
    rotations: Any


class StoredCrystals:
    """The crystals of a data set on disk, indexed like the rows of an array and read on demand.

    Args:
      folder: of the data set.
      reflections: R; if a crystal has more, close ones are merged (`few_reflections`).
    """

    def __init__(self, folder: pathlib.Path, reflections: int) -> None:
        self._examples = powder_patterns.open_examples(folder)
        self._limit = reflections

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, rows: np.ndarray) -> Crystals:
        """Return the crystals at the positions `rows` [n]."""
        rows = np.asarray(rows)
        crystals = empty(len(rows), self._limit)
        for start in range(0, len(rows), _READ_AT_ONCE):
            some = rows[start : start + _READ_AT_ONCE].tolist()
            for i, example in enumerate(self._examples.__getitems__(some), start):
                fill(
                    crystals,
                    i,
                    d_angstrom=example["d_angstrom"],
                    strength=example["multiplicity_f_squared"],
                    hkl=example["hkl"],
                    cell=example["cell"],
                    proper_rotations=example["proper_rotations"],
                )
        return crystals


def bytes_each(reflections: int) -> int:
    """Return the memory in bytes of a crystal with room for this many reflections."""
    return sum(array.nbytes for array in empty(1, reflections))


def empty(count: int, reflections: int) -> Crystals:
    """Return arrays for `count` crystals, which have no reflections yet."""
    operations = march_dollase.OPERATIONS
    return Crystals(
        np.full((count, reflections), _NO_REFLECTION_ANGSTROM, np.float32),
        np.zeros((count, reflections), np.float32),
        np.zeros((count, reflections, 3), np.int16),
        np.zeros((count, 3, 3), np.float32),
        np.zeros((count, operations, 3, 3), np.int8),
    )


def fill(
    crystals: Crystals,
    i: int,
    *,
    d_angstrom: np.ndarray,
    strength: np.ndarray,
    hkl: np.ndarray,
    cell: np.ndarray,
    proper_rotations: np.ndarray,
) -> None:
    """Set crystal i from its reflections, d, multiplicity·|F|² [m] and hkl [m, 3], and its cell."""
    d, merged, which = few_reflections.merge(d_angstrom, strength, crystals.strength.shape[1])
    crystals.d_angstrom[i, : len(d)] = d
    crystals.strength[i, : len(d)] = merged / merged.max(initial=1e-30)
    crystals.hkl[i, : len(d)] = hkl[which]
    a, b, c, alpha, beta, gamma = (float(x) for x in cell)
    to_cartesian = sites.orthogonalisation((a, b, c, alpha, beta, gamma))
    crystals.reciprocal_metric[i] = np.linalg.inv(to_cartesian.T @ to_cartesian)
    repeats = march_dollase.OPERATIONS // len(proper_rotations)
    crystals.rotations[i] = np.tile(proper_rotations, (repeats, 1, 1))
