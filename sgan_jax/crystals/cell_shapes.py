"""Cells of synthetic crystals: a shape like those of real cells of the lattice, and a volume.

Shapes are drawn from a kernel density estimate: the shape of a real crystal of the same Bravais
lattice, preferably of the same space group and with about as many atoms, spread by 0.05 to 5 %.
The smallest spreads are there because many real cells are nearly those of a more symmetric lattice.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import sites, wyckoff
from sgan_jax.crystals.synthetic_statistics import SHAPE_SCALE, SyntheticStatistics

_LENGTH_SPREAD = (0.0005, 0.05)  # of ln a/c and ln b/c about a kernel centre; log-uniform
_COSINE_SPREAD = 0.7  # of the cosines, relative to that
_SIZE_SPREAD = 0.3  # of ln of the number of atoms about a kernel centre's
_SAME_GROUP = 8.0  # relative weight of a kernel centre of the same space group
_MOST_COSINE = 0.87  # cos 30°


class _Shapes(NamedTuple):
    log_atoms: np.ndarray  # [s]
    log_lengths: np.ndarray  # [s, 3], of a/c, b/c, c/c
    cosines: np.ndarray  # [s, 3]
    weights: np.ndarray  # [s]


def shape(
    table: SyntheticStatistics, space_group_number: int, atoms: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw a metric tensor [3, 3] of determinant 1 that is invariant under the space group.

    Args:
      table: statistics of real crystals.
      space_group_number: 1..230.
      atoms: number of atoms in the primitive cell.
      rng: to draw from.
    """
    shapes = _shapes(table, space_group_number)
    cumulative = _cumulative_weights(table, space_group_number, atoms)
    keeping = _projector(space_group_number)
    while True:
        k = np.searchsorted(cumulative, rng.random() * cumulative[-1])
        least, most = _LENGTH_SPREAD
        spread = least * (most / least) ** rng.random() * rng.normal(size=6)
        a, b, c = np.exp(shapes.log_lengths[k] + spread[:3]).tolist()
        cosines = shapes.cosines[k] + _COSINE_SPREAD * spread[3:]
        bc, ac, ab = (max(-_MOST_COSINE, min(_MOST_COSINE, x)) for x in cosines.tolist())
        bc, ac, ab = bc * b * c, ac * a * c, ab * a * b
        drawn = np.array([a * a, ab, ac, ab, b * b, bc, ac, bc, c * c])
        metric = (keeping @ drawn).reshape(3, 3)
        (aa, ab, ac), (_, bb, bc), (_, _, cc) = metric.tolist()
        determinant = aa * (bb * cc - bc * bc) - ab * (ab * cc - ac * bc) + ac * (ab * bc - ac * bb)
        if determinant > 0.05 * aa * bb * cc:
            return metric / math.cbrt(determinant)


def cell(metric: np.ndarray, volume: float) -> sites.Cell:
    """Return the cell of this shape (determinant 1) and volume (Å³)."""
    a, b, c, alpha, beta, gamma = sites.cell_of_metric(metric * np.cbrt(volume) ** 2)
    return a, b, c, _exact(alpha), _exact(beta), _exact(gamma)


def _exact(angle_deg: float) -> float:
    nearest = round(angle_deg)
    return float(nearest) if abs(angle_deg - nearest) < 1e-9 else angle_deg


@functools.cache
def _projector(number: int) -> np.ndarray:
    """Return the projector [9, 9] of metric tensors onto those that the group leaves invariant."""
    rotations = np.unique(wyckoff.standard_group(number).rotations, axis=0).astype(np.float64)
    return np.einsum("mji,mkl->iljk", rotations, rotations).reshape(9, 9) / len(rotations)


@functools.lru_cache(1024)
def _cumulative_weights(table: SyntheticStatistics, number: int, atoms: int) -> np.ndarray:
    """Return the cumulative weights [s] of the kernel centres for this number of atoms."""
    shapes = _shapes(table, number)
    distance = (shapes.log_atoms - np.log(atoms)) / _SIZE_SPREAD
    return np.cumsum(shapes.weights * np.exp(-0.5 * distance**2) + 1e-9)


@functools.cache
def _shapes(table: SyntheticStatistics, number: int) -> _Shapes:
    lattice = symmetry.bravais_lattice(number)
    # The same lattice in the same setting: an A centring does not match a C centring.
    fitting = [
        symmetry.bravais_lattice(int(group)) == lattice
        and symmetry.centring(int(group)) == symmetry.centring(number)
        for group in table.shape_groups
    ]
    if not any(fitting):  # none in a small table: any shape, which `_projector` symmetrises
        fitting = [True] * len(table.shape_groups)
    numbers = table.shapes[fitting] / SHAPE_SCALE
    same = table.shape_groups[fitting] == number
    return _Shapes(
        log_atoms=numbers[:, 0],
        log_lengths=np.concatenate([numbers[:, 1:3], np.zeros((len(numbers), 1))], axis=1),
        cosines=numbers[:, 3:],
        weights=np.where(same, _SAME_GROUP, 1.0),
    )
