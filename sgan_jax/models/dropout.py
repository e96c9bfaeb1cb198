"""Dropout whose mask is a hash of each element's index, so that it is never stored or read.

A mask drawn by `jax.random` costs more on CPU than the convolution before it. A counter-based hash
(of the form of murmur3's 32-bit finaliser, with C. Wellons' constants) takes ten vector
instructions per element, runs inside the loop that uses the mask, and is recomputed in the backward
pass.
"""

import functools
import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

Array = jax.Array


def hash_words(key: Array) -> Array:
    """Draw the two words that determine a mask, uint32 [2], from a key."""
    return jax.random.bits(key, (2,), jnp.uint32)


def words_of_parts(words: Array, parts: int, elements: int) -> Array:
    """Return words [parts, 2] whose masks of `elements` elements, in turn, form the whole mask."""
    starts = jnp.arange(parts, dtype=jnp.uint32) * jnp.uint32(elements)
    return jnp.stack([words[0] + starts, jnp.broadcast_to(words[1], (parts,))], axis=1)


def keep_mask(words: Array, shape: tuple[int, ...], rate: float) -> Array:
    """Return booleans, False with probability `rate`, independent across elements and words."""
    index = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    x = index + words[0]
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    # The second word enters midway, so that two keys' masks are not one sequence at two offsets.
    x = (x ^ (x >> 15) ^ words[1]) * jnp.uint32(0x846CA68B)
    x = (x ^ (x >> 16)) * jnp.uint32(0x9E3779B1)
    return x >= jnp.uint32(round(rate * 2**32))  # decided by the well-mixed high bits


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def dropout(x: Array, words: Array, rate: float) -> Array:
    """Zero each element with probability `rate` and divide the others by 1 - rate."""
    kept = jnp.where(keep_mask(words, x.shape, rate), x * (1.0 / (1.0 - rate)), 0.0)
    # A barrier, so that this is computed in the shape of x: a later reshape would be fused into the
    # loop and cost more than the loop itself.
    return lax.optimization_barrier(kept)


def _forward(x, words, rate):
    return dropout(x, words, rate), words


def _backward(rate, words, cotangent):
    return dropout(cotangent, words, rate), None


dropout.defvjp(_forward, _backward)


class Dropout(nn.Module):
    """`dropout` with a key from the rng collection 'dropout'."""

    rate: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Apply dropout in training; return x otherwise."""
        if not train or self.rate == 0.0:
            return x
        return dropout(x, hash_words(self.make_rng("dropout")), self.rate)
