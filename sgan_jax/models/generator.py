"""Generator: latent z -> pattern of 3041 points, by transposed convolutions (section 2.4)."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import batch_norm, convolution, layers

Array = jax.Array

LATENT = 100
CHANNELS = 32
# (kernel, stride) of the hidden layers; the last layer has one channel.
HIDDEN = ((17, 2), (15, 1), (14, 1), (18, 3), (13, 1), (11, 4), (9, 1), (9, 1))
LAST_KERNEL = 7


class TransposedConv(nn.Module):
    """Transposed convolution without bias: [B, L, C] -> [B, (L - 1) stride + K, features]."""

    features: int
    kernel_size: int
    stride: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Spread x by `kernel` [K, C, features]: tap k of point i adds to point i stride + k."""
        # torch computes a transposed kernel's fan-in from the output channels.
        kernel = self.param(
            "kernel",
            layers.uniform_fan_in(self.kernel_size * self.features),
            (self.kernel_size, x.shape[-1], self.features),
        )
        return convolution.transposed_conv(x, kernel, self.stride)


class Generator(nn.Module):
    """Generate patterns from noise, [B, 100] -> [B, 3041], values in 0..1.

    BatchNorm keeps its running statistics in 'batch_stats'; with `axis_name`, its batch is that of
    all devices. Parameters, statistics and patterns are float32 whatever the `dtype`.
    """

    start: float = 0.5  # the approximate output of an untrained generator at every angle
    axis_name: str | None = None
    dtype: jax.typing.DTypeLike = jnp.float32  # of convolutions and activations

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        """Generate a pattern from each latent vector."""
        x = z[:, :, None].astype(self.dtype)
        for i, (kernel_size, stride) in enumerate(HIDDEN, 1):
            x = TransposedConv(CHANNELS, kernel_size, stride, name=f"conv{i}")(x)
            norm = batch_norm.LeakyBatchNorm(self.axis_name, name=f"batch_norm{i}")
            x = norm(x, train=train)
        x = TransposedConv(1, LAST_KERNEL, 1, name=f"conv{len(HIDDEN) + 1}")(x)
        level = math.log(self.start / (1.0 - self.start))
        return jax.nn.sigmoid(x[:, :, 0].astype(jnp.float32) + level)
