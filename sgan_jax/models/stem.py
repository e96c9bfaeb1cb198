"""The stem of the classifier: from one channel to 32, with the paper's max pool."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from sgan_jax.models import convolution, dropout, layer_norm, layers, pooling

Array = jax.Array

CHANNELS, KERNEL = 32, 13
POOL = 7  # kernel = stride; padding 3
PART = 8  # examples processed at a time on CPU


class Stem(nn.Module):
    """Convolution -> dropout -> LayerNorm -> GELU (-> max pool 7, stride 7, padding 3).

    Without the pool, the output y [B, about P - 12, 32] is by far the network's largest array. It
    is padded with zeros to a multiple of `fill_to` points here, because the next convolution needs
    them and would have to copy y. With the pool, y is [B, (P - 13) // 7 + 1, 32].
    """

    pool: bool
    fill_to: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Callable[[Callable[[Array], Any]], Any]:
        """Take patterns [B, P]; return apply: f -> f(y), for f that treats examples independently.

        f is the next convolution. On CPU without the pool, it is applied to a few examples at a
        time, so that the large y need never exist as a whole.
        """
        points = x.shape[1] - KERNEL + 1
        # Points are computed in groups: the pool's windows, including padding, or `fill_to`.
        group, before = (POOL, POOL // 2) if self.pool else (self.fill_to, 0)
        groups = (points + 2 * before - group) // group + 1 if self.pool else -(-points // group)
        position = jnp.arange(groups * group, dtype=jnp.int32) - before
        inside = ((position >= 0) & (position < points)).reshape(1, groups, group)
        x = jnp.pad(x, ((0, 0), (before, max(0, groups * group - before - points))))
        x = x[:, : groups * group + KERNEL - 1]

        kernel = layers.ConvKernel(KERNEL, CHANNELS, name="conv")(1)
        scale, bias = layers.LayerNorm(name="norm").parameters(CHANNELS)
        rate = self.dropout if train else 0.0
        words = dropout.hash_words(self.make_rng("dropout")) if rate else jnp.zeros(2, jnp.uint32)

        def part(x, words):
            y = convolution.stem_conv(x, kernel, group)
            if rate:
                y = dropout.dropout(y, words, rate)
            if self.pool:
                y, windows = y.reshape(-1, group, CHANNELS), jnp.broadcast_to(inside, y.shape[:3])
                y = pooling.layer_norm_gelu_max(y, windows.reshape(-1, group), scale, bias)
                return y.reshape(len(x), -1, CHANNELS)
            y = layer_norm.layer_norm(y.reshape(-1, CHANNELS), scale, bias, gelu=True)
            y = y.reshape(len(x), -1, CHANNELS)
            fill = jnp.zeros((len(x), groups * group - points, CHANNELS), y.dtype)
            return lax.dynamic_update_slice(y, fill, (0, points, 0))

        elements = groups * group * CHANNELS
        if self.pool:
            y = _in_parts(part, lambda y: y, x, words, elements=elements)
            return lambda then: then(y)
        return lambda then: _in_parts(part, then, x, words, elements=elements)


def _in_parts(part, then, x, words, *, elements):
    """Return then(part(x, words)), computed for `PART` examples at a time on CPU.

    The stem's arrays are the network's largest. For a whole batch each of them exceeds the caches,
    and the operating system clears fresh memory for it; for a few examples they stay in the caches.
    The gradient, in the same parts, recomputes the arrays of `part`, which is cheaper than reading
    them. Dropout masks are those of the whole batch, with `elements` elements per example.
    """
    size = math.gcd(len(x), PART)
    parts = len(x) // size
    if parts == 1 or jax.default_backend() != "cpu":
        return then(part(x, words))
    words = dropout.words_of_parts(words, parts, size * elements)
    x = x.reshape(parts, size, -1)
    again = jax.checkpoint(lambda x, words: then(part(x, words)), prevent_cse=False)
    y = lax.map(lambda of_part: again(*of_part), (x, words))
    return jax.tree.map(lambda y: y.reshape(parts * size, *y.shape[2:]), y)
