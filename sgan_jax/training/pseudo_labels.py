"""Which predictions for unlabelled patterns are accepted: FixMatch's rule and FreeMatch's.

FixMatch (Sohn et al., NeurIPS 2020) accepts predictions with a confidence above a fixed threshold.
FreeMatch (Wang et al., ICLR 2023) lets the threshold follow the classifier's confidence and, for
each class, how well it has been learnt; the equation numbers below are those of that paper.
Predictions q are probabilities [U, K]. All averages run over the examples of all devices.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgan_jax.training.state import AXIS

Array = jax.Array

TINY = 1e-12


class Statistics(NamedTuple):
    """Running averages of the predictions of weak views."""

    confidence: Array  # [], of max q: τ_t of eq. 5
    distribution: Array  # [K], of q: p̃_t of eq. 6
    histogram: Array  # [K], of one-hot argmax q: h̃_t of eq. 9


def start(classes: int) -> Statistics:
    """Return the initial statistics, those of uniform predictions."""
    uniform = jnp.full(classes, 1.0 / classes)
    return Statistics(jnp.float32(1.0 / classes), uniform, uniform)


def update(
    statistics: Statistics, believed: Array, predictions: Array, momentum: float
) -> Statistics:
    """Return momentum · statistics + (1 - momentum) · the means of this step.

    Args:
      statistics: before this step.
      believed: q [U, K] after any alignment; used for confidence and histogram.
      predictions: q [U, K] as predicted; used for the distribution, since alignment divides by it.
      momentum: 0 to 1.
    """
    best = jax.nn.one_hot(jnp.argmax(believed, axis=-1), believed.shape[-1])
    means = Statistics(
        jnp.mean(jnp.max(believed, axis=-1)), jnp.mean(predictions, axis=0), jnp.mean(best, axis=0)
    )
    means = lax.pmean(means, AXIS)
    return jax.tree.map(lambda old, new: momentum * old + (1 - momentum) * new, statistics, means)


def align(predictions: Array, distribution: Array, prior: np.ndarray) -> Array:
    """Return predictions [U, K] corrected towards the class frequencies of the labelled part.

    q · prior / p̃, normalised: distribution alignment (Berthelot et al., ReMixMatch, ICLR 2020).
    """
    aligned = predictions * (prior / (distribution + TINY))[None, :]
    return aligned / jnp.sum(aligned, axis=-1, keepdims=True)


def thresholds(statistics: Statistics, rule: str, fixed: float) -> Array:
    """Return the confidence [K] from which a prediction of each class is accepted.

    Args:
      statistics: of the predictions so far.
      rule: 'fixed'; 'global', τ_t for all; or 'adaptive', τ_t p̃_t(c) / max p̃_t (eq. 8).
      fixed: the threshold of 'fixed'.
    """
    shape = statistics.distribution.shape
    if rule == "fixed":
        return jnp.full(shape, fixed)
    if rule == "global":
        return jnp.full(shape, statistics.confidence)
    learnt = statistics.distribution / jnp.max(statistics.distribution)
    return statistics.confidence * learnt


def accept(predictions: Array, threshold: Array) -> tuple[Array, Array]:
    """Return the pseudo-labels [U] of predictions [U, K], and 1 where accepted, else 0."""
    labels = jnp.argmax(predictions, axis=-1)
    return labels, (jnp.max(predictions, axis=-1) >= threshold[labels]).astype(jnp.float32)


def fairness_loss(statistics: Statistics, predictions: Array, accepted: Array) -> Array:
    """Return FreeMatch's fairness objective [], eq. 11: Σ_c a_c log b_c.

    a = p̃ / h̃ and b = p̄ / h̄, each normalised to a sum of 1; p̄ and h̄ are mean and histogram of
    the predictions [U, K] for the strong views whose pseudo-label is accepted. 0 if none is.
    """
    best = jax.nn.one_hot(jnp.argmax(predictions, axis=-1), predictions.shape[-1])
    mean, histogram, count = lax.pmean(
        (accepted @ predictions, accepted @ best, jnp.sum(accepted)), AXIS
    )
    expected = _normalised(_divided(statistics.distribution, statistics.histogram))
    seen = _normalised(_divided(mean, histogram))
    return jnp.where(count > 0, jnp.sum(expected * jnp.log(seen + TINY)), 0.0)


def _divided(numbers: Array, by: Array) -> Array:
    """Return the quotient, 0 where the divisor is 0 (as in FreeMatch's published program)."""
    return jnp.where(by > 0, numbers / jnp.where(by > 0, by, 1.0), 0.0)


def _normalised(weights: Array) -> Array:
    return weights / (jnp.sum(weights) + TINY)
