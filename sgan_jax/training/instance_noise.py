"""Instance noise on real and generated patterns, so that they are not too easy to tell apart.

A generator's patterns never have the exact zeros that simulated ones have between peaks. A
discriminator then needs to look at nothing else, is always right, and neither network learns
anything. With noise on both, their distributions overlap (Sønderby et al., ICLR 2017, section 3.3;
Arjovsky & Bottou, ICLR 2017, section 3).
"""

import jax
import jax.numpy as jnp

from sgan_jax.training.state import TrainState, step_key

Array = jax.Array

_NOISE = 2**32 - 1  # folded into a step's key, which is otherwise only split


def noise_key(state: TrainState) -> Array:
    """Return the key of this step's noise; call it inside a mapped step."""
    return jax.random.fold_in(step_key(state), _NOISE)


def clean_then_noisy(
    state: TrainState, labelled: Array, unlabelled: Array, generated: Array, most: float
) -> Array:
    """Return the labelled patterns unchanged, followed by the others with noise, [all, P]."""
    others = noisy(noise_key(state), jnp.concatenate([unlabelled, generated]), most)
    return jnp.concatenate([labelled, others])


def noisy(key: Array, patterns: Array, most: float) -> Array:
    """Add Gaussian noise to patterns [B, P], each with a standard deviation uniform in 0..most."""
    if not most:
        return patterns
    deviation_key, noise_key = jax.random.split(key)
    deviation = jax.random.uniform(deviation_key, (len(patterns), 1), maxval=most)
    return patterns + deviation * jax.random.normal(noise_key, patterns.shape)
