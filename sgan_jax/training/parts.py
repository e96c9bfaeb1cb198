"""The gradient of a batch from a few examples at a time, where a whole batch leaves the caches.

Without the stem's pool a step of `supervised` on CPU is bound by memory: 64 examples leave 130 MB
between the forward and the backward pass, 8 leave what the caches hold. With the pool, and on
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
    """Return how many examples to train on at a time on this backend; None: all of them."""
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
      objective: a mean over examples that do not see one another; its key is a part's own.
      params: what the gradient is taken of.
      patterns: [B, P].
      labels: int32 [B].
      key: of all that is random in the objective.
      examples: at a time, at most; None: all. The parts are equal.
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
