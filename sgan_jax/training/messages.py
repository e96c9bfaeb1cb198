"""What devices tell one another in a step: gradients to average and sums to add, in one message.

An all-reduce costs mostly its latency: the gradients of both networks are 3 MB, which NVLink moves
in the time of two messages. XLA combines some of the all-reduces of a tree's leaves and not others,
and NCCL is handed the leaves of a combined one by one; one flat vector is one message everywhere.
"""

from typing import Any

import jax
from jax import flatten_util, lax

from sgan_jax.training.state import AXIS


def average_and_sum(averaged: Any, summed: Any) -> tuple[Any, Any]:
    """Return the mean of one tree and the sum of another over the axis, with one all-reduce.

    Leaves are of one type (float32 in every step). On one device both are returned as they are,
    without a copy.
    """
    devices = lax.axis_size(AXIS)
    if devices == 1:
        return averaged, summed
    vector, unravel = flatten_util.ravel_pytree((averaged, summed))
    totals, sums = unravel(lax.psum(vector, AXIS))
    return jax.tree.map(lambda total: total / devices, totals), sums
