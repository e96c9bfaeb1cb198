"""LayerNorm over channels, alone or followed by GELU, with the gradient in closed form.

With m and r the mean and the reciprocal standard deviation over the C channels, n = (x - m) r and
z = scale n + bias; for a cotangent dz and g = scale dz:

    dx = r (g - mean(g) - n mean(g n)),  dscale = sum dz n,  dbias = sum dz

Kept for the gradient: x, m, r. For bfloat16 x, everything is computed in float32. The optimization
barriers decide which arrays are stored: otherwise the compiler recomputes statistics, erf and masks
inside every loop that needs them.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from sgan_jax.models import activations

Array = jax.Array

EPS = 1e-5


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def layer_norm(x: Array, scale: Array, bias: Array, gelu: bool) -> Array:
    """Normalise x [N, C] over C, apply scale and bias [C], and GELU if `gelu` is set."""
    return _forward(x, scale, bias, gelu)[0]


def statistics(x: Array) -> tuple[Array, Array]:
    """Return mean and reciprocal standard deviation over the last axis, float32 [..., 1]."""
    x = activations.widened(x)
    mean = lax.optimization_barrier(x.mean(-1, keepdims=True))
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return mean, lax.optimization_barrier(lax.rsqrt(variance + EPS))


def input_gradient(g: Array, g_normal: Array, normal: Array, rdev: Array) -> Array:
    """Return r (g - mean(g) - n mean(g n)), with means over the last axis; `g_normal` is g n."""
    # Means as products with a vector: the fastest reduction of a short last axis on CPU.
    channels = g.shape[-1]
    weights = jnp.full((channels, 1), 1.0 / channels, g.dtype)
    g, g_normal = lax.optimization_barrier((g, g_normal))
    mean_g, mean_gn = lax.optimization_barrier((g @ weights, g_normal @ weights))
    return (g - mean_g - normal * mean_gn) * rdev


def _forward(x, scale, bias, gelu):
    x = lax.optimization_barrier(x)
    mean, rdev = statistics(x)
    y = _affine(x, mean, rdev, scale, bias)
    if gelu:
        y = activations.gelu_value(y)
    return lax.optimization_barrier(y.astype(x.dtype)), (x, mean, rdev, scale, bias)


def _backward(gelu, residuals, dy):
    x, mean, rdev, scale, bias = residuals
    channels = x.shape[-1]
    x, dz = lax.optimization_barrier((x, dy))
    dz = activations.widened(dz)
    if gelu:
        dz = dz * activations.gelu_slope(_affine(x, mean, rdev, scale, bias))
        dz = lax.optimization_barrier(dz)
    dz_x = lax.optimization_barrier(dz * x)
    # Sums over channels and over examples, all as products with a vector.
    weights = scale[:, None] / channels
    mean_g = dz @ weights
    mean_gn = rdev * (dz_x @ weights - mean * mean_g)
    mean_g, mean_gn = lax.optimization_barrier((mean_g, mean_gn))
    normal = (x - mean) * rdev
    dx = (dz * scale[None, :] - mean_g - normal * mean_gn) * rdev
    dscale = (rdev.T @ dz_x - (rdev * mean).T @ dz)[0]
    return dx.astype(x.dtype), dscale, dz.sum(0)


def _affine(x, mean, rdev, scale, bias):
    return (x - mean) * rdev * scale[None, :] + bias[None, :]


layer_norm.defvjp(_forward, _backward)
