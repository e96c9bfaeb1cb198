"""The layers both networks are made of, initialised as torch (the paper's program) does it."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

Array = jax.Array


def uniform_fan_in(fan_in: int) -> jax.nn.initializers.Initializer:
    """Return U(-1/sqrt(fan_in), 1/sqrt(fan_in)): torch's default for kernels and biases alike."""
    bound = 1.0 / math.sqrt(fan_in)

    def init(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


class Conv(nn.Module):
    """Convolution without bias, [B, L, C] -> [B, (L + 2 padding - K) // stride + 1, features]."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Convolve with the parameter `kernel` [K, C, features]."""
        channels = x.shape[-1]
        kernel = self.param(
            "kernel",
            uniform_fan_in(self.kernel_size * channels),
            (self.kernel_size, channels, self.features),
        )
        return lax.conv_general_dilated(
            x,
            kernel,
            (self.stride,),
            [(self.padding, self.padding)],
            dimension_numbers=("NWC", "WIO", "NWC"),
        )


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
