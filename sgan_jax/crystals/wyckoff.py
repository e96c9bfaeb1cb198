"""Wyckoff positions of a space group, found from its operations.

A position is a point, line or plane that a site-symmetry group fixes, or the whole space, up to
equivalence under the group. In the standard settings, every such line and plane is the fixed space
of one operation (a rotation axis, a mirror) and passes through a point whose coordinates are
multiples of 1/8, or of 1/12 on hexagonal axes; every such fixed point is itself a point of that
grid. So the operations that fix each grid point give all positions.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import gemmi
import numpy as np

from sgan_jax.crystals import operations

_GENERIC = np.array([0.1729, 0.3147, 0.2351])  # displaces off every special position
_TOLERANCE = 1e-6
_SHIFTS = np.stack(np.meshgrid(*[np.arange(-2.0, 3.0)] * 3), axis=-1).reshape(-1, 3)


class WyckoffPosition(NamedTuple):
    """A Wyckoff position, represented by one of its points, lines or planes.

    Attributes:
      multiplicity: number of atoms of an orbit in the conventional cell.
      freedom: dimension of the fixed space, 0 to 3.
      point: float64 [3], a point of the fixed space.
      projector: float64 [3, 3], projects fractional displacements onto the free directions.
      axes: the free coordinates, `freedom` of 0, 1, 2.
      origin: float64 [3], the point of the fixed space where these are 0.
      directions: float64 [3, freedom], origin + directions·free is on the fixed space. Whole
        numbers, so that changing a free coordinate by 1 is a lattice translation.
      stabiliser: bool [m], the operations that fix every point of the fixed space.
      representatives: int [multiplicity], operations that generate each atom of an orbit once.
      primitive: bool [multiplicity], true for one atom of each set that centring relates.
      site_symmetry: the point group without orientation, e.g. 'mm2'.
    """

    multiplicity: int
    freedom: int
    point: np.ndarray
    projector: np.ndarray
    axes: tuple[int, ...]
    origin: np.ndarray
    directions: np.ndarray
    stabiliser: np.ndarray
    representatives: np.ndarray
    primitive: np.ndarray
    site_symmetry: str


@functools.cache
def standard_group(space_group_number: int) -> operations.OperationGroup:
    """Return the operations of the standard setting: origin choice 1, hexagonal axes, unique b."""
    ops = list(gemmi.find_spacegroup_by_number(space_group_number).operations())
    return operations.operation_group(
        np.array([op.rot for op in ops], np.int64) // gemmi.Op.DEN,
        np.array([op.tran for op in ops], np.float64) / gemmi.Op.DEN,
    )


@functools.cache
def wyckoff_positions(space_group_number: int) -> tuple[WyckoffPosition, ...]:
    """Return the Wyckoff positions of a group in its standard setting, the most special first."""
    return find_positions(standard_group(space_group_number))


def find_positions(group: operations.OperationGroup) -> tuple[WyckoffPosition, ...]:
    """Return the Wyckoff positions of a group, sorted by freedom, multiplicity and point.

    Args:
      group: all its special coordinates are multiples of 1/8, or of 1/12 on hexagonal axes.
    """
    points, projectors = _fixed_spaces(group)
    generic = points + projectors @ _GENERIC
    stabilisers = _fixing(group, generic)
    freedom = np.round(np.trace(projectors, axis1=1, axis2=2)).astype(int)
    # A position is represented by the first of its equivalent spaces in this order.
    order = np.lexsort((*points.T[::-1], stabilisers.sum(axis=1) * -1, freedom))
    left = np.ones(len(order), bool)
    found = []
    for k, candidate in enumerate(order):
        if not left[k]:
            continue
        stabiliser = stabilisers[candidate]
        found.append(_position(group, points[candidate], projectors[candidate], stabiliser))
        similar = np.flatnonzero(
            left
            & (freedom[order] == freedom[candidate])
            & (stabilisers[order].sum(axis=1) == stabiliser.sum())
        )
        left[similar] &= ~on_orbit(group, found[-1], generic[order[similar]])
    return tuple(found)


def indices(space_group_number: int, points: np.ndarray) -> np.ndarray:
    """Return the index [n] in `wyckoff_positions` of each point [n, 3], -1 if on none exactly."""
    group = standard_group(space_group_number)
    multiplicities = len(group) // _fixing(group, points).sum(axis=1)
    found = np.full(len(points), -1)
    for index, position in enumerate(wyckoff_positions(space_group_number)):
        open_rows = np.flatnonzero((found < 0) & (multiplicities == position.multiplicity))
        if len(open_rows):
            found[open_rows[on_orbit(group, position, points[open_rows])]] = index
    return found


def images_on(
    group: operations.OperationGroup, position: WyckoffPosition, point: np.ndarray
) -> np.ndarray:
    """Return the images [k, 3] of a point [3] that lie on the fixed space of a position."""
    images = group.images(point[None])[0]
    across = np.eye(3) - position.projector
    offset = (images - position.origin) % 1 @ across.T
    lattice = _SHIFTS @ across.T
    on = (np.abs(offset[:, None] - lattice).max(axis=-1) < _TOLERANCE).any(axis=1)
    return images[on] % 1


def _position(
    group: operations.OperationGroup,
    point: np.ndarray,
    projector: np.ndarray,
    stabiliser: np.ndarray,
) -> WyckoffPosition:
    freedom = round(np.trace(projector))
    axes, directions = next(
        (axes, directions)
        for axes, directions in _choices_of_axes(projector, freedom)
        if np.abs(directions - np.round(directions)).max(initial=0.0) < _TOLERANCE
    )
    representatives = group.representatives(stabiliser)
    pure = np.flatnonzero((group.rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2)))
    with_centring = group.products[np.ix_(pure, representatives)]  # [centrings, atoms]
    lowest = group.products[with_centring][:, :, stabiliser].min(axis=(0, 2))
    return WyckoffPosition(
        multiplicity=len(group) // int(stabiliser.sum()),
        freedom=freedom,
        point=point,
        projector=projector,
        axes=axes,
        origin=point - directions @ point[list(axes)],
        directions=directions,
        stabiliser=stabiliser,
        representatives=representatives,
        primitive=lowest == representatives,
        site_symmetry=group.site_symmetry(stabiliser),
    )


def _choices_of_axes(
    projector: np.ndarray, freedom: int
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield each set of axes that may be free coordinates, and its directions [3, freedom]."""
    subsets = list(itertools.combinations(range(3), freedom))
    # Columns that span the fixed space.
    spanning = max((projector[:, s] for s in subsets), key=lambda b: np.linalg.det(b.T @ b))
    for axes in subsets:
        block = spanning[list(axes)]
        if abs(np.linalg.det(block)) > _TOLERANCE:
            yield axes, spanning @ np.linalg.inv(block)


def _fixed_spaces(group: operations.OperationGroup) -> tuple[np.ndarray, np.ndarray]:
    """Return a point [n, 3] and the projector [n, 3, 3] of every fixed space through the grid."""
    hexagonal = (np.abs(group.rotations).sum(axis=2) > 1).any()
    steps = 12 if hexagonal else 8
    axis = np.arange(steps)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = np.round(group.translations * steps).astype(np.int64)
    exact = np.abs(group.translations * steps - shifts).max(axis=1) < _TOLERANCE
    moved = (grid @ group.rotations.transpose(0, 2, 1) + shifts[:, None]) % steps
    fixed = (moved == grid).all(axis=2) & exact[:, None]  # [m, points]
    number = np.where(exact[:, None], moved @ [steps**2, steps, 1], len(grid))
    fixed &= number.min(axis=0) == np.arange(len(grid))  # one point of each orbit is enough

    powers = _mean_of_powers(group)
    points, projectors = [np.zeros(3)], [np.eye(3)]
    seen = set()
    for operation, point in np.argwhere(fixed & ~group.identity[:, None]):
        projector = powers[operation]
        across = np.round((np.eye(3) - projector) @ grid[point] * 12).astype(int)
        key = (projector.tobytes(), across.tobytes())  # the same space, through another point
        if key not in seen:
            seen.add(key)
            points.append(grid[point] / steps)
            projectors.append(projector)
    # Points where axes cross, which no single operation fixes alone.
    counts = fixed.sum(axis=0)
    for point in np.flatnonzero(counts > 2):
        projector = group.rotations[fixed[:, point]].mean(axis=0)
        if np.abs(projector).max() < _TOLERANCE:
            points.append(grid[point] / steps)
            projectors.append(np.zeros((3, 3)))
    return np.array(points), np.array(projectors)


def _mean_of_powers(group: operations.OperationGroup) -> np.ndarray:
    """Return the mean of each rotation's powers [m, 3, 3], the projector onto its fixed space."""
    total = np.zeros((len(group), 3, 3))
    power = np.broadcast_to(np.eye(3, dtype=np.int64), total.shape)
    for _ in range(12):  # a multiple of every order: 1, 2, 3, 4, 6
        power = power @ group.rotations
        total += power
    return total / 12


def _fixing(group: operations.OperationGroup, points: np.ndarray) -> np.ndarray:
    """Return the operations that fix each point, modulo lattice translations: bool [n, m]."""
    displacement = group.images(points) - points[:, None]
    return (np.abs(displacement - np.round(displacement)) < _TOLERANCE).all(axis=-1)


def on_orbit(
    group: operations.OperationGroup, position: WyckoffPosition, points: np.ndarray
) -> np.ndarray:
    """Return whether each point [n, 3] lies on an image of a position's fixed space: bool [n]."""
    rotations = group.rotations[position.representatives].astype(np.float64)
    origins = rotations @ position.point + group.translations[position.representatives]
    across = np.eye(3) - rotations @ position.projector @ np.linalg.inv(rotations)
    offset = points[:, None] - origins  # [n, images, 3]
    offset -= np.floor(offset)
    offset = (across @ offset[..., None])[..., 0]
    lattice = (across[:, None] @ _SHIFTS[..., None])[..., 0]  # [images, shifts, 3]
    on = np.zeros(len(points), bool)
    for image in range(len(origins)):
        apart = np.abs(offset[:, image, None] - lattice[image]).max(axis=-1)
        on |= (apart < _TOLERANCE).any(axis=1)
    return on
