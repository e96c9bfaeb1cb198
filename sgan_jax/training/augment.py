"""Augmentation: the same crystal a little larger or smaller, on an instrument a little off zero."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def make_augment(
    two_theta_deg: np.ndarray, *, strain: float, zero_shift_deg: float
) -> Callable[[Array, Array], Array]:
    """Make augment(key, patterns [B, P]) -> patterns [B, P], drawn anew for each pattern.

    With d -> d (1 + ε), ε uniform in ±strain, and the zero of 2θ off by δ, uniform in
    ±zero_shift_deg, a peak at 2θ_0 moves to 2θ where, by Bragg's law,
        sin((2θ - δ)/2) (1 + ε) = sin(2θ_0 / 2);
    so the new pattern at 2θ is the old one at 2θ_0, between its points by a straight line. Widths
    and relative intensities are carried along, not recalculated. Beyond an end of the grid the
    value of that end is kept. Each pattern keeps its maximum (1 in a data set).

    Args:
      two_theta_deg: [P], evenly spaced.
      strain: 0 is none.
      zero_shift_deg: 0 is none; with both 0 the function returns its patterns.
    """
    if not strain and not zero_shift_deg:
        return lambda key, patterns: patterns
    points = len(two_theta_deg)
    start, step = float(two_theta_deg[0]), float(np.mean(np.diff(two_theta_deg)))
    if not np.allclose(np.diff(two_theta_deg), step, rtol=1e-6):
        raise ValueError("two_theta_deg is not evenly spaced; interpolate the patterns first")
    theta = np.deg2rad(two_theta_deg)[None, :] / 2
    sin_theta, cos_theta = np.sin(theta).astype(np.float32), np.cos(theta).astype(np.float32)

    def augment(key: Array, patterns: Array) -> Array:
        strain_key, shift_key = jax.random.split(key)
        column = (len(patterns), 1)
        epsilon = jax.random.uniform(strain_key, column, minval=-strain, maxval=strain)
        delta_deg = jax.random.uniform(
            shift_key, column, minval=-zero_shift_deg, maxval=zero_shift_deg
        )
        half_delta = jnp.deg2rad(delta_deg) / 2
        # sin(θ - δ/2), taken apart so that no sine is taken point by point.
        sine = sin_theta * jnp.cos(half_delta) - cos_theta * jnp.sin(half_delta)
        sine = jnp.clip(sine * (1.0 + epsilon), -1.0, 1.0)
        position = (2 * jnp.rad2deg(jnp.arcsin(sine)) - start) / step
        position = jnp.clip(position, 0.0, points - 1.0)
        left = jnp.minimum(position.astype(jnp.int32), points - 2)
        fraction = position - left
        low = jnp.take_along_axis(patterns, left, axis=1)
        high = jnp.take_along_axis(patterns, left + 1, axis=1)
        moved = low + fraction * (high - low)
        return moved * (_maximum(patterns) / _maximum(moved))

    return augment


def _maximum(patterns: Array) -> Array:
    """Return [B, 1], the maxima, above 0."""
    return jnp.maximum(jnp.max(patterns, axis=1, keepdims=True), 1e-6)
