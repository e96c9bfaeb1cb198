"""Coordinates of a synthetic crystal, drawn with their frequencies in real ones of its group."""

import bisect
import functools

import numpy as np

from sgan_jax.crystals import wyckoff
from sgan_jax.crystals.synthetic_statistics import BINS, SyntheticStatistics

# Many real crystals are slightly distorted versions of more symmetric ones: all their coordinates
# are near simple fractions, where the histograms have their peaks. Here these are called regular.
_REGULAR_SPREAD = (0.005, 0.5)  # standard deviation in bins; log-uniform
_REGULAR_POWER = 2.0  # exponent that sharpens the histograms


def free_numbers(
    table: SyntheticStatistics,
    number: int,
    positions: list[int],
    regular: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the free numbers [n, 3] (`packing.Orbits`) of orbits on these positions of a group.

    In a regular crystal, frequent bins are preferred, and numbers near the centres of bins.
    """
    numbers = rng.random((len(positions), 3)).tolist()
    jitter = rng.random((len(positions), 3)) - 0.5
    if regular:
        least, most = _REGULAR_SPREAD
        spread = least * (most / least) ** rng.random()
        jitter = np.clip(spread * rng.normal(size=jitter.shape), -0.5, 0.5)
    histograms = _histograms(table, number, regular)
    for k, index in enumerate(positions):
        for axis, cumulative in enumerate(histograms.get(index, ())):
            chosen = bisect.bisect_left(cumulative, numbers[k][axis])
            numbers[k][axis] = (chosen + jitter[k, axis]) / BINS
    return np.array(numbers)


@functools.cache
def _histograms(
    table: SyntheticStatistics, number: int, regular: bool
) -> dict[int, list[list[float]]]:
    """Return the cumulative frequencies [freedom, 48] of the free coordinates of positions.

    As lists: for so few numbers, bisection is faster than a call of numpy.
    """
    found = {}
    for group, index, row in table.histogram_positions.tolist():
        if group == number:
            freedom = wyckoff.wyckoff_positions(group)[index].freedom
            counts = table.histograms[row : row + freedom] + 0.5
            if regular:
                counts = counts**_REGULAR_POWER
            cumulative = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
            found[index] = cumulative.tolist()
    return found
