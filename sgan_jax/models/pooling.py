"""LayerNorm, GELU and max pooling in one, with GELU of two points per window instead of all.

GELU first falls and then rises, so over a window it is greatest at the largest or the smallest of
its arguments, which are affine in the largest and the smallest normalised value:

    max_j GELU(scale n_j + bias) = max(GELU(scale max_j n_j + bias), GELU(scale min_j n_j + bias))

The gradient goes to the first point with the greatest value, as in torch.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from sgan_jax.models import activations, layer_norm

Array = jax.Array


@jax.custom_vjp
def layer_norm_gelu_max(x: Array, inside: Array, scale: Array, bias: Array) -> Array:
    """Return the max over W of GELU(LayerNorm(x)): x [N, W, C] -> [N, C].

    `inside` [N, W] is False for points that are padding; scale and bias are [C].
    """
    return _forward(x, inside, scale, bias)[0]


def _forward(x, inside, scale, bias):
    x = lax.optimization_barrier(x)
    mean, rdev = layer_norm.statistics(x)
    normal = lax.optimization_barrier((x - mean) * rdev)
    # Point by point compiles to one loop; a reduction would store its masked input first.
    points = range(x.shape[1])
    largest = functools.reduce(
        jnp.maximum, (jnp.where(inside[:, j, None], normal[:, j], -jnp.inf) for j in points)
    )
    smallest = functools.reduce(
        jnp.minimum, (jnp.where(inside[:, j, None], normal[:, j], jnp.inf) for j in points)
    )
    largest, smallest = lax.optimization_barrier((largest, smallest))
    y_largest = activations.gelu_value(largest * scale[None] + bias[None])
    y_smallest = activations.gelu_value(smallest * scale[None] + bias[None])
    chosen = jnp.where(y_largest >= y_smallest, largest, smallest)
    y = jnp.maximum(y_largest, y_smallest).astype(x.dtype)
    return y, (normal, rdev, chosen, inside, scale, bias)


def _backward(residuals, dy):
    normal, rdev, chosen, inside, scale, bias = residuals
    first = jnp.full_like(chosen, -1, jnp.int32)
    for j in reversed(range(normal.shape[1])):
        first = jnp.where((normal[:, j] == chosen) & inside[:, j, None], j, first)
    dz = dy * activations.gelu_slope(chosen * scale[None] + bias[None])
    first, dz = lax.optimization_barrier((first, dz))
    points = jnp.arange(normal.shape[1], dtype=jnp.int32)[None, :, None]
    # Where g is not zero, n is the chosen value, so that g n can be computed without `normal`.
    g_chosen = dz * scale[None]
    g, g_normal = (
        jnp.where(first[:, None, :] == points, value[:, None, :], 0.0)
        for value in (g_chosen, g_chosen * chosen)
    )
    dx = layer_norm.input_gradient(g, g_normal, normal, rdev)
    return dx.astype(dy.dtype), None, (dz * chosen).sum(0), dz.sum(0)


layer_norm_gelu_max.defvjp(_forward, _backward)
