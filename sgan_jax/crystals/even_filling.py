"""Spread each element's atoms evenly over the cell: real crystals reflect little at low angles.

In nature, charges and sizes cause this. Here the atoms are moved by gradient descent on the power
of the long waves of each element's density: the sum of |mean of exp 2πi(h·x)|², the mean over its
atoms, over the reciprocal lattice vectors h of d-spacings above `LONGEST_ANGSTROM`.
"""

import itertools
from typing import NamedTuple

import numpy as np

LONGEST_ANGSTROM = 4.8  # d-spacing above which waves are weakened
_STEP = 0.6  # Å², the step size of the gradient descent


class LongWaves(NamedTuple):
    """The long waves of a cell's atoms; `long_waves` makes it.

    Attributes:
      waves: int [q, 3], one of each pair h, -h, without the systematic absences of the centring.
      most: the largest |h|, |k|, |l| of them.
      cartesian: float64 [q, 3], the waves in Å⁻¹ times the step size of the gradient descent.
      mean: float64 [kinds, N], averages over the atoms of each element, in one primitive cell.
      chosen: int [n], which of these atoms may move.
      kind: int [n], their elements.
    """

    waves: np.ndarray
    most: list[int]
    cartesian: np.ndarray
    mean: np.ndarray
    chosen: np.ndarray
    kind: np.ndarray

    def push(self, atoms: np.ndarray) -> np.ndarray:
        """Return the Cartesian displacements [n, 3] in Å of the chosen among atoms [N, 3]."""
        phases = self.phases(atoms)
        means = self.mean @ phases  # [kinds, q]
        slopes = (means[self.kind].conj() * phases[self.chosen]).imag  # [n, q]
        return slopes @ self.cartesian

    def phases(self, atoms: np.ndarray) -> np.ndarray:
        """Return exp 2πi(h·x) of atoms [N, 3], complex [N, q].

        As products over the axes, because the few multiples of each coordinate need far fewer
        exponentials than the waves.
        """
        factors = []
        for axis, limit in enumerate(self.most):
            multiples = np.arange(-limit, limit + 1)[:, None] * atoms[:, axis]
            # Whole rows are copied, [q, N].
            factors.append(np.exp(2j * np.pi * multiples)[self.waves[:, axis] + limit])
        first, second, third = factors
        first *= second
        first *= third
        return first.T


def long_waves(
    basis: np.ndarray, kind_of_atom: np.ndarray, chosen: np.ndarray, centrings: np.ndarray
) -> LongWaves:
    """Return the long waves of a cell.

    Args:
      basis: of the cell, columns in Å [3, 3].
      kind_of_atom: int [N], the element of each atom of one primitive cell, from 0.
      chosen: int [n], which of these atoms may move.
      centrings: the lattice points of the cell, float64 [m, 3].
    """
    most = (np.linalg.norm(basis, axis=0) / LONGEST_ANGSTROM).astype(int)  # |h| = |a·h| <= a/d
    ranges = [range(most[0] + 1), *(range(-limit, limit + 1) for limit in most[1:])]
    waves = np.array(list(itertools.product(*ranges)))
    waves = waves[waves @ [1_000_000, 1_000, 1] > 0]
    cartesian = waves @ np.linalg.inv(basis)
    long = (cartesian**2).sum(axis=1) < 1 / LONGEST_ANGSTROM**2
    turns = waves @ centrings.T
    present = long & (np.abs(turns - turns.round()) < 1e-6).all(axis=1)
    is_kind = kind_of_atom == np.arange(kind_of_atom.max() + 1)[:, None]
    return LongWaves(
        waves=waves[present],
        most=np.abs(waves[present]).max(axis=0, initial=0).tolist(),
        cartesian=cartesian[present] * (4 * np.pi * _STEP / max(long.sum(), 1)),
        mean=is_kind / is_kind.sum(axis=1, keepdims=True),
        chosen=chosen,
        kind=kind_of_atom[chosen],
    )
