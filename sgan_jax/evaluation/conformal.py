"""Conformal prediction sets: classes among which the true one is as often as was asked for.

Least ambiguous sets (Sadinle, Lei & Wasserman 2019, J. Am. Stat. Assoc. 114, 223): a class is in
the set where its probability is at least t, and t is such that of n held-out patterns the true
class is in as many sets as needed. If a new pattern and those n are exchangeable, its true class is
in its set with a probability from the coverage c to c + 1 / (n + 1), whatever the model is worth.

Why these and not adaptive sets (APS, RAPS): among all sets of that coverage they have the fewest
classes, which is what one who tries them one by one needs; and without randomisation adaptive sets
leave out the best class exactly where the model is sure of it. Their price: patterns of a hard
class are covered less often than those of an easy one.
"""

import math

import numpy as np


def scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how badly each true class fits, 1 - p [n], from probabilities [n, K], labels [n]."""
    return 1.0 - np.take_along_axis(probabilities, np.asarray(labels)[:, None], axis=1)[:, 0]


def smallest_probability(held_out_scores: np.ndarray, coverage: float) -> float:
    """Return the probability that a class needs to be in the sets of a coverage.

    It is 1 - q, q the ⌈(n + 1) c⌉-th of the n scores. Where n is too small for the coverage
    (`is_enough`), 0: the sets hold all classes.

    Raises:
      ValueError: the coverage is not between 0 and 1.
    """
    if not is_enough(len(held_out_scores), coverage):
        return 0.0
    rank = _rank(len(held_out_scores), coverage)
    return 1.0 - float(np.partition(held_out_scores, rank - 1)[rank - 1])


def is_enough(held_out: int, coverage: float) -> bool:
    """Say whether so many held-out patterns do for a coverage: 9 for 90 %, 99 for 99 %."""
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage {coverage:g} is not between 0 and 1; give 0.9 for 90 %")
    return _rank(held_out, coverage) <= held_out


def prediction_sets(probabilities: np.ndarray, at_least: float) -> np.ndarray:
    """Return which classes are in the sets, bool [n, K], of probabilities [n, K].

    The most probable class is in every set. Without it some were empty where the model is right
    more often than the coverage asks for; with it, such sets cover more than they have to.
    """
    inside = probabilities >= at_least
    best = np.argmax(probabilities, axis=1)
    inside[np.arange(len(inside)), best] = True
    return inside


def _rank(held_out: int, coverage: float) -> int:
    # 0.9 * 10 is a little more than 9 in binary.
    return math.ceil(round((held_out + 1) * coverage, 9))
