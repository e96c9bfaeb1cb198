"""GELU in its erf form, with a gradient computed from the input in one pass."""

import math

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def widened(x: Array) -> Array:
    """Return x, converted to float32 if it has a narrower type such as bfloat16."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def gelu_value(x: Array) -> Array:
    """Return x Φ(x)."""
    return 0.5 * x * (1.0 + lax.erf(x * math.sqrt(0.5)))


def gelu_slope(x: Array) -> Array:
    """Return d(x Φ(x))/dx = Φ(x) + x φ(x)."""
    density = jnp.exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
    return 0.5 * (1.0 + lax.erf(x * math.sqrt(0.5))) + x * density


@jax.custom_vjp
def gelu(x: Array) -> Array:
    """Return GELU(x) elementwise; only x is kept for the gradient."""
    return gelu_value(widened(x)).astype(x.dtype)


def _gelu_forward(x):
    x = lax.optimization_barrier(x)  # so that x is computed once, not again for each use
    y = gelu_value(widened(x)).astype(x.dtype)
    return lax.optimization_barrier(y), x


def _gelu_backward(x, cotangent):
    x, cotangent = lax.optimization_barrier((x, cotangent))
    dx = cotangent * gelu_slope(widened(x))
    return (lax.optimization_barrier(dx.astype(x.dtype)),)


gelu.defvjp(_gelu_forward, _gelu_backward)
