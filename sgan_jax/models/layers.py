"""The layers of both networks, initialised as in torch, which the paper's program uses."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import layer_norm

Array = jax.Array


def uniform_fan_in(fan_in: int) -> Callable[..., Array]:
    """Return U(-1/sqrt(fan_in), 1/sqrt(fan_in)), torch's default for both kernels and biases."""
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
        """Return the kernel for an input with `channels` channels."""
        shape = (self.kernel_size, channels, self.features)
        return self.param("kernel", uniform_fan_in(self.kernel_size * channels), shape)


class LayerNorm(nn.Module):
    """LayerNorm over the last axis with parameters `scale` and `bias` [C], optionally with GELU."""

    @nn.compact
    def parameters(self, channels: int) -> tuple[Array, Array]:
        """Return scale and bias [C]."""
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        return scale, bias

    def __call__(self, x: Array, *, gelu: bool = False) -> Array:
        """Normalise [..., C], then apply GELU if `gelu` is set."""
        rows = x.reshape(-1, x.shape[-1])
        y = layer_norm.layer_norm(rows, *self.parameters(x.shape[-1]), gelu)
        return y.reshape(x.shape)


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
