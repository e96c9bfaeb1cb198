"""The gradient of a batch from a few examples at a time, where a whole batch exceeds the caches.

Without the stem's pool, a step of `supervised` on CPU is memory-bound: 64 examples keep 130 MB
between the forward and the backward pass, 8 keep what fits into the caches. With the pool, and on
accelerators, a whole batch is faster.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
# (params, patterns [B, P], labels [B], key) -> (mean over examples, arrays [B, ...])
Objective = Callable[[Any, Array, Array, Array], tuple[Array, Any]]

_EXAMPLES = 8


def examples_at_once(stem_pool: bool) -> int | None:
    """Return how many examples to process at a time on this backend; None: all of them."""
    return _EXAMPLES if jax.default_backend() == "cpu" and not stem_pool else None


def mean_gradient(
    objective: Objective,
    params: Any,
    patterns: Array,
    labels: Array,
    key: Array,
    *,
    examples: int | None = None,
) -> tuple[Any, Any]:
    """Return the gradient of the objective's mean over the batch, and its arrays [B, ...].

    Args:
      objective: a mean over independent examples; each part is given a key of its own.
      params: the gradient is taken with respect to these.
      patterns: [B, P].
      labels: int32 [B].
      key: for all randomness in the objective.
      examples: at most this many at a time, in parts of equal size; None: all.
    """
    gradient = jax.grad(objective, has_aux=True)
    most = min(examples or len(patterns), len(patterns))
    size = next(size for size in range(most, 0, -1) if len(patterns) % size == 0)
    number = len(patterns) // size
    if number == 1:
        return gradient(params, patterns, labels, key)

    def add_part(total, part):
        found, per_example = gradient(params, *part)
        return jax.tree.map(jnp.add, total, found), per_example

    parts = (
        patterns.reshape(number, size, -1),
        labels.reshape(number, size),
        jax.random.split(key, number),
    )
    total, per_example = lax.scan(add_part, jax.tree.map(jnp.zeros_like, params), parts)
    return (
        jax.tree.map(lambda total: total / number, total),
        jax.tree.map(lambda of_parts: of_parts.reshape(-1, *of_parts.shape[2:]), per_example),
    )
