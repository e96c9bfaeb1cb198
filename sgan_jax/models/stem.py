"""The stem of the classifier: one channel to 32, and the paper's max pool."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from sgan_jax.models import convolution, dropout, layers

Array = jax.Array

CHANNELS, KERNEL = 32, 13
POOL = 7  # kernel = stride; padding 3


class Stem(nn.Module):
    """Convolution -> dropout -> LayerNorm -> GELU (-> max pool 7, stride 7, padding 3).

    Without the pool the result is filled with zeros to a multiple of `fill_to` points: part of the
    padding of the next convolution, which would cost a copy there.
    """

    pool: bool
    fill_to: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Map [B, P] to [B, (P - 13) // 7 + 1 or about P - 12, 32]."""
        batch, points = x.shape[0], x.shape[1] - KERNEL + 1
        # Points are computed in groups: the pool's windows, padding included, or `fill_to`.
        group, before = (POOL, POOL // 2) if self.pool else (self.fill_to, 0)
        groups = (points + 2 * before - group) // group + 1 if self.pool else -(-points // group)
        position = jnp.arange(groups * group, dtype=jnp.int32) - before
        inside = (position >= 0) & (position < points)

        kernel = layers.ConvKernel(KERNEL, CHANNELS, name="conv")(1)
        x = jnp.pad(x, ((0, 0), (before, max(0, groups * group - before - points))))
        y = convolution.stem_conv(x[:, : groups * group + KERNEL - 1], kernel, group)
        y = dropout.Dropout(self.dropout)(y, train=train)
        norm = layers.LayerNorm(name="norm")
        if self.pool:
            return norm(y, inside=jnp.broadcast_to(inside.reshape(1, groups, group), y.shape[:3]))
        y = norm(y.reshape(batch, groups * group, CHANNELS), gelu=True)
        fill = jnp.zeros((batch, groups * group - points, CHANNELS), y.dtype)
        return lax.dynamic_update_slice(y, fill, (0, points, 0))
