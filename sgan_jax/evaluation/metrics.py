"""How good a classifier is, as sums and counts.

They add up over batches, devices and hosts, and are divided once, at the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

TOP = 5  # the paper's second figure for space groups, section 3.2


class Counts(NamedTuple):
    """Sums over examples; any two of them add field by field (`add`, or `psum` over devices)."""

    examples: jax.Array  # [] int32
    loss: jax.Array  # [] float32, cross-entropy in nats, summed
    top1: jax.Array  # [] int32, examples whose class is the best one
    top5: jax.Array  # [] int32, examples whose class is among the five best
    confusion: jax.Array  # [C, C] int32, rows the true class, columns the predicted one


def count(logits: jax.Array, labels: jax.Array, mask: jax.Array | None = None) -> Counts:
    """Count one batch of logits [B, C] against labels [B].

    An example does not count where `mask` [B] is 0 (the padding of a last batch) or its label is
    negative (a crystal of no known class). A tie goes to the lower class index, for top-1, top-5
    and confusion alike, so that a constant output hits only the first classes. An example with a
    logit that is not a number is a miss.
    """
    classes = logits.shape[-1]
    counted = labels >= 0 if mask is None else (labels >= 0) & (mask > 0)
    true = jnp.where(counted, labels, 0)
    logits = logits.astype(jnp.float32)
    true_logit = jnp.take_along_axis(logits, true[:, None], axis=-1)
    lower_index = jnp.arange(classes)[None, :] < true[:, None]
    ahead = jnp.sum((logits > true_logit) | ((logits == true_logit) & lower_index), axis=-1)
    ahead = jnp.where(jnp.isnan(logits).any(axis=-1), classes, ahead)
    loss = jax.nn.logsumexp(logits, axis=-1) - true_logit[:, 0]
    here = counted.astype(jnp.int32)
    predicted = jnp.argmax(logits, axis=-1)  # the first of equals
    return Counts(
        examples=jnp.sum(here),
        loss=jnp.sum(jnp.where(counted, loss, 0.0)),
        top1=jnp.sum(here * (ahead < 1)),
        top5=jnp.sum(here * (ahead < min(TOP, classes))),
        confusion=jnp.zeros((classes, classes), jnp.int32).at[true, predicted].add(here),
    )


def add(first: Counts, second: Counts) -> Counts:
    """Add two counts."""
    return Counts(*(a + b for a, b in zip(first, second, strict=True)))


def summary(counts: Counts) -> dict:
    """Divide the counts: numbers ready for JSON, None where there is nothing to divide by.

    Keys: examples, top1, top5, loss, per_class_recall (a list, None for a class without examples),
    confusion (a list of rows).
    """
    examples = int(counts.examples)
    confusion = np.asarray(counts.confusion)
    return {
        "examples": examples,
        "top1": _ratio(counts.top1, examples),
        "top5": _ratio(counts.top5, examples),
        "loss": _ratio(counts.loss, examples),
        "per_class_recall": per_class_recall(confusion),
        "confusion": confusion.tolist(),
    }


def per_class_recall(confusion: np.ndarray) -> list[float | None]:
    """Return the part of each row of confusion [C, C] on its diagonal; None for an empty row."""
    return [
        _ratio(right, total)
        for right, total in zip(np.diag(confusion), confusion.sum(axis=1), strict=True)
    ]


def best_classes(logits: np.ndarray, top: int = TOP) -> np.ndarray:
    """Return the indices [N, min(top, C)] of the best classes of logits [N, C], best first.

    A tie goes to the lower index, as in `count`.
    """
    return np.argsort(-logits, axis=-1, kind="stable")[:, :top]


def _ratio(part, whole) -> float | None:
    return float(part) / float(whole) if whole else None
