"""Metrics of a classifier as sums and counts.

They are added over batches, devices and hosts, and divided once, at the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

TOP = 5  # the paper also reports top-5 accuracy for space groups, section 3.2


class Counts(NamedTuple):
    """Sums over examples, which add field by field (`add`, or `psum` over devices)."""

    examples: jax.Array  # [] int32
    loss: jax.Array  # [] float32, sum of the cross-entropy in nats
    top1: jax.Array  # [] int32, examples whose true class ranks first
    top5: jax.Array  # [] int32, examples whose true class ranks among the first five
    confusion: jax.Array  # [C, C] int32, rows true classes, columns predicted ones


def count(logits: jax.Array, labels: jax.Array, mask: jax.Array | None = None) -> Counts:
    """Count one batch of logits [B, C] against labels [B].

    Examples are ignored if `mask` [B] is 0 (the padding of a last batch) or the label is negative
    (a crystal of no known class). Ties rank by class index, lowest first, for top-1, top-5 and
    confusion alike, so that a constant output is correct only for the first classes. An example
    with a NaN logit is a miss for top-1 and top-5.
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
    predicted = jnp.argmax(logits, axis=-1)  # the lowest index of ties
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
    """Return the ratios of the counts, JSON-serialisable; None where there is no example.

    Keys: examples, top1, top5, loss, per_class_recall (a list, None for a class without examples),
    confusion (a list of rows, counts).
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
    """Return the diagonal of confusion [C, C] over its row sums; None for an empty row."""
    return [
        _ratio(right, total)
        for right, total in zip(np.diag(confusion), confusion.sum(axis=1), strict=True)
    ]


def best_classes(logits: np.ndarray, top: int = TOP) -> np.ndarray:
    """Return the indices [N, min(top, C)] of the best classes of logits [N, C], best first.

    Ties rank by index, lowest first, as in `count`.
    """
    return np.argsort(-logits, axis=-1, kind="stable")[:, :top]


def _ratio(part, whole) -> float | None:
    return float(part) / float(whole) if whole else None
