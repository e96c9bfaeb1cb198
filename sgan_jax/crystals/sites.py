"""Positions of atoms: special positions, the content of the unit cell, atoms that are too close.

Sites are processed in chunks, so that arrays stay small for any cell.
"""

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import operations

# a, b, c (Å), alpha, beta, gamma (degrees)
Cell = tuple[float, float, float, float, float, float]

_CHUNK = 200_000  # coordinate triples held at a time


class Content(NamedTuple):
    """The atoms of a unit cell.

    Attributes:
      site_index: int [N], the asymmetric site that each atom comes from.
      operation_index: int [N], the operation that generates it from the site.
      fractional: float64 [N, 3], in [0, 1).
    """

    site_index: np.ndarray
    operation_index: np.ndarray
    fractional: np.ndarray


@functools.lru_cache(maxsize=64)
def orthogonalisation(cell: Cell) -> np.ndarray:
    """Return the matrix [3, 3] that takes fractional to Cartesian coordinates in Å (a along x)."""
    a, b, c = cell[:3]
    cos_alpha, cos_beta, cos_gamma = (math.cos(math.radians(angle)) for angle in cell[3:])
    sin_gamma = math.sin(math.radians(cell[5]))
    c_y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    c_z = math.sqrt(1 - cos_beta**2 - c_y**2)
    matrix = np.array(
        [[a, b * cos_gamma, c * cos_beta], [0, b * sin_gamma, c * c_y], [0, 0, c * c_z]]
    )
    matrix.flags.writeable = False
    return matrix


def cell_of_metric(metric: np.ndarray) -> Cell:
    """Return a, b, c (Å), alpha, beta, gamma (degrees) of a metric tensor [3, 3]."""
    (aa, ab, ac), (_, bb, bc), (_, _, cc) = metric.tolist()
    a, b, c = math.sqrt(aa), math.sqrt(bb), math.sqrt(cc)
    alpha, beta, gamma = (
        math.degrees(math.acos(cosine)) for cosine in (bc / (b * c), ac / (a * c), ab / (a * b))
    )
    return a, b, c, alpha, beta, gamma


def project(
    group: operations.OperationGroup,
    fractional: np.ndarray,
    cell: Cell,
    tolerance_angstrom: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Move sites that are nearly on a special position exactly onto it.

    An operation belongs to a site's stabiliser when it moves the site by less than the tolerance;
    the projected site is the mean of its images under the stabiliser, whose operations then fix it.

    Args:
      group: the operations of the cell.
      fractional: sites [n, 3].
      cell: a, b, c (Å), alpha, beta, gamma (degrees).
      tolerance_angstrom: the largest distance between a site and an image that counts as the same.

    Returns:
      The projected sites [n, 3], in [0, 1), and their stabilisers, bool [n, m].
    """
    fractional = np.asarray(fractional, np.float64)
    to_cartesian = orthogonalisation(cell)
    projected = np.empty_like(fractional)
    stabilisers = np.empty((len(fractional), len(group)), bool)
    step = max(1, _CHUNK // len(group))
    for start in range(0, len(fractional), step):
        part = slice(start, start + step)
        displacement = group.images(fractional[part]) - fractional[part, None]
        displacement -= np.round(displacement)
        squares = ((displacement @ to_cartesian.T) ** 2).sum(axis=-1)
        masks = squares < tolerance_angstrom**2
        for row in np.flatnonzero(masks.sum(axis=1) > 1):
            masks[row] = _closed(group, squares[row], tolerance_angstrom)
        shift = (displacement * masks[..., None]).sum(axis=1) / masks.sum(axis=1)[:, None]
        projected[part] = fractional[part] + shift
        stabilisers[part] = masks
    return wrapped(projected), stabilisers


def _closed(
    group: operations.OperationGroup, squares: np.ndarray, tolerance_angstrom: float
) -> np.ndarray:
    """Return the largest set of operations within a tolerance that forms a group, bool [m]."""
    mask = squares < tolerance_angstrom**2
    while not group.is_subgroup(mask):
        mask = squares < squares[mask].max()
        if not mask.any():  # operations too roughly rounded to be consistent
            return group.identity
    return mask


def wrapped(fractional: np.ndarray) -> np.ndarray:
    """Return coordinates modulo 1, in [0, 1), with rounding noise about 0 and 1 made 0."""
    inside = fractional - np.floor(fractional)
    inside[(inside < 1e-12) | (inside > 1 - 1e-12)] = 0.0
    return inside


def expand(
    group: operations.OperationGroup, fractional: np.ndarray, stabilisers: np.ndarray
) -> Content:
    """Return every atom of the unit cell, given sites [n, 3] and their stabilisers, bool [n, m]."""
    representatives = [group.representatives(mask) for mask in stabilisers]
    counts = [len(chosen) for chosen in representatives]
    site_index = np.repeat(np.arange(len(fractional)), counts)
    chosen = np.concatenate(representatives)
    positions = np.einsum("nij,nj->ni", group.rotations[chosen], fractional[site_index])
    return Content(site_index, chosen, wrapped(positions + group.translations[chosen]))


def occupancy_within(
    fractional: np.ndarray,
    atoms: np.ndarray,
    occupancies: np.ndarray,
    cell: Cell,
    distance_angstrom: float,
) -> np.ndarray:
    """Return, for each site [n, 3], the summed occupancy [n] of the atoms [N, 3] within a distance.

    Exact while the distance is below half the spacing of any lattice plane.
    """
    to_cartesian = orthogonalisation(cell)
    total = np.empty(len(fractional))
    for part, near in _neighbours(fractional, atoms, to_cartesian, distance_angstrom):
        total[part] = near @ occupancies
    return total


def first_coincident(
    fractional: np.ndarray,
    atoms: np.ndarray,
    site_index: np.ndarray,
    cell: Cell,
    distance_angstrom: float = 0.01,
) -> np.ndarray:
    """Return, for each site [n, 3], the first site [n] that has an atom [N, 3] at its position.

    Elements that share a position share an orbit, whichever of its points their sites give.
    """
    to_cartesian = orthogonalisation(cell)
    first = np.empty(len(fractional), np.int64)
    for part, near in _neighbours(fractional, atoms, to_cartesian, distance_angstrom):
        first[part] = np.where(near, site_index, np.iinfo(np.int64).max).min(axis=1)
    return first


def _neighbours(
    fractional: np.ndarray, atoms: np.ndarray, to_cartesian: np.ndarray, distance_angstrom: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield chunks of sites and which atoms are within the distance of each, bool [sites, N]."""
    step = max(1, _CHUNK // len(atoms))
    for start in range(0, len(fractional), step):
        part = slice(start, start + step)
        difference = fractional[part, None] - atoms
        difference -= np.round(difference)
        squares = ((difference @ to_cartesian.T) ** 2).sum(axis=-1)
        yield part, squares < distance_angstrom**2
