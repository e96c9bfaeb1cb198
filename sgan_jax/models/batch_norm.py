"""LeakyReLU and BatchNorm over all devices in one, with the gradient in closed form.

With a = leaky(x), m and v its mean and variance per channel over the points of all devices,
r = 1 / sqrt(v + eps) and n = (a - m) r:  y = scale n + bias. For a cotangent dy:

    da = scale r (dy - mean(dy) - n mean(dy n)),  dscale = sum dy n,  dbias = sum dy
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from sgan_jax.models import activations

Array = jax.Array

LEAK = 0.2
EPS = 1e-4
MOMENTUM = 0.9  # weight of the old value: torch's default, 0.1, is that of the new one


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def leaky_batch_norm(
    x: Array, scale: Array, bias: Array, axis_name: str | None
) -> tuple[Array, Array, Array]:
    """Return BatchNorm(leaky(x)) of x [N, C], and the mean and the variance [C] it used.

    The mean and the variance carry no gradient. For bfloat16 x, everything is computed in float32.
    """
    return _forward(x, scale, bias, axis_name)[0]


def _forward(x, scale, bias, axis_name):
    x = lax.optimization_barrier(x)
    activated = _leaky(activations.widened(x))
    mean = lax.optimization_barrier(activated.mean(0))
    variance = jnp.square(activated - mean[None]).mean(0)
    mean, variance = _moments_of_all(mean, variance, axis_name)
    rdev = lax.optimization_barrier(lax.rsqrt(variance + EPS))
    y = lax.optimization_barrier((activated - mean[None]) * (rdev * scale)[None] + bias[None])
    return (y.astype(x.dtype), mean, variance), (x, mean, rdev, scale)


def _backward(axis_name, residuals, cotangents):
    x, mean, rdev, scale = residuals
    x, dy = lax.optimization_barrier((x, cotangents[0]))
    dtype, x, dy = x.dtype, activations.widened(x), activations.widened(dy)
    dbias = dy.sum(0)
    dscale = (dy * (_leaky(x) - mean[None])).sum(0) * rdev
    mean_dy, mean_dyn = _means_of_all(dbias / len(x), dscale / len(x), axis_name)
    mean_dy, slope = lax.optimization_barrier((mean_dy, mean_dyn * rdev))
    da = (dy - mean_dy[None] - (_leaky(x) - mean[None]) * slope[None]) * (rdev * scale)[None]
    dx = jnp.where(x >= 0, da, LEAK * da).astype(dtype)
    return lax.optimization_barrier(dx), dscale, dbias


leaky_batch_norm.defvjp(_forward, _backward)


def _leaky(x):
    return jnp.where(x >= 0, x, LEAK * x)


def _moments_of_all(mean, variance, axis_name):
    """Return mean and variance [C] over the points of all devices, which have equally many.

    The overall variance is the mean of the devices' variances plus the variance of their means.
    That takes one message; squared deviations from the overall mean would take two.
    """
    if axis_name is None or lax.axis_size(axis_name) == 1:
        return mean, variance
    means, variances = lax.all_gather(jnp.stack([mean, variance]), axis_name, axis=1)
    mean = means.mean(0)
    return mean, (variances + jnp.square(means - mean[None])).mean(0)


def _means_of_all(one, other, axis_name):
    """Return the means over the devices of two arrays [C], sent together."""
    if axis_name is None or lax.axis_size(axis_name) == 1:
        return one, other
    return tuple(lax.pmean(jnp.stack([one, other]), axis_name))


class LeakyBatchNorm(nn.Module):
    """`leaky_batch_norm` over B and L with parameters `scale` and `bias` [C].

    The running `mean` and `var` are in the collection 'batch_stats'; outside training they are used
    and not updated.
    """

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Activate and normalise [B, L, C]."""
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        if not train:
            rdev = lax.rsqrt(running_var.value + EPS) * scale
            y = (_leaky(x) - running_mean.value[None, None]) * rdev[None, None] + bias[None, None]
            return y.astype(x.dtype)
        rows = x.reshape(-1, *shape)
        y, mean, variance = leaky_batch_norm(rows, scale, bias, self.axis_name)
        if not self.is_initializing():
            for running, value in ((running_mean, mean), (running_var, variance)):
                running.value = MOMENTUM * running.value + (1.0 - MOMENTUM) * value
        return y.reshape(x.shape)
