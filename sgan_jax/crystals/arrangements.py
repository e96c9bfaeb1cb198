"""Draw the Wyckoff positions of a synthetic crystal's atoms, and which of them share an element.

Usually an arrangement that several real crystals of the space group share; otherwise positions
drawn one by one, with their frequencies in that group.
"""

import functools
from typing import NamedTuple

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import wyckoff
from sgan_jax.crystals.synthetic_statistics import MOST_KINDS, SyntheticStatistics

# One tuple of indices of `wyckoff.wyckoff_positions` for each element.
Arrangement = tuple[tuple[int, ...], ...]

_MOST_LISTED = 0.85  # of a group's crystals; the rest are drawn even if all real ones are listed
_MOST_ATOMS = 80  # in the primitive cell of a drawn arrangement
_UNSEEN = 0.3  # added to the weight of each position, so that unoccupied ones occur


class _Choices(NamedTuple):
    listed: float  # probability of a listed arrangement
    arrangements: list[Arrangement]
    cumulative: np.ndarray  # probability of the arrangements
    weights: np.ndarray  # of each position
    sizes: np.ndarray  # cumulative probability of each (orbits, elements), flat


def arrangement(
    table: SyntheticStatistics, space_group_number: int, rng: np.random.Generator
) -> Arrangement:
    """Draw an arrangement for a space group."""
    choices = _choices(table, space_group_number)
    if rng.random() < choices.listed:
        return choices.arrangements[np.searchsorted(choices.cumulative, rng.random())]
    return _drawn(space_group_number, choices, rng)


def _drawn(number: int, choices: _Choices, rng: np.random.Generator) -> Arrangement:
    positions = wyckoff.wyckoff_positions(number)
    most = _MOST_ATOMS * symmetry.lattice_points(number)
    weights = choices.weights.copy()
    size = int(np.searchsorted(choices.sizes, rng.random()))
    orbits, kinds = divmod(size, MOST_KINDS + 1)
    chosen: list[int] = []
    atoms = 0
    while len(chosen) < orbits and weights.any():
        index = int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()))
        if atoms + positions[index].multiplicity > most and chosen:
            weights[index] = 0
            continue
        atoms += positions[index].multiplicity
        chosen.append(index)
        if positions[index].freedom == 0:
            weights[index] = 0
    kinds = min(len(chosen), kinds)
    of_kind: list[list[int]] = [[index] for index in chosen[:kinds]]
    for index in chosen[kinds:]:
        of_kind[rng.integers(kinds)].append(index)
    return tuple(tuple(part) for part in of_kind)


@functools.cache
def _choices(table: SyntheticStatistics, number: int) -> _Choices:
    counts, arrangements = _listed(table).get(number, ([], []))
    rows = table.position_counts[table.position_counts[:, 0] == number]
    weights = np.full(len(wyckoff.wyckoff_positions(number)), _UNSEEN)
    weights[rows[:, 1]] += rows[:, 2]
    system = symmetry.crystal_system(number)
    sizes = table.sizes[symmetry.CRYSTAL_SYSTEMS.index(system)].ravel()
    if not sizes.any():  # no crystal of this system in a small table: use all systems
        sizes = table.sizes.sum(axis=0).ravel()
    total = max(int(table.group_counts[number]), 1)
    return _Choices(
        listed=min(sum(counts) / total, _MOST_LISTED),
        arrangements=arrangements,
        cumulative=np.cumsum(counts) / max(sum(counts), 1),
        weights=weights,
        sizes=np.cumsum(sizes) / sizes.sum(),
    )


@functools.cache
def _listed(table: SyntheticStatistics) -> dict[int, tuple[list[int], list[Arrangement]]]:
    """Return the counts and arrangements of each space group."""
    found: dict[int, tuple[list[int], list[Arrangement]]] = {}
    for line in bytes(table.arrangements).decode().splitlines():
        number, count, text = line.split()
        counts, arrangements = found.setdefault(int(number), ([], []))
        counts.append(int(count))
        arrangements.append(
            tuple(tuple(int(index) for index in part.split(".")) for part in text.split("|"))
        )
    return found
