"""Noise on everything that a network sees in training: of an SGAN, instance noise.

Patterns of an SGAN's generator never have the exact zeros that simulated ones have between peaks,
so that a discriminator need not look at anything else, and its gradients teach nothing. With noise
on both, their distributions overlap (Sønderby et al., ICLR 2017, section 3.3; Arjovsky & Bottou,
ICLR 2017, section 3).
"""

import jax

Array = jax.Array


def noisy(key: Array, patterns: Array, most: float) -> Array:
    """Return patterns [B, P] with Gaussian noise of a standard deviation in [0, most] for each."""
    deviation_key, noise_key = jax.random.split(key)
    deviation = jax.random.uniform(deviation_key, (len(patterns), 1), maxval=most)
    return patterns + deviation * jax.random.normal(noise_key, patterns.shape)
