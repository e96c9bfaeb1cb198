"""Random crystals of any space group, drawn with the statistics of real ones.

A crystal is drawn in this order: an arrangement of Wyckoff positions, elements, a volume, a cell
shape, coordinates. Then atoms that are too close are pushed apart, and the cell grows a little if
that is not enough. A crystal whose atoms still overlap, or whose space group is not the one it was
drawn for, is rejected and drawn again.
"""

import collections
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import (
    arrangements,
    cell_shapes,
    compositions,
    confirmation,
    coordinates,
    packing,
    sites,
    wyckoff,
)
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.synthetic_statistics import (
    SyntheticStatistics,
    group_weights,
    statistics,
)

VERSION = 2
"""Raise it with any change of what is drawn: it is in the name of a data set."""

OVERLAP, OTHER_GROUP = "overlap", "other space group"  # why a draw is rejected

_MOST_ATTEMPTS = 2000  # to draw one crystal
_CHANCES = 10  # to place the atoms of an arrangement
_TRIES = 4  # draws of cell and coordinates for a composition; the most even is kept
_TRIES_OF_REGULAR = 10  # for regular coordinates, which are not spread out afterwards
_REGULAR = 0.25  # fraction of crystals with regular coordinates (`coordinates`)
_LEAST_RATIO = 0.88  # of a distance to the contact distance of its elements
_MOST_GROWTH = 1.12  # of the cell's edges, to make room
_NO_DISPLACEMENTS = 0.5  # fraction of crystals with the B of files that give none
_B_DEFAULT = 0.5  # Å², of those
_B_MEDIAN, _B_SPREAD, _B_SPREAD_OF_SITES = 0.6, 0.5, 0.3  # Å²; of ln B, per crystal and per site
_MIXED, _VACANT = 0.03, 0.02  # fractions of crystals with shared, with partly vacant positions


class Drawn(NamedTuple):
    """A crystal, and how many draws before it were rejected, by reason."""

    crystal: Crystal
    rejected: collections.Counter[str]


def random_crystal(
    space_group_number: int, seed: int | Sequence[int], table: SyntheticStatistics | None = None
) -> Crystal:
    """Return a random crystal of a space group; it depends on the arguments only.

    The setting is the standard one: origin choice 1, hexagonal axes, unique axis b.

    Args:
      space_group_number: 1..230.
      seed: one number or several, 0 or more.
      table: statistics of the real crystals to imitate; None: the package's own.

    Raises:
      ValueError: the space group is not in 1..230.
      RuntimeError: every attempt was rejected.
    """
    return draw(space_group_number, seed, table).crystal


def draw(
    space_group_number: int, seed: int | Sequence[int], table: SyntheticStatistics | None = None
) -> Drawn:
    """Return a random crystal as `random_crystal` does, and what was rejected on the way.

    Raises:
      ValueError: the space group is not in 1..230.
      RuntimeError: every attempt was rejected.
    """
    symmetry.crystal_system(space_group_number)  # raises
    table = table or statistics()
    numbers = [seed] if isinstance(seed, int) else list(seed)
    rng = np.random.default_rng(np.random.SeedSequence([*numbers, space_group_number]))
    crystal_id = f"synthetic-{space_group_number}-{'-'.join(map(str, numbers))}"
    rejected: collections.Counter[str] = collections.Counter()
    while rejected.total() < _MOST_ATTEMPTS:
        arrangement = arrangements.arrangement(table, space_group_number, rng)
        # Several chances for each: otherwise arrangements of many atoms would be rare.
        for _ in range(_CHANCES):
            found = _attempt(table, space_group_number, arrangement, crystal_id, rng)
            if isinstance(found, Crystal):
                return Drawn(found, rejected)
            rejected[found] += 1
            if found == OTHER_GROUP:
                break
    raise RuntimeError(f"no crystal of space group {space_group_number} found: {dict(rejected)}")


def synthetic_crystal(
    index: int, seed: int, class_balance: str, table: SyntheticStatistics | None = None
) -> Crystal:
    """Return crystal `index` of a seed, of a space group drawn according to `class_balance`.

    Args:
      index: 0 or more.
      seed: 0 or more.
      class_balance: 'natural' (as often as real crystals have the group) or 'uniform'.
      table: statistics of those real crystals; None: the package's own.
    """
    return random_crystal(drawn_group(index, seed, class_balance, table), (seed, index), table)


def drawn_group(
    index: int, seed: int, class_balance: str, table: SyntheticStatistics | None = None
) -> int:
    """Return the space group of crystal `index` of a seed."""
    cumulative = np.cumsum(group_weights(table or statistics(), class_balance))
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def _attempt(
    table: SyntheticStatistics,
    number: int,
    arrangement: arrangements.Arrangement,
    crystal_id: str,
    rng: np.random.Generator,
) -> Crystal | str:
    """Return a crystal of an arrangement, or the reason why the draw is rejected."""
    positions = [index for part in arrangement for index in part]
    kind_of_orbit = np.repeat(np.arange(len(arrangement)), [len(part) for part in arrangement])
    placed = packing.orbits(number, positions)
    multiplicities = np.bincount(placed.site_index)
    amounts = np.bincount(kind_of_orbit, multiplicities)
    kinds = compositions.elements(table, number, amounts, rng)
    kind = kinds[kind_of_orbit]
    pairs = np.ix_(kind, kind[placed.site_index])
    contacts = table.contacts[pairs].astype(np.float64)
    usual = table.usual_distances[pairs].astype(np.float64)
    volume = table.atom_volumes[kinds] @ amounts * np.exp(rng.normal(0, table.volume_spread))

    regular = rng.random() < _REGULAR
    cell, numbers = _most_even(table, number, positions, placed, regular, volume, usual, rng)
    basis = sites.orthogonalisation(cell)
    if packing.least_ratio_of_fixed(placed, numbers, basis, contacts) < _LEAST_RATIO / _MOST_GROWTH:
        return OVERLAP
    if not regular and placed.directions.any():
        numbers = packing.spread(placed, numbers, basis, usual, kind_of_orbit)
    numbers, ratio = packing.pushed_apart(placed, numbers, basis, contacts, _LEAST_RATIO)
    growth = max(1.0, _LEAST_RATIO / ratio)
    if growth > _MOST_GROWTH:
        return OVERLAP
    a, b, c, alpha, beta, gamma = cell
    cell = (a * growth, b * growth, c * growth, alpha, beta, gamma)
    fractional = placed.sites(numbers)
    if not confirmation.has_group(number, cell, placed, fractional, kind):
        return OTHER_GROUP
    return _crystal(number, crystal_id, cell, table.elements[kind], fractional, rng)


def _most_even(
    table: SyntheticStatistics,
    number: int,
    positions: list[int],
    placed: packing.Orbits,
    regular: bool,
    volume: float,
    usual: np.ndarray,
    rng: np.random.Generator,
) -> tuple[sites.Cell, np.ndarray]:
    """Draw a few cells with coordinates; return the pair with the most evenly spread atoms."""
    atoms = len(placed.site_index) // symmetry.lattice_points(number)
    free = placed.directions.any() or symmetry.crystal_system(number) != "cubic"
    drawn = []
    tries = _TRIES_OF_REGULAR if regular else _TRIES
    for _ in range(tries if free else 1):
        numbers = coordinates.free_numbers(table, number, positions, regular, rng)
        cell = cell_shapes.cell(cell_shapes.shape(table, number, atoms, rng), volume)
        basis = sites.orthogonalisation(cell)
        drawn.append((packing.crowding(placed, numbers, basis, usual), cell, numbers))
    _, cell, numbers = min(drawn, key=lambda entry: entry[0])
    return cell, numbers


def _crystal(
    number: int,
    crystal_id: str,
    cell: sites.Cell,
    elements: np.ndarray,
    fractional: np.ndarray,
    rng: np.random.Generator,
) -> Crystal:
    """Return the crystal of sites [n, 3] with random B and, rarely, disordered positions."""
    group = wyckoff.standard_group(number)
    names = [str(element) for element in elements]
    b_iso = np.full(len(names), _B_DEFAULT)
    if rng.random() > _NO_DISPLACEMENTS:
        spread = rng.normal(size=len(names) + 1)
        b_iso = _B_MEDIAN * np.exp(_B_SPREAD * spread[0] + _B_SPREAD_OF_SITES * spread[1:])
    occupancies = np.ones(len(names))
    disorder = rng.random()
    if disorder < _MIXED + _VACANT:
        disordered = elements == elements[rng.integers(len(elements))]
        share = round(rng.uniform(0.05, 0.5), 3)
        occupancies[disordered] = 1 - share
        other = None
        if disorder < _MIXED:
            other = compositions.substitute(str(elements[disordered][0]), names, rng)
        if other is not None:
            rows = np.flatnonzero(disordered)
            names += [other] * len(rows)
            fractional = np.concatenate([fractional, fractional[rows]])
            b_iso = np.concatenate([b_iso, b_iso[rows]])
            occupancies = np.concatenate([occupancies, np.full(len(rows), share)])
    return Crystal(
        id=crystal_id,
        cell=cell,
        elements=tuple(names),
        fractional=sites.wrapped(fractional),
        occupancies=occupancies,
        b_iso=b_iso,
        u_aniso=np.full((len(names), 6), np.nan),
        rotations=group.rotations,
        translations=group.translations,
        space_group_number=number,
        source="synthetic",
    )
