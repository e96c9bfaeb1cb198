"""Push atoms apart until none overlap, each within the freedom of its Wyckoff position."""

import itertools
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import even_filling, wyckoff

_SPREADING_STEPS, _PUSHING_STEPS = 20, 25
_SPREADING, _PUSHING = 0.2, 0.4  # fraction of each pair's shortfall that a step corrects
_LONGEST_MOVE = 0.5  # Å, in a step
_LOST = (12, 0.6)  # after this many steps, pushing ends if no ratio was this good
_EASE = 0.02  # pushing ends when the requested ratio is exceeded by this
_DIGITS = 10  # kept of coordinates in each step: else rounding errors grow and machines disagree
_NEARER_IMAGE = 0.65  # factor on the search range: of two images in range the nearer is enough

# By the axes along which a cell is narrow: the cells in which the nearest image may lie.
_NEIGHBOURS = {
    narrow: np.array(list(itertools.product(*[(-1.0, 0.0, 1.0) if x else (0.0,) for x in narrow])))
    for narrow in itertools.product((False, True), repeat=3)
}


class Orbits(NamedTuple):
    """Orbits of a space group, and how their atoms' coordinates follow from free numbers.

    Attributes:
      site_index: int [N], orbit of each atom of the conventional cell.
      first: int [n], the atom of each orbit that is its site.
      rotations: float64 [N, 3, 3], of the operation that generates each atom from its site.
      translations: float64 [N, 3].
      primitive: int [N / lattice points], the atoms of one primitive cell, the sites among them.
      centrings: float64 [lattice points, 3].
      origins: float64 [n, 3]; a site is origin + directions·free.
      directions: float64 [n, 3, 3], columns of zeros where there are fewer than three.
      free: float64 [n, 3, 3]; free·displacement is the change of the free numbers.
    """

    site_index: np.ndarray
    first: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray
    primitive: np.ndarray
    centrings: np.ndarray
    origins: np.ndarray
    directions: np.ndarray
    free: np.ndarray

    def sites(self, numbers: np.ndarray) -> np.ndarray:
        """Return the sites [n, 3] for free numbers [n, 3]."""
        return self.origins + np.einsum("nij,nj->ni", self.directions, numbers)

    def atoms(self, points: np.ndarray) -> np.ndarray:
        """Return all atoms [N, 3] generated from sites [n, 3]."""
        moved = np.einsum("nij,nj->ni", self.rotations, points[self.site_index])
        moved += self.translations
        return moved


def orbits(space_group_number: int, positions: list[int]) -> Orbits:
    """Return the orbits on these Wyckoff positions, by index, of a space group."""
    group = wyckoff.standard_group(space_group_number)
    chosen = [wyckoff.wyckoff_positions(space_group_number)[index] for index in positions]
    operations = np.concatenate([position.representatives for position in chosen])
    directions = np.zeros((len(chosen), 3, 3))
    free = np.zeros((len(chosen), 3, 3))
    for k, position in enumerate(chosen):
        directions[k, :, : position.freedom] = position.directions
        free[k, : position.freedom] = position.projector[list(position.axes)]
    multiplicities = np.array([position.multiplicity for position in chosen])
    return Orbits(
        site_index=np.repeat(np.arange(len(chosen)), multiplicities),
        first=np.cumsum(multiplicities) - multiplicities,
        rotations=group.rotations[operations].astype(np.float64),
        translations=group.translations[operations],
        primitive=np.flatnonzero(np.concatenate([position.primitive for position in chosen])),
        centrings=group.translations[(group.rotations == np.eye(3)).all(axis=(1, 2))],
        origins=np.array([position.origin for position in chosen]),
        directions=directions,
        free=free,
    )


def least_ratio_of_fixed(
    placed: Orbits, numbers: np.ndarray, basis: np.ndarray, contacts: np.ndarray
) -> float:
    """Return the least ratio of a distance to its contact distance among sites that cannot move."""
    fixed = ~placed.directions.any(axis=(1, 2))
    if not fixed.any():
        return float("inf")
    ratios = _ratios(placed, numbers, basis, contacts)
    return float(ratios[np.ix_(fixed, fixed[placed.site_index])].min(initial=np.inf))


def spread(
    placed: Orbits, numbers: np.ndarray, basis: np.ndarray, usual: np.ndarray, kind: np.ndarray
) -> np.ndarray:
    """Return free numbers [n, 3] with which the atoms fill the cell more evenly.

    Args:
      placed: the orbits.
      numbers: initial free numbers [n, 3].
      basis: of the cell, columns in Å [3, 3].
      usual: Å [n, N], the usual distance of each site from each atom, which is the goal.
      kind: int [n], the element of each orbit, from 0.
    """
    inverse = np.linalg.inv(basis)
    shifts = _shifts(basis, _NEARER_IMAGE * usual.max())
    kinds = kind[placed.site_index[placed.primitive]]
    chosen = np.searchsorted(placed.primitive, placed.first)
    waves = even_filling.long_waves(basis, kinds, chosen, placed.centrings)
    for _ in range(_SPREADING_STEPS):
        points = placed.sites(numbers)
        vectors, distances = _apart(placed, points, basis, shifts)
        push = _SPREADING * _lacking(vectors, distances, usual)
        push += waves.push(placed.atoms(points)[placed.primitive])
        numbers = _moved(placed, numbers, push, inverse)
    return numbers


def pushed_apart(
    placed: Orbits, numbers: np.ndarray, basis: np.ndarray, contacts: np.ndarray, enough: float
) -> tuple[np.ndarray, float]:
    """Push apart atoms that are too close; return the free numbers [n, 3] and the least ratio.

    The ratio is that of the distance between two atoms to their contact distance.

    Args:
      placed: the orbits.
      numbers: initial free numbers [n, 3].
      basis: of the cell, columns in Å [3, 3].
      contacts: Å [n, N], the contact distance of each site from each atom.
      enough: the ratio that is sufficient.
    """
    inverse = np.linalg.inv(basis)
    shifts = _shifts(basis, _NEARER_IMAGE * contacts.max())
    best, best_ratio = numbers, -1.0
    for step in range(_PUSHING_STEPS if placed.directions.any() else 0):
        vectors, distances = _apart(placed, placed.sites(numbers), basis, shifts)
        ratio = float((distances.min(axis=2) / contacts).min())
        if ratio > best_ratio:
            best, best_ratio = numbers, ratio
        if ratio > enough + _EASE or (step >= _LOST[0] and best_ratio < _LOST[1]):
            break
        push = _PUSHING * _lacking(vectors, distances, contacts)
        numbers = _moved(placed, numbers, push, inverse)
    return best, float(_ratios(placed, best, basis, contacts).min())


def _lacking(vectors: np.ndarray, distances: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return for each site the vector sum [n, 3] of its distances' shortfalls from the goal."""
    lack = np.maximum(goal[:, :, None] - distances, 0.0) / distances
    return np.einsum("nask,nas->nk", vectors, lack)


def _moved(
    placed: Orbits, numbers: np.ndarray, push: np.ndarray, inverse: np.ndarray
) -> np.ndarray:
    """Return the free numbers after a push [n, 3] in Å, which is limited to `_LONGEST_MOVE`."""
    length = np.sqrt(np.einsum("nk,nk->n", push, push)) + 1e-12
    push = push * np.minimum(1.0, _LONGEST_MOVE / length)[:, None]
    moved = numbers + np.einsum("nij,nj->ni", placed.free, push @ inverse.T)
    return moved.round(_DIGITS)


def crowding(placed: Orbits, numbers: np.ndarray, basis: np.ndarray, usual: np.ndarray) -> float:
    """Return the sum over pairs of the squared relative shortfall of the distance from `usual`.

    `usual` is [n, N], in Å. The sum is least for atoms that fill the cell evenly.
    """
    shifts = _shifts(basis, _NEARER_IMAGE * usual.max())
    _, distances = _apart(placed, placed.sites(numbers), basis, shifts)
    return float((np.maximum(1.0 - distances.min(axis=2) / usual, 0.0) ** 2).sum())


def _ratios(
    placed: Orbits, numbers: np.ndarray, basis: np.ndarray, contacts: np.ndarray
) -> np.ndarray:
    shifts = _shifts(basis, contacts.max())
    _, distances = _apart(placed, placed.sites(numbers), basis, shifts)
    return distances.min(axis=2) / contacts


def _shifts(basis: np.ndarray, reach: float) -> np.ndarray:
    """Return the lattice vectors [s, 3], Cartesian, that may lead to the nearest image.

    Only 0 if the cell is wide.
    """
    inverse = np.linalg.inv(basis)
    narrow = np.einsum("ij,ij->i", inverse, inverse) > (0.5 / reach) ** 2  # 1 / height, squared
    return _NEIGHBOURS[tuple(narrow.tolist())] @ basis.T


def _apart(placed, points, basis, shifts) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors from atoms to sites [n, N, s, 3] and distances, inf from an atom to itself."""
    difference = points[:, None] - placed.atoms(points)
    difference -= np.rint(difference)
    vectors = (difference @ basis.T)[:, :, None] + shifts
    distances = np.sqrt(np.einsum("nask,nask->nas", vectors, vectors))
    own = np.arange(len(points)), placed.first
    itself = distances[own]
    itself[itself < 1e-6] = np.inf
    distances[own] = itself
    distances += 1e-9
    return vectors, distances
