"""Peak intensities: texture, impurities, missing ranges."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.diffraction.instrument import MISSING

Array = jax.Array

TEXTURE_WAVES = 24  # the shortest has a period of 2/24 of the range: 13° in the paper's patterns


def make_texture(two_theta_deg: np.ndarray, *, texture: float) -> Callable[[Array, Array], Array]:
    """Make intensities change by a smooth random factor, as with texture and absorption.

    The logarithm of the factor is a random sum of cosines, normally distributed at each point with
    a standard deviation uniform in 0..texture. Real texture depends on the direction of the
    reflection, which a pattern does not show; neighbouring peaks of one family do change together.
    """
    points = len(two_theta_deg)
    x = (np.arange(points) + 0.5) / points
    waves = np.cos(np.pi * np.arange(1, TEXTURE_WAVES + 1)[:, None] * x)
    # The sum of squares is made 1 at each point; else the ends would vary more than the middle.
    waves /= np.linalg.norm(waves, axis=0)
    waves = waves.astype(np.float32)

    def apply_texture(key: Array, patterns: Array) -> Array:
        strength_key, wave_key = jax.random.split(key)
        strength = jax.random.uniform(strength_key, (len(patterns), 1), maxval=texture)
        heights = jax.random.normal(wave_key, (len(patterns), TEXTURE_WAVES))
        return patterns * jnp.exp((strength * heights) @ waves)

    return apply_texture


def make_impurity(*, impurity: float) -> Callable[[Array, Array], Array]:
    """Make mixtures: a fraction f in 0..impurity comes from two other patterns of the batch.

    All patterns have a maximum of about 1, so f is about the impurities' highest peak relative to
    the highest of the mixture. The two impurities share f in a random proportion.
    """

    def add_impurity(key: Array, patterns: Array) -> Array:
        fraction_key, other_key = jax.random.split(key)
        size = len(patterns)
        draws = jax.random.uniform(fraction_key, (2, size, 1))
        first, second = impurity * draws[0] * draws[1], impurity * draws[0] * (1 - draws[1])
        # A pattern is never its own impurity (unless it is alone).
        further = jax.random.randint(other_key, (2, size), 1, max(size, 2))
        others = (jnp.arange(size, dtype=jnp.int32)[None, :] + further) % size
        kept = (1 - first - second) * patterns
        return kept + first * patterns[others[0]] + second * patterns[others[1]]

    return add_impurity


def make_missing(
    two_theta_deg: np.ndarray, *, missing_deg: float
) -> Callable[[Array, Array], Array]:
    """Make ranges without data (`make_measured`), set to `MISSING` times the pattern's maximum."""
    measured = make_measured(two_theta_deg, missing_deg=missing_deg)

    def leave_out(key: Array, patterns: Array) -> Array:
        missing = MISSING * jnp.max(patterns, axis=1, keepdims=True)
        return jnp.where(measured(key, len(patterns)), patterns, missing)

    return leave_out


def make_measured(
    two_theta_deg: np.ndarray, *, missing_deg: float
) -> Callable[[Array, int], Array]:
    """Make (key, B) -> bool [B, P], False in a range at each end and in one with a random centre.

    Each is 0..missing_deg wide: instruments have other angular ranges, and lines of the cryostat or
    furnace are cut out.
    """
    first, last = float(two_theta_deg[0]), float(two_theta_deg[-1])

    def measured(key: Array, size: int) -> Array:
        grid = jnp.asarray(two_theta_deg, jnp.float32)[None, :]
        width_key, place_key = jax.random.split(key)
        begin, gap, end = jax.random.uniform(width_key, (3, size, 1), maxval=missing_deg)
        centre = jax.random.uniform(place_key, (size, 1), minval=first, maxval=last)
        return (grid >= first + begin) & (grid <= last - end) & (abs(grid - centre) > gap / 2)

    return measured
