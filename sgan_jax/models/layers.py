"""The layers both networks are made of, initialised as torch (the paper's program) does it."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import layer_norm, pooling

Array = jax.Array


def uniform_fan_in(fan_in: int) -> Callable[..., Array]:
    """Return U(-1/sqrt(fan_in), 1/sqrt(fan_in)): torch's default for kernels and biases alike."""
    bound = 1.0 / math.sqrt(fan_in)

    def init(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


class ConvKernel(nn.Module):
    """The parameter `kernel` [K, C, F] of a convolution without bias."""

    kernel_size: int
    features: int

    @nn.compact
    def __call__(self, channels: int) -> Array:
        """Return the kernel for an input of so many channels."""
        shape = (self.kernel_size, channels, self.features)
        return self.param("kernel", uniform_fan_in(self.kernel_size * channels), shape)


class LayerNorm(nn.Module):
    """LayerNorm of the last axis with parameters `scale` and `bias` [C], and what follows it."""

    @nn.compact
    def __call__(self, x: Array, *, gelu: bool = False, inside: Array | None = None) -> Array:
        """Normalise [..., C], then apply GELU where asked for.

        With `inside` [..., W], normalise [..., W, C], apply GELU and take the maximum over the
        points inside: [..., C].
        """
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        if inside is None:
            rows = x.reshape(-1, channels)
            return layer_norm.layer_norm(rows, scale, bias, gelu).reshape(x.shape)
        rows, inside = x.reshape(-1, *x.shape[-2:]), inside.reshape(-1, x.shape[-2])
        y = pooling.layer_norm_gelu_max(rows, inside, scale, bias)
        return y.reshape(*x.shape[:-2], channels)


class Dense(nn.Module):
    """Affine map of the last axis, [B, C] -> [B, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Multiply by `kernel` [C, features] and add `bias` [features]."""
        channels = x.shape[-1]
        kernel = self.param("kernel", uniform_fan_in(channels), (channels, self.features))
        bias = self.param("bias", uniform_fan_in(channels), (self.features,))
        return x @ kernel + bias[None, :]
