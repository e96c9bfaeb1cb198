"""Conformal prediction sets, which contain the true class with a chosen probability.

Least ambiguous sets (Sadinle, Lei & Wasserman 2019, J. Am. Stat. Assoc. 114, 223): a class is in
the set if its probability is at least t, where t is chosen such that enough of the sets of n
held-out patterns contain the true class. If a new pattern and those n are exchangeable, its set
contains the true class with a probability from the coverage c to c + 1 / (n + 1), however good or
bad the model is.

Why these and not adaptive sets (APS, RAPS): among all sets of the same coverage they have the
fewest classes on average, which suits users who try the classes one by one; and adaptive sets
without randomisation omit the best class precisely where the model is certain of it. The price:
patterns of difficult classes are covered less often than those of easy ones.
"""

import math

import numpy as np


def scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the nonconformity scores 1 - p_true [n] of probabilities [n, K] and labels [n]."""
    return 1.0 - np.take_along_axis(probabilities, np.asarray(labels)[:, None], axis=1)[:, 0]


def smallest_probability(held_out_scores: np.ndarray, coverage: float) -> float:
    """Return the threshold t on the probability of a class for sets of a coverage c.

    t = 1 - q, where q is the ⌈(n + 1) c⌉-th smallest of the n scores. If n is too small for the
    coverage (`is_enough`), t = 0: the sets contain all classes.

    Raises:
      ValueError: the coverage is not between 0 and 1.
    """
    if not is_enough(len(held_out_scores), coverage):
        return 0.0
    rank = _rank(len(held_out_scores), coverage)
    return 1.0 - float(np.partition(held_out_scores, rank - 1)[rank - 1])


def is_enough(held_out: int, coverage: float) -> bool:
    """Say whether there are enough held-out patterns for a coverage: 9 for 90 %, 99 for 99 %."""
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage {coverage:g} is not between 0 and 1; give 0.9 for 90 %")
    return _rank(held_out, coverage) <= held_out


def prediction_sets(probabilities: np.ndarray, at_least: float) -> np.ndarray:
    """Return which classes are in the prediction sets, bool [n, K], from probabilities [n, K].

    The most probable class is always included: otherwise some sets would be empty if the model's
    accuracy exceeds the coverage. The sets of such a model cover more than required.
    """
    inside = probabilities >= at_least
    best = np.argmax(probabilities, axis=1)
    inside[np.arange(len(inside)), best] = True
    return inside


def _rank(held_out: int, coverage: float) -> int:
    # Rounded, as 100 * 0.55 is 55.00000000000001, whose ceiling is 56.
    return math.ceil(round((held_out + 1) * coverage, 9))
