"""A crystal's reflections in so many numbers and no more: all, or the close ones put together."""

import numpy as np


def merge(
    d: np.ndarray, strength: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return at most `limit` reflections that make nearly the same pattern.

    Neighbours become one, with their common strength and its centre of gravity in ln d (which is
    what a step in 2θ is, but for tan θ), the pairs that this harms least first. A pair at distance
    Δ of strengths a and b has the second moment Δ² ab / (a + b), which is all that is lost of it.

    Args:
        d: d-spacings [n], falling.
        strength: multiplicity·|F|² [n].
        limit: above 0.

    Returns:
        d, strength [m], and which of the n is the strongest of each, int64 [m].
    """
    # In numbers that the Lorentz factor and the widths leave comparable: 1 / sin²θ is d².
    kept = np.flatnonzero(strength > 0.0)
    log_d, total = np.log(d[kept]), strength[kept].astype(np.float64)
    strongest, peak = kept, total.copy()
    while len(total) > limit:
        first, second = total[:-1], total[1:]
        gap = log_d[:-1] - log_d[1:]
        # The highest 2θ have the widest peaks: in units of the width, as good as constant in ln d.
        lost = np.exp(2.0 * log_d[:-1]) * gap**2 * first * second / (first + second)
        # Pairs that harm least, none of which shares a member with another.
        padded = np.concatenate([[np.inf], lost, [np.inf]])
        alone = (lost < padded[:-2]) & (lost <= padded[2:])
        candidates = np.flatnonzero(alone)
        surplus = len(total) - limit
        order = np.argsort(lost[candidates], kind="stable")
        # Not all at once: a merged pair may harm less with the next than others do alone.
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
