"""Crystals of known structure types, decorated with other elements; needs no file.

A crystal is drawn in this order: its space group (uniformly, or as often as in real crystals), and
then, each uniformly, one of that group's structure types, one of the type's decorations, and an
element for each role. The cell is then scaled to the new elements and strained within its crystal
system, and every site is moved along the directions that its special position leaves free.
"""

import functools
from collections.abc import Iterator

import numpy as np

from sgan_jax.crystals import sites, type_geometry
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.structure_type import StructureType, read_structure_types
from sgan_jax.crystals.synthetic_statistics import group_weights, statistics

PROTOTYPES: tuple[StructureType, ...] = read_structure_types()

_LENGTH_SPREAD = 0.015  # relative standard deviation of each free axis, and of the whole cell
_ANGLE_SPREAD_DEG = 1.0  # of each free angle
_JITTER_ANGSTROM = 0.03  # of each free coordinate
_LEAST_DEVIATION = 0.015  # of the metric from that of a more symmetric lattice, relative
_B_ISO_RANGE = (0.3, 1.2)  # Å²
_MIXED_PROBABILITY = 0.15  # that one role is shared by two elements
_VACANT_PROBABILITY = 0.05  # that one role is not full


def prototype_crystals(count: int, seed: int, class_balance: str) -> Iterator[Crystal]:
    """Yield crystals 0 to count - 1 of a seed, of the built-in types."""
    for index in range(count):
        yield prototype_crystal(index, seed, class_balance)


def prototype_crystal(
    index: int,
    seed: int,
    class_balance: str,
    kinds: tuple[StructureType, ...] = PROTOTYPES,
) -> Crystal:
    """Return crystal `index` of a seed; it depends on the arguments only.

    Args:
      index: 0 or more.
      seed: 0 or more.
      class_balance: 'uniform' over the space groups that the types have, or 'natural'.
      kinds: the structure types.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    of_group, cumulative = _groups(kinds, class_balance)
    members = of_group[np.searchsorted(cumulative, rng.random(), side="right")]
    kind = kinds[members[rng.integers(len(members))]]
    return decorated(kind, rng, f"prototype-{index:06d}")


@functools.lru_cache(maxsize=8)
def _groups(
    kinds: tuple[StructureType, ...], class_balance: str
) -> tuple[list[list[int]], np.ndarray]:
    """Return each space group's types, by index, and the groups' cumulative probabilities."""
    of_group: dict[int, list[int]] = {}
    for index, kind in enumerate(kinds):
        of_group.setdefault(kind.space_group_number, []).append(index)
    weights = group_weights(statistics(), class_balance)[list(of_group)]
    return list(of_group.values()), np.cumsum(weights) / weights.sum()


def decorated(kind: StructureType, rng: np.random.Generator, crystal_id: str) -> Crystal:
    """Return a random crystal of a structure type."""
    shape = type_geometry.geometry(kind)
    decoration = kind.decorations[rng.integers(len(kind.decorations))]
    element_of = _elements(kind, decoration, rng)
    cell = _strained_cell(kind, shape, shape.scale(element_of), rng)

    to_cartesian = sites.orthogonalisation(cell)
    moves = rng.normal(0, _JITTER_ANGSTROM, kind.fractional.shape) @ np.linalg.inv(to_cartesian).T
    fractional = sites.wrapped(
        kind.fractional + np.einsum("nij,nj->ni", shape.free_directions, moves)
    )
    b_iso = rng.uniform(*_B_ISO_RANGE, len(kind.roles))
    shares = _shares(kind, decoration, element_of, rng)

    atoms = [
        (site, element, occupancy)
        for site, role in enumerate(kind.roles)
        for element, occupancy in shares[role]
    ]
    site_index = [site for site, _, _ in atoms]
    return Crystal(
        id=crystal_id,
        cell=cell,
        elements=tuple(element for _, element, _ in atoms),
        fractional=fractional[site_index],
        occupancies=np.array([occupancy for _, _, occupancy in atoms]),
        b_iso=b_iso[site_index],
        u_aniso=np.full((len(atoms), 6), np.nan),
        rotations=kind.rotations,
        translations=kind.translations,
        space_group_number=kind.space_group_number,
        source="prototypes",
    )


def _elements(
    kind: StructureType, decoration: dict[str, tuple[str, ...]], rng: np.random.Generator
) -> dict[str, str]:
    """Draw an element for each role.

    Two roles get the same element only where the prototype has one on both: elsewhere equal
    elements could make the crystal more symmetric than its type.
    """
    while True:
        element_of: dict[str, str] = {}
        for role, pool in decoration.items():
            taken = {element_of[other] for other in element_of if kind.must_differ(role, other)}
            left = [element for element in pool if element not in taken]
            if not left:
                break
            element_of[role] = left[rng.integers(len(left))]
        else:
            return element_of


def _shares(
    kind: StructureType,
    decoration: dict[str, tuple[str, ...]],
    element_of: dict[str, str],
    rng: np.random.Generator,
) -> dict[str, tuple[tuple[str, float], ...]]:
    """Draw how each role is filled: (element, occupancy) of one element or, sometimes, of two."""
    shares: dict[str, tuple[tuple[str, float], ...]] = {
        role: ((element, 1.0),) for role, element in element_of.items()
    }
    role = list(decoration)[rng.integers(len(decoration))]
    draw = rng.random()
    if draw < _MIXED_PROBABILITY:
        others = [element for element in decoration[role] if element not in element_of.values()]
        if others:
            other = others[rng.integers(len(others))]
            fraction = round(rng.uniform(0.05, 0.45), 3)
            shares[role] = ((element_of[role], 1 - fraction), (other, fraction))
    elif draw < _MIXED_PROBABILITY + _VACANT_PROBABILITY:
        shares[role] = ((element_of[role], round(rng.uniform(0.8, 0.98), 3)),)
    return shares


def _strained_cell(
    kind: StructureType,
    shape: type_geometry.TypeGeometry,
    scale: float,
    rng: np.random.Generator,
) -> tuple[float, float, float, float, float, float]:
    """Draw a cell of the type's crystal system whose metric is clearly no more symmetric."""
    scale *= np.exp(rng.normal(0, _LENGTH_SPREAD))
    spread = 1.0
    while True:
        lengths = scale * np.exp(spread * rng.normal(0, _LENGTH_SPREAD, 3))
        angles = spread * rng.normal(0, _ANGLE_SPREAD_DEG, 3)
        cell = kind.deformed_cell(lengths, angles)
        if shape.deviation(cell) > _LEAST_DEVIATION:
            return cell
        spread *= 1.2  # a pseudosymmetric prototype needs a larger strain
