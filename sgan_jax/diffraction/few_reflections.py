"""Limit the number of a crystal's reflections by merging close ones."""

import numpy as np


def merge(
    d: np.ndarray, strength: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return at most `limit` reflections that make nearly the same pattern.

    Two neighbours are replaced by one at their centre of gravity in ln d (a step in ln d is one in
    2θ up to the factor tan θ), with the sum of their strengths; the pairs that this changes least
    come first. A pair of strengths a and b at distance Δ loses its second moment Δ² ab / (a + b).
    Reflections of strength 0 are dropped.

    Args:
        d: d-spacings [n], in descending order.
        strength: multiplicity·|F|² [n].
        limit: above 0.

    Returns:
        d, strength [m], and the index, among the n, of the strongest member of each, int64 [m].
    """
    # The loss is weighted with the Lorentz factor: 1 / sin²θ is proportional to d².
    kept = np.flatnonzero(strength > 0.0)
    log_d, total = np.log(d[kept]), strength[kept].astype(np.float64)
    strongest, peak = kept, total.copy()
    while len(total) > limit:
        first, second = total[:-1], total[1:]
        gap = log_d[:-1] - log_d[1:]
        # Peaks are widest at the highest 2θ: the width is nearly constant in ln d.
        lost = np.exp(2.0 * log_d[:-1]) * gap**2 * first * second / (first + second)
        # Pairs with the smallest loss, none of which shares a member with another.
        padded = np.concatenate([[np.inf], lost, [np.inf]])
        alone = (lost < padded[:-2]) & (lost <= padded[2:])
        candidates = np.flatnonzero(alone)
        surplus = len(total) - limit
        order = np.argsort(lost[candidates], kind="stable")
        # Not all at once: merging a merged pair with the next may cost less than another pair.
        chosen = candidates[order[: min(surplus, max(1, len(candidates) // 2))]]
        weight = total[chosen] + total[chosen + 1]
        log_d[chosen] = (
            total[chosen] * log_d[chosen] + total[chosen + 1] * log_d[chosen + 1]
        ) / weight
        second_is_peak = peak[chosen + 1] > peak[chosen]
        strongest = strongest.copy()
        strongest[chosen] = np.where(second_is_peak, strongest[chosen + 1], strongest[chosen])
        peak[chosen] = np.maximum(peak[chosen], peak[chosen + 1])
        total[chosen] = weight
        keep = np.ones(len(total), bool)
        keep[chosen + 1] = False
        log_d, total, strongest, peak = (x[keep] for x in (log_d, total, strongest, peak))
    return np.exp(log_d), total, strongest
