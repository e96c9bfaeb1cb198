"""Which elements a synthetic crystal is made of: a set that goes together, each in its share."""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals.synthetic_statistics import statistics

_SETS = 4  # drawn, of which one that fits the amounts is taken
_SHARE_SPREAD = 0.08  # of an element's share of the atoms about its mean
_LIKENESS_SPREAD = 0.3  # of mean squared differences in affinity
_MOST_KINDS = 6  # elements that the table tells apart


class _Chemistry(NamedTuple):
    frequency: np.ndarray  # [7, E]
    affinity: np.ndarray  # [E, E], ln of how much more often two occur together than by chance


def elements(amounts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an element, an index of the table's, for each kind of atom, given how many there are.

    Args:
      amounts: atoms of each kind [k].
      rng: to draw from.
    """
    kinds = len(amounts)
    table = statistics()
    share = table.element_shares[min(kinds, _MOST_KINDS)].astype(np.float64)
    wanted = amounts / amounts.sum()
    sets = np.array([_set(kinds, rng) for _ in range(_SETS if kinds > 1 else 1)])
    orders = _orders(kinds)
    if orders is None:  # too many to try: the largest share to the largest amount
        ranked = np.take_along_axis(sets, np.argsort(share[sets], axis=1), axis=1)
        candidates = ranked[:, np.argsort(np.argsort(wanted, kind="stable"))]
    else:
        candidates = sets[:, orders].reshape(-1, kinds)
    misfit = (((share[candidates] - wanted) / _SHARE_SPREAD) ** 2).sum(axis=1) / 2
    weights = np.exp(misfit.min() - misfit)
    return candidates[np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())]


def substitute(element: str, present: list[str], rng: np.random.Generator) -> str:
    """Draw another element that occurs in the company that an element keeps."""
    names = statistics().elements.tolist()
    affinity = _chemistry().affinity
    likeness = -((affinity - affinity[names.index(element)]) ** 2).mean(axis=1)
    weights = np.exp(likeness / _LIKENESS_SPREAD)
    weights[[names.index(name) for name in present]] = 0.0
    cumulative = np.cumsum(weights)
    return names[np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")]


def _set(kinds: int, rng: np.random.Generator) -> np.ndarray:
    """Draw different elements: each by its frequency and its affinity to those drawn before."""
    chemistry = _chemistry()
    frequency = chemistry.frequency[min(kinds, _MOST_KINDS)]
    affinity = np.zeros(len(frequency))
    chosen = np.empty(kinds, np.int64)
    for k in range(kinds):
        weights = frequency * np.exp(affinity)
        weights[chosen[:k]] = 0.0
        cumulative = np.cumsum(weights)
        chosen[k] = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        affinity += chemistry.affinity[chosen[k]]
    return chosen


@functools.cache
def _orders(kinds: int) -> np.ndarray | None:
    return np.array(list(itertools.permutations(range(kinds)))) if kinds <= 4 else None


@functools.cache
def _chemistry() -> _Chemistry:
    table = statistics()
    single = np.diag(table.pair_counts).astype(np.float64)
    expected = np.outer(single, single) / table.group_counts.sum()
    affinity = np.log((table.pair_counts + 0.3) / (expected + 0.3))
    np.fill_diagonal(affinity, 0.0)
    return _Chemistry(table.element_counts.astype(np.float64) + 1e-3, affinity)
