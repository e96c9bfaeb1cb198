"""Generator: latent z to a pattern of 3041 points, by transposed convolutions (section 2.4)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from sgan_jax.models import layers

Array = jax.Array

LATENT = 100
CHANNELS = 32
# (kernel, stride) of the hidden layers; the last layer has one channel.
HIDDEN = ((17, 2), (15, 1), (14, 1), (18, 3), (13, 1), (11, 4), (9, 1), (9, 1))
LAST_KERNEL = 7
LEAK = 0.2
BATCH_NORM_EPS = 1e-4
BATCH_NORM_MOMENTUM = 0.9  # torch's default, 0.1 of the new value


class TransposedConv(nn.Module):
    """Transposed convolution, no bias, no padding: [B, L, C] -> [B, (L - 1) stride + K, features].

    Written as the ordinary convolution it is: stride - 1 zeros between the points, K - 1 zeros at
    both ends. With `padding` or `lhs_dilation` instead of explicit zeros the kernel gradient is
    30 times slower on CPU.
    """

    features: int
    kernel_size: int
    stride: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Convolve with `kernel` [K, C, features]: tap k of point i adds to point i stride + k."""
        channels = x.shape[-1]
        # torch counts a transposed kernel's fan-in from the output channels.
        kernel = self.param(
            "kernel",
            layers.uniform_fan_in(self.kernel_size * self.features),
            (self.kernel_size, channels, self.features),
        )
        edge = self.kernel_size - 1
        zeros = ((0, 0, 0), (edge, edge, self.stride - 1), (0, 0, 0))
        x = lax.pad(x, jnp.zeros((), x.dtype), zeros)
        return lax.conv_general_dilated(
            x, kernel[::-1], (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")
        )


class Generator(nn.Module):
    """Patterns from noise, [B, 100] -> [B, 3041], values in 0..1.

    BatchNorm keeps its running statistics in 'batch_stats'; with `axis_name` its batch is that of
    all devices.
    """

    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        """Generate a pattern from each latent."""
        x = z[:, :, None]
        for i, (kernel_size, stride) in enumerate(HIDDEN, 1):
            x = TransposedConv(CHANNELS, kernel_size, stride, name=f"conv{i}")(x)
            x = jax.nn.leaky_relu(x, LEAK)
            x = nn.BatchNorm(
                use_running_average=not train,
                momentum=BATCH_NORM_MOMENTUM,
                epsilon=BATCH_NORM_EPS,
                axis_name=self.axis_name,
                name=f"batch_norm{i}",
            )(x)
        x = TransposedConv(1, LAST_KERNEL, 1, name=f"conv{len(HIDDEN) + 1}")(x)
        return jax.nn.sigmoid(x[:, :, 0])
