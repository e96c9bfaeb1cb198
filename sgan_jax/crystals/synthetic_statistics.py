"""What is known of real crystals, as the numbers that synthetic ones are drawn from.

The table beside this file is made by `fit_synthetic`, which makes others of other crystals. A table
is read once per process.
"""

import dataclasses
import functools
import pathlib
import zipfile

import numpy as np

PATH = pathlib.Path(__file__).with_suffix(".npz")
BINS = 48  # of a coordinate's histogram; bin k is centred at k / 48
MOST_ORBITS = 30  # told apart
MOST_KINDS = 6  # of elements in a crystal, told apart
SHAPE_SCALE = 1000.0  # cell shapes are kept as whole thousandths


# Compared and hashed as the object that it is, so that what is worked out of it can be cached.
@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticStatistics:
    """Frequencies in real crystals; E elements.

    Attributes:
      group_counts: int [231], crystals of each space group.
      arrangements: bytes, a line each: group, crystals, and which Wyckoff positions (indices of
        `wyckoff.wyckoff_positions`) the orbits of each element are on, as '0.5|7.7'. Only those
        that several crystals share.
      position_counts: int [p, 3], group, position, orbits on it.
      histogram_positions: int [q, 3], group, position and the first row of ...
      histograms: uint8 [r, 48], ... the frequencies of its free coordinates, a row each.
      shape_groups: uint8 [s], the group that a kernel centre of cell shapes is from.
      shapes: int16 [s, 6], thousandths of ln of the atoms in the primitive cell, ln a/c, ln b/c,
        cos alpha, cos beta, cos gamma.
      sizes: int [7, 31, 7], crystals of other arrangements, by crystal system, orbits (30: or
        more) and elements (6: or more).
      elements: names [E].
      element_counts: int [7, E], crystals of k elements (6: or more) with this one among them.
      lattice_counts: int [14, E], crystals of each Bravais lattice with this one among them.
      element_shares: float [7, E], mean share of the atoms that the element has in those.
      pair_counts: int [E, E], crystals with both.
      atom_volumes: float [E], Å³; their sum is the volume of a cell ...
      volume_spread: ... with this standard deviation of the logarithm.
      contacts: float [E, E], Å, nearer than which two elements hardly come.
      usual_distances: float [E, E], Å, how near they come in half of the crystals that have both.
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


@functools.cache
def statistics(path: pathlib.Path = PATH) -> SyntheticStatistics:
    """Return the table in a file, the package's own by default.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no such table.
    """
    try:
        with np.load(path) as arrays:
            return SyntheticStatistics(**arrays)
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no table of statistics; make one of your crystals with python -m "
            "sgan_jax.crystals.fit_synthetic --crystals=... --to=..."
        ) from error


@functools.cache
def group_weights(table: SyntheticStatistics, class_balance: str) -> np.ndarray:
    """Return how often the space groups are drawn, float64 [231], not normalised; 0 of group 0.

    Raises:
      ValueError: `class_balance` is neither 'natural' (as often as in real crystals, and seldom
        where there are none) nor 'uniform'.
    """
    if class_balance == "natural":
        weights = table.group_counts + 1.0
    elif class_balance == "uniform":
        weights = np.ones(231)
    else:
        raise ValueError(f"data.class_balance is {class_balance!r}; use 'natural', 'uniform'")
    weights[0] = 0.0
    return weights
