"""Peak positions: strain of the cell, zero shift of 2θ, displacement of the sample."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array

# arccos x = sqrt(1 - x) Σ a_k x^k for 0 <= x <= 1, error 2e-8 (Abramowitz & Stegun, 4.4.46).
_ARCCOS = (
    *(1.5707963050, -0.2145988016, 0.0889789874, -0.0501743046),
    *(0.0308918810, -0.0170881256, 0.0066700901, -0.0012624911),
)


def make_moved_axis(
    two_theta_deg: np.ndarray, *, strain: float, zero_shift_deg: float, displacement_deg: float
) -> Callable[[Array, Array], Array]:
    """Make the distortion of peak positions by strain, zero shift and sample displacement.

    With d -> d (1 + ε), a zero shift of 2θ by δ, and a sample displacement that shifts peaks by
    η cosθ, a peak at 2θ_0 moves to 2θ where, by Bragg's law,
        sin((2θ - δ - η cosθ)/2) (1 + ε) = sin(2θ_0 / 2);
    so the new pattern at 2θ is the old one at 2θ_0, interpolated linearly. 2θ itself is never
    stretched, which would destroy the ratios of d that carry the symmetry. Widths and relative
    intensities move along and are not recalculated. Beyond the ends of the grid, the value at the
    end is used.

    Args:
      two_theta_deg: [P], evenly spaced, 0 to 180.
      strain: ε is uniform in ±strain.
      zero_shift_deg: δ is uniform in ±zero_shift_deg.
      displacement_deg: η is uniform in ±displacement_deg.
    """
    points = len(two_theta_deg)
    start, step = float(two_theta_deg[0]), float(np.mean(np.diff(two_theta_deg)))
    if not np.allclose(np.diff(two_theta_deg), step, rtol=1e-6):
        raise ValueError("two_theta_deg is not evenly spaced; interpolate the patterns first")
    theta = np.deg2rad(two_theta_deg)[None, :] / 2
    sin_theta, cos_theta = np.sin(theta).astype(np.float32), np.cos(theta).astype(np.float32)

    def move_axis(key: Array, patterns: Array) -> Array:
        draws = jax.random.uniform(key, (3, len(patterns), 1), minval=-1.0)
        epsilon = strain * draws[0]
        half_shift = jnp.deg2rad(zero_shift_deg * draws[1]) / 2
        half_shift = half_shift + jnp.deg2rad(displacement_deg * draws[2]) / 2 * cos_theta
        sine = (1.0 + epsilon) * _sine_of_difference(sin_theta, cos_theta, half_shift)
        two_theta_0 = 2 * jnp.rad2deg(_arcsin(jnp.clip(sine, 0.0, 1.0)))
        # A barrier, else the positions are computed anew for each of their uses.
        position = lax.optimization_barrier(jnp.clip((two_theta_0 - start) / step, 0, points - 1))
        return interpolate(patterns, position)

    return move_axis


def interpolate(patterns: Array, position: Array) -> Array:
    """Return patterns [B, P] at positions [B, Q] from 0 to P - 1, interpolated linearly."""
    left = jnp.minimum(position.astype(jnp.int32), patterns.shape[1] - 2)
    low = jnp.take_along_axis(patterns, left, axis=1, mode="promise_in_bounds")
    high = jnp.take_along_axis(patterns, left + 1, axis=1, mode="promise_in_bounds")
    return low + (position - left) * (high - low)


def _sine_of_difference(sine: np.ndarray, cosine: np.ndarray, angle: Array) -> Array:
    """Return sin(θ - angle) from sin θ and cos θ; |angle| < 0.1, so that short series suffice."""
    squared = angle * angle
    return sine * (1 - squared / 2 * (1 - squared / 12)) - cosine * angle * (1 - squared / 6)


def _arcsin(x: Array) -> Array:
    """Return arcsin of x in 0 to 1; XLA's own takes as long on CPU as the rest of this file."""
    polynomial = jnp.full_like(x, _ARCCOS[-1])
    for coefficient in _ARCCOS[-2::-1]:
        polynomial = polynomial * x + coefficient
    return jnp.pi / 2 - jnp.sqrt(1 - x) * polynomial
