"""The elements of synthetic crystals: sets that occur together, in their usual proportions."""

import functools
import itertools

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import type_geometry
from sgan_jax.crystals.structure_type import similar_elements
from sgan_jax.crystals.synthetic_statistics import MOST_KINDS, SyntheticStatistics

_SETS = 4  # number of sets drawn, of which one that fits the amounts is taken
_SHARE_SPREAD = 0.08  # standard deviation of an element's share of the atoms about its mean
_SIZE_MISFIT = 0.15  # maximum, of ln covalent radius, for elements that share a position


def elements(
    table: SyntheticStatistics,
    space_group_number: int,
    amounts: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw an element, as an index into the table's, for each kind of atom, given the amounts.

    Args:
      table: statistics of real crystals.
      space_group_number: 1..230; oxides favour other lattices than alloys do.
      amounts: number of atoms of each kind [k].
      rng: to draw from.
    """
    kinds = len(amounts)
    share = table.element_shares[min(kinds, MOST_KINDS)].astype(np.float64)
    wanted = amounts / amounts.sum()
    frequency = _frequency(
        table, symmetry.bravais_index(space_group_number), min(kinds, MOST_KINDS)
    )
    sets = np.array([_set(table, frequency, kinds, rng) for _ in range(_SETS if kinds > 1 else 1)])
    orders = _orders(kinds)
    if orders is None:  # too many to try: the element of the largest share to the largest amount
        ranked = np.take_along_axis(sets, np.argsort(share[sets], axis=1), axis=1)
        candidates = ranked[:, np.argsort(np.argsort(wanted, kind="stable"))]
    else:
        candidates = sets[:, orders].reshape(-1, kinds)
    misfit = (((share[candidates] - wanted) / _SHARE_SPREAD) ** 2).sum(axis=1) / 2
    weights = np.exp(misfit.min() - misfit)
    return candidates[np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())]


def substitute(element: str, present: list[str], rng: np.random.Generator) -> str | None:
    """Draw a similar element of about the same size that is not present; None if there is none."""
    radius = type_geometry.covalent_radius(element)
    others = [
        other
        for other in similar_elements(element)
        if other not in present
        and abs(np.log(type_geometry.covalent_radius(other) / radius)) < _SIZE_MISFIT
    ]
    return others[rng.integers(len(others))] if others else None


def _set(
    table: SyntheticStatistics, frequency: np.ndarray, kinds: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw distinct elements, each by its frequency and its affinity to those drawn before."""
    affinities = _affinities(table)
    affinity = np.zeros(len(frequency))
    chosen = np.empty(kinds, np.int64)
    for k in range(kinds):
        weights = frequency * np.exp(affinity)
        weights[chosen[:k]] = 0.0
        cumulative = np.cumsum(weights)
        chosen[k] = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        affinity += affinities[chosen[k]]
    return chosen


@functools.cache
def _orders(kinds: int) -> np.ndarray | None:
    return np.array(list(itertools.permutations(range(kinds)))) if kinds <= 4 else None


@functools.cache
def _frequency(table: SyntheticStatistics, lattice: int, kinds: int) -> np.ndarray:
    """Return each element's weight [E] in crystals of a lattice with this number of elements."""
    occurrences = np.diag(table.pair_counts)
    of_lattice = table.lattice_counts[lattice]
    expected = occurrences * (of_lattice.sum() / occurrences.sum())
    return (table.element_counts[kinds] + 1e-3) * (of_lattice + 3.0) / (expected + 3.0)


@functools.cache
def _affinities(table: SyntheticStatistics) -> np.ndarray:
    """Return ln of the observed over the expected number of crystals with both elements [E, E]."""
    occurrences = np.diag(table.pair_counts).astype(np.float64)
    expected = np.outer(occurrences, occurrences) / table.group_counts.sum()
    affinity = np.log((table.pair_counts + 0.3) / (expected + 0.3))
    np.fill_diagonal(affinity, 0.0)
    return affinity
