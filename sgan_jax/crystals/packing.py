"""Atoms pushed apart until none overlap, each within the freedom of its Wyckoff position."""

import itertools
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import even_filling, wyckoff

_GENTLE_STEPS, _STEPS = 20, 25
_GENTLE_PUSH, _PUSH = 0.2, 0.4  # of what is missing, for each pair
_LOST = (12, 0.6)  # after so many steps with no better ratio, pushing is given up
_EASE = 0.02  # pushing ends when the ratio that is asked for is surpassed by this


class Orbits(NamedTuple):
    """Orbits of one group and how the coordinates of their atoms follow from free numbers.

    Attributes:
      site_index: int [N], orbit of each atom of the conventional cell.
      first: int [n], the atom of each orbit that is its site.
      rotations: float64 [N, 3, 3], the operation that makes each atom from its orbit's site.
      translations: float64 [N, 3].
      primitive: int [N / lattice points], the atoms of one primitive cell.
      origins: float64 [n, 3]; a site is origin + directions·free.
      directions: float64 [n, 3, 3], columns of zeros where there are fewer than three.
      free: float64 [n, 3, 3]; free·displacement is the change of the free numbers.
    """

    site_index: np.ndarray
    first: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray
    primitive: np.ndarray
    origins: np.ndarray
    directions: np.ndarray
    free: np.ndarray

    def sites(self, numbers: np.ndarray) -> np.ndarray:
        """Return the sites [n, 3] of free numbers [n, 3]."""
        return self.origins + (self.directions @ numbers[:, :, None])[:, :, 0]

    def atoms(self, points: np.ndarray) -> np.ndarray:
        """Return all atoms [N, 3] of sites [n, 3]."""
        moved = self.rotations @ points[self.site_index][:, :, None]
        return moved[:, :, 0] + self.translations


def orbits(space_group_number: int, positions: list[int]) -> Orbits:
    """Return the orbits on these positions of a group."""
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
        origins=np.array([position.origin for position in chosen]),
        directions=directions,
        free=free,
    )


def relaxed(
    placed: Orbits,
    numbers: np.ndarray,
    basis: np.ndarray,
    contacts: np.ndarray,
    usual: np.ndarray,
    kind: np.ndarray,
    *,
    enough: float,
    hopeless: float,
) -> tuple[np.ndarray, float]:
    """Return free numbers [n, 3] with the atoms pushed apart, and the least ratio that they reach.

    First gently, towards their usual distances, so that the cell is evenly filled; then those that
    are still too near each other. The ratio is that of the distance between two atoms to their
    contact.

    Args:
      placed: the orbits.
      numbers: to start from [n, 3].
      basis: of the cell, columns in Å [3, 3].
      contacts: Å [n, N], the least distance of each site from each atom.
      usual: Å [n, N], the distances that the first steps go for.
      kind: int [n], the element of each orbit, from 0.
      enough: the least ratio at which pushing ends.
      hopeless: a ratio between sites that cannot move with which pushing does not begin.
    """
    fixed = ~placed.directions.any(axis=(1, 2))
    if fixed.any():
        among_fixed = _ratios(placed, numbers, basis, contacts)[
            np.ix_(fixed, fixed[placed.site_index])
        ].min()
        if fixed.all() or among_fixed < hopeless:
            return numbers, float(among_fixed)
    inverse = np.linalg.inv(basis)
    # Of atoms that are near two images of another one the nearer is enough to push.
    shifts = _shifts(basis, 0.65 * contacts.max())
    waves = even_filling.long_waves(basis, kind[placed.site_index], placed.first)
    best, best_ratio = numbers, -1.0
    for step in range(_GENTLE_STEPS + _STEPS):
        gentle = step < _GENTLE_STEPS
        points = placed.sites(numbers)
        vectors, distances = _apart(placed, points, basis, shifts)
        if not gentle:
            ratio = float((distances.min(axis=2) / contacts).min())
            if ratio > best_ratio:
                best, best_ratio = numbers, ratio
            if ratio > enough + _EASE:
                break
            if step >= _GENTLE_STEPS + _LOST[0] and best_ratio < _LOST[1]:
                break
        goal = usual if gentle else contacts
        lack = np.maximum(goal[:, :, None] - distances, 0.0) / distances
        push = (_GENTLE_PUSH if gentle else _PUSH) * (vectors * lack[..., None]).sum(axis=(1, 2))
        if gentle:
            push += waves.push(placed.atoms(points))
        push *= np.minimum(1.0, 0.5 / (np.linalg.norm(push, axis=1, keepdims=True) + 1e-12))
        numbers = numbers + (placed.free @ (push @ inverse.T)[:, :, None])[:, :, 0]
    return best, float(_ratios(placed, best, basis, contacts).min())


def crowding(placed: Orbits, numbers: np.ndarray, basis: np.ndarray, usual: np.ndarray) -> float:
    """Return the sum over pairs of how far their distance falls short of `usual` [n, N], squared.

    Relative to it; the least for atoms that fill the cell evenly.
    """
    shifts = _shifts(basis, 0.65 * usual.max())
    _, distances = _apart(placed, placed.sites(numbers), basis, shifts)
    return float((np.maximum(1.0 - distances.min(axis=2) / usual, 0.0) ** 2).sum())


def _ratios(
    placed: Orbits, numbers: np.ndarray, basis: np.ndarray, contacts: np.ndarray
) -> np.ndarray:
    shifts = _shifts(basis, contacts.max())
    _, distances = _apart(placed, placed.sites(numbers), basis, shifts)
    return distances.min(axis=2) / contacts


def _shifts(basis: np.ndarray, reach: float) -> np.ndarray:
    """Return the lattice vectors [s, 3], Cartesian, that may bring the nearest image.

    0 alone if the cell is wide.
    """
    heights = 1 / np.linalg.norm(np.linalg.inv(basis), axis=1)
    ranges = [(-1.0, 0.0, 1.0) if height < 2 * reach else (0.0,) for height in heights]
    return np.array(list(itertools.product(*ranges))) @ basis.T


def _apart(placed, points, basis, shifts) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors from atoms to sites [n, N, s, 3] and distances, inf of an atom from itself."""
    difference = points[:, None] - placed.atoms(points)
    difference -= np.round(difference)
    vectors = (difference @ basis.T)[:, :, None] + shifts
    distances = np.sqrt(np.einsum("nask,nask->nas", vectors, vectors))
    first = placed.first
    itself = distances[np.arange(len(points)), first]
    itself[itself < 1e-6] = np.inf
    distances[np.arange(len(points)), first] = itself
    return vectors, distances + 1e-9
