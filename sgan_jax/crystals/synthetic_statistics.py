"""Statistics of real crystals, from which synthetic ones are drawn.

`fit_synthetic` made the table next to this file, and can make others from other crystals. A table
is read once per process.
"""

import dataclasses
import functools
import hashlib
import pathlib
import zipfile
from collections.abc import Iterable

import numpy as np

PATH = pathlib.Path(__file__).with_suffix(".npz")
BINS = 48  # of a coordinate's histogram; bin k is centred at k / 48
MOST_ORBITS = 30  # more are counted as so many
MOST_KINDS = 6  # elements in a crystal; more are counted as so many
SHAPE_SCALE = 1000.0  # cell shapes are stored as integer thousandths


# Compared and hashed by identity, so that functions of a table can cache their results.
@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticStatistics:
    """Frequencies in real crystals; E elements.

    Attributes:
      group_counts: int [231], crystals of each space group.
      arrangements: bytes, one line each: space group, crystals, and the Wyckoff positions (indices
        of `wyckoff.wyckoff_positions`) of each element's orbits, as '0.5|7.7'. Only those that
        several crystals share.
      position_counts: int [p, 3], space group, position, orbits on it.
      histogram_positions: int [q, 3], space group, position, its first row in `histograms`.
      histograms: uint8 [r, 48], frequencies of each free coordinate, maximum 255, a row each.
      shape_groups: uint8 [s], the space group of each kernel centre of cell shapes.
      shapes: int16 [s, 6], of each kernel centre, in thousandths: ln of the number of atoms in the
        primitive cell, ln a/c, ln b/c, cos alpha, cos beta, cos gamma.
      sizes: int [7, 31, 7], crystals of other arrangements, by crystal system, number of orbits
        (30: or more) and number of elements (6: or more).
      elements: names [E].
      element_counts: int [7, E], crystals of k elements (6: or more) that contain this one.
      lattice_counts: int [14, E], crystals of each Bravais lattice that contain this element.
      element_shares: float [7, E], the element's mean share of the atoms in `element_counts`.
      pair_counts: int [E, E], crystals that contain both elements.
      atom_volumes: float [E], Å³; the expected volume of a cell is the sum over its atoms.
      volume_spread: float, standard deviation of ln(volume / that sum).
      contacts: float [E, E], Å, the distance below which two elements rarely come.
      usual_distances: float [E, E], Å, median closest approach in crystals that contain both.
      known: uint64 [n], sorted `id_hashes` of the crystals that all this was counted in; empty: not
        kept, as in the package's table.
    """

    group_counts: np.ndarray
    arrangements: np.ndarray
    position_counts: np.ndarray
    histogram_positions: np.ndarray
    histograms: np.ndarray
    shape_groups: np.ndarray
    shapes: np.ndarray
    sizes: np.ndarray
    elements: np.ndarray
    element_counts: np.ndarray
    lattice_counts: np.ndarray
    element_shares: np.ndarray
    pair_counts: np.ndarray
    atom_volumes: np.ndarray
    volume_spread: np.ndarray
    contacts: np.ndarray
    usual_distances: np.ndarray
    known: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, np.uint64))


def id_hashes(ids: Iterable[str]) -> np.ndarray:
    """Return uint64 [n], a hash of each crystal's id."""
    digests = (hashlib.blake2b(str(each).encode(), digest_size=8).digest() for each in ids)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


@functools.cache
def statistics(path: pathlib.Path = PATH) -> SyntheticStatistics:
    """Return the table in a file, the package's own by default.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not such a table.
    """
    try:
        with np.load(path) as arrays:
            return SyntheticStatistics(**arrays)
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a table of statistics; make one from your crystals with python -m "
            "sgan_jax.crystals.fit_synthetic --crystals=... --to=..."
        ) from error


@functools.cache
def group_weights(table: SyntheticStatistics, class_balance: str) -> np.ndarray:
    """Return the weights of the space groups, float64 [231], not normalised; 0 at index 0.

    Raises:
      ValueError: `class_balance` is neither 'natural' (as often as in real crystals, and rarely
        if there are none) nor 'uniform'.
    """
    if class_balance == "natural":
        weights = table.group_counts + 1.0
    elif class_balance == "uniform":
        weights = np.ones(231)
    else:
        raise ValueError(
            f"data.class_balance is {class_balance!r}; use one of 'natural', 'uniform'"
        )
    weights[0] = 0.0
    return weights
