"""Atoms of each element spread evenly over the cell: real crystals reflect little at low angles.

Charges and sizes see to that in nature. Here the sum of the long waves of each element's density,
Σ |Σ exp 2πi(h·x)|² over the reciprocal lattice vectors h of d-spacings above `LONGEST_ANGSTROM`, is
made smaller by moving the atoms down its gradient.
"""

import itertools

import numpy as np

LONGEST_ANGSTROM = 4.8  # d-spacing, above which waves are made weak
_STEP = 0.6  # Å² that an atom moves for a unit of the gradient


def long_waves(basis: np.ndarray) -> np.ndarray:
    """Return one of each pair h, -h with a d-spacing above the limit, float64 [q, 3].

    Args:
      basis: of the cell, columns in Å [3, 3].
    """
    most = (np.linalg.norm(basis, axis=0) / LONGEST_ANGSTROM).astype(int)  # |h| = |a·h| <= a/d
    ranges = [range(most[0] + 1), *(range(-limit, limit + 1) for limit in most[1:])]
    waves = np.array(list(itertools.product(*ranges)), np.float64)
    first = waves @ [1e6, 1e3, 1.0] > 0
    inverse_d = np.linalg.norm(waves @ np.linalg.inv(basis), axis=1)
    return waves[first & (inverse_d < 1 / LONGEST_ANGSTROM)]


def push(
    waves: np.ndarray,
    basis: np.ndarray,
    atoms: np.ndarray,
    kind_of_atom: np.ndarray,
    chosen: np.ndarray,
) -> np.ndarray:
    """Return by how much to move some of the atoms, Cartesian in Å [n, 3].

    Args:
      waves: of `long_waves` [q, 3].
      basis: of the cell, columns in Å [3, 3].
      atoms: fractional coordinates of all atoms of the cell [N, 3].
      kind_of_atom: int [N], the element of each.
      chosen: int [n], the atoms that may move.
    """
    if not len(waves):
        return np.zeros((len(chosen), 3))
    phases = np.exp(2j * np.pi * (atoms @ waves.T))  # [N, q]
    of_kind = (kind_of_atom[:, None] == np.arange(kind_of_atom.max() + 1)).astype(float)
    sums = (of_kind / of_kind.sum(axis=0).clip(1)).T @ phases  # [kinds, q]
    slopes = (sums[kind_of_atom[chosen]].conj() * phases[chosen]).imag  # [n, q]
    gradient = -4 * np.pi * (slopes @ waves) @ np.linalg.inv(basis)
    return -_STEP / len(waves) * gradient
